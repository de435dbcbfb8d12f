"""The laboratory's recordings of real software: small, labelled, and called by ``analyze`` what they are."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pcaps.lab.net import FAR, NEAR, why_not
from pcaps.lab.record import FOLDER, LABELS, record, rows_of
from pcaps.lab.talks import TALKS

LARGEST_BYTES, ALL_BYTES = 150_000, 2_000_000
#: Right names of what has more than one: media of telephony or WebRTC without a nameable application, and no call.
RIGHT = {
    ("sip", "call-media"): {"sip", "rtp"},
    ("webrtc", "call-media"): {"webrtc", "rtp"},
}
NO_CALL = {"other", "unknown"}
#: Seconds of a call of about ten inside a tunnel that must be found.
LEAST_VOICE_S = 7


def labels() -> list[dict[str, str]]:
    with LABELS.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, dict[str, Any]]:
    """Return every flow record of the recordings by capture, protocol and ends."""
    out = tmp_path_factory.mktemp("lab") / "flows.jsonl"
    names = sorted({row["capture"] for row in labels()})
    subprocess.run(
        [sys.executable, "-m", "flowclass", "analyze", "--quiet", "--separate", "--flows", str(out), *names],
        cwd=FOLDER,
        check=True,
        capture_output=True,
    )
    records = [json.loads(line) for line in out.read_text().splitlines()]
    return {key_of(flow): flow for flow in records}


def key_of(row: dict[str, Any]) -> Any:
    ends = frozenset([(row["src"], int(row["sport"])), (row["dst"], int(row["dport"]))])
    return row["capture"], int(row["proto"]), ends


@pytest.mark.parametrize("name", TALKS)
def test_labels_are_those_of_the_recording(name: str) -> None:
    made = [{column: str(value) for column, value in row.items()} for row in
            rows_of(name, TALKS[name], FOLDER / f"{name}.pcap")]  # fmt: skip
    kept = [row for row in labels() if row["capture"] == f"{name}.pcap"]
    assert sorted(made, key=lambda row: row["sport"]) == sorted(kept, key=lambda row: row["sport"])


def test_recordings_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("*.pcap")}
    assert {name: size for name, size in sizes.items() if size > LARGEST_BYTES} == {}
    assert sum(sizes.values()) <= ALL_BYTES


def test_hosts_are_those_of_the_laboratory() -> None:
    assert {row[side] for row in labels() for side in ("src", "dst")} == {NEAR, FAR}


@pytest.mark.parametrize("row", labels(), ids=lambda row: f"{row['capture']}:{row['sport']}-{row['dport']}")
def test_analyze_calls_it_what_it_is(flows: Any, row: dict[str, str]) -> None:
    flow = flows[key_of(row)]
    if row["kind"] == "not-voip":
        assert flow["app"] in NO_CALL
        return
    assert flow["app"] in RIGHT.get((row["app"], row["kind"]), {row["app"]})
    assert flow["kind"] == row["kind"]


@pytest.mark.parametrize("name", [name for name, talk in TALKS.items() if talk.voice is not None])
def test_speech_is_found_in_the_tunnels_that_carry_it(flows: Any, name: str) -> None:
    heard = [flow["voice_like_s"] for (capture, _, _), flow in flows.items() if capture == f"{name}.pcap"]
    seconds = sum(second or 0 for second in heard)
    assert seconds >= LEAST_VOICE_S if TALKS[name].voice else seconds == 0


def test_a_call_is_recorded_and_labelled(tmp_path: Path) -> None:
    missing = why_not(*TALKS["sip-gsm"].programs)
    if missing:
        pytest.skip(missing)
    rows = record("sip-gsm", TALKS["sip-gsm"], tmp_path / "sip-gsm.pcap")
    assert {(row["app"], row["kind"]) for row in rows} == {("sip", "call-signalling"), ("sip", "call-media")}
    assert sum(row["packets"] for row in rows) > 250
