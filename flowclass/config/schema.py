"""Host module: the settings a file may hold: one `Setting` each, with type, unit, default and meaning.

``flowclass.config.load`` checks files against this list and the reference page is made from it. What a value means to
the meter, its range included, is checked where it is used (``flowclass.flow.state.MeterSettings``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One key of a settings file.

    Attributes
    ----------
    table : TOML table it stands in
    name : key, unit as suffix
    type : ``int`` or ``float`` (a float takes whole numbers too)
    default : value when the key is absent; None where there is none
    unit : "" for pure numbers
    doc : what it does
    """

    table: str
    name: str
    type: type[int] | type[float]
    default: float | None
    unit: str
    doc: str


SETTINGS = (
    Setting("meter", "max_flows", int, 262_144, "flow", "live flows kept; beyond it the oldest are evicted"),
    Setting("meter", "max_streams", int, 131_072, "stream", "live media streams kept, one an SSRC"),
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
)  # fmt: skip
