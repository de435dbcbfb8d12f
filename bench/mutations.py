"""Host module: ``python -m bench.mutations [CORPUS]``: do labels hold on another client and another network?

Every capture with call media is metered as it is and then with other client ports, in IPv6, in tunnels, with loss,
repeats and changed order (`bench.mutate`); the product's verdicts on its call flows are compared with those before.
Only UDP is kept, in both, so that the two differ in nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from bench.mutate import MUTATIONS, Datagram, Mutation, Wrap, block_of, datagrams_of, without_start
from flowclass.errors import CaptureError
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import load_default
from flowclass.model.classify import Classifier
from flowclass.record.verdict import APP_NAMES, App, Kind
from flowclass.training.corpus import FlowKey, Truth, captures_of, key_of

SETTINGS = MeterSettings(max_flows=16_384, max_streams=4_096, seed=1)
#: Datagrams of a capture that are looked at.
MOST = 10_000
BLOCK_FRAMES = 4096
SEED = 7
NAMELESS = (App.UNKNOWN, App.OTHER, App.RTP, App.WEBRTC)


def verdicts_of(
    datagrams: Sequence[Datagram], mutation: Mutation, wrap: Wrap, classifier: Classifier
) -> dict[int, tuple[App, Kind]]:
    """Return (app, kind) of every flow after the mutation, by the flow's number before it."""
    changed = mutation(datagrams, Random(SEED))
    numbers = {one.key(): one.flow for one in changed}
    data, refs = block_of(changed, wrap)
    meter = FlowMeter(SETTINGS)
    found: dict[int, tuple[App, Kind]] = {}

    def batches() -> Iterator[FlowBatch]:
        for start in range(0, len(refs), BLOCK_FRAMES):
            yield from meter.add(data, refs[start : start + BLOCK_FRAMES], start + 1)
        yield from meter.drain()

    for batch in batches():
        for flow, verdict in zip(batch.flows, classifier.classify(batch.flows, batch.features), strict=True):
            number = numbers.get(key_of(flow))
            if number is not None:
                found.setdefault(number, (App(int(verdict["app"])), Kind(int(verdict["kind"]))))
    return found


def main() -> int:
    """Compare; return 0."""
    default = os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus"
    parser = argparse.ArgumentParser(description="Do labels hold on another client and another network?")
    parser.add_argument("corpus", nargs="?", type=Path, default=default)
    parser.add_argument("--late", type=int, default=0, metavar="N", help="leave out the first N datagrams of each flow")
    arguments = parser.parse_args()
    classifier = Classifier(load_default())
    counts: dict[str, Counter[str]] = {name: Counter() for name in MUTATIONS}
    changes: dict[str, Counter[str]] = {name: Counter() for name in MUTATIONS}
    for capture in captures_of(arguments.corpus):
        if not any(truth.label.kind == Kind.CALL_MEDIA for truth in capture.flows.values()):
            continue
        try:
            datagrams = without_start(datagrams_of(str(capture.path), MOST), arguments.late)
        except CaptureError as error:
            print(f"{capture.name}: {error}", file=sys.stderr)
            continue
        media = {one.flow for one in datagrams if _is_media(capture.flows, one)}
        before = verdicts_of(datagrams, *MUTATIONS["as it was"], classifier)
        for name, how in MUTATIONS.items():
            after = verdicts_of(datagrams, *how, classifier)
            for number in media & before.keys() & after.keys():
                was, now = before[number][0], after[number][0]
                fate = "same" if was == now else "renamed" if now not in NAMELESS else "lost"
                counts[name][fate] += 1
                if fate != "same":
                    changes[name][f"{APP_NAMES[was]} → {APP_NAMES[now]}"] += 1
    print(f"{'media flows':24}{'flows':>7}{'same label':>12}{'label lost':>12}{'another name':>14}")
    for name, count in counts.items():
        total = max(count.total(), 1)
        shares = [count[fate] / total for fate in ("same", "lost", "renamed")]
        print(f"{name:24}{count.total():7}{shares[0]:12.1%}{shares[1]:12.1%}{shares[2]:14.1%}", end="  ")
        print(", ".join(f"{change} {times}" for change, times in changes[name].most_common(5)))
    return 0


def _is_media(flows: dict[FlowKey, Truth], one: Datagram) -> bool:
    truth = flows.get(one.key())
    return truth is not None and truth.label.kind == Kind.CALL_MEDIA


if __name__ == "__main__":
    sys.exit(main())
