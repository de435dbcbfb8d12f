"""Host module: CallSummary, calls and minutes by application."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flowclass.calls.record import Call, Outcome

HEADINGS = ("application", "calls", "answered", "minutes", "loss up", "loss down", "MOS up to the probe")
SECONDS_PER_MINUTE = 60


class CallSummary:
    """Totals by application, fed with calls."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = defaultdict(int)
        self._answered: dict[str, int] = defaultdict(int)
        self._talk_s: dict[str, float] = defaultdict(float)
        self._ratings: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._bases: set[str] = set()
        self._losses: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))

    def add(self, calls: Iterable[Call]) -> None:
        """Count calls."""
        for call in calls:
            self._calls[call.app] += 1
            self._answered[call.app] += call.outcome == Outcome.ANSWERED
            self._talk_s[call.app] += call.talk_s
            if call.mos_low is not None and call.mos_high is not None:
                self._ratings[call.app].append((call.mos_low, call.mos_high))
                self._bases.add(call.mos_basis)
            for losses, loss in zip(self._losses[call.app], (call.loss_up, call.loss_down), strict=True):
                if loss is not None:
                    losses.append(loss)

    def lines(self) -> list[str]:
        """Return a table as aligned lines, most minutes first; loss and MOS are medians over calls.

        What the MOS rests on follows, a line for each band.
        """
        rows: list[tuple[str, ...]] = [HEADINGS]
        for app in sorted(self._calls, key=lambda app: (-self._talk_s[app], app)):
            losses = (f"{100 * _median(values):.1f} %" if values else "–" for values in self._losses[app])
            minutes = f"{self._talk_s[app] / SECONDS_PER_MINUTE:.1f}"
            ratings = [f"{_median(list(values)):.1f}" for values in zip(*self._ratings[app], strict=True)]
            mos = "-".join(ratings) or "–"
            rows.append((app, str(self._calls[app]), str(self._answered[app]), minutes, *losses, mos))
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
        return lines + [f"MOS is estimated: {basis}" for basis in sorted(self._bases)]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
