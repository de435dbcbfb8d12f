"""Host module: CallSummary, calls and minutes by application."""

from __future__ import annotations

from collections import defaultdict

from flowclass.calls.batch import Calls
from flowclass.calls.record import Outcome

HEADINGS = ("application", "calls", "answered", "minutes", "loss up", "loss down", "MOS up to the probe")
SECONDS_PER_MINUTE = 60
_READ = ("app", "outcome", "talk_s", "mos_low", "mos_high", "mos_basis", "loss_up", "loss_down")


class CallSummary:
    """Totals by application, fed with calls."""

    def __init__(self) -> None:
        self._calls: dict[str, int] = defaultdict(int)
        self._answered: dict[str, int] = defaultdict(int)
        self._talk_s: dict[str, float] = defaultdict(float)
        self._ratings: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._bases: set[str] = set()
        self._losses: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))

    def add(self, calls: Calls) -> None:
        """Count calls."""
        if not calls:
            return
        columns = [calls.columns[name] for name in _READ]
        for app, outcome, talk_s, low, high, basis, *losses in zip(*columns, strict=True):
            self._calls[app] += 1
            self._answered[app] += outcome == Outcome.ANSWERED
            self._talk_s[app] += talk_s
            if low is not None and high is not None:
                self._ratings[app].append((low, high))
                self._bases.add(basis)
            for column, loss in zip(self._losses[app], losses, strict=True):
                if loss is not None:
                    column.append(loss)

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
