"""The meter's slow twin: dicts and loops, written from docs/architecture.md and the RFCs, not from the kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flowclass.record.status import EndReason

FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP = 6


@dataclass
class PlainPacket:
    """One metered packet; addresses are any hashable."""

    ts_ns: int
    src: object
    sport: int
    dst: object
    dport: int
    proto: int
    ip_bytes: int
    tcp_flags: int = 0


@dataclass
class PlainFlow:
    """One flow record."""

    src: object
    sport: int
    dst: object
    dport: int
    proto: int
    first_ns: int
    origin_ns: int
    last_ns: int
    piece: int = 0
    packets: list[int] = field(default_factory=lambda: [0, 0])
    bytes: list[int] = field(default_factory=lambda: [0, 0])
    flags: list[int] = field(default_factory=lambda: [0, 0])
    end_reason: int = 0

    @property
    def closed(self) -> bool:
        """Whether TCP has ended."""
        return bool((self.flags[0] | self.flags[1]) & RST) or bool(self.flags[0] & self.flags[1] & FIN)

    def row(self) -> tuple[object, ...]:
        """Return all that a record says, for comparing."""
        ends = (self.src, self.sport, self.dst, self.dport, self.proto)
        return (*ends, self.first_ns, self.last_ns, self.piece, *self.packets, *self.bytes, self.end_reason)


def meter(packets: Iterable[PlainPacket], *, idle_ns: int, active_ns: int, linger_ns: int) -> list[PlainFlow]:
    """Return the finished flows of a packet sequence, in no particular order."""
    live: dict[frozenset[tuple[object, int]] | tuple[object, ...], PlainFlow] = {}
    done: list[PlainFlow] = []

    def end(key: object, reason: EndReason) -> None:
        flow = live.pop(key)  # type: ignore[call-overload]
        flow.end_reason = int(reason)
        done.append(flow)

    for p in packets:
        key = (frozenset([(p.src, p.sport), (p.dst, p.dport)]), p.proto)
        flow = live.get(key)
        if flow:
            silence = p.ts_ns - flow.last_ns
            if flow.closed and silence > linger_ns:
                end(key, EndReason.END_OF_FLOW)
            elif abs(silence) > idle_ns:
                end(key, EndReason.END_OF_FLOW if flow.closed else EndReason.IDLE_TIMEOUT)
            elif flow.closed and p.tcp_flags & (SYN | ACK) == SYN:
                end(key, EndReason.END_OF_FLOW)
            elif p.ts_ns - flow.first_ns > active_ns:
                end(key, EndReason.ACTIVE_TIMEOUT)
                ends = (flow.src, flow.sport, flow.dst, flow.dport, flow.proto)
                live[key] = PlainFlow(*ends, p.ts_ns, flow.origin_ns, p.ts_ns, flow.piece + 1, flags=list(flow.flags))
        if key not in live:
            live[key] = PlainFlow(p.src, p.sport, p.dst, p.dport, p.proto, p.ts_ns, p.ts_ns, p.ts_ns)
        flow = live[key]
        direction = 0 if (p.src, p.sport, p.dst, p.dport) == (flow.src, flow.sport, flow.dst, flow.dport) else 1
        flow.packets[direction] += 1
        flow.bytes[direction] += p.ip_bytes
        if p.proto == TCP:
            flow.flags[direction] |= p.tcp_flags
        flow.first_ns, flow.last_ns = min(flow.first_ns, p.ts_ns), max(flow.last_ns, p.ts_ns)
    for key, flow in list(live.items()):
        is_idle = abs(p.ts_ns - flow.last_ns) > idle_ns
        ended = EndReason.IDLE_TIMEOUT if is_idle else EndReason.FORCED_END
        end(key, EndReason.END_OF_FLOW if flow.closed else ended)
    return done
