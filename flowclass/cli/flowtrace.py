"""Host module: find one flow of a capture, and the frames that carried its evidence.

Called by ``flowclass explain`` only: while the flow's verdict is open it hands the meter one packet at a time, which
is slow and exact. Everything else is done with the meter as ``pipeline`` does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flowclass.apps._fused import MODULES
from flowclass.capture.source import Source, open_source
from flowclass.cli.flowname import FlowName
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import ModelBundle
from flowclass.model.classify import Classifier

#: Any seed will do; the same one makes both passes alike.
SETTINGS = MeterSettings(seed=1)
#: Stage of a flow whose evidence is still gathered.
OPEN = 0
KEY = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "proto")


@dataclass(frozen=True)
class Found:
    """One record of the flow: FLOW[1], VERDICT[1], and float32[FEATURE_COUNT] or None."""

    flows: Any
    verdicts: Any
    features: Any


def find_flow(path: str, name: FlowName, bundle: ModelBundle) -> tuple[list[Found], Source]:
    """Return every record of the flow in order of time, and the source after its end.

    A 5-tuple may stand for several flows one after another; all are returned.
    """
    classifier = Classifier(bundle)
    found = []
    source = open_source([path])
    try:
        for batch in _batches(source):
            verdicts = classifier.classify(batch.flows, batch.features)
            for row in np.nonzero(name.matches(batch.flows))[0]:
                place = int(batch.flows["features_row"][row])
                features = batch.features[place].copy() if place >= 0 else None
                found.append(Found(batch.flows[row : row + 1].copy(), verdicts[row : row + 1].copy(), features))
    finally:
        source.close()
    return sorted(found, key=lambda piece: int(piece.flows["first_ns"][0])), source


def _batches(source: Source) -> Iterator[FlowBatch]:
    """Meter a source; every flow gets its features, also where evidence decides."""
    meter = FlowMeter(replace(SETTINGS, features_always=True))
    for block in source.blocks():
        yield from meter.add(block.data, block.refs, block.first_frame)
    yield from meter.drain()


def evidence_frames(path: str, found: list[Found]) -> dict[tuple[int, int, int], int]:
    """Return the frame at which each reason was first seen, by (first frame of the flow, word, bit) of FLOW["reasons"].

    ``found`` is what `find_flow` returned for the same file.
    """
    frames: dict[tuple[int, int, int], int] = {}
    begins = {int(piece.flows["first_frame"][0]): piece.flows for piece in found if not piece.flows["piece"][0]}
    meter = FlowMeter(SETTINGS)
    watched: dict[int, int] = {}  # row of the table → first frame of the flow
    source = open_source([path])
    try:
        for block in source.blocks():
            at = 0
            while at < len(block.refs) and (begins or watched):
                frame = block.first_frame + at
                upcoming = [begin - block.first_frame for begin in begins]
                stop = at + 1 if watched or frame in begins else min([len(block.refs), *upcoming])
                for _ in meter.add(block.data, block.refs[at:stop], frame):
                    pass
                at = stop
                if frame in begins:
                    watched[_row_of(meter, begins.pop(frame))] = frame
                hot, body = meter.live_rows()
                for row in list(watched):
                    _note(body[row]["apps"], watched[row], frame, frames)
                    if body[row]["stage"] != OPEN or not hot[row]["in_use"]:
                        del watched[row]
            if not begins and not watched:
                break
    finally:
        source.close()
    return frames


def _row_of(meter: FlowMeter, flow: Any) -> int:
    """Return the row of the flow table that holds FLOW[1], whose first packet has just been metered."""
    hot, _ = meter.live_rows()
    matching = hot["in_use"] == 1
    for name in KEY:
        matching &= hot[name] == flow[name][0]
    return int(np.argmax(matching))


def _note(apps: Any, begin: int, frame: int, frames: dict[tuple[int, int, int], int]) -> None:
    """Write down ``frame`` for every reason the flow, by its APPS_STATE, shows that was not there before."""
    for word, module in enumerate(MODULES):
        rest = int(apps[module]["reasons"])
        while rest:
            bit = (rest & -rest).bit_length() - 1
            frames.setdefault((begin, word, bit), frame)
            rest &= rest - 1
