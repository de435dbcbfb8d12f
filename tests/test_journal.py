"""Lines for people have a severity where the journal reads them, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINE = "from flowclass.journal import Level, log; log('a', Level.INFO); log('b')"


@pytest.mark.parametrize(
    ("is_journal", "said"), [(True, "<6>flowclass: a\n<4>flowclass: b\n"), (False, "flowclass: a\nflowclass: b\n")]
)
def test_severity_is_for_the_journal(tmp_path: Path, is_journal: bool, said: str) -> None:
    stderr = tmp_path / "stderr"
    with stderr.open("w") as file:
        status = os.fstat(file.fileno())
        where = f"{status.st_dev}:{status.st_ino}" if is_journal else "1:2"
        subprocess.run(
            [sys.executable, "-c", LINE], stderr=file, env={**os.environ, "JOURNAL_STREAM": where}, check=True
        )
    assert stderr.read_text() == said
