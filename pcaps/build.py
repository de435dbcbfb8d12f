"""Host module: ``python -m pcaps.build`` makes every capture and ``labels.csv``; ``--check`` compares instead."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcaps.craft import FOLDER, LABEL_COLUMNS, perform

LABELS = FOLDER / "labels.csv"


def scripts() -> list[Path]:
    """Return every capture script."""
    return sorted(FOLDER.rglob("*.pcap.py"))


def labels_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return ``labels.csv``."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, LABEL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return 1 when a file differs from what its script makes."""
    parser = argparse.ArgumentParser(prog="python -m pcaps.build", description=__doc__.partition(": ")[2])
    parser.add_argument("--check", action="store_true", help="compare with the files that are there")
    options = parser.parse_args(arguments)
    made: dict[Path, bytes] = {}
    rows: list[dict[str, Any]] = []
    for script in scripts():
        capture, labels = perform(script)
        made[script.with_suffix("")] = capture
        rows += labels
    made[LABELS] = labels_text(rows).encode()
    stale = [path for path, content in made.items() if not path.is_file() or path.read_bytes() != content]
    if not options.check:
        for path in stale:
            path.write_bytes(made[path])
    for path in stale:
        print(f"{'differs' if options.check else 'written'}: {path.relative_to(FOLDER)}")
    print(f"{len(made) - 1} captures, {sum(map(len, made.values())):,} bytes, {len(rows)} flows")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
