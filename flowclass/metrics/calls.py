"""Host module: CallTotals, what the metrics say of calls."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from flowclass.calls.record import Call
from flowclass.metrics.callers import Callers
from flowclass.networks.networkmap import OTHER
from flowclass.sinks.totals import CONFIDENCE_EDGES

#: Upper edges of the histograms' buckets: MOS by the bands of G.107 Annex B; loss and jitter around what codecs and
#: jitter buffers bear (1 % and 30 ms).
MOS_EDGES = (1.5, 2.0, 2.6, 3.1, 3.6, 4.0, 4.3)
LOSS_EDGES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
JITTER_EDGES_S = (0.001, 0.003, 0.01, 0.02, 0.03, 0.06, 0.1, 0.3)
TALK_EDGES_S = (1.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)


@dataclass
class Histogram:
    """Counts by upper edge, as Prometheus wants them.

    Attributes
    ----------
    edges : upper edges, inclusive, ascending
    counts : one a bucket, the last for what is above all edges
    total : sum of the values
    """

    edges: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.edges) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper edge, values up to it), ending with ``+Inf``."""
        running, out = 0, []
        for edge, count in zip((*map(str, self.edges), "+Inf"), self.counts, strict=True):
            running += count
            out.append((edge, float(running)))
        return out


Histograms = dict[tuple[str, ...], Histogram]


class CallTotals:
    """Counters of calls, by closed sets of labels; the packet loop feeds it, scrapes read it.

    Attributes
    ----------
    now : calls in progress
    ended : calls that ended by (application, network, outcome)
    talk_s : seconds of talk by the same
    media_bytes : IP bytes of media by (application, network, direction)
    confidence : histogram of the labels' confidence by (application,)
    talk, mos, loss, jitter : histograms by (application,), (application, bound), (application, direction) twice
    """

    def __init__(self) -> None:
        self.now = Callers()
        self.ended: dict[tuple[str, str, str], int] = defaultdict(int)
        self.talk_s: dict[tuple[str, str, str], float] = defaultdict(float)
        self.media_bytes: dict[tuple[str, str, str], int] = defaultdict(int)
        self.confidence: Histograms = {}
        self.talk: Histograms = {}
        self.mos: Histograms = {}
        self.loss: Histograms = {}
        self.jitter: Histograms = {}

    def add(self, calls: Iterable[Call]) -> None:
        """Count calls."""
        for call in calls:
            network = call.network or OTHER.name
            self.ended[call.app, network, call.outcome] += 1
            self.talk_s[call.app, network, call.outcome] += call.talk_s
            self.media_bytes[call.app, network, "up"] += call.bytes_up
            self.media_bytes[call.app, network, "down"] += call.bytes_down
            _observe(self.confidence, (call.app,), call.confidence, CONFIDENCE_EDGES)
            _observe(self.talk, (call.app,), call.talk_s, TALK_EDGES_S)
            _observe(self.mos, (call.app, "low"), call.mos_low, MOS_EDGES)
            _observe(self.mos, (call.app, "high"), call.mos_high, MOS_EDGES)
            if call.quality_valid:
                for way, loss, jitter in (
                    ("up", call.loss_up, call.jitter_up),
                    ("down", call.loss_down, call.jitter_down),
                ):
                    _observe(self.loss, (call.app, way), loss, LOSS_EDGES)
                    _observe(self.jitter, (call.app, way), jitter, JITTER_EDGES_S)


def _observe(histograms: Histograms, labels: tuple[str, ...], value: float | None, edges: tuple[float, ...]) -> None:
    if value is not None:
        # A whole new mapping is not needed: a scrape that iterates takes a copy of the items first.
        histograms.setdefault(labels, Histogram(edges)).observe(value)
