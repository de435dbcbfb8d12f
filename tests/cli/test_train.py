"""``flowclass train`` and ``evaluate``: from a table to a bundle that loads, and to its scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.cli.main import main
from flowclass.model.choice import default_folder
from flowclass.training.run import TABLE


@pytest.mark.slow
def test_evaluate__scores_the_shipped_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--quiet", "--table", str(default_folder().parent / TABLE)]) == 0
    assert "| whatsapp:call-media |" in capsys.readouterr().out


def test_train__refuses_two_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["train", "--corpus", str(tmp_path), "--table", str(tmp_path / "t.npz"), "--out", str(tmp_path / "x")])
    assert code == 2
    assert "not both" in capsys.readouterr().err


def test_train__names_a_missing_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--table", str(tmp_path / "none.npz"), "--out", str(tmp_path / "x")]) != 0
    assert "none.npz" in capsys.readouterr().err
