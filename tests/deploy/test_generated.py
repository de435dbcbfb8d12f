"""The man page and the completions are what the parser says now, and shells can read them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help differently in every version")
def test_files_are_current() -> None:
    done = subprocess.run([sys.executable, DEPLOY / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_bash_completes_verbs() -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    script = f"""
        source {DEPLOY / "completions" / "flowclass.bash"}
        COMP_WORDS=(flowclass an); COMP_CWORD=1
        _shtab_flowclass; echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["analyze"]


def test_man_page_is_well_formed() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff (Debian: groff) is not installed")
    page = DEPLOY / "man" / "flowclass.1"
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, check=True)
    assert done.stderr == ""
