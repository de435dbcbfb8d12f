"""Host module: how every Reason does on the labelled corpus: ``python -m bench.reasons [CORPUS]``.

Runs the product's own meter over every capture and prints, for each Reason, the flows on which it fired, how many of
them it was right about and whose the others were; then what evidence alone decides, by application and kind, and
every no-call flow that it takes for a call. ``Reason.false_alarms`` is filled from the column ``wrong``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flowclass.apps._fused import APPS, MODULES, REASON_WORDS, REASONS
from flowclass.apps.app import Reason
from flowclass.apps.decide import DECISION, decide
from flowclass.errors import CaptureError
from flowclass.jit import entry
from flowclass.model.labels import Label
from flowclass.record.verdict import APP_NAMES, KIND_NAMES, App, Kind, Strength
from flowclass.training.corpus import FlowKey, captures_of, key_of
from flowclass.training.samples import flows_of
from flowclass.training.views import VIEWS, blocks_of, read_frames

CALLS = (Kind.CALL_MEDIA, Kind.CALL_SIGNALLING)
#: Two names of one media stack (FACTS §1.2).
SAME = {App.SKYPE: App.TEAMS}


@entry
def decide_all(words: np.ndarray, decisions: np.ndarray) -> None:
    """Decide each row of ``words`` (uint32[n, REASON_WORDS])."""
    for row in range(len(words)):
        decide(words[row], decisions[row])


@dataclass
class Tally:
    """What one Reason did: flows, and of the wrong ones their labels."""

    fired: int = 0
    wrong: Counter[str] = field(default_factory=Counter)


def name_of(label: Label) -> str:
    """Return a label in words."""
    return f"{APP_NAMES[label.app]}/{KIND_NAMES[label.kind]}"


def is_same(label: Label, app: int, also: int) -> bool:
    """Whether a label agrees with an application or its look-alike."""
    told = {SAME.get(App(app), App(app)), SAME.get(App(also), App(also))} - {App.UNKNOWN}
    meant = {SAME.get(label.app, label.app), SAME.get(label.also, label.also)} - {App.UNKNOWN}
    return bool(told & meant)


def is_right(label: Label, module: int, reason: Reason) -> bool:
    """Whether a Reason speaks for what a flow is labelled; a tunnel or no-call Reason for any flow that is no call,
    WebRTC or RTP of no nameable application for any call."""
    if reason.kind in (Kind.NOT_VOIP, Kind.TUNNEL):
        return label.kind not in CALLS
    if (reason.app or APPS[module].label) in (App.WEBRTC, App.RTP):
        return label.kind in CALLS
    return is_same(label, reason.app or APPS[module].label, reason.also or App.UNKNOWN)


def labelled_words(corpus: Path) -> Iterator[tuple[str, Label, np.ndarray]]:
    """Yield (capture, label, reasons of all pieces: uint32[REASON_WORDS]) of every labelled flow that was metered."""
    for capture in captures_of(corpus):
        try:
            flows, _ = flows_of(blocks_of(read_frames(str(capture.path)), VIEWS[0]))
        except CaptureError as error:
            print(f"{capture.name}: {error}", file=sys.stderr)
            continue
        words: dict[FlowKey, np.ndarray] = {}
        for flow in flows:
            key = key_of(flow)
            if key in capture.flows:
                words[key] = words.get(key, np.zeros(REASON_WORDS, np.uint32)) | flow["reasons"]
        for key, word in words.items():
            yield capture.name, capture.flows[key].label, word


def print_reasons(rows: list[tuple[str, Label, np.ndarray]]) -> None:
    """Print how each Reason did."""
    print(f"{'reason':34}{'strength':>10}{'fired':>8}{'right':>8}{'wrong':>8}")
    for module, reasons in enumerate(REASONS):
        for position, reason in enumerate(reasons):
            tally = Tally()
            for _, label, words in rows:
                if int(words[module]) >> position & 1:
                    tally.fired += 1
                    if not is_right(label, module, reason):
                        tally.wrong[name_of(label)] += 1
            wrong = tally.wrong.total()
            whose = ", ".join(f"{name} {count}" for name, count in tally.wrong.most_common(4))
            name = f"{MODULES[module]}.{reason.name}"
            strength = Strength(reason.strength).name.lower()
            print(f"{name:34}{strength:>10}{tally.fired:8}{tally.fired - wrong:8}{wrong:8}  {whose}")


def print_decisions(rows: list[tuple[str, Label, np.ndarray]]) -> int:
    """Print what evidence alone decides; return the number of false calls."""
    words = np.array([words for _, _, words in rows], np.uint32)
    decisions = np.zeros(len(rows), DECISION)
    decide_all(words, decisions)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    false_calls = []
    for (capture, label, _), decision in zip(rows, decisions, strict=True):
        app = int(decision["app"])
        outcome = "undecided"
        if app != App.UNKNOWN:
            outcome = "right" if is_same(label, app, int(decision["also"])) else "wrong"
            if label.kind == Kind.NOT_VOIP and int(decision["kind"]) == Kind.TUNNEL:
                outcome = "right"
        counts[name_of(label)][outcome] += 1
        if label.kind not in CALLS and int(decision["kind"]) in CALLS:
            false_calls.append((capture, name_of(label), APP_NAMES[app]))
    print(f"\n{'evidence alone':34}{'flows':>8}{'right':>8}{'wrong':>8}{'undecided':>11}")
    for name, count in sorted(counts.items()):
        print(f"{name:34}{count.total():8}{count['right']:8}{count['wrong']:8}{count['undecided']:11}")
    others = sum(count.total() for name, count in counts.items() if "/call-" not in name)
    print(f"\n{len(false_calls)} false calls in {others} other flows")
    for capture, truth, taken in false_calls:
        print(f"  {capture}: {truth} taken for {taken}")
    return len(false_calls)


def main() -> int:
    """Measure; return 0."""
    default = os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus"
    parser = argparse.ArgumentParser(description="How every Reason does on the labelled corpus.")
    parser.add_argument("corpus", nargs="?", type=Path, default=default)
    rows = list(labelled_words(Path(parser.parse_args().corpus)))
    print_reasons(rows)
    print_decisions(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
