"""A user's own labelled captures, end to end: evaluated with the shipped model, learnt beside a table, used."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from flowclass.cli.main import main
from flowclass.model.bundle import ModelBundle
from flowclass.training.table import Table, joined
from tests.training.tables import GROUPS, small_table

PCAPS = Path(__file__).parents[2] / "pcaps"
CAPTURES = ("whatsapp/call-2023.pcap", "viber/call-2024.pcap", "ordinary/web.pcap")


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CSV of the flows of three captures, with the captures beside it and no more columns than are needed."""
    folder = tmp_path_factory.mktemp("mine")
    needed = ("capture", "proto", "src", "sport", "dst", "dport", "app", "kind")
    with (PCAPS / "labels.csv").open(newline="") as lines, (folder / "mine.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, needed, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in csv.DictReader(lines) if row["capture"] in CAPTURES)
    for name in CAPTURES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(PCAPS / name, folder / name)
    return folder / "mine.csv"


def test_evaluate__own_captures_with_the_shipped_model(mine: Path, tmp_path: Path) -> None:
    page, plain = tmp_path / "report.html", tmp_path / "report.json"
    assert main(["evaluate", "--quiet", "--corpus", str(mine), "--write", str(page), "--write", str(plain)]) == 0
    content = json.loads(plain.read_text())
    assert content["facts"]["groups judged by forests that did not see them"] == 0
    assert content["facts"]["capture groups"] == len(CAPTURES)
    whole = {one["label"]: one for one in content["scores"][0]["figures"] if one["view"] == "whole"}
    assert whole["whatsapp:call-media"]["right"] == whole["viber:call-media"]["right"] == 1
    assert page.read_text().count("<svg") == 3


def test_train__learns_own_captures_beside_a_table(mine: Path, tmp_path: Path) -> None:
    small_table().save(tmp_path / "table.npz")
    sources = ["--table", str(tmp_path / "table.npz"), "--beside", str(mine)]
    assert main(["train", "--quiet", "--no-baseline", *sources, "--out", str(tmp_path / "own")]) == 0
    table = Table.load(tmp_path / "own" / "table.npz")
    assert table.groups == (*GROUPS, *sorted(CAPTURES))
    assert "viber:call-media" in [str(label) for label in ModelBundle.load(tmp_path / "own").labels]
    capture = str(mine.parent / CAPTURES[0])
    assert main(["analyze", "--quiet", "--model", str(tmp_path / "own"), capture]) == 0


def test_join__same_group_is_one_and_rows_keep_their_features() -> None:
    first, second = small_table(200, seed=1), small_table(100, seed=2)
    both = joined(first, second)
    assert (both.groups, both.labels) == (first.groups, first.labels)
    assert len(both.rows) == 300
    row = both.rows[250]
    assert (both.features[row["features_row"]] == second.features[second.rows["features_row"][50]]).all()
    assert len(set(both.rows["flow"].tolist())) == 300


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("capture,proto,src,sport,dst,dport,app\n", "column kind"),
        ("capture,proto,src,sport,dst,dport,app,kind\nx.pcap,17,here,1,192.0.2.1,2,viber,call-media\n", ":2"),
        ("capture,proto,src,sport,dst,dport,app,kind\nx.pcap,17,192.0.2.9,1,192.0.2.1,2,viber,call-media\n", "x.pcap"),
    ],
    ids=["column", "address", "capture"],
)
def test_own_list__that_is_wrong_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    (tmp_path / "mine.csv").write_text(line)
    assert main(["evaluate", "--quiet", "--corpus", str(tmp_path / "mine.csv")]) == 2
    assert told in capsys.readouterr().err


def test_report__of_an_unknown_ending_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--write", str(tmp_path / "report.pdf")]) == 2
    assert ".html" in capsys.readouterr().err
