"""Host module: ServiceSettings, what a settings file means to the service."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flowclass.calls.emodel import QualitySettings
from flowclass.capture.ringsocket import LONGEST_FRAME, RingSettings
from flowclass.capture.steer import steering
from flowclass.config.environment import overlaid
from flowclass.config.load import load
from flowclass.errors import UsageError
from flowclass.flow.state import MeterSettings
from flowclass.privacy.policy import PolicySettings
from flowclass.sinks.ipfix import parse_collector
from flowclass.sinks.sink import ENDINGS

METHODS = ("auto", "ring", "libpcap")
#: Rings of one interface; the kernel takes 256 in a group by default.
MAX_WORKERS = 64
#: Settings of the meter that a running one can take over.
TIMEOUTS = ("idle_timeout_s", "active_timeout_s", "tcp_linger_s")
#: Where records go, by the kind of place.
OUTPUTS = ("flows", "calls", "ipfix")
#: Shortest frame worth capturing: Ethernet, IPv4 and UDP headers; and the most memory of a ring, whose bytes the kernel
#: counts in 32 bits (struct tpacket_req3).
LEAST_SNAP_BYTES, MOST_RING_MB = 42, 4095


@dataclass(frozen=True)
class ServiceSettings:
    """What the service was asked to do.

    Attributes
    ----------
    captures : where packets come from, one an interface
    method : ``ring``, ``libpcap`` or ``auto``: a ring where the interface can serve one
    workers : packet loops an interface
    clients : networks of clients, beside the private ones, for steering packets to workers
    meter : see MeterSettings
    quality : what a MOS assumes, see QualitySettings
    policy : files of networks and of the key that hides addresses
    model : folder of a model bundle, None for the shipped one
    flows, calls : patterns of record files
    ipfix : addresses of collectors
    listen : address:port of the metrics, empty for none
    web_config : file with TLS and users of the metrics, None for plain HTTP
    """

    captures: tuple[RingSettings, ...]
    method: str = "auto"
    workers: int = 1
    clients: tuple[str, ...] = ()
    meter: MeterSettings = field(default_factory=MeterSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    model: str | None = None
    flows: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    ipfix: tuple[str, ...] = ()
    listen: str = "127.0.0.1:9799"
    web_config: str | None = None

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Names of the interfaces."""
        return tuple(capture.interface for capture in self.captures)

    def taking_over(self, fresh: ServiceSettings) -> ServiceSettings:
        """Return these settings with what of fresh ones a running service can take over: tables and rings stay.

        A place for records can move, and neither come nor go.
        """
        places = {name: there for name in OUTPUTS if len(there := getattr(fresh, name)) == len(getattr(self, name))}
        timeouts = {name: getattr(fresh.meter, name) for name in TIMEOUTS}
        meter = replace(self.meter, **timeouts)
        same = {name: getattr(fresh, name) for name in ("model", "policy", "quality", "web_config")}
        return replace(self, meter=meter, **same, **places)

    @classmethod
    def read(cls, path: str | None, environment: Mapping[str, str] = os.environ, **chosen: Any) -> ServiceSettings:
        """Return the settings of a file; the environment wins over it, and options that are not None over both.

        Raises
        ------
        UsageError
            The file or a variable is wrong, or no interface is named.
        """
        tables = overlaid(load(path) if path is not None else {}, environment)
        capture = dict(tables.get("capture", {}))
        interfaces = _texts(chosen.get("interface") or capture.pop("interface", None))
        capture.pop("interface", None)
        if not interfaces:
            raise UsageError("no interface to capture from: set interface in [capture], or give --interface")
        if len(set(interfaces)) < len(interfaces):
            raise UsageError(f"capture.interface names an interface twice: {', '.join(interfaces)}")
        method, workers = capture.pop("method", cls.method), capture.pop("workers", cls.workers)
        if method not in METHODS:
            raise UsageError(f"capture.method is {method!r}; it must be one of {', '.join(METHODS)}")
        if not 1 <= workers <= MAX_WORKERS:
            raise UsageError(f"capture.workers is {workers}; it must lie between 1 and {MAX_WORKERS}")
        clients = _texts(capture.pop("clients", None))
        steering(clients)
        for name, least, most in (("ring_mb", 1, MOST_RING_MB), ("snap_bytes", LEAST_SNAP_BYTES, LONGEST_FRAME)):
            if not least <= capture.get(name, least) <= most:
                raise UsageError(f"capture.{name} is {capture[name]}; it must lie between {least} and {most}")
        if "ring_mb" in capture:
            capture["ring_bytes"] = int(capture.pop("ring_mb")) << 20
        output = tables.get("output", {})
        flows, calls = (_texts(chosen.get(name) or output.get(name)) for name in ("flows", "calls"))
        _check_patterns([*flows, *calls])
        ipfix = _texts(output.get("ipfix"))
        for address in ipfix:
            parse_collector(address)
        listen = chosen.get("listen")
        return cls(
            captures=tuple(RingSettings(interface=name, **capture) for name in interfaces),
            method=method,
            workers=workers,
            clients=clients,
            meter=MeterSettings(**tables.get("meter", {})),
            quality=QualitySettings.of(tables.get("quality", {})),
            policy=PolicySettings.of(tables, None, None),
            model=tables.get("model", {}).get("folder") or None,
            flows=flows,
            calls=calls,
            ipfix=ipfix,
            web_config=tables.get("metrics", {}).get("web_config") or None,
            listen=tables.get("metrics", {}).get("listen", cls.listen) if listen is None else listen,
        )


def _check_patterns(patterns: list[str]) -> None:
    """Raise UsageError where files of records have no format, or two are one."""
    for pattern in patterns:
        if pattern != "-" and Path(pattern).suffix.lower() not in ENDINGS:
            raise UsageError(f"records cannot go to {pattern!r}: its ending must be one of {', '.join(ENDINGS)}")
        if patterns.count(pattern) > 1:
            raise UsageError(f"{pattern!r} is named twice as a place for records")


def _texts(value: str | list[str] | None) -> tuple[str, ...]:
    """Return a setting that may be one text or several."""
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
