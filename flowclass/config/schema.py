"""Host module: the settings a file may hold: one `Setting` each, with type, unit, default and meaning.

``flowclass.config.load`` checks files against this list and the reference page is made from it. What a value means to
the meter, its range included, is checked where it is used (``flowclass.flow.state.MeterSettings``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: What a key may hold.
Value = bool | int | float | str | list[str]


@dataclass(frozen=True)
class Setting:
    """One key of a settings file.

    Attributes
    ----------
    table : TOML table it stands in
    name : key, unit as suffix
    type : ``bool``, ``int``, ``float`` (takes whole numbers too), ``str``, or ``list``: one text or several
    default : value when the key is absent; None where there is none
    unit : "" for pure numbers
    doc : what it does
    """

    table: str
    name: str
    type: type[bool] | type[int] | type[float] | type[str] | type[list[str]]
    default: Value | None
    unit: str
    doc: str


def _assumption(name: str, hopeful: float, gloomy: float, unit: str, doc: str) -> tuple[Setting, Setting]:
    """Return the two keys of what a MOS assumes: the better and the worse side of its range."""
    return (
        Setting("quality", f"hopeful_{name}", float, hopeful, unit, f"upper end of the MOS: {doc}"),
        Setting("quality", f"gloomy_{name}", float, gloomy, unit, f"lower end: {doc}"),
    )


SETTINGS = (
    Setting(
        "capture", "interface", list, None, "",
        "network interface to capture from (`flowclass run` needs one), or several: [\"eth1\", \"eth2\"]",
    ),
    Setting(
        "capture", "workers", int, 1, "",
        "packet loops an interface; more than one share its packets by address, each in a process of its own",
    ),
    Setting(
        "capture", "clients", list, None, "",
        "networks of clients, such as \"192.0.2.0/24\": all flows of a client go to one worker; private ones are known",
    ),
    Setting(
        "capture", "method", str, "auto", "",
        "ring (AF_PACKET), libpcap, or auto: a ring wherever the interface can serve one",
    ),
    Setting("capture", "filter", str, None, "", "libpcap filter, run by the kernel; absent: every packet"),
    Setting("capture", "promiscuous", bool, True, "", "see packets for other hosts too, as a mirror port needs"),
    Setting("capture", "ring_mb", int, 64, "MiB", "memory the kernel may fill before it has to drop packets, a worker"),
    Setting("capture", "snap_bytes", int, 65_535, "byte", "bytes captured of each frame"),
    Setting("meter", "max_flows", int, 262_144, "flow", "live flows kept, a worker; beyond it the oldest are evicted"),
    Setting("meter", "max_streams", int, 262_144, "stream", "live media streams kept, one an SSRC"),
    Setting("meter", "idle_timeout_s", float, 120.0, "s", "a flow ends after this long without a packet"),
    Setting(
        "meter", "active_timeout_s", float, 1800.0, "s",
        "a record is written after this long; the flow goes on under the same flow_id",
    ),
    Setting("meter", "tcp_linger_s", float, 10.0, "s", "a TCP flow that has ended waits this long for late packets"),
    Setting(
        "meter", "seed", int, None, "",
        "seed of the flow table's hash; absent: drawn at every start, so that nobody can aim collisions at the table",
    ),
    Setting("model", "folder", str, None, "", "model bundle; absent: the one that flowclass brings"),
    Setting(
        "output", "flows", list, None, "",
        "file for flow records, or several; its ending names the format; %Y %m %d %H %M in it begin new files as they "
        "change",
    ),
    Setting(
        "output", "calls", list, None, "", "file for call records, or several; its ending and the codes in it as above",
    ),
    Setting(
        "output", "ipfix", list, None, "",
        "IPFIX collector for flow records, or several: udp://host:port or tcp://host:port",
    ),
    Setting(
        "networks", "file", str, None, "",
        "prefix file (CSV or TOML) by which the client's network is named in records and metrics",
    ),
    Setting("networks", "country_mmdb", str, None, "", "MaxMind database by which flow records name countries"),
    Setting("networks", "asn_mmdb", str, None, "", "MaxMind database by which flow records name autonomous systems"),
    Setting(
        "privacy", "key_file", str, None, "",
        "file of 32 secret bytes: addresses of all records are anonymised by it (Crypto-PAn, prefixes preserved)",
    ),
    Setting("metrics", "listen", str, "127.0.0.1:9799", "", "address and port of /metrics; empty: none"),
    Setting(
        "metrics", "web_config", str, None, "",
        "file with TLS and basic authentication in the form of Prometheus' exporters; absent: plain HTTP for everybody",
    ),
    *_assumption("ie_narrowband", 0.0, 11.0, "", "the codec's impairment Ie where the RTP clock is 8 kHz (G.113)"),
    *_assumption("ie_wideband", 5.0, 13.0, "", "Ie where it is at most 32 kHz"),
    *_assumption("ie_fullband", 5.0, 20.0, "", "Ie where it is faster"),
    *_assumption("bpl_narrowband", 25.1, 4.3, "", "the codec's robustness to loss Bpl where the RTP clock is 8 kHz"),
    *_assumption("bpl_wideband", 20.0, 4.3, "", "Bpl where it is at most 32 kHz"),
    *_assumption("bpl_fullband", 20.0, 4.3, "", "Bpl where it is faster"),
    *_assumption("delay_ms", 40.0, 150.0, "ms", "one-way delay of the path, apart from frame and jitter buffer"),
    *_assumption("buffer_jitters", 2.0, 4.0, "", "depth of the jitter buffer in multiples of the mean jitter"),
    *_assumption("unseen_loss", 0.0, 1.0, "", "loss beyond the probe as a multiple of that before it"),
)  # fmt: skip


def default_of(table: str, name: str) -> Any:
    """Return the default of a setting, for the objects that settings become.

    Raises
    ------
    KeyError
        There is no such setting.
    """
    return {(setting.table, setting.name): setting.default for setting in SETTINGS}[table, name]
