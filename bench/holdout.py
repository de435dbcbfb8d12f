"""Host module: what evidence hangs on, and what is left of it on captures it was not written from.

``python -m bench.holdout [CORPUS]`` runs the product's meter over every capture with call media, under several views,
and prints three tables about evidence alone (no model, no correlation):

1. By application and view, the share of media flows named right: by all Reasons; with the stream habits *as they would
   have been written without this group of captures* (payload types and steps that no other group of the application
   shows are taken out of the tables); and without any stream habit. A habit that only one group shows is lost to it.
   Telephony's habits are RFC 3551's and stay whole in the second.
2. By Reason, on how many flows it fires, in how many groups, and how many verdicts hang on it: right with it, not right
   when it alone is taken away. What hangs on a Reason that one group shows is tuned to one file until proved otherwise.
3. How many verdicts hang on any one Reason at all.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.reasons import decide_all
from flowclass.apps._fused import MODULES, REASON_WORDS, REASONS
from flowclass.apps.app import Reason
from flowclass.apps.decide import DECISION
from flowclass.apps.habits import HABITS, has_clock
from flowclass.errors import CaptureError
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.jit import entry
from flowclass.model.labels import Label
from flowclass.record.verdict import APP_NAMES, Kind, Strength
from flowclass.training.corpus import Capture, captures_of, key_of
from flowclass.training.samples import SETTINGS
from flowclass.training.score import right_of
from flowclass.training.views import VIEWS, Frames, View, blocks_of, read_frames

#: The issue's own views, and those in which no handshake is left.
SHOWN = ("whole", "first-5", "late-20", "late-100", "forward", "reverse", "snap-96", "window-1s", "media-only")
#: Place in the catalog of the module whose habits are RFC 3551's.
TELEPHONY = MODULES.index("rtp")
#: What a stream shows of a habit: place in HABITS, payload type, smallest timestamp step.
Shown = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """One media flow under one view."""

    label: Label
    group: str
    flow: object
    view: str
    words: np.ndarray
    shown: tuple[Shown, ...]


@entry
def _clock_fits(habits: np.ndarray, place: int, stream: np.void) -> bool:
    """Whether a MEDIA row runs by the clock of a habit."""
    return bool(has_clock(habits[place], stream))


def _shown(media: np.ndarray) -> Iterator[Shown]:
    """Yield what the streams of a flow show of the habits."""
    for stream in media:
        payload_type, step = int(stream["payload_type"]), int(stream["step_least"])
        size = int(stream["bytes"]) // max(int(stream["packets"]), 1)
        for place, habit in enumerate(HABITS):
            is_type = int(habit["types"][payload_type >> 6]) >> (payload_type & 63) & 1
            is_step = habit["any_step"] or step in habit["steps"]
            is_profile = habit["profile"] < 0 or habit["profile"] == stream["extension"]
            is_source = habit["ssrc_least"] <= stream["ssrc"] <= habit["ssrc_most"]
            is_size = habit["size_least"] <= size <= habit["size_most"]
            if is_type and is_step and is_profile and is_source and is_size and _clock_fits(HABITS, place, stream):
                yield place, payload_type, 0 if habit["any_step"] else step


def _batches(frames: Frames, view: View) -> Iterator[FlowBatch]:
    meter = FlowMeter(SETTINGS)
    for block in blocks_of(frames, view):
        yield from meter.add(block.data, block.refs, block.first_frame)
    yield from meter.drain()


def rows_of(capture: Capture, views: Sequence[View]) -> Iterator[Row]:
    """Yield the labelled media flows of a capture under every view, the pieces of a flow together.

    Raises
    ------
    CaptureError
        When the capture cannot be read.
    """
    frames = read_frames(str(capture.path))
    for view in views:
        words: dict[object, np.ndarray] = {}
        shown: dict[object, set[Shown]] = defaultdict(set)
        for batch in _batches(frames, view):
            for place, flow in enumerate(batch.flows):
                key = key_of(flow)
                truth = capture.flows.get(key)
                if truth is None or truth.label.kind != Kind.CALL_MEDIA:
                    continue
                words[key] = words.get(key, np.zeros(REASON_WORDS, np.uint32)) | flow["reasons"]
                shown[key].update(_shown(batch.media[batch.media["flow"] == place]))
        for key, word in words.items():
            label = capture.flows[key].label  # type: ignore[index]
            yield Row(label, capture.group, (capture.name, key), view.name, word, tuple(sorted(shown[key])))


def name_of(label: Label) -> str:
    """Return whose flows these are: Skype and Teams are one media stack."""
    return "teams+skype" if APP_NAMES[label.app] in ("teams", "skype") else APP_NAMES[label.app]


def right(rows: Sequence[Row], words: np.ndarray) -> np.ndarray:
    """Return bool[n]: do these reasons name the rows right."""
    decisions = np.zeros(len(rows), DECISION)
    decide_all(np.ascontiguousarray(words, np.uint32), decisions)
    app, also = decisions["app"].astype(np.uint64), decisions["also"].astype(np.uint64)
    candidates = (np.uint64(1) << app) | (np.uint64(1) << also)
    found = np.zeros(len(rows), bool)
    for place, row in enumerate(rows):
        one = slice(place, place + 1)
        found[place] = right_of(row.label, decisions["app"][one], decisions["kind"][one], candidates[one])[0]
    return found


def without_habits(rows: Sequence[Row], words: np.ndarray) -> np.ndarray:
    """Return the reasons without those of stream habits."""
    masked = words.copy()
    for habit in HABITS:
        masked[:, habit["word"]] &= ~habit["bit"]
    return masked


def as_if_unseen(rows: Sequence[Row], words: np.ndarray) -> np.ndarray:
    """Return the reasons with habits rebuilt from the application's other groups for every row."""
    groups: dict[tuple[str, Shown], set[str]] = defaultdict(set)
    for row in rows:
        for one in row.shown:
            groups[name_of(row.label), one].add(row.group)
    masked = without_habits(rows, words)
    for place, row in enumerate(rows):
        for one in row.shown:
            habit = HABITS[one[0]]
            if groups[name_of(row.label), one] - {row.group} or habit["word"] == TELEPHONY:
                masked[place, habit["word"]] |= words[place, habit["word"]] & habit["bit"]
    return masked


def print_generalisation(rows: Sequence[Row], words: np.ndarray) -> None:
    """Print the first table."""
    ways = (
        right(rows, words),
        right(rows, as_if_unseen(rows, words)),
        right(rows, without_habits(rows, words)),
    )
    names = sorted({name_of(row.label) for row in rows})
    print("media flows named right by evidence: by all reasons / habits without this group / no habits, per cent")
    print(f"{'':12}{'groups':>7}" + "".join(f"{view:>14}" for view in SHOWN))
    for name in (*names, "all"):
        mine = np.array([name in ("all", name_of(row.label)) for row in rows])
        count = len({row.group for row, is_mine in zip(rows, mine, strict=True) if is_mine})
        line = f"{name:12}{count:7}"
        for view in SHOWN:
            here = mine & np.array([row.view == view for row in rows])
            line += (
                f"{'–':>14}" if not here.any() else f"{'/'.join(f'{way[here].mean():.0%}'[:-1] for way in ways):>14}"
            )
        print(line)


def print_hanging(rows: Sequence[Row], words: np.ndarray) -> None:
    """Print the second and the third table."""
    base = right(rows, words)
    hangs_at_all = np.zeros(len(rows), bool)
    whole = np.array([row.view == "whole" for row in rows])
    print(f"\n{'reason':34}{'strength':>9}{'groups':>8}{'flows':>7}{'verdicts':>10}{'hang':>7}{'in groups':>11}")
    for module, reasons in enumerate(REASONS):
        for position, reason in enumerate(reasons):
            if reason.strength < Strength.STRONG or reason.kind not in (Kind.CALL_MEDIA, Kind.CALL_SIGNALLING):
                continue
            fired = np.flatnonzero(words[:, module] >> np.uint32(position) & 1)
            if not len(fired):
                continue
            less = words[fired].copy()
            less[:, module] &= ~np.uint32(1 << position)
            some = [rows[place] for place in fired]
            hanging = base[fired] & ~right(some, less)
            hangs_at_all[fired[hanging]] = True
            _print_reason(module, reason, some, whole[fired], base[fired], hanging)
    print(f"\n{int(base.sum())} right verdicts in all views, {int((base & hangs_at_all).sum())} hang on one reason")


def _print_reason(
    module: int, reason: Reason, some: Sequence[Row], whole: np.ndarray, base: np.ndarray, hanging: np.ndarray
) -> None:
    groups = {row.group for row in some}
    hang_groups = {row.group for row, hangs in zip(some, hanging, strict=True) if hangs}
    note = "  one group" if len(groups) == 1 and hanging.any() else ""
    print(
        f"{MODULES[module] + '.' + reason.name:34}{Strength(reason.strength).name.lower():>9}{len(groups):8}"
        f"{int(whole.sum()):7}{int(base.sum()):10}{int(hanging.sum()):7}{len(hang_groups):11}{note}"
    )


def main() -> int:
    """Measure; return 0."""
    default = os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus"
    parser = argparse.ArgumentParser(description="What evidence hangs on, group by group of captures.")
    parser.add_argument("corpus", nargs="?", type=Path, default=default)
    views = [view for view in VIEWS if view.name in SHOWN]
    rows: list[Row] = []
    for capture in captures_of(Path(parser.parse_args().corpus)):
        if any(truth.label.kind == Kind.CALL_MEDIA for truth in capture.flows.values()):
            try:
                rows += rows_of(capture, views)
            except CaptureError as error:
                print(f"{capture.name}: {error}", file=sys.stderr)
    words = np.array([row.words for row in rows], np.uint32)
    print_generalisation(rows, words)
    print_hanging(rows, words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
