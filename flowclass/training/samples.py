"""Host module: the corpus becomes a feature table: every capture under every view through the product's own meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from flowclass.capture.source import PacketBlock
from flowclass.errors import CaptureError
from flowclass.features.row import FEATURE_COUNT
from flowclass.flow.expire import MODEL_PAYLOAD_PACKETS
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.training.corpus import Capture, FlowKey, Truth, captures_of, corpus_digest, key_of
from flowclass.training.table import ROW, Table, rounded
from flowclass.training.views import VIEW_NAMES, VIEWS, Frames, View, blocks_of, read_frames

#: Large enough for any capture of the corpus, small enough to be made anew for each view of each capture.
SETTINGS = MeterSettings(max_flows=16_384, max_streams=4_096, seed=1, features_always=True)
#: Views besides the whole of no-call flows are kept for this many flows a group, name and view: a scan of thousands
#: of alike flows teaches no more than its first.
OTHER_FLOWS_PER_VIEW = 12

Progress = Callable[[str], None]


def quiet(_: str) -> None:
    """Report no progress."""


def flows_of(blocks: Iterable[PacketBlock], settings: MeterSettings = SETTINGS) -> tuple[np.ndarray, np.ndarray]:
    """Meter blocks of packets to their end.

    Returns
    -------
    flows : FLOW[n], every flow record, by order of ending
    features : float32[n, FEATURE_COUNT], one row a flow
    """
    meter = FlowMeter(settings)
    flows, features = [], [np.zeros((0, FEATURE_COUNT), np.float32)]

    def batches() -> Iterator[FlowBatch]:
        for block in blocks:
            yield from meter.add(block.data, block.refs, block.first_frame)
        yield from meter.drain()

    for batch in batches():
        flows.append(batch.flows.copy())
        features.append(batch.features[batch.flows["features_row"]])
    from flowclass.flow.record import FLOW

    return np.concatenate(flows) if flows else np.zeros(0, FLOW), np.concatenate(features)


class TableMaker:
    """Collects labelled rows of captures into a Table."""

    def __init__(self) -> None:
        self._rows: list[tuple[int | float, ...]] = []
        self._features: list[np.ndarray] = []
        self._labels: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._years: list[int] = []
        self._flows = 0
        self.unlabelled = 0

    def add(self, capture: Capture, views: Sequence[View] = VIEWS, frames: Frames | None = None) -> dict[FlowKey, int]:
        """Meter one capture under every view and keep the rows of labelled flows.

        Parameters
        ----------
        views : of VIEWS, those wanted
        frames : the capture, when it has been read already

        Returns
        -------
        numbers : the table's number of each flow kept

        Raises
        ------
        CaptureError
            When the capture cannot be read.
        """
        frames = frames if frames is not None else read_frames(str(capture.path))
        group = self._groups.setdefault(capture.group, len(self._groups))
        self._years += [0] * (len(self._groups) - len(self._years))
        self._years[group] = max(self._years[group], capture.year)
        numbers: dict[FlowKey, int] = {}
        for view in views:
            place = VIEW_NAMES.index(view.name)
            flows, features = flows_of(blocks_of(frames, view))
            others = 0
            for flow, row in zip(flows, features, strict=True):
                key = key_of(flow)
                truth = capture.flows.get(key)
                if truth is None:
                    self.unlabelled += place == 0
                    continue
                if place and not truth.label.is_call:
                    if int(flow["payload_packets"]) < MODEL_PAYLOAD_PACKETS or others >= OTHER_FLOWS_PER_VIEW:
                        continue
                    others += 1
                if key not in numbers:
                    numbers[key] = self._flows
                    self._flows += 1
                self._keep(flow, row, truth, group, place, numbers[key])
        return numbers

    def _keep(self, flow: np.void, features: np.ndarray, truth: Truth, group: int, view: int, number: int) -> None:
        has_features = int(flow["payload_packets"]) >= MODEL_PAYLOAD_PACKETS
        label = self._labels.setdefault(str(truth.label), len(self._labels))
        self._rows.append(
            (
                int(flow["bytes"].sum()),
                int(flow["packets"].sum()),
                len(self._features) if has_features else -1,
                number,
                label,
                group,
                truth.weight,
                view,
                int(flow["app"]),
                int(flow["kind"]),
                int(flow["strength"]),
                int(flow["also"]),
                int(flow["linked_app"]),
                int(flow["linked_also"]),
                int(flow["link"]),
                int(flow["stream_packets"].sum()) > 0,
                bool(flow["packets"].min() > 0),
                int(flow["decided_at_packet"]) if flow["app"] else 0,
                truth.is_disputed,
            )
        )
        if has_features:
            self._features.append(features)

    def table(self, corpus: str) -> Table:
        """Return the table of all captures added."""
        features = np.array(self._features, np.float32).reshape(-1, FEATURE_COUNT)
        rows = np.array(self._rows, ROW) if self._rows else np.zeros(0, ROW)
        vocabularies = (tuple(self._labels), tuple(self._groups), VIEW_NAMES)
        return Table(rows, rounded(features), *vocabularies, corpus, tuple(self._years))


def table_of(corpus: Path, progress: Progress = quiet) -> Table:
    """Return the feature table of a corpus."""
    maker = TableMaker()
    captures = list(captures_of(corpus))
    for place, capture in enumerate(captures, 1):
        try:
            maker.add(capture)
        except CaptureError as error:
            progress(f"{capture.name}: left out: {error}")
        if place % 100 == 0 or place == len(captures):
            progress(f"{place} of {len(captures)} captures, {len(maker._rows)} rows")
    return maker.table(corpus_digest(corpus))
