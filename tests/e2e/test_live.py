"""A wire and a file give the same records: real calls, SIP dialogs and attempts, by one worker and by two.

They are played at their own pace over a wire between two network namespaces.

What is compared is everything but absolute times, and flow_id, which is made of the time of a flow's first packet;
times are compared as distances, within the replay's jitter.
"""

from __future__ import annotations

import csv
import os
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowclass.capture.source import open_source
from tests.live import Running, Wire, ip_link, records, until, wire

PCAPS = Path(__file__).parents[2] / "pcaps"
CORPUS = Path(os.environ.get("FLOWCLASS_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
#: Seconds of each capture, from its first packet of media on; all are played at once.
PLAYED_S = 8.0
#: Captures of the corpus with SIP dialogs and attempts, played from their first signalling on.
ATTEMPTS = (
    "nDPI/whatsapp_voice_and_message.pcap", "LINFO1341-Baboushka/K3AW-LeaveBeforeResponse.pcapng",
    "heplify/FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", "PcapPlusPlus/sip_non_default_port.pcap",
)  # fmt: skip
NS_PER_S = 1_000_000_000
ETHERNET = 1
#: Applications of the corpus of which one capture each is played.
APPS = ("whatsapp", "viber", "skype", "teams", "telegram", "zoom", "discord", "signal")
#: How much tcpreplay and a busy machine may move a packet, in s.
JITTER_S = 0.5
FLOW_SAME = (
    "community_id", "proto", "src", "sport", "dst", "dport", "tunnel", "packets", "bytes", "fwd_packets",
    "rev_packets", "fwd_bytes", "rev_bytes", "app", "kind", "candidates", "decided_by", "reasons",
)  # fmt: skip
CALL_SAME = (
    "app", "candidates", "client", "outcome", "media_flows", "packets_up", "packets_down", "loss_up",
    "loss_down", "media", "path", "bytes_up", "bytes_down", "cut_start", "cut_end",
)  # fmt: skip
STREAM_SAME = ("ssrc", "direction", "payload_type", "packets", "lost", "reordered", "duplicates")
#: Of labels that the model gave, by gaps among other things, this share may differ on a busy machine.
MODEL_MAY_DIFFER = 0.2


def frames_of(capture: Path, begin_s: float | None) -> Iterator[tuple[int, bytes]]:
    """Give (ns from the beginning, frame) of the seconds that are played."""
    source = open_source([str(capture)])
    begin = None if begin_s is None else round(begin_s * NS_PER_S) - NS_PER_S
    for block in source.blocks():
        for ref in block.refs:
            begin = int(ref["ts_ns"]) if begin is None else begin
            age = int(ref["ts_ns"]) - begin
            if 0 <= age < PLAYED_S * NS_PER_S and ref["linktype"] == ETHERNET:
                lo = int(ref["offset"])
                yield age, bytes(block.data[lo : lo + int(ref["caplen"])])
    source.close()


def written(folder: Path, frames: list[tuple[int, bytes]]) -> Path:
    """Write frames, sorted by time, as a capture."""
    path = folder / "played.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, ETHERNET))
        for age, frame in sorted(frames, key=lambda one: one[0]):
            ts = 1_700_000_000 * NS_PER_S + age
            file.write(struct.pack("<IIII", ts // NS_PER_S, ts % NS_PER_S // 1000, len(frame), len(frame)) + frame)
    return path


def chosen(corpus: Path) -> Iterator[tuple[Path, float]]:
    """Give (capture, when its media begins) for one Ethernet capture of each application."""
    with (corpus / "index.csv").open(newline="") as file:
        ethernet = {row["path"] for row in csv.DictReader(file) if row["linktype"] in ("1", "EN10MB", "Ethernet")}
    first: dict[tuple[str, str], float] = {}
    asked: dict[str, float] = {}
    with (corpus / "flows.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "call-signalling" and row["capture"] in ATTEMPTS:
                asked[row["capture"]] = min(asked.get(row["capture"], float("inf")), float(row["start_ts"]))
            if row["kind"] == "call-media" and row["capture"] in ethernet and int(row["packets"]) > 500:
                key = row["app"], row["capture"]
                first[key] = min(first.get(key, float("inf")), float(row["start_ts"]))
    for app in APPS:
        mine = sorted((capture, begin) for (name, capture), begin in first.items() if name == app)
        for capture, begin in mine[:1]:
            yield corpus / "captures" / capture, begin
    for capture in ATTEMPTS:
        yield corpus / "captures" / capture, asked[capture]


@pytest.fixture
def veth() -> Iterator[Wire]:
    with wire(apart=True) as made:
        # Captures hold frames that a card has merged.
        made.run("ip", "link", "set", made.near, "mtu", "65535")
        ip_link("set", made.far, "mtu", "65535")
        # Neither end must answer what it sees.
        made.run("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{made.near}/disable_ipv6")
        Path(f"/proc/sys/net/ipv6/conf/{made.far}/disable_ipv6").write_text("1")
        yield made


def offline(capture: Path, config: Path, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the flow and call records of a file."""
    flows, calls = folder / "offline.jsonl", folder / "offline-calls.jsonl"
    command = [sys.executable, "-m", "flowclass", "analyze", "--quiet", "--config", config, "--flows", flows]
    subprocess.run([*command, "--calls", calls, capture], check=True, capture_output=True)
    return records(flows), records(calls)


def play(veth: Wire, frames: list[tuple[int, bytes]]) -> None:
    """Send frames at their own pace; what is late on a busy machine does not delay the rest, as it does tcpreplay."""
    with veth.socket() as sock:
        began = time.monotonic_ns()
        for age, frame in sorted(frames, key=lambda one: one[0]):
            ahead = age - (time.monotonic_ns() - began)
            if ahead > 0:
                time.sleep(ahead / NS_PER_S)
            sock.send(frame)


def live(
    veth: Wire, frames: list[tuple[int, bytes]], config: Path, folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the flow and call records of the same packets on a wire."""
    flows, calls = folder / "live.jsonl", folder / "live-calls.jsonl"
    options = ("--config", str(config), "--flows", str(flows), "--calls", str(calls))
    with Running(veth.far, folder, *options) as service:
        play(veth, frames)
        until("all packets", lambda: service.metric("flowclass_read_packets_total") == len(frames))
        assert service.stop() == 0
    return records(flows), records(calls)


def essence(flow: dict[str, Any]) -> tuple[str, ...]:
    """Return what must be the same of a flow."""
    return tuple(str(flow[name]) for name in FLOW_SAME)


def key(flow: dict[str, Any]) -> tuple[Any, ...]:
    """Return what names a flow in both."""
    return tuple(str(flow[name]) for name in FLOW_SAME[:8])


def call_essence(call: dict[str, Any]) -> tuple[Any, ...]:
    """Return what must be the same of a call."""
    streams = sorted(tuple(str(stream[name]) for name in STREAM_SAME) for stream in call["streams"])
    return (*(str(call[name]) for name in CALL_SAME), str(len(call["flows"])), tuple(streams))


def compare(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Compare flow records."""
    assert sorted(map(key, found)) == sorted(map(key, expected))
    by_model = [flow for flow in expected if flow["decided_by"] == "model"]
    firm = {essence(flow) for flow in expected if flow["decided_by"] != "model"}
    assert firm <= {essence(flow) for flow in found}
    differing = {essence(flow) for flow in by_model} - {essence(flow) for flow in found}
    assert len(differing) <= MODEL_MAY_DIFFER * max(len(by_model), 1 / MODEL_MAY_DIFFER)


def compare_calls(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Compare call records: in the order of what names them, since times differ."""
    found, expected = sorted(found, key=call_essence), sorted(expected, key=call_essence)
    assert [call_essence(call) for call in found] == [call_essence(call) for call in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["talk_s"] == pytest.approx(other["talk_s"], abs=JITTER_S)
        assert one["end"] - one["start"] == pytest.approx(other["end"] - other["start"], abs=JITTER_S)


def check(veth: Wire, frames: list[tuple[int, bytes]], folder: Path, workers: int) -> list[dict[str, Any]]:
    """Play frames over a wire, compare what the service says of them with what `analyze` says, and return the calls."""
    capture = written(folder, frames)
    config = folder / "flowclass.toml"
    config.write_text(f"[meter]\nseed = 7\n[capture]\nworkers = {workers}\n")
    flows, calls = offline(capture, config, folder)
    assert calls
    found, found_calls = live(veth, frames, config, folder)
    compare(found, flows)
    compare_calls(found_calls, calls)
    return calls


@pytest.mark.parametrize("workers", [1, 2])
def test_own_captures(veth: Wire, tmp_path: Path, workers: int) -> None:
    captures = ("whatsapp/call-2019", "viber/call-2024", "skype/call-2017", "teams/call-2020", "lab/sip-opus")
    frames = [frame for name in captures for frame in frames_of(PCAPS / f"{name}.pcap", None)]
    calls = check(veth, frames, tmp_path, workers)
    assert any(call["app"] == "sip" and call["ended_by"] == "bye" for call in calls)


@pytest.mark.parametrize("workers", [1, 2])
def test_corpus(veth: Wire, tmp_path: Path, workers: int) -> None:
    if not (CORPUS / "index.csv").is_file():
        pytest.skip("no corpus: set FLOWCLASS_CORPUS")
    frames = [frame for capture, begin in chosen(CORPUS) for frame in frames_of(capture, begin)]
    calls = check(veth, frames, tmp_path, workers)
    apps = Counter(call["app"] for call in calls if not call["media_flows"])
    assert apps.keys() >= {"sip", "whatsapp", "teams"}
