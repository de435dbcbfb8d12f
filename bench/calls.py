"""Host module: ``python -m bench.calls``: what the assembly of calls makes of the corpus, beside tshark's reading.

For every capture that holds calls of one application: how many records there are and how many calls tshark's packets
make (bench.talk), whether they are of the right application, have the right media, and talk for as long, to a second.
Then captures of both ends of one call: the same call to a second. Then all captures without media of calls: what calls
are found there. Every exception is printed with its reason; one without a reason makes the command fail.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

from bench.calls_known import KNOWN
from bench.talk import Talk, labelled_media, talks_of
from flowclass.calls.record import Call
from flowclass.errors import FlowclassError
from flowclass.pipeline import analyze

#: Names of the corpus that are other names in our records (the corpus' README).
OURS = {
    "google_meet": "meet", "google_call": "meet", "google_hangouts": "meet", "google_talk": "meet", "sip_rtp": "sip",
    "h323": "sip", "mgcp": "sip", "megaco": "sip", "skinny": "sip", "iax": "sip",
}  # fmt: skip
PAIRS = {"skype_teams": {"skype", "teams"}, "skype": {"skype", "teams"}, "teams": {"skype", "teams"},
         "meta_call": {"whatsapp", "messenger"}}  # fmt: skip
#: Media of telephony without its signalling has no name; bare RTP is right for it (the corpus' README).
NAMELESS = {"sip": {"sip", "rtp"}}
TOLERANCE_S = 1.0
Row = dict[str, str]


def named(app: str) -> set[str]:
    """Return the names in our records that are right for an application of the corpus."""
    ours = OURS.get(app, app)
    return PAIRS.get(app) or NAMELESS.get(ours, {ours})


def calls_of(path: Path) -> list[Call]:
    """Return the calls of a capture."""
    calls: list[Call] = []
    try:
        analyze([str(path)], lambda *_: None, on_calls=calls.extend)
    except FlowclassError as error:
        print(f"{path.name}: {error}")
    return calls


class Report:
    """Counts, and exceptions with their reasons."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.unexplained = 0

    def exception(self, path: str, what: str, found: str) -> None:
        """Print an exception and why it is one."""
        reason = KNOWN.get((path, what)) or KNOWN.get((path, "any"))
        self.totals[f"{what}: exceptions"] += 1
        self.unexplained += reason is None
        print(f"  {path}: {what}: {found}\n      {reason or 'NO REASON KNOWN'}")


def compare(path: str, row: Row, calls: list[Call], talks: list[Talk], report: Report) -> None:
    """Hold the calls of a capture against what tshark sees."""
    totals = report.totals
    totals["captures"] += 1
    wanted = named(row["call_apps"])
    shown = " ".join(f"{call.app}/{call.outcome}/{call.talk_s:.1f}s/{call.media or '-'}" for call in calls) or "none"
    seen = " ".join(f"{talk.talk_s:.1f}s/{talk.media or '-'}" for talk in talks) or "none"
    totals["captures with exactly one call"] += len(calls) == 1
    totals["captures with several calls"] += len(calls) > 1
    if len(calls) != len(talks):
        report.exception(path, "number", f"{shown}; tshark: {seen}")
    wrong = [call for call in calls if call.app not in wanted and not wanted & set(call.candidates)]
    totals["calls"] += len(calls)
    if wrong:
        report.exception(path, "application", f"{shown}; wanted {row['call_apps']}")
    for call in calls:
        talk = max(talks, key=lambda talk: min(call.end, talk.end) - max(call.start, talk.begin), default=None)
        if talk is None or min(call.end, talk.end) <= max(call.start, talk.begin):
            continue
        totals["calls beside tshark"] += 1
        totals["talk within 1 s"] += abs(call.talk_s - talk.talk_s) <= TOLERANCE_S
        if abs(call.talk_s - talk.talk_s) > TOLERANCE_S:
            report.exception(path, "talk", f"{call.talk_s:.1f} s; tshark: {talk.talk_s:.1f} s")
        if talk.media:
            totals["calls whose sizes tell the media"] += 1
            # Packets of a shared screen have the sizes of video.
            media = "+".join(sorted({kind.replace("share", "video") for kind in call.media.split("+")}))
            totals["media right"] += media == talk.media
            if media != talk.media:
                report.exception(path, "media", f"{call.media or 'none'}; by packet sizes {talk.media}")


def both_ends(found: dict[str, tuple[Row, list[Call]]], report: Report) -> None:
    """Compare captures of one group that ran at the same time and hold one answered call of an application each."""
    by_group: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, (row, calls) in found.items():
        if len(calls) == 1 and calls[0].outcome == "answered":
            by_group[row["group"], row["call_apps"]].append(path)
    for paths in by_group.values():
        for place, one in enumerate(paths):
            for other in paths[place + 1 :]:
                (row_1, (call_1,)), (row_2, (call_2,)) = found[one], found[other]
                shared = min(call_1.end, call_2.end) - max(call_1.start, call_2.start)
                if shared < 0.5 * min(call_1.end - call_1.start, call_2.end - call_2.start):
                    continue
                if row_1["sha256"] == row_2["sha256"]:
                    continue
                report.totals["pairs of both ends"] += 1
                same = abs(call_1.talk_s - call_2.talk_s) <= TOLERANCE_S
                report.totals["pairs within 1 s"] += same
                if not same:
                    report.exception(f"{one} and {other}", "both ends", f"{call_1.talk_s:.1f} s, {call_2.talk_s:.1f} s")


def without_calls(rows: list[Row], folder: Path, report: Report) -> None:
    """Print what calls are found where no media of calls is labelled."""
    for row in rows:
        report.totals["captures without media of calls"] += 1
        for call in calls_of(folder / "captures" / row["path"]):
            if call.app == "sip" and not call.media_flows:
                # What its messages say needs no media to be believed.
                report.totals["SIP dialogs there"] += 1
                continue
            kind = "calls with media there" if call.media_flows else "attempts there"
            report.totals[kind] += 1
            report.exception(
                row["path"], "call", f"{call.app}/{call.outcome}/{call.talk_s:.1f}s {' '.join(call.reasons[-2:])}"
            )


def main() -> int:
    """Print the exceptions and the totals; return 1 when an exception has no reason."""
    folder = Path(os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    flows = labelled_media(folder)
    report = Report()
    found: dict[str, tuple[Row, list[Call]]] = {}
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if int(row["n_call_media"]) and len(row["call_apps"].split()) == 1:
            path = folder / "captures" / row["path"]
            calls = calls_of(path)
            found[row["path"]] = row, calls
            compare(row["path"], row, calls, talks_of(path, flows[row["path"]]), report)
    both_ends(found, report)
    without_calls([row for row in rows if not int(row["n_call_media"])], folder, report)
    print(*(f"{name}: {count}" for name, count in report.totals.items()), sep="\n")
    return 1 if report.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
