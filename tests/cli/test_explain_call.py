"""``flowclass explain --call`` from the outside: one of our own captures, and the cases that have no call."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.cli.main import main
from tests.cli.captures import pcap, udp, write
from tests.e2e.test_own_captures import PCAPS
from tests.messages import rtp

CAPTURE = str(PCAPS / "whatsapp" / "call-2019.pcap")


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what explain prints."""
    assert main(["explain", CAPTURE, *arguments]) == 0
    return capsys.readouterr().out


def table(out: str) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of the table under the timeline."""
    lines = out[out.index("    seconds") :].splitlines()
    headings = [part.strip() for part in lines[0].split("  ") if part.strip()]
    return headings, [line.split() for line in lines[1:] if line.strip() and line.strip() != "..."]


def test_call_has_flows_events_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys, "--call")
    assert out.count("call-signalling") == 5
    words = ["set-up begins", "media through a relay", "the conversation begins", "media straight to the peer"]
    places = [out.index(word) for word in words]
    assert places == sorted(places)
    headings, rows = table(out)
    assert headings[:4] == ["seconds", "no media", "relay up", "relay down"]
    assert {len(row) for row in rows} == {len(headings)}


def test_table_adds_up_to_the_records_packets(capsys: pytest.CaptureFixture[str]) -> None:
    headings, rows = table(explained(capsys, "--call"))
    sums = {
        heading: sum(int(row[place].replace(".", "0")) for row in rows)
        for place, heading in enumerate(headings)
        if place
    }
    assert (sums["relay up"] + sums["p2p up"], sums["relay down"] + sums["p2p down"]) == (56, 56)
    assert (sums["lost up"], sums["lost down"]) == (0, 0)


def test_packets_that_come_late_were_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, copied = range(60, 70), range(120, 126)
    order = [*(number for number in range(300) if number not in missing)]
    # Those missing in the second second come in the third; copies come in the fourth.
    order[110:110], order[170:170] = missing, copied
    ends = ("10.0.0.1", 4000), ("203.0.113.9", 5000)
    frames = [
        (place * 20_000 + 5_000 * way, udp(*ends[way], *ends[1 - way], rtp(111, number, ssrc=way + 1)))
        for place, number in enumerate(order)
        for way in range(2)
    ]
    path = tmp_path / "late.pcap"
    path.write_bytes(pcap(frames))
    assert main(["explain", str(path), "--call"]) == 0
    headings, rows = table(capsys.readouterr().out)
    assert len(rows) == 7
    assert {row[headings.index("lost up")] for row in rows} == {"."}


def test_flow_names_its_call(capsys: pytest.CaptureFixture[str]) -> None:
    whole = explained(capsys, "--call")
    flow_id = next(line.split()[-1] for line in whole.splitlines() if "call-signalling" in line)
    assert explained(capsys, flow_id, "--call") == whole


def test_call_id_names_one_call_of_several_on_a_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = ("10.0.0.1", 5060), ("203.0.113.9", 5060)
    invites = [f"INVITE sip:b@h SIP/2.0\r\nCall-ID: {name}\r\nCSeq: 1 INVITE\r\n\r\n".encode() for name in "xyz"]
    path = tmp_path / "sip.pcap"
    path.write_bytes(pcap([(place * 1_000_000, udp(*ends[0], *ends[1], one)) for place, one in enumerate(invites)]))
    assert main(["explain", str(path), "--call"]) == 0
    calls = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("call ")]
    assert len(set(calls)) == len(invites)
    for call in calls:
        assert main(["explain", str(path), call, "--call"]) == 0
        assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("call ")] == [
            f"call {call}  sip  client 10.0.0.1"
        ]


def test_calls_one_after_another_on_a_flow_have_their_own_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = ("10.0.0.1", 4000), ("203.0.113.9", 5000)
    frames = [
        (
            call * 30_000_000 + number * 20_000 + way,
            udp(*ends[way], *ends[1 - way], rtp(111, number, ssrc=8 * call + way)),
        )
        for call in (1, 2)
        for number in range(200)
        for way in range(2)
    ]
    path = tmp_path / "two.pcap"
    path.write_bytes(pcap(frames))
    assert main(["explain", str(path), "--call"]) == 0
    out = capsys.readouterr().out
    assert out.count("  400 packets") == 2
    assert {line.split()[0] for line in out.splitlines() if line.strip()[:1].isdigit() and " s " not in line} == set(
        "0123"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--call"], 1, "has no calls"),
        (["0123456789abcdef", "--call"], 1, "has no call 0123456789abcdef, nor one with a flow of that name"),
        ([], 2, "name a flow, or ask for --call"),
    ],
)
def test_nothing_to_explain(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", write(tmp_path), *arguments]) == code
    assert words in capsys.readouterr().err
