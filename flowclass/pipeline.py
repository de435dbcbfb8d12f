"""Host module: the page to read first: source → dissect → meter → classify → whoever takes the records.

Python runs a few times per block of thousands of packets; every loop over packets or flows is in a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from flowclass.capture.block import PacketBlock
from flowclass.capture.source import Source, open_source
from flowclass.features.row import FEATURE_COUNT
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.record import FLOW
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
    pipeline = Pipeline(source.name, on_batch, settings=settings, model=model)
    for block in source.blocks():
        pipeline.add(block)
    pipeline.drain()
    pipeline.meter.count_filtered(source.filtered_packets, source.filtered_bytes)
    return Result(pipeline.meter.stats, source.problems, source.partial)


class Pipeline:
    """Meter and classifier of one capture or one interface.

    Parameters
    ----------
    name : what ``on_batch`` is told as the capture's name
    on_batch : takes the flows that ended
    settings, model : defaults are used for None

    Attributes
    ----------
    meter : the FlowMeter
    model : the ModelBundle
    """

    def __init__(
        self,
        name: str,
        on_batch: BatchTaker,
        *,
        settings: MeterSettings | None = None,
        model: ModelBundle | None = None,
    ) -> None:
        self.name = name
        self.meter = FlowMeter(settings)
        self.use(model or load_default())
        self._on_batch = on_batch

    def warm(self) -> None:
        """Load or compile the kernels now, before the first packet."""
        self.meter.warm()
        nothing = np.zeros(0, FLOW)
        self._on_batch(nothing, self._classifier.classify(nothing, np.zeros((0, FEATURE_COUNT), np.float32)), self.name)

    def use(self, model: ModelBundle) -> None:
        """Classify with this model from now on."""
        self.model = model
        self._classifier = Classifier(model)

    def add(self, block: PacketBlock) -> None:
        """Meter a block; hand on flows that ended, once there are enough of them."""
        self._hand_on(self.meter.add(block.data, block.refs, block.first_frame))

    def sweep(self, now_ns: int) -> None:
        """End what has been silent too long at ``now_ns``, and hand on all flows that ended."""
        self._hand_on(self.meter.sweep(now_ns))

    def drain(self) -> None:
        """End all flows and hand them on."""
        self._hand_on(self.meter.drain())

    def _hand_on(self, batches: Iterator[FlowBatch]) -> None:
        for batch in batches:
            self._on_batch(batch.flows, self._classifier.classify(batch.flows, batch.features), self.name)
