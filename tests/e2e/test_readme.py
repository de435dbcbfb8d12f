"""What README shows is what the command beside it prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
BEGIN, END = "<!-- example, as tests/e2e/test_readme.py runs it -->\n", "<!-- end of example -->"
#: Lines of assumptions under the table of calls, which README leaves to docs/how-to/count-calls.md.
ASSUMPTIONS = "MOS is estimated"


def test_readme__example_is_what_the_command_prints(tmp_path: Path) -> None:
    shown = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "flowclass",
            "analyze",
            "pcaps/showcase.pcap",
            "--calls",
            str(tmp_path / "calls.csv"),
            "--quiet",
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = [line for line in done.stdout.splitlines() if not line.startswith(ASSUMPTIONS)]
    assert [line.removeprefix("    ") for line in shown.splitlines()] == printed
