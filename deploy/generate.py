"""Write the man page and the shell completions from the command's parser: ``python deploy/generate.py [--check]``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import shtab
from build_manpages.manpage import Manpage

from flowclass.cli.main import build_parser

FOLDER = Path(__file__).parent
COMPLETIONS = {"bash": "flowclass.bash", "zsh": "_flowclass", "tcsh": "flowclass.csh"}


def generated() -> dict[Path, str]:
    """Return the files' texts."""
    # argparse wraps to the terminal's width.
    os.environ["COLUMNS"] = "100"
    folder = FOLDER / "completions"
    texts = {folder / name: shtab.complete(build_parser(), shell) for shell, name in COMPLETIONS.items()}
    page = str(Manpage(build_parser()))
    # The library puts today's date into the title: the page must depend on the parser alone.
    lines = [".TH FLOWCLASS 1" if line.startswith(".TH ") else line.rstrip() for line in page.splitlines()]
    texts[FOLDER / "man" / "flowclass.1"] = "\n".join(lines) + "\n"
    return texts


def main() -> int:
    """Write the files, or with ``--check`` return 1 when one is not current."""
    stale = [path for path, text in generated().items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(FOLDER.parent)} is out of date: run python deploy/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(generated()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
