"""The systemd unit: valid, and hardened beyond what comparable services ship."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "flowclass.service"
#: systemd-analyze's exposure level, 0 to 10; 1.9 is the best of comparable services.
EXPOSURE_BAR = 1.7

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def test_verify_has_nothing_to_say(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    # The program need not be installed here, and no manual page.
    text = UNIT.read_text().replace("ExecStart=/usr/bin/flowclass", "ExecStart=/bin/true")
    unit.write_text(re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE))
    run = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (run.returncode, [line for line in run.stderr.splitlines() if UNIT.name in line]) == (0, [])


def test_exposure_is_within_the_bar() -> None:
    run = subprocess.run(["systemd-analyze", "security", "--offline=yes", str(UNIT)], capture_output=True, text=True)
    level = re.search(r"Overall exposure level for flowclass.service: ([0-9.]+)", run.stdout)
    assert level is not None, run.stdout + run.stderr
    assert float(level[1]) <= EXPOSURE_BAR
