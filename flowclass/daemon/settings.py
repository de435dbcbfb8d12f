"""Host module: ServiceSettings, what a settings file means to the service."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from flowclass.calls.emodel import QualitySettings
from flowclass.capture.ringsocket import RingSettings
from flowclass.capture.steer import steering
from flowclass.config.load import load
from flowclass.errors import UsageError
from flowclass.flow.state import MeterSettings
from flowclass.privacy.policy import PolicySettings
from flowclass.sinks.ipfix import parse_collector

METHODS = ("auto", "ring", "libpcap")
#: Rings of one interface; the kernel takes 256 in a group by default.
MAX_WORKERS = 64
#: Settings of the meter that a running one can take over.
TIMEOUTS = ("idle_timeout_s", "active_timeout_s", "tcp_linger_s")


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
    flows, calls : patterns of record files, None for no records
    ipfix : address of a collector, None for none
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
    flows: str | None = None
    calls: str | None = None
    ipfix: str | None = None
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
        places = {
            name: there
            for name in ("flows", "calls", "ipfix")
            if getattr(self, name) and (there := getattr(fresh, name))
        }
        timeouts = {name: getattr(fresh.meter, name) for name in TIMEOUTS}
        meter = replace(self.meter, **timeouts)
        same = {name: getattr(fresh, name) for name in ("model", "policy", "quality", "web_config")}
        return replace(self, meter=meter, **same, **places)

    @classmethod
    def read(cls, path: str | None, **chosen: Any) -> ServiceSettings:
        """Return the settings of a file; options that are not None win over it.

        Raises
        ------
        UsageError
            The file is wrong, or no interface is named.
        """
        tables = load(path) if path is not None else {}
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
        if "ring_mb" in capture:
            capture["ring_bytes"] = int(capture.pop("ring_mb")) << 20
        ipfix = tables.get("output", {}).get("ipfix") or None
        if ipfix is not None:
            parse_collector(ipfix)
        flows = chosen.get("flows") or tables.get("output", {}).get("flows")
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
            flows=flows or None,
            calls=chosen.get("calls") or tables.get("output", {}).get("calls") or None,
            ipfix=ipfix,
            web_config=tables.get("metrics", {}).get("web_config") or None,
            listen=tables.get("metrics", {}).get("listen", cls.listen) if listen is None else listen,
        )


def _texts(value: str | list[str] | None) -> tuple[str, ...]:
    """Return a setting that may be one text or several."""
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
