"""Host module: ``python -m pcaps.manifest INDEX.csv`` writes ``manifest.csv`` from an index of public captures.

The index has a row a capture: path, sha256, file_bytes, repo, url, license, kinds of flow and applications. Taken are
those whose repository states a licence; of files with one digest the first. Addresses of hosts never pass through,
so a capture whose very name holds one is left out.
"""

from __future__ import annotations

import argparse
import csv
import ipaddress
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

MANIFEST = Path(__file__).with_name("manifest.csv")
COLUMNS = ("name", "url", "licence", "sha256", "label", "repository", "bytes")
NOT_STATED = "none stated"
#: Kinds of flow by the index's count columns, for captures without calls.
KINDS = (("n_chat", "messaging"), ("n_notvoip", "not-voip"), ("n_unknown", "unknown"))


def label(row: dict[str, str]) -> str:
    """Return the applications whose calls the capture holds, else the kinds of its flows."""
    if row["call_apps"]:
        return " ".join(sorted(row["call_apps"].split()))
    return " ".join(kind for column, kind in KINDS if int(row[column] or 0)) or "no-flows"


def has_licence(row: dict[str, str]) -> bool:
    """Whether the capture's repository states a licence that covers it."""
    return bool(row["license"]) and not row["license"].startswith(NOT_STATED)


def names_a_host(row: dict[str, str]) -> bool:
    """Whether the capture's name or link holds an IPv4 address."""
    for text in re.findall(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)", row["path"] + " " + row["url"]):
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            continue
        return True
    return False


def entries(index: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return the manifest's rows, by name."""
    taken: dict[str, dict[str, str]] = {}
    for row in index:
        if has_licence(row) and row["url"].startswith("https://") and not names_a_host(row):
            taken.setdefault(
                row["sha256"].lower(),
                {
                    "name": row["path"],
                    "url": row["url"],
                    "licence": row["license"],
                    "sha256": row["sha256"].lower(),
                    "label": label(row),
                    "repository": row["repo"],
                    "bytes": row["file_bytes"],
                },
            )
    return sorted(taken.values(), key=lambda entry: entry["name"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the manifest."""
    parser = argparse.ArgumentParser(prog="python -m pcaps.manifest", description=__doc__.partition("\n\n")[2])
    parser.add_argument("index", type=Path, metavar="INDEX.csv")
    parser.add_argument("--output", type=Path, default=MANIFEST)
    options = parser.parse_args(arguments)
    with options.index.open(newline="", encoding="utf-8") as file:
        found = entries(csv.DictReader(file))
    with options.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(found)} captures, {sum(int(entry['bytes']) for entry in found):,} bytes to fetch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
