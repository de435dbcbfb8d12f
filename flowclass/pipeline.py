"""Host module: the page to read first: source → dissect → meter → classify → whoever takes the records.

Python runs a few times per block of thousands of packets; every loop over packets or flows is in a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from flowclass.calls.assembler import Assembler
from flowclass.calls.batch import Calls
from flowclass.calls.emodel import QualitySettings
from flowclass.capture.block import PacketBlock
from flowclass.capture.source import Source, open_source
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.record import FLOW
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import ModelBundle, load_default
from flowclass.model.classify import Classifier
from flowclass.privacy.policy import RecordPolicy

#: Takes (FLOW[n], VERDICT[n], capture name); the arrays are valid during the call only.
BatchTaker = Callable[[np.ndarray, np.ndarray, str], None]
#: Takes (FlowBatch, VERDICT[n]) likewise, where calls are made of them elsewhere.
WholeTaker = Callable[[FlowBatch, np.ndarray], None]
#: Takes calls that ended.
CallTaker = Callable[[Calls], None]
NS_PER_S = 1_000_000_000
#: How often calls are looked at for their end.
CALLS_SWEEP_NS = 10 * NS_PER_S


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
    on_calls: CallTaker | None = None,
    quality: QualitySettings | None = None,
    policy: RecordPolicy | None = None,
    words: bool = True,
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
        return analyze_source(
            source,
            on_batch,
            settings=settings,
            model=model,
            on_calls=on_calls,
            quality=quality,
            policy=policy,
            words=words,
        )
    finally:
        source.close()


def analyze_source(
    source: Source,
    on_batch: BatchTaker,
    *,
    settings: MeterSettings | None = None,
    model: ModelBundle | None = None,
    on_calls: CallTaker | None = None,
    quality: QualitySettings | None = None,
    policy: RecordPolicy | None = None,
    words: bool = True,
) -> Result:
    """Do the work of `analyze` on an open source."""
    pipeline = Pipeline(
        source.name,
        on_batch,
        settings=settings,
        model=model,
        on_calls=on_calls,
        quality=quality,
        policy=policy,
        words=words,
    )
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
    on_calls : takes the calls that ended; None leaves calls alone
    on_whole : takes the flows that ended with all that the meter tells of them
    stats : STATS[1] to count in, which may lie in shared memory; None makes one
    settings, model, quality : defaults are used for None; the last says what a MOS assumes
    policy : names the networks of flows and hides addresses; None does neither
    words : let the model's verdicts tell why, see Classifier

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
        on_calls: CallTaker | None = None,
        quality: QualitySettings | None = None,
        policy: RecordPolicy | None = None,
        on_whole: WholeTaker | None = None,
        stats: np.ndarray | None = None,
        words: bool = True,
    ) -> None:
        self.name = name
        self._words = words
        self._policy = policy or RecordPolicy()
        self._on_batch = on_batch
        self.use(model or load_default())
        self.meter = FlowMeter(settings, stats, [self._classifier.warm])
        self.calls: Assembler | None = None
        self._on_calls = on_calls
        self._on_whole = on_whole
        self._now_ns = 0
        self._calls_swept_ns = 0
        if on_calls is not None:
            limits = self.meter.settings
            self.calls = Assembler(
                name,
                round(limits.idle_timeout_s * NS_PER_S),
                round(limits.active_timeout_s * NS_PER_S),
                quality,
                self._policy.network_name,
            )

    def warm(self) -> None:
        """Load or compile the kernels now, before the first packet."""
        self.meter.warm()
        nothing = np.zeros(0, FLOW)
        self._policy.mark(nothing)
        self._on_batch(nothing, self._classifier.warm(), self.name)

    def use(self, model: ModelBundle) -> None:
        """Classify with this model from now on."""
        self.model = model
        self._classifier = Classifier(model, self._words)

    def add(self, block: PacketBlock) -> None:
        """Meter a block; hand on flows that ended, once there are enough of them."""
        if self.calls is not None and len(block.refs):
            if self.calls.first_ns is None:
                self.calls.first_ns = int(block.refs["ts_ns"][0])
            self._now_ns = max(self._now_ns, int(block.refs["ts_ns"][-1]))
        self._hand_on(self.meter.add(block.data, block.refs, block.first_frame))
        self._sweep_calls(block.now_ns)

    def sweep(self, now_ns: int) -> None:
        """End what has been silent too long at ``now_ns``, and hand on all flows that ended."""
        self._hand_on(self.meter.sweep(now_ns))
        self._sweep_calls(now_ns)

    def drain(self) -> None:
        """End all flows and calls and hand them on."""
        self._hand_on(self.meter.drain())
        if self.calls is not None and self._on_calls is not None:
            for calls in self.calls.drain(self._now_ns):
                self._on_calls(self._policy.calls(calls))

    def _sweep_calls(self, now_ns: int) -> None:
        if self.calls is None or self._on_calls is None or now_ns - self._calls_swept_ns < CALLS_SWEEP_NS:
            return
        self._calls_swept_ns = now_ns
        # Which calls are complete depends on the flows that are still in the table: all others must be known.
        self._hand_on(self.meter.take())
        given = self.calls.sweep(now_ns, self.meter.live_rows())
        if given:
            self._on_calls(self._policy.calls(given))

    def _hand_on(self, batches: Iterator[FlowBatch]) -> None:
        for batch in batches:
            verdicts = self._classifier.classify(batch.flows, batch.features)
            self._policy.mark(batch.flows)
            if self._on_whole is not None:
                self._on_whole(batch, verdicts)
            if self.calls is not None:
                self.calls.add(batch.flows, verdicts, batch.media, batch.events)
            self._policy.hide(batch.flows)
            self._on_batch(batch.flows, verdicts, self.name)
