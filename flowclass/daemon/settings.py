"""Host module: ServiceSettings, what a settings file means to the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flowclass.calls.emodel import QualitySettings
from flowclass.capture.ring import RingSettings
from flowclass.config.load import load
from flowclass.errors import UsageError
from flowclass.flow.state import MeterSettings
from flowclass.sinks.ipfix import parse_collector


@dataclass(frozen=True)
class ServiceSettings:
    """What the service was asked to do.

    Attributes
    ----------
    ring : where packets come from
    meter : see MeterSettings
    quality : what a MOS assumes, see QualitySettings
    model : folder of a model bundle, None for the shipped one
    flows, calls : patterns of record files, None for no records
    ipfix : address of a collector, None for none
    listen : address:port of the metrics, empty for none
    web_config : file with TLS and users of the metrics, None for plain HTTP
    """

    ring: RingSettings
    meter: MeterSettings = field(default_factory=MeterSettings)
    quality: QualitySettings = field(default_factory=QualitySettings)
    model: str | None = None
    flows: str | None = None
    calls: str | None = None
    ipfix: str | None = None
    listen: str = "127.0.0.1:9799"
    web_config: str | None = None

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
        if chosen.get("interface") is not None:
            capture["interface"] = chosen["interface"]
        if not capture.get("interface"):
            raise UsageError("no interface to capture from: set interface in [capture], or give --interface")
        if "ring_mb" in capture:
            capture["ring_bytes"] = int(capture.pop("ring_mb")) << 20
        ipfix = tables.get("output", {}).get("ipfix") or None
        if ipfix is not None:
            parse_collector(ipfix)
        flows = chosen.get("flows") or tables.get("output", {}).get("flows")
        listen = chosen.get("listen")
        return cls(
            ring=RingSettings(**capture),
            meter=MeterSettings(**tables.get("meter", {})),
            quality=QualitySettings.of(tables.get("quality", {})),
            model=tables.get("model", {}).get("folder") or None,
            flows=flows or None,
            calls=chosen.get("calls") or tables.get("output", {}).get("calls") or None,
            ipfix=ipfix,
            web_config=tables.get("metrics", {}).get("web_config") or None,
            listen=tables.get("metrics", {}).get("listen", cls.listen) if listen is None else listen,
        )
