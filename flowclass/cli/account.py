"""Host module: the account of a run: every packet read is metered or ignored under a name."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.record.stats import STATS
from flowclass.record.status import Anomaly, EndReason, Status


def add_up(rows: list[Any]) -> Any:
    """Return the sum of STATS rows."""
    total = np.zeros(1, STATS)
    for row in rows:
        for name in STATS.names or ():
            total[name] += row[name]
    return total[0]


def balances(stats: Any) -> bool:
    """Whether packets and bytes read are exactly those metered and those ignored."""
    return all(
        int(stats[f"{what}_read"]) == int(stats[f"{what}_metered"]) + int(stats[f"ignored_{what}"].sum())
        for what in ("packets", "bytes")
    )


def lines_of(stats: Any) -> list[str]:
    """Return the account as lines of text; names that counted nothing are left out."""
    lines = [f"{'':32}{'packets':>16}{'bytes on the wire':>22}"]

    def line(label: str, packets: Any, volume: Any) -> None:
        lines.append(f"{label:32}{int(packets):>16,}{int(volume):>22,}")

    line("read", stats["packets_read"], stats["bytes_read"])
    line("  metered", stats["packets_metered"], stats["bytes_metered"])
    for status in Status:
        if stats["ignored_packets"][status]:
            line(f"  ignored: {_name(status)}", stats["ignored_packets"][status], stats["ignored_bytes"][status])
    lines.append("balance: exact" if balances(stats) else "balance: DOES NOT HOLD, please report this capture")
    oddities = [f"{_name(odd)} {int(stats['anomalies'][odd]):,}" for odd in Anomaly if stats["anomalies"][odd]]
    lines.append("metered but odd: " + (", ".join(oddities) or "none"))
    ends = [f"{_name(end)} {int(stats['flows_ended'][end]):,}" for end in EndReason if stats["flows_ended"][end]]
    lines.append(f"flows: {int(stats['flows_created']):,} opened; records: {', '.join(ends) or 'none'}")
    lines.append(f"evicted from a full table: {int(stats['flows_ended'][EndReason.LACK_OF_RESOURCES]):,}")
    lines.append(
        f"media streams: {int(stats['streams_confirmed']):,} confirmed, {int(stats['streams_refused']):,} not followed"
    )
    lines.append(
        f"labels by evidence: {int(stats['labels_firmed']):,} firmed up, {int(stats['labels_changed']):,} changed"
    )
    lines.append(f"flows judged by the model: {int(stats['model_rows']):,}")
    return lines


def _name(member: Status | Anomaly | EndReason) -> str:
    return member.name.lower().replace("_", "-")
