"""``flowclass check-config``: what it calls ok is what the service can be started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.cli.main import main


def check(folder: Path, text: str) -> int:
    path = folder / "flowclass.toml"
    path.write_text(f'[capture]\ninterface = "nothing0"\n{text}\n')
    return main(["check-config", str(path)])


def test_file_that_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, 'filter = "udp port 53"\n[output]\nflows = "x-%H.jsonl"') == 0
    assert capsys.readouterr().out == f"{tmp_path}/flowclass.toml: ok\n"


def test_sample_is_a_file_that_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--sample"]) == 0
    sample = capsys.readouterr().out.replace("#interface = []", 'interface = "nothing0"')
    (tmp_path / "sample.toml").write_text(sample)
    assert main(["check-config", str(tmp_path / "sample.toml")]) == 0


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("worker = 2", 2, "unknown key capture.worker; did you mean workers?"),
        ('filter = "udp prot 53"', 2, "filter 'udp prot 53'"),
        ('[output]\nflows = "x.txt"', 2, "'x.txt': its ending must be one of"),
        ('[networks]\nfile = "/nowhere.csv"', 2, "cannot read the prefix file /nowhere.csv"),
        ('[privacy]\nkey_file = "/nowhere.key"', 2, "/nowhere.key"),
        ('[model]\nfolder = "/nowhere"', 1, "/nowhere"),
        ('[metrics]\nweb_config = "/nowhere.yml"', 2, "metrics.web_config /nowhere.yml"),
        ('[metrics]\nlisten = "9799"', 2, "metrics.listen is '9799'"),
    ],
)
def test_what_the_service_could_not_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, message: str
) -> None:
    assert check(tmp_path, text) == code
    assert message in capsys.readouterr().err


def test_variables_are_checked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWCLASS_OUTPUT_FLOW", "x.csv")
    assert check(tmp_path, "") == 2
    assert "unknown variable FLOWCLASS_OUTPUT_FLOW; did you mean FLOWCLASS_OUTPUT_FLOWS?" in capsys.readouterr().err
