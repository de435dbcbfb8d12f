"""Host module: what a view leaves of a capture, written as classic pcap for programs that read nothing else.

Files hold other people's traffic: they are written to a temporary folder and removed with it.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from flowclass.training.views import Frames, View

#: Magic of pcap with nanoseconds, version 2.4 (draft-ietf-opsawg-pcap §4).
_MAGIC, _VERSION = 0xA1B23C4D, (2, 4)
_SNAPLEN = 262_144
NS_PER_S = 1_000_000_000


def write_view(frames: Frames, view: View, folder: Path) -> list[Path]:
    """Write what a view leaves; return one file for each link type, none when nothing is left.

    Notes
    -----
    A frame that is cut keeps its length on the wire, as a snapshot length does.
    """
    refs = frames.refs[view.keep(frames)]
    written = []
    for linktype in np.unique(refs["linktype"]):
        path = folder / f"{view.name}-{linktype}.pcap"
        with path.open("wb") as out:
            out.write(struct.pack("<IHHiIII", _MAGIC, *_VERSION, 0, 0, _SNAPLEN, int(linktype)))
            for ref in refs[refs["linktype"] == linktype]:
                kept = int(ref["caplen"])
                if view.snap_bytes:
                    kept = min(kept, view.snap_bytes)
                seconds, rest = divmod(int(ref["ts_ns"]), NS_PER_S)
                lo = int(ref["offset"])
                out.write(struct.pack("<IIII", seconds, rest, kept, int(ref["wirelen"])))
                out.write(frames.data[lo : lo + kept].tobytes())
        written.append(path)
    return written
