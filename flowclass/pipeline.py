"""Host module: the page to read first: source → dissect → meter → classify → whoever takes the records.

Python runs a few times per block of thousands of packets; every loop over packets or flows is in a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from flowclass.capture.source import Source, open_source
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import ModelBundle, load_default
from flowclass.model.classify import Classifier

#: Takes (FLOW[n], VERDICT[n], capture name); the arrays are valid during the call only.
BatchTaker = Callable[[np.ndarray, np.ndarray, str], None]


@dataclass
class Result:
    """What became of a capture.

    Attributes
    ----------
    stats : STATS row: the account of packets and flows
    problems : what was wrong with the input, in words
    partial : whether part of the input could not be read
    """

    stats: np.void
    problems: list[str] = field(default_factory=list)
    partial: bool = False


def analyze(
    inputs: Sequence[str | BinaryIO],
    on_batch: BatchTaker,
    *,
    settings: MeterSettings | None = None,
    model: ModelBundle | None = None,
    bpf: str | None = None,
) -> Result:
    """Read captures as one, in time order, and hand every flow with its verdict to ``on_batch``.

    Raises
    ------
    CaptureError
        An input cannot be opened or is no capture.
    UsageError
        The filter or a setting is wrong.
    """
    source = open_source(inputs, bpf=bpf)
    try:
        return analyze_source(source, on_batch, settings=settings, model=model)
    finally:
        source.close()


def analyze_source(
    source: Source,
    on_batch: BatchTaker,
    *,
    settings: MeterSettings | None = None,
    model: ModelBundle | None = None,
) -> Result:
    """Do the work of `analyze` on an open source."""
    meter = FlowMeter(settings)
    classifier = Classifier(model or load_default())

    def take(batch: FlowBatch) -> None:
        on_batch(batch.flows, classifier.classify(batch.flows, batch.features), source.name)

    for block in source.blocks():
        for batch in meter.add(block.data, block.refs, block.first_frame):
            take(batch)
    for batch in meter.drain():
        take(batch)
    meter.count_filtered(source.filtered_packets, source.filtered_bytes)
    return Result(meter.stats, source.problems, source.partial)
