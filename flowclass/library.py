"""Host module: flowclass for programs: captures in, Arrow tables of flows and calls out, without files in between.

    import flowclass

    found = flowclass.analyze("trace.pcap")
    found.calls.to_pandas()

Needs pyarrow (``pip install flowclass[parquet]``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from flowclass.calls.emodel import QualitySettings
from flowclass.calls.record import Call
from flowclass.capture.source import open_source
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import ModelBundle
from flowclass.pipeline import Pipeline
from flowclass.privacy.policy import PolicySettings, RecordPolicy
from flowclass.record.stats import STATS
from flowclass.sinks.arrow import ArrowFlows
from flowclass.sinks.callgroups import call_table


@dataclass(frozen=True)
class Analysis:
    """What was found in some captures read as one.

    Attributes
    ----------
    flows : pyarrow.Table, one row a flow (docs/reference/flow-record.md)
    calls : pyarrow.Table, one row a call (`calls.record.Call`)
    account : packets and flows by what became of them (docs/reference/account.md)
    problems : what was wrong with the input, in words
    partial : whether part of the input could not be read
    """

    flows: Any
    calls: Any
    account: dict[str, Any]
    problems: list[str]
    partial: bool


class Stream:
    """Iterates over the flows of captures as they end, a pyarrow.RecordBatch at a time, in bounded memory.

    Parameters
    ----------
    captures : files, read as one capture in time order
    bpf : libpcap filter
    model : folder of a model bundle, the shipped one for None
    settings : see MeterSettings
    quality : what a MOS assumes, see QualitySettings
    records : files by which networks are named and addresses are hidden, see PolicySettings

    Attributes
    ----------
    calls : calls that ended so far; take them out to keep memory bounded
    account, problems, partial : as in Analysis, complete at the end

    Raises
    ------
    CaptureError
        An input cannot be opened or is no capture.
    UsageError
        The filter or a setting is wrong.
    SinkError
        pyarrow is not installed.
    """

    def __init__(
        self,
        *captures: str | PathLike[str],
        bpf: str | None = None,
        model: str | PathLike[str] | None = None,
        settings: MeterSettings | None = None,
        quality: QualitySettings | None = None,
        records: PolicySettings | None = None,
    ) -> None:
        policy = RecordPolicy(records)
        self._arrow = ArrowFlows(policy.enrichment)
        self.schema = self._arrow.schema
        self.calls: list[Call] = []
        self._ready: list[Any] = []
        arrow, ready = self._arrow, self._ready

        def take(flows: Any, verdicts: Any, capture: str) -> None:
            # Knows nothing of this object: in a ring of references the meter's memory would stay until Python looks.
            if len(flows):
                ready.append(arrow.batch(flows, verdicts, capture))

        self._source = open_source([fspath(capture) for capture in captures], bpf=bpf)
        bundle = None if model is None else ModelBundle.load(Path(model))
        self._pipeline = Pipeline(
            self._source.name,
            take,
            settings=settings,
            model=bundle,
            on_calls=self.calls.extend,
            quality=quality,
            policy=policy,
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield record batches until the captures end."""
        try:
            for block in self._source.blocks():
                self._pipeline.add(block)
                yield from self._taken()
            self._pipeline.drain()
            yield from self._taken()
        finally:
            self._source.close()
        self._pipeline.meter.count_filtered(self._source.filtered_packets, self._source.filtered_bytes)

    @property
    def account(self) -> dict[str, Any]:
        """The meter's account, by the names of STATS."""
        stats = self._pipeline.meter.stats
        return {name: stats[name].tolist() for name in STATS.names or ()}

    @property
    def problems(self) -> list[str]:
        """What was wrong with the input."""
        return self._source.problems

    @property
    def partial(self) -> bool:
        """Whether part of the input could not be read."""
        return self._source.partial

    def _taken(self) -> list[Any]:
        ready = self._ready[:]
        self._ready.clear()
        return ready


def analyze(
    *captures: str | PathLike[str],
    bpf: str | None = None,
    model: str | PathLike[str] | None = None,
    settings: MeterSettings | None = None,
    quality: QualitySettings | None = None,
    records: PolicySettings | None = None,
) -> Analysis:
    """Return the flows and calls of captures read as one, with `Stream`'s parameters and errors."""
    import pyarrow as pa

    stream = Stream(*captures, bpf=bpf, model=model, settings=settings, quality=quality, records=records)
    flows = pa.Table.from_batches(list(stream), stream.schema).unify_dictionaries()
    return Analysis(flows, call_table(stream.calls), stream.account, stream.problems, stream.partial)
