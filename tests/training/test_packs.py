"""Dated packs: both from one table, each with its years and its name for look-alikes, listed and chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowclass.cli.main import main
from flowclass.model import choice
from flowclass.model.bundle import ModelBundle
from flowclass.record.verdict import App
from flowclass.training import evaluate, train_packs
from flowclass.training.packs import ARCHIVE, OTHER_YEARS_WEIGHT, PACKS, PRESENT, pack_named
from flowclass.training.run import TABLE, table_beside
from tests.training.tables import GROUPS, small_table

YEARS = tuple(2012 if k % 2 else 2023 for k in range(len(GROUPS)))


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of both packs, trained on the made-up table."""
    folder = tmp_path_factory.mktemp("packs")
    replace(small_table(), years=YEARS).save(folder / "in.npz")
    train_packs(None, folder / "in.npz", folder / "models", baseline=False)
    return folder / "models"


def test_packs__share_one_table(packs: Path) -> None:
    assert sorted(path.name for path in packs.iterdir()) == sorted([TABLE, *(pack.name for pack in PACKS)])
    table = table_beside(packs / PRESENT.name)
    assert table is not None
    assert table.years == YEARS
    for pack in PACKS:
        assert ModelBundle.load(packs / pack.name).manifest["table"] == table.digest()


def test_archive__says_skype_where_the_present_says_teams(packs: Path) -> None:
    present, archive = (ModelBundle.load(packs / pack.name) for pack in PACKS)
    assert "teams+skype:call-media" in [str(label) for label in present.labels]
    assert "skype+teams:call-media" in [str(label) for label in archive.labels]
    assert archive.rules.prefer[App.TEAMS] == App.SKYPE
    assert not present.rules.prefer.any()
    assert "2010 to 2019" in (packs / ARCHIVE.name / "MODEL_CARD.md").read_text()


def test_card__says_what_no_capture_of_its_years_shows(packs: Path) -> None:
    """LINE, alone in ``rtp``, was recorded in 2023 only; Skype's and Teams' media in all groups."""
    card = (packs / ARCHIVE.name / "MODEL_CARD.md").read_text()
    assert "there is no recording of `rtp:call-media`" in card
    assert f"`skype+teams:call-media` was learnt from {GROUPS[0]} (2023), {GROUPS[1]} (2012)" in card
    assert "no recording" not in (packs / PRESENT.name / "MODEL_CARD.md").read_text()


def test_pack__other_years_weigh_less() -> None:
    table = replace(small_table(), years=YEARS)
    weighed = PRESENT.weighed(table)
    old = np.array([YEARS[group] == 2012 for group in table.rows["group"]])
    np.testing.assert_allclose(weighed.rows["weight"][old], OTHER_YEARS_WEIGHT)
    np.testing.assert_allclose(weighed.rows["weight"][~old], 1.0)
    assert (pack_named("mine").weighed(table).rows["weight"] == 1).all()


def test_evaluate__known_groups_are_judged_by_forests_that_did_not_see_them(packs: Path) -> None:
    bundle, table = ModelBundle.load(packs / PRESENT.name), table_beside(packs / PRESENT.name)
    assert table is not None
    honest = evaluate(bundle, table=packs / TABLE, trained_on=table)
    flattering = evaluate(bundle, table=packs / TABLE)
    assert honest.facts["groups judged by forests that did not see them"] == len(GROUPS)
    assert flattering.facts["groups judged by forests that did not see them"] == 0
    assert [one.way for one in honest.scores] == ["product", "model", "neighbours"]
    assert honest.scores[1].calibration_error != flattering.scores[1].calibration_error


def test_model_command__lists_verifies_and_chooses(
    packs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(choice, "SITE_CHOICE", tmp_path / "site")
    monkeypatch.setattr(choice, "shipped_folders", lambda: [packs])
    assert main(["model", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in listed] == [f"  {ARCHIVE.name}", f"* {PRESENT.name}"]
    assert main(["model", "use", ARCHIVE.name]) == 0
    assert ARCHIVE.name in capsys.readouterr().out
    assert main(["model", "verify"]) == 0
    assert ModelBundle.load(packs / ARCHIVE.name).identity[1] in capsys.readouterr().out
    assert main(["model", "show"]) == 0
    assert f"# Model card: {ARCHIVE.name}" in capsys.readouterr().out
    assert main(["model", "use", "--default"]) == 0
    assert main(["model", "use"]) == 2
    assert main(["model", "use", "no-such"]) == 1
