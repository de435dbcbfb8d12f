"""The rule of ``flowclass.flow.voice`` written slowly over lists: which seconds of a tunnel are like speech."""

from __future__ import annotations

#: (time since the flow's first packet in ns, direction, IP bytes)
Sent = tuple[int, int, int]
SECOND = 1_000_000_000


def sounds(second: list[Sent]) -> bool:
    """Whether the small packets of one second are like speech both ways."""
    parts: list[set[int]] = [set(), set()]
    sizes: list[list[int]] = [[], []]
    for at, direction, size in second:
        parts[direction].add(at % SECOND * 20 // SECOND)
        sizes[direction].append(size)
    heard = sorted(len(part) for part in parts)
    return heard[0] >= 4 and heard[1] >= 8 and all(len(s) <= 120 and sum(s) >= 125 * len(s) for s in sizes)


def voice_seconds(sent: list[Sent]) -> int:
    """Return the seconds counted."""
    small = [packet for packet in sent if packet[2] <= 350]
    last = max((at // SECOND for at, _, _ in small), default=-1)
    raw = [sounds([packet for packet in small if packet[0] // SECOND == second]) for second in range(last + 1)]
    counted, speaking, since = set(), False, 0
    for second, heard in enumerate(raw):
        lately = [s for s in range(max(second - 9, since), second + 1) if raw[s]]
        if speaking and heard:
            counted.add(second)
        if speaking and len(lately) < 3:
            speaking, since = False, second + 1
        elif not speaking and len(lately) >= 7:
            speaking = True
            counted |= set(lately)
    return len(counted)
