"""The doctor's findings, each with a remedy where something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowclass.capture.ringsocket import RingSettings
from flowclass.daemon import doctor
from flowclass.daemon.doctor import TIME_ERROR, Level, examine
from flowclass.daemon.settings import ServiceSettings
from tests.live import wire


def test_everything_is_looked_at_and_what_is_wrong_has_a_remedy(tmp_path: Path) -> None:
    settings = ServiceSettings((RingSettings("lo"),), flows=(str(tmp_path / "flows-%H.jsonl"),))
    findings = list(examine(settings))
    looked_at = {finding.what.split()[0] for finding in findings}
    assert looked_at == {"permission", "interface", "offloads", "ring", "kernels", "model", "clock", "disk"}
    for finding in findings:
        assert bool(finding.remedy) == (finding.level != Level.OK), finding


def test_interface_that_is_not_there_names_those_that_are() -> None:
    (finding,) = doctor.network("nothing0")
    assert finding.level == Level.FAILURE
    assert "lo" in finding.remedy


def test_interface_that_is_down_is_a_failure() -> None:
    with wire() as made:
        subprocess.run(["ip", "link", "set", made.far, "down"], check=True)
        (finding,) = doctor.network(made.far)
    assert (finding.level, finding.remedy) == (Level.FAILURE, f"ip link set {made.far} up")


@pytest.mark.parametrize(("mib", "level"), [(4, Level.WARNING), (64, Level.OK), (1 << 40, Level.WARNING)])
def test_ring(mib: int, level: Level) -> None:
    assert doctor.ring(mib << 20).level == level


@pytest.mark.parametrize(("state", "level"), [(0, Level.OK), (TIME_ERROR, Level.WARNING), (-1, Level.OK)])
def test_clock(state: int, level: Level) -> None:
    assert doctor.clock(lambda: state).level == level


def test_model_that_cannot_be_loaded_is_a_failure(tmp_path: Path) -> None:
    assert doctor.model(str(tmp_path)).level == Level.FAILURE
    assert doctor.model(None).level == Level.OK


def test_folder_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    assert doctor.disk(str(tmp_path / "missing" / "flows.jsonl")).level == Level.FAILURE
    assert doctor.disk(str(tmp_path / "flows.jsonl")).level in (Level.OK, Level.WARNING)


@pytest.mark.skipif(os.geteuid() != 0, reason="opening a packet socket needs root")
def test_command_prints_findings_and_fails_on_a_failure() -> None:
    command = [sys.executable, "-m", "flowclass", "doctor", "--interface"]
    good = subprocess.run([*command, "lo"], capture_output=True, text=True, check=False)
    bad = subprocess.run([*command, "nothing0"], capture_output=True, text=True, check=False)
    assert (good.returncode, bad.returncode) == (0, 1), good.stdout + good.stderr
    assert "failure  interface: there is no nothing0" in bad.stdout
