"""Print what every sample message is taken for: run with and without the JIT, the text has to be the same."""

from __future__ import annotations

from tests.drive import Flow
from tests.messages import SAMPLES


def main() -> None:
    """Show each sample, whole and cut, in both directions to one flow; print MESSAGE and the reasons."""
    for name, (proto, sport, dport, payload) in SAMPLES.items():
        for length in sorted({len(payload), len(payload) // 2, min(len(payload), 33), 7}):
            flow = Flow(proto, sport, dport)
            for direction in (0, 1, 0):
                flow.see(payload[:length], direction, wire_bytes=len(payload))
            print(name, length, flow.message[0], sorted(flow.reasons()), flow.decision())


if __name__ == "__main__":
    main()
