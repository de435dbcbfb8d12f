"""Host module: three plots as SVG text: bars, a reliability curve, a matrix. No script, no font, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from flowclass.training.measure import Bin

#: Colours that stay apart for the colour-blind (Okabe and Ito 2008), and shades of print.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
_GREY, _INK = "#cccccc", "#222222"
_ROW, _LEFT, _WIDE, _GAP = 14, 110, 420, 8


def _text(x: float, y: float, text: str, anchor: str = "start", turn: bool = False) -> str:
    rotated = f' transform="rotate(-60 {x:g} {y:g})"' if turn else ""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="11" fill="{_INK}"{rotated}>{escape(text)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, colour: str, title: str = "", opacity: float = 1.0) -> str:
    tip = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" fill="{colour}" '
        f'fill-opacity="{opacity:.3f}">{tip}</rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashed}/>'


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label, quote=True)}" '
        f'width="{width:g}" height="{height:g}" font-family="sans-serif">{"".join(parts)}</svg>'
    )


def bars(rows: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], label: str) -> str:
    """Return groups of horizontal bars of shares.

    Parameters
    ----------
    rows : names of the groups
    series : (name, one share from 0 to 1 a group)
    """
    parts = []
    top = 20.0
    for k, (name, _) in enumerate(series):
        parts += [_rect(_LEFT + k * 110, 4, 10, 10, COLOURS[k % len(COLOURS)]), _text(_LEFT + 14 + k * 110, 13, name)]
    step = _ROW * len(series) + _GAP
    for place, row in enumerate(rows):
        y = top + place * step
        parts.append(_text(_LEFT - 6, y + step / 2, row, "end"))
        for k, (name, shares) in enumerate(series):
            share = shares[place]
            title = f"{row}, {name}: {share:.1%}"
            parts.append(_rect(_LEFT, y + k * _ROW, _WIDE * share, _ROW - 2, COLOURS[k % len(COLOURS)], title))
            parts.append(_text(_LEFT + _WIDE * share + 4, y + k * _ROW + 10, f"{share:.1%}"))
    bottom = top + len(rows) * step
    parts += [_line(_LEFT, top, _LEFT, bottom, _INK), _line(_LEFT + _WIDE, top, _LEFT + _WIDE, bottom, _GREY, "3 3")]
    return _svg(_LEFT + _WIDE + 60, bottom + 4, parts, label)


def reliability(curves: Sequence[tuple[str, Sequence[Bin]]], label: str) -> str:
    """Return the share right over the confidence, one line a curve; a dot's area grows with its flows."""
    size, left, top = 300.0, 46.0, 24.0

    def at(confidence: float, right: float) -> tuple[float, float]:
        return left + size * confidence, top + size * (1.0 - right)

    parts = [_line(*at(0, 0), *at(1, 1), _GREY, "4 4"), _line(*at(0, 0), *at(1, 0), _INK)]
    parts += [_line(*at(0, 0), *at(0, 1), _INK)]
    for tick in range(0, 11, 2):
        x, y = at(tick / 10, 0)
        parts += [
            _text(x, y + 14, f"{tick / 10:.1f}", "middle"),
            _text(left - 6, at(0, tick / 10)[1] + 4, f"{tick * 10} %", "end"),
        ]
    for k, (name, bins) in enumerate(curves):
        colour = COLOURS[k % len(COLOURS)]
        parts += [_rect(left + k * 110, 4, 10, 10, colour), _text(left + 14 + k * 110, 13, name)]
        most = max((one.flows for one in bins), default=1)
        points = [at(one.confidence, one.right) for one in bins]
        parts += [_line(*a, *b, colour) for a, b in pairwise(points)]
        for one, (x, y) in zip(bins, points, strict=True):
            radius = 3 + 7 * (one.flows / most) ** 0.5
            tip = f"{name}: confidence {one.confidence:.2f}, right {one.right:.1%} of {one.flows} flows"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.6">'
                f"<title>{escape(tip)}</title></circle>"
            )
    parts.append(_text(left + size / 2, top + size + 30, "confidence", "middle"))
    return _svg(left + size + 20, top + size + 40, parts, label)


def matrix(counts: dict[str, dict[str, int]], label: str) -> str:
    """Return a confusion matrix: rows are what flows are, columns what they were said to be, shades are shares."""
    rows = sorted(counts)
    columns = sorted({said for told in counts.values() for said in told})
    cell, left, top = 26.0, 190.0, 150.0
    parts = [_text(left + k * cell + 14, top - 6, name, turn=True) for k, name in enumerate(columns)]
    for place, row in enumerate(rows):
        y = top + place * cell
        parts.append(_text(left - 6, y + 17, row, "end"))
        total = sum(counts[row].values())
        for k, said in enumerate(columns):
            count = counts[row].get(said, 0)
            title = f"{row} said to be {said}: {count} of {total}"
            parts.append(_rect(left + k * cell, y, cell - 2, cell - 2, COLOURS[0], title, 0.04 + 0.9 * count / total))
            if count:
                parts.append(_text(left + k * cell + cell / 2 - 1, y + 16, str(count), "middle"))
    return _svg(left + len(columns) * cell + 60, top + len(rows) * cell + 8, parts, label)
