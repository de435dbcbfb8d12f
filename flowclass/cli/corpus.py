"""Host module: ``flowclass corpus``: the public captures of ``pcaps/manifest.csv``, listed, fetched and verified."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from flowclass.errors import FlowclassError

SUMMARY = "list, fetch or verify public captures"
DESCRIPTION = (
    "Work with the public captures named in the manifest, whose repositories state a licence. fetch downloads them "
    "to a cache folder and checks their SHA-256; verify checks what is there."
)
#: Seconds without an answer after which a download is given up.
TIMEOUT_S = 60
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One line of the manifest."""

    name: str
    url: str
    licence: str
    sha256: str
    label: str
    repository: str
    bytes: int

    def file(self, folder: Path) -> Path:
        """Return where the capture is kept; the digest keeps equal names apart."""
        return folder / f"{self.sha256[:12]}-{Path(self.name).name}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("list", "fetch", "verify"))
    parser.add_argument("name", nargs="*", metavar="NAME", help="captures by name or label; all when none is given")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, help="where captures are kept (default: the user's cache)"
    )
    parser.add_argument("--manifest", metavar="FILE", type=Path, help="another manifest than the shipped one")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; return the exit code."""
    from flowclass.config.paths import cache_folder, manifest_file

    folder = arguments.folder or cache_folder() / "corpus"
    entries = chosen(read_manifest(arguments.manifest or manifest_file()), arguments.name)
    if arguments.action == "list":
        for entry in entries:
            here = "here" if entry.file(folder).is_file() else "-"
            print(f"{entry.name}\t{entry.label}\t{entry.bytes}\t{entry.licence}\t{here}\t{entry.repository}")
        return 0
    failures = 0
    for entry in entries:
        try:
            if arguments.action == "fetch":
                fetch(entry, folder)
            verify(entry, folder)
            print(f"{entry.file(folder)}: ok")
        except FlowclassError as error:
            failures += 1
            print(f"flowclass: {error}", file=sys.stderr)
    return 1 if failures else 0


def read_manifest(path: Path) -> list[Entry]:
    """Return the manifest's lines."""
    import csv

    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Entry(
                    row["name"], row["url"], row["licence"], row["sha256"].lower(), row["label"], row["repository"],
                    int(row["bytes"]),
                )
                for row in csv.DictReader(file)
            ]  # fmt: skip
    except OSError as error:
        raise FlowclassError(f"cannot read the manifest {path}: {error.strerror or error}") from error
    except (KeyError, ValueError, TypeError) as error:
        raise FlowclassError(f"{path} is no manifest of captures: {error!r}") from error


def chosen(entries: list[Entry], names: list[str]) -> list[Entry]:
    """Return the entries whose name or label was given, or all."""
    unknown = [name for name in names if not any(name in (entry.name, entry.label) for entry in entries)]
    if unknown:
        raise FlowclassError(f"no capture of that name or label: {', '.join(unknown)}; see `flowclass corpus list`")
    return [entry for entry in entries if not names or entry.name in names or entry.label in names]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(entry: Entry, folder: Path) -> None:
    """Check the digest of a capture that should be here."""
    path = entry.file(folder)
    if not path.is_file():
        raise FlowclassError(f"{entry.name} is not here: `flowclass corpus fetch {entry.name}` gets it")
    if digest_of(path) != entry.sha256:
        raise FlowclassError(f"{path} is not what the manifest says: its SHA-256 differs; delete it and fetch it again")


def fetch(entry: Entry, folder: Path) -> None:
    """Download a capture unless it is here; nothing is left behind when the download fails or is not what was named."""
    import http.client
    import os
    import tempfile
    import urllib.request

    path = entry.file(folder)
    if path.is_file():
        return
    if not entry.url.startswith("https://"):
        raise FlowclassError(f"{entry.name}: will not fetch {entry.url!r}: only https addresses are fetched")
    folder.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=folder, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(entry.url, timeout=TIMEOUT_S) as answer:
            while piece := answer.read(CHUNK_BYTES):
                file.write(piece)
                if file.tell() > entry.bytes:
                    raise FlowclassError(f"{entry.name}: the server sends more than the {entry.bytes} bytes expected")
        if digest_of(Path(part)) != entry.sha256:
            raise FlowclassError(f"{entry.name}: what the server sent has another SHA-256 than the manifest says")
        Path(part).rename(path)
    except (OSError, http.client.HTTPException) as error:
        raise FlowclassError(f"{entry.name}: cannot fetch {entry.url}: {error}") from error
    finally:
        Path(part).unlink(missing_ok=True)
