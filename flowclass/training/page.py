"""Host module: a report as one HTML file that needs nothing else: tables, and plots as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from flowclass.training.peers.comparison import Comparison
from flowclass.training.plot import bars, matrix, reliability
from flowclass.training.report import Report

STYLE = (
    "body{font:14px sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .6em;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}th{background:#f4f4f4}div.wide{overflow-x:auto}"
)


def page_of(report: Report) -> str:
    """Return the HTML of a report."""
    views = [figure.view for figure in report.scores[0].media]
    share = [(score.way, [figure.right for figure in score.media]) for score in report.scores]
    confused = report.scores[1] if len(report.scores) > 1 else report.scores[0]
    body = [
        _drawing("Call media with the right application, by view", bars(views, share, "share of call media right")),
        _drawing(
            "Calibration, whole captures",
            reliability([(score.way, score.reliability) for score in report.scores], "reliability curve"),
        ),
        _drawing(
            f"What flows were said to be ({confused.way}, whole captures)", matrix(confused.confusion, "confusion")
        ),
    ]
    return _page(report.title, body, report.to_markdown().splitlines()[1:])


def comparison_page(title: str, found: Comparison) -> str:
    """Return the HTML of a comparison with other classifiers."""
    share = [(who, [row.fared[who].right for row in found.views]) for who in found.contenders]
    drawing = bars([row.view for row in found.views], share, "share of call media right")
    return _page(title, [_drawing("Call media with the right application, by view", drawing)], found.to_markdown())


def _page(title: str, body: Sequence[str], lines: Sequence[str]) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join([*body, *tables(lines)])
        + "\n</body></html>\n"
    )


def _drawing(title: str, svg: str) -> str:
    return f'<h2>{escape(title)}</h2>\n<div class="wide">{svg}</div>'


def tables(lines: Sequence[str]) -> list[str]:
    """Return HTML of the Markdown that reports are written in: headings, tables, lists and paragraphs."""
    out: list[str] = []
    opened = ""

    def switch(to: str) -> None:
        nonlocal opened
        if opened != to:
            out.extend({"table": ["</table></div>"], "ul": ["</ul>"]}.get(opened, []))
            out.extend({"table": ['<div class="wide"><table>'], "ul": ["<ul>"]}.get(to, []))
            opened = to

    for line in lines:
        if line.startswith("|"):
            head = opened != "table"
            switch("table")
            if not set(line) <= set("|-: "):
                tag = "th" if head else "td"
                cells = line.strip("|").split("|")
                out.append("<tr>" + "".join(f"<{tag}>{escape(cell.strip())}</{tag}>" for cell in cells) + "</tr>")
        elif line.startswith("- "):
            switch("ul")
            out.append(f"<li>{escape(line[2:])}</li>")
        else:
            switch("")
            if line.startswith("#"):
                out.append(f"<h2>{escape(line.lstrip('# '))}</h2>")
            elif line:
                out.append(f"<p>{escape(line)}</p>")
    switch("")
    return out
