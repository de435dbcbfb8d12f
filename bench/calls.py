"""Host module: ``python -m bench.calls``: calls found in each capture of the corpus that is known to hold calls of one
application: how many records, of which application, with how much talk."""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from pathlib import Path

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


def named(app: str) -> set[str]:
    """Return the names in our records that are right for an application of the corpus."""
    ours = OURS.get(app, app)
    return NAMELESS.get(ours, {ours})


def main() -> int:
    """Print a line a capture and the totals."""
    folder = Path(os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    totals: Counter[str] = Counter()
    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["n_call_media"]) and len(row["call_apps"].split()) == 1]
    for row in rows:
        wanted = PAIRS.get(row["call_apps"]) or named(row["call_apps"])
        calls: list[Call] = []
        try:
            analyze([str(folder / "captures" / row["path"])], lambda *_: None, on_calls=calls.extend)
        except FlowclassError as error:
            print(f"{row['path']}: {error}")
        right = [call for call in calls if call.app in wanted or wanted & set(call.candidates)]
        totals["captures"] += 1
        totals["one call of the right application"] += len(right) == 1 == len(calls)
        totals["none of it"] += not right
        totals["several of it"] += len(right) > 1
        totals["calls of other names"] += len(calls) - len(right)
        found = " ".join(f"{call.app}:{call.outcome}:{call.talk_s:.1f}s" for call in calls)
        print(f"{row['path']}  wanted {row['call_apps']}  found {found or 'none'}")
    print(*(f"{name}: {count}" for name, count in totals.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
