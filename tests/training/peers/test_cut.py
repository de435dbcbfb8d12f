"""A view as a capture file: tshark reads the frames that the view leaves, cut and uncut."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from flowclass.training.peers.cut import write_view
from flowclass.training.views import VIEW_NAMES, VIEWS, read_frames

SHOWCASE = Path(__file__).parents[3] / "pcaps" / "showcase.pcap"


@pytest.mark.parametrize("name", ["whole", "first-5", "late-20", "snap-96"])
def test_view__is_read_by_tshark(tmp_path: Path, name: str) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    view = VIEWS[VIEW_NAMES.index(name)]
    frames = read_frames(str(SHOWCASE))
    kept = frames.refs[view.keep(frames)]
    (path,) = write_view(frames, view, tmp_path)
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len"]
    done = subprocess.run(["tshark", "-r", str(path), *fields], capture_output=True, text=True, check=True)
    most = view.snap_bytes or 1 << 30
    assert [line.split("\t")[1:] for line in done.stdout.splitlines()] == [
        [str(ref["wirelen"]), str(min(int(ref["caplen"]), most))] for ref in kept
    ]
    assert done.stdout.split("\t")[0].startswith(str(int(kept["ts_ns"][0]) // 1_000_000_000))


def test_view__that_leaves_nothing_writes_no_file(tmp_path: Path) -> None:
    frames = read_frames(str(SHOWCASE.parent / "ordinary" / "web.pcap"))
    assert write_view(frames, VIEWS[VIEW_NAMES.index("media-only")], tmp_path) == []
