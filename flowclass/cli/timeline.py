"""Host module: a call in plain text: what it was, its flows, and what happened when.

Called by ``flowclass explain --call``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowclass.calls.record import Call
from flowclass.cli.calltrace import CallFlow, CallTrace, Second

NS_PER_S = 1_000_000_000
#: Lines of the table at most, and how many seconds each may stand for.
MOST_LINES = 40
STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
#: A column of the table: its heading, and what it says of some seconds.
Column = tuple[str, Callable[[range], str]]
#: Roles of flows that carry media, in the order in which they are shown.
ROLES = ("relay", "p2p", "media")
INDENT = "    "


def describe_call(trace: CallTrace) -> list[str]:
    """Return the lines about one call."""
    call = trace.call
    others = " or ".join(name for name in call.candidates if name != call.app)
    about = (f"{call.talk_s:.1f} s of talk", call.media, _PATHS.get(call.path, ""), _GROUPS.get(call.group, ""))
    lines = [
        f"call {call.call_id}  {call.app}{f' (or {others})' if others else ''}  client {call.client}",
        f"  {call.outcome}: " + ", ".join(part for part in about if part),
    ]
    lines += [f"  {line}" for line in (_heard(call), _rated(call)) if line]
    return lines + ["  flows:", *_flow_lines(trace), "  timeline:", *_timeline(trace)]


_PATHS = {"relay": "through a relay", "p2p": "straight to the peer", "both": "through a relay and straight to the peer"}
_GROUPS = {"1:1": "two people", "group": "a group"}


def _heard(call: Call) -> str:
    """Return loss and jitter in words, as far as they are known."""
    parts = []
    for way, loss, jitter in (("up", call.loss_up, call.jitter_up), ("down", call.loss_down, call.jitter_down)):
        if loss is not None:
            parts.append(
                f"{way} {100 * loss:.1f} % lost" + ("" if jitter is None else f", jitter {1000 * jitter:.1f} ms")
            )
    return "; ".join(parts)


def _rated(call: Call) -> str:
    if call.mos_low is None or call.mos_high is None:
        return f"no MOS: {call.quality_note}"
    return f"MOS {call.mos_low:.1f}-{call.mos_high:.1f}, estimated up to the probe ({call.mos_basis})"


def _flow_lines(trace: CallTrace) -> list[str]:
    """Return a line a flow: its ends, what it was, and when, in s since the call began."""
    rows = []
    for flow in trace.flows:
        begin, end = (when / NS_PER_S - trace.call.start for when in (flow.first_ns, flow.last_ns))
        packets = sum(sum(second.packets) for second in flow.seconds.values())
        when = (f"{begin:.1f} s", "to", f"{end:.1f} s")
        rows.append((flow.source, flow.target, flow.role, f"{packets:,} packets", *when, f"{flow.flow_id:016x}"))
    return _aligned(rows, left=3)


def _events(trace: CallTrace) -> list[tuple[float, str]]:
    """Return what happened, in s since the call began."""
    call = trace.call
    events = [(0.0, "the capture begins inside the call" if call.cut_start else "set-up begins")]
    for role, words in (("relay", "through a relay"), ("p2p", "straight to the peer")):
        begins = [
            at
            for flow in trace.flows
            if flow.role == role
            for at, second in flow.seconds.items()
            if sum(_media(flow, second))
        ]
        if begins:
            events.append((max(0.0, min(begins) - call.start), f"media {words}"))
    if call.talk_start is not None:
        events.append((call.talk_start - call.start, "media both ways: the conversation begins"))
        events.append((call.talk_start + call.talk_s - call.start, "last media both ways"))
    how = "the capture ends inside the call" if call.cut_end else f"the end ({call.ended_by})"
    events.append((call.end - call.start, how))
    return sorted(events, key=lambda event: event[0])


def _timeline(trace: CallTrace) -> list[str]:
    """Return events and a table of packets, both by s since the call began."""
    columns = _columns(trace)
    seconds = sorted({at for flow in trace.flows for at in flow.seconds})
    if not seconds:
        return []
    origin = int(trace.call.start)
    length = seconds[-1] - origin + 1
    step = next((step for step in STEPS_S if length <= step * MOST_LINES), STEPS_S[-1])
    lines = [(f"{at:.1f} s", words) for at, words in _events(trace)]
    width = max(len(at) for at, _ in lines)
    table = [("seconds", *(name for name, _ in columns))]
    bins = sorted({(at - origin) // step for at in seconds})
    for place, index in enumerate(bins):
        if place and index > bins[place - 1] + 1:
            table.append(("...", *("" for _ in columns)))
        span = range(origin + index * step, origin + (index + 1) * step)
        label = f"{index * step}" if step == 1 else f"{index * step}-{(index + 1) * step - 1}"
        table.append((label, *(value(span) for _, value in columns)))
    return [f"{INDENT}{at.rjust(width)}  {words}" for at, words in lines] + ["", *_aligned(table, left=0)]


def _columns(trace: CallTrace) -> list[Column]:
    """Return the columns of the table: those of paths that the call did not take are left out."""
    media = [flow for flow in trace.flows if flow.role in ROLES]
    columns = [("no media", _count(trace.flows, _no_media))]
    for role in ROLES:
        mine = [flow for flow in media if flow.role == role]
        if mine:
            columns.append((f"{role} up", _count(mine, lambda flow, second: _media(flow, second)[flow.up])))
            columns.append((f"{role} down", _count(mine, lambda flow, second: _media(flow, second)[1 - flow.up])))
    rtp = [flow for flow in media if flow.with_rtp]
    if rtp:
        columns.append(("lost up", _count(rtp, lambda flow, second: second.lost[flow.up])))
        columns.append(("lost down", _count(rtp, lambda flow, second: second.lost[1 - flow.up])))
    return columns


def _media(flow: CallFlow, second: Second) -> list[int]:
    """Return the media packets of a flow with media: all of them when it shows no RTP."""
    return second.media if flow.with_rtp else second.packets


def _no_media(flow: CallFlow, second: Second) -> int:
    """Return the packets that are no media: set-up, checks of paths, reports."""
    return sum(second.packets) - (sum(_media(flow, second)) if flow.role in ROLES else 0)


def _count(flows: Sequence[CallFlow], value: Callable[[CallFlow, Second], int]) -> Callable[[range], str]:
    """Return a column that sums over flows and seconds; nothing is shown as a point."""

    def cell(span: range) -> str:
        total = sum(value(flow, flow.seconds[at]) for flow in flows for at in span if at in flow.seconds)
        return str(total) if total else "."

    return cell


def _aligned(rows: Sequence[tuple[str, ...]], left: int) -> list[str]:
    """Return rows as aligned lines, the first ``left`` columns to the left."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[i]) if i < left else cell.rjust(widths[i]) for i, cell in enumerate(row)]
        lines.append((INDENT + "  ".join(cells)).rstrip())
    return lines
