"""Reports as pages: one file that needs no other, every plot well-formed, the figures those of the report."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from flowclass.training import train
from flowclass.training.page import comparison_page, page_of, tables
from flowclass.training.peers.comparison import Comparison, Fared, Row, comparison_of
from flowclass.training.plot import bars, matrix
from tests.training.tables import small_table

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[float]]:
    """Return the page of a report, and the share right of each view."""
    folder = tmp_path_factory.mktemp("page")
    small_table().save(folder / "table.npz")
    report = train(None, folder / "table.npz", folder / "small", baseline=False)
    return page_of(report), [figure.right for figure in report.scores[0].media]


def test_page__needs_nothing_else(page: tuple[str, list[float]]) -> None:
    links = re.findall(r"(?:src|href)=|@import|<script|url\(", page[0])
    assert links == []


def test_page__plots_are_well_formed_and_show_the_figures(page: tuple[str, list[float]]) -> None:
    drawings = [ET.fromstring(one) for one in re.findall(r"<svg.*?</svg>", page[0], re.S)]
    assert len(drawings) == 3
    told = [text.text for text in drawings[0].iter(f"{SVG}text")]
    for share in page[1]:
        assert f"{share:.1%}" in told


def test_page__has_every_table_of_the_report(page: tuple[str, list[float]]) -> None:
    for heading in ("Calibration, whole captures", "Recordings behind each class", "Candidate sets of the model"):
        assert f"<h2>{heading}</h2>" in page[0]
    assert page[0].count("<table>") == page[0].count("</table>") > 5


def test_bars__are_as_long_as_their_shares() -> None:
    drawn = ET.fromstring(bars(["a", "b"], [("x", [0.25, 0.5])], "test"))
    widths = [
        float(rect.get("width", "0")) for rect in drawn.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None
    ]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)


def test_matrix__escapes_names() -> None:
    drawn = ET.fromstring(matrix({"<a&b>": {"c": 3, "d": 1}}, "test"))
    assert "<a&b>" in [text.text for text in drawn.iter(f"{SVG}text")]


def test_tables__of_markdown() -> None:
    assert tables(["## Head", "| a | b |", "|---|---:|", "| 1 | <2 |", "", "text"]) == [
        "<h2>Head</h2>",
        '<div class="wide"><table>',
        "<tr><th>a</th><th>b</th></tr>",
        "<tr><td>1</td><td>&lt;2</td></tr>",
        "</table></div>",
        "<p>text</p>",
    ]


def test_comparison__is_read_back_and_drawn() -> None:
    row = Row("whole", 10, 3, 50, {"flowclass": Fared(1.0, 1.0, 0.0, 0), "ndpi": Fared(0.4, 0.2, 0.1, 2)})
    found = Comparison({"flowclass": "flowclass 1", "ndpi": "ndpiReader 4"}, [row], [row], {"captures": 2})
    assert comparison_of(found.as_json()) == found
    assert "ndpi: right" in comparison_page("both", found)


def test_page__title_is_escaped(tmp_path: Path) -> None:
    assert "<title>a &lt; b</title>" in comparison_page("a < b", Comparison({}, [], [], {}))
