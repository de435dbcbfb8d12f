"""Disputed labels: named by what the packets show, scored both ways, not learnt from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.disputed import Stream, contradictions, goes_on
from flowclass.record.verdict import APP_NAMES
from flowclass.training import train
from flowclass.training.classes import classes_of, row_weights
from flowclass.training.corpus import captures_of
from flowclass.training.disputed import DIGEST_LENGTH, DISPUTED, flow_digest, is_disputed
from tests.training.tables import small_table

CLIENT, SERVER, OTHER_CLIENT = (0, 1, 50_000), (0, 2, 50_005), (0, 1, 50_001)
FIRST = Stream((17, CLIENT, SERVER), (CLIENT, SERVER), 77, 100, 65_530)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (Stream((17, OTHER_CLIENT, SERVER), (OTHER_CLIENT, SERVER), 77, 65_531, 900), True),
        (Stream((17, OTHER_CLIENT, SERVER), (OTHER_CLIENT, SERVER), 77, 3, 900), True),
        (Stream((17, OTHER_CLIENT, SERVER), (OTHER_CLIENT, SERVER), 78, 65_531, 900), False),
        (Stream((17, OTHER_CLIENT, SERVER), (SERVER, OTHER_CLIENT), 77, 65_531, 900), False),
        (Stream((17, OTHER_CLIENT, SERVER), (OTHER_CLIENT, SERVER), 77, 30_000, 40_000), False),
        (Stream(FIRST.key, FIRST.ends, 77, 65_531, 900), False),
    ],
    ids=["next number", "numbers wrapped", "another source", "the other way", "elsewhere in its numbers", "same flow"],
)
def test_stream__goes_on_in_another_flow(second: Stream, *, expected: bool) -> None:
    assert goes_on(FIRST, second) is expected


def test_disputed__each_is_a_digest_with_evidence() -> None:
    for one in DISPUTED:
        assert len(one.flow) == DIGEST_LENGTH
        assert int(one.flow, 16)
        assert {one.labelled, one.shown} <= set(APP_NAMES)
        assert one.evidence.endswith(".")
    assert len({(one.capture, one.flow) for one in DISPUTED}) == len(DISPUTED)


def test_disputed__is_a_flow_of_its_capture_only() -> None:
    key = (17, CLIENT, SERVER)
    assert not is_disputed(DISPUTED[0].capture, key)
    assert flow_digest("one.pcap", key) != flow_digest("other.pcap", key)


def test_disputed__packets_of_the_corpus_prove_each(corpus: Path) -> None:
    wanted = {one.capture for one in DISPUTED}
    found = {
        (capture.name, flow_digest(capture.name, stream.key))
        for capture in captures_of(corpus)
        if capture.name in wanted
        for pair in contradictions(capture)
        for stream in pair
    }
    assert {(one.capture, one.flow) for one in DISPUTED} <= found


def test_disputed_rows__are_not_learnt_from() -> None:
    table = small_table()
    table.rows["disputed"][:10] = 1
    weights = row_weights(table, classes_of(table))
    assert not weights[:10].any()
    assert np.all(weights[10:] > 0)


def test_report__gives_both_figures(tmp_path: Path) -> None:
    table = small_table()
    whole_media = np.flatnonzero((table.rows["view"] == 0) & (table.rows["label"] == 2))
    table.rows["disputed"][whole_media[:5]] = 1
    table.save(tmp_path / "table.npz")
    report = train(None, tmp_path / "table.npz", tmp_path / "out", baseline=False)
    product = json.loads(report.to_json())["scores"][0]
    as_labelled, left = (next(one for one in product[way] if one["view"] == "whole") for way in ("media", "undisputed"))
    assert as_labelled["flows"] - left["flows"] == 5
    assert "but the 5 whose label their own packets contradict" in report.to_markdown()


def test_report__without_disputed_flows_gives_one_figure(tmp_path: Path) -> None:
    small_table().save(tmp_path / "table.npz")
    report = train(None, tmp_path / "table.npz", tmp_path / "out", baseline=False)
    assert report.scores[0].undisputed == []
    assert "contradict" not in report.to_markdown()
