"""Host module: flowclass and its peers on the same flows under the same views, in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from flowclass.errors import CaptureError, UsageError
from flowclass.model.bundle import ModelBundle
from flowclass.model.labels import parse_label
from flowclass.record.verdict import Kind
from flowclass.training.corpus import Capture, captures_of, corpus_digest
from flowclass.training.held_out import honest_probabilities
from flowclass.training.peers.comparison import Comparison, Fared, Row
from flowclass.training.peers.cut import write_view
from flowclass.training.peers.names import is_right, is_wrong, says_call
from flowclass.training.peers.programs import UNKNOWN, Peer, start
from flowclass.training.rightness import is_call, is_wrong_name
from flowclass.training.samples import Progress, TableMaker
from flowclass.training.score import all_right, verdicts_of
from flowclass.training.table import Table
from flowclass.training.views import VIEW_NAMES, VIEWS, View, read_frames

#: Views the peers are asked about unless told otherwise: the ones the issue of missing packets is about.
DEFAULT_VIEWS = ("whole", "first-5", "late-20", "late-100", "forward", "reverse", "snap-96")
OURS = "flowclass"


def compare(
    bundle: ModelBundle,
    corpus: Path,
    peers: Sequence[str],
    progress: Progress,
    *,
    views: Sequence[str] = DEFAULT_VIEWS,
    trained_on: Table | None = None,
) -> Comparison:
    """Ask us and the peers about every flow of the captures that hold call media.

    Parameters
    ----------
    peers : of ``programs.PEERS``
    views : names of views
    trained_on : the bundle's table, so that ours is judged by forests that did not see a capture's group

    Raises
    ------
    UsageError
        When a peer is not installed.

    Notes
    -----
    A peer reads a view as a temporary pcap. All count by five-tuple: of several records the one with most bytes.
    """
    strange = sorted(set(views) - set(VIEW_NAMES))
    if strange:
        raise UsageError(f"there is no view {strange[0]!r}: choose from {', '.join(VIEW_NAMES)}")
    wanted = [view for view in VIEWS if view.name in views]
    captures = [one for one in captures_of(corpus) if any(t.label.kind == Kind.CALL_MEDIA for t in one.flows.values())]
    maker = TableMaker()
    said: dict[tuple[str, int, str], str] = {}
    with ExitStack() as stack:
        running = [stack.enter_context(closing(start(name))) for name in peers]
        contenders = {OURS: f"flowclass {bundle.name}", **{peer.name: peer.version() for peer in running}}
        for place, capture in enumerate(captures, 1):
            try:
                said |= _ask(capture, wanted, maker, running)
            except CaptureError as error:
                progress(f"{capture.name}: left out: {error}")
            if place % 20 == 0 or place == len(captures):
                progress(f"{place} of {len(captures)} captures with call media")
    table = maker.table(corpus_digest(corpus))
    probabilities, known = honest_probabilities(bundle, table, trained_on)
    facts = {"captures": len(captures), "capture groups": len(table.groups), "groups held out of the model": known}
    return _scored(table, verdicts_of(table, bundle.rules, probabilities, with_evidence=True), said, contenders, facts)


def _ask(
    capture: Capture, views: Sequence[View], maker: TableMaker, peers: Sequence[Peer]
) -> dict[tuple[str, int, str], str]:
    """Meter a capture and return what the peers call its flows, by (peer, flow number, view)."""
    frames = read_frames(str(capture.path))
    numbers = maker.add(capture, views, frames)
    said = {}
    with tempfile.TemporaryDirectory(prefix="flowclass-view-") as folder:
        for view in views:
            for path in write_view(frames, view, Path(folder)):
                for peer in peers:
                    for key, name in peer.names_of(path).items():
                        if key in numbers:
                            said[peer.name, numbers[key], view.name] = name
                path.unlink()
    return said


def _scored(
    table: Table,
    verdicts: np.ndarray,
    said: dict[tuple[str, int, str], str],
    contenders: dict[str, str],
    facts: dict[str, Any],
) -> Comparison:
    rows = table.rows
    # Of the records of one flow in one view the largest comes last and stays.
    best = {(int(rows["flow"][k]), int(rows["view"][k])): int(k) for k in np.argsort(rows["bytes"], kind="stable")}
    chosen = np.array(sorted(best.values()), np.int64)
    labels = [parse_label(text) for text in table.labels]
    right, wrong, called = {}, {}, {}
    ours = verdicts[chosen]
    right[OURS] = all_right(table, verdicts)[chosen]
    wrong[OURS] = is_wrong_name(right[OURS], ours["app"])
    called[OURS] = is_call(ours["kind"])
    mine = [labels[k] for k in rows["label"][chosen]]
    for peer in list(contenders)[1:]:
        names = [said.get((peer, int(rows["flow"][k]), table.views[int(rows["view"][k])]), UNKNOWN) for k in chosen]
        pairs = list(zip(names, mine, strict=True))
        right[peer] = np.array([is_right(name, label) for name, label in pairs], bool)
        wrong[peer] = np.array([is_wrong(name, label) for name, label in pairs], bool)
        called[peer] = np.array([says_call(name) for name in names], bool)
    is_media = np.array([label.kind == Kind.CALL_MEDIA for label in mine], bool)
    no_call = np.array([not label.is_call for label in mine], bool)
    size = rows["bytes"][chosen].astype(float)
    group, view = rows["group"][chosen], rows["view"][chosen]

    def row(name: str, media: np.ndarray, other: np.ndarray) -> Row:
        weight = size[media]
        fared: Callable[[str], Fared] = lambda who: Fared(  # noqa: E731  four figures alike for each
            float(right[who][media].mean()),
            float((weight * right[who][media]).sum() / max(weight.sum(), 1.0)),
            float(wrong[who][media].mean()),
            int((called[who] & other).sum()),
        )
        return Row(
            name,
            int(media.sum()),
            len(np.unique(group[media])),
            int(other.sum()),
            {who: fared(who) for who in contenders},
        )

    def by_view(media: np.ndarray) -> list[Row]:
        parts = [(name, view == place) for place, name in enumerate(table.views)]
        return [row(name, media & here, no_call & here) for name, here in parts if (media & here).any()]

    is_disputed = rows["disputed"][chosen] > 0
    undisputed = by_view(is_media & ~is_disputed) if is_disputed.any() else []
    apps = sorted({str(label) for label, media in zip(mine, is_media, strict=True) if media})
    texts = np.array([str(label) for label in mine])
    nothing = np.zeros(len(chosen), bool)
    by_app = [row(name, here, nothing) for name in apps if (here := is_media & (view == 0) & (texts == name)).any()]
    return Comparison(contenders, by_view(is_media), by_app, facts, undisputed)
