"""Host module: the workloads by name, and the folder they are written to.

Run ``python -m bench.workloads calls corpus flood`` to write them; ``bench.peers`` does so by itself.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.workloads import calls, flood, replay
from bench.workloads.packing import PCAP_HEADER

NAMES = ("calls", "corpus", "flood", "flood-1m")
PACKETS = {"calls": 5_000_000, "corpus": 5_000_000, "flood": 5_000_000, "flood-1m": 1_000_000}
SEED = 20240501
REPOSITORY = Path(__file__).parents[2]
#: Shared memory where there is any: the disk is not what is measured.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is ours and holds nothing secret


@dataclass(frozen=True)
class Workload:
    """One capture file to be timed on, and its beginning, on which start-up is timed."""

    name: str
    path: Path
    packets: int
    bytes: int
    #: Biflows (calls, flood) where the generator knows them; 0 where it does not.
    flows: int
    start: Path
    start_packets: int


def default_folder() -> Path:
    """Return a folder outside the repository, in memory if possible."""
    base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    return base / "flowclass-bench"


def corpus_folder() -> Path:
    """Return the folder of real captures; raise FileNotFoundError where there is none."""
    folder = Path(os.environ.get("FLOWCLASS_CORPUS") or REPOSITORY.parent / "shared" / "corpus") / "captures"
    if not folder.is_dir():
        raise FileNotFoundError(f"no captures in {folder}: set FLOWCLASS_CORPUS to the folder of the corpus")
    return folder


def obtain(name: str, folder: Path, packets: int | None = None, seed: int = SEED) -> Workload:
    """Return the workload, written to ``folder`` unless the same one lies there already."""
    packets = packets or PACKETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve().is_relative_to(REPOSITORY):
        raise ValueError(f"{folder} lies in the repository: workloads are large and belong elsewhere")
    path, note = folder / f"{name}.pcap", folder / f"{name}.json"
    wanted = {"name": name, "asked": packets, "seed": seed}
    if path.is_file() and note.is_file():
        known = json.loads(note.read_text())
        if known.pop("wanted") == wanted and path.stat().st_size == known.pop("size"):
            return Workload(**{**known, "path": Path(known["path"]), "start": Path(known["start"])})
    note.unlink(missing_ok=True)
    flows = 0
    if name == "calls":
        flows = calls.write(path, packets, seed)
    elif name == "corpus":
        replay.write(path, packets, seed, corpus_folder())
    else:
        flows = flood.write(path, packets, seed)
    start = folder / f"{name}.start.pcap"
    count, size = count_packets(path)
    started = copy_beginning(path, start, 1000)
    made = Workload(name, path, count, size, flows, start, started)
    known = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(made).items()}
    note.write_text(json.dumps({"wanted": wanted, "size": path.stat().st_size, **known}))
    return made


def copy_beginning(source: Path, target: Path, packets: int) -> int:
    """Copy the first packets of a pcap file; return how many there were."""
    copied = 0
    with source.open("rb") as whole, target.open("wb") as part:
        part.write(whole.read(len(PCAP_HEADER)))
        while copied < packets:
            head = whole.read(16)
            if len(head) < 16:
                break
            part.write(head + whole.read(struct.unpack_from("<I", head, 8)[0]))
            copied += 1
    return copied


def count_packets(path: Path) -> tuple[int, int]:
    """Return packets and captured bytes of a pcap written here, counted over the file's own record headers."""
    packets = size = 0
    with path.open("rb") as file:
        file.seek(len(PCAP_HEADER))
        rest = b""
        while block := file.read(1 << 24):
            data = rest + block
            at, end = 0, len(data)
            while at + 16 <= end:
                caplen = int.from_bytes(data[at + 8 : at + 12], "little")
                if at + 16 + caplen > end:
                    break
                packets += 1
                size += caplen
                at += 16 + caplen
            rest = data[at:]
    if rest:
        raise ValueError(f"{path} ends within a packet")
    return packets, size
