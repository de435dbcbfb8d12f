"""``flowclass explain`` from the outside."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from flowclass.cli.main import main
from tests.cli.captures import pcap, two_flows, udp, write

RELAY, CLIENT = ("198.51.100.7", 3478), ("192.0.2.1", 50000)


def test_explain__by_tuple_in_reverse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path), "198.51.100.7:9999-192.0.2.1:5000/udp"]) == 0
    out = capsys.readouterr().out
    assert "192.0.2.1:5000 -> 198.51.100.7:9999" in out
    assert "6 packets" in out
    assert "first frame 1" in out


def stun(kind: int) -> bytes:
    """Return an empty STUN message (RFC 8489 §5)."""
    return struct.pack("!HHI12s", kind, 0, 0x2112A442, b"abcdefghijkl")


def test_explain__names_the_frame_of_the_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binding, metas_ping = stun(0x0001), stun(0x0801)
    talk = [(80_000, udp(*CLIENT, *RELAY, binding)), (90_000, udp(*CLIENT, *RELAY, metas_ping))]
    path = tmp_path / "stun.pcap"
    path.write_bytes(pcap([*two_flows(), *talk]))
    assert main(["explain", str(path), "192.0.2.1:50000-198.51.100.7:3478/udp"]) == 0
    out = capsys.readouterr().out
    assert "first frame 8" in out
    assert "whatsapp.call-type (certain, frame 9): " in out
    assert "whatsapp (call-signalling)" in out


@pytest.mark.parametrize(
    ("flow", "code"), [("192.0.2.1:1-192.0.2.2:2/udp", 1), ("nonsense", 2), ("0123456789abcdef", 1)]
)
def test_explain__no_such_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str], flow: str, code: int) -> None:
    assert main(["explain", write(tmp_path), flow]) == code
    assert capsys.readouterr().err.startswith("flowclass: ")


def test_explain__needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-", "0123456789abcdef"]) == 1
    assert "reads its capture twice" in capsys.readouterr().err
