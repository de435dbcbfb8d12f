"""Training: the same table gives the same bundle; what is written can be loaded; wrong requests are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flowclass.errors import UsageError
from flowclass.model.bundle import ModelBundle
from flowclass.model.classify import Classifier
from flowclass.training import Report, evaluate, train
from flowclass.training.classes import classes_of
from flowclass.training.table import Table
from tests.training.tables import small_table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """Return the folder of a bundle trained on the made-up table, and its report."""
    folder = tmp_path_factory.mktemp("training")
    small_table().save(folder / "table.npz")
    return folder / "first", train(None, folder / "table.npz", folder / "first")


def test_train__same_table_gives_the_same_files(trained: tuple[Path, Report], tmp_path: Path) -> None:
    first, _ = trained
    again = tmp_path / "first"
    train(None, first / "table.npz", again)
    names = sorted(path.name for path in first.iterdir())
    assert names == ["MODEL_CARD.md", "model.json", "model.npz", "report.json", "table.npz"]
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_train__bundle_can_be_loaded_and_has_learnt(trained: tuple[Path, Report]) -> None:
    bundle = ModelBundle.load(trained[0])
    table = Table.load(trained[0] / "table.npz")
    answers = Classifier(bundle).probabilities(table.features).argmax(axis=1)
    assert (answers == classes_of(table).of_row).mean() > 0.9


def test_train__report_scores_product_model_and_baseline(trained: tuple[Path, Report]) -> None:
    report = trained[1]
    assert [one.way for one in report.scores] == ["product", "model", "neighbours"]
    content = json.loads((trained[0] / "report.json").read_text())
    assert content == json.loads(report.to_json())
    whole = {one["label"]: one for one in content["scores"][0]["figures"] if one["view"] == "whole"}
    assert whole["whatsapp:call-media"]["right"] > 0.8
    assert whole["teams+skype:call-media"]["groups"] == 12
    assert "whatsapp:call-media" in report.to_markdown()


def test_train__applications_are_left_out_in_turn(trained: tuple[Path, Report]) -> None:
    left_out = {one.app: one for one in trained[1].left_out}
    assert {"messenger+whatsapp", "skype+teams"} <= set(left_out)
    for one in left_out.values():
        assert one.flows > 0
        assert one.honest == pytest.approx(1 - sum(share for _, share in one.mistaken_for))
        assert not set(one.app.split("+")) & {name for name, _ in one.mistaken_for}
    assert "left out of training" in trained[1].to_markdown()


def test_train__card_says_how_to_train_again(trained: tuple[Path, Report]) -> None:
    assert "flowclass train --table first/table.npz" in (trained[0] / "MODEL_CARD.md").read_text()


def test_evaluate__tells_when_the_table_is_the_one_trained_on(trained: tuple[Path, Report], tmp_path: Path) -> None:
    bundle = ModelBundle.load(trained[0])
    assert evaluate(bundle, table=trained[0] / "table.npz").facts["trained on this very table"] == "yes"
    small_table(seed=12).save(tmp_path / "other.npz")
    assert evaluate(bundle, table=tmp_path / "other.npz").facts["trained on this very table"] == "no"


def test_train__two_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not both"):
        train(tmp_path, tmp_path / "table.npz", tmp_path / "out")


def test_train__missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing-here"):
        train(None, tmp_path / "nothing-here.npz", tmp_path / "out")


def test_train__table_of_one_class_is_refused(tmp_path: Path) -> None:
    table = small_table()
    other = table.rows["label"] == 5
    Table(table.rows[other], table.features, table.labels, table.groups, table.views, "").save(tmp_path / "table.npz")
    with pytest.raises(UsageError, match="fewer than two classes"):
        train(None, tmp_path / "table.npz", tmp_path / "out")


def test_train__folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"index\.csv"):
        train(tmp_path, None, tmp_path / "out")


def test_train__progress_is_told(tmp_path: Path) -> None:
    small_table(200).save(tmp_path / "table.npz")
    lines: list[str] = []
    train(None, tmp_path / "table.npz", tmp_path / "out", lines.append, baseline=False)
    assert lines[-1] == f"wrote {tmp_path / 'out'}"
    assert not np.any(["neighbours" in line for line in lines])
