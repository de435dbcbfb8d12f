"""PACKET rows against tshark on the corpus; ``python -m tests.differential.tshark CAPTURE…`` compares any capture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowclass.record.status import Status
from tests.differential.tshark import DIFFERENCES, compare, expected

#: Captures whose name has one of these are compared too: between them every encapsulation of the corpus.
ENCAPSULATIONS = (
    "6in4", "4in6", "6to4", "cooked", "erspan", "frag", "geneve", "gre", "gtp", "hdlc", "ipip", "ipoip", "l2tp",
    "mpls", "nflog", "ppi", "ppp", "pptp", "qinq", "radiotap", "sctp", "sll", "tunnel", "vlan", "vxlan", "wlan",
)  # fmt: skip
LARGEST_BYTES = 60_000


def captures_of(corpus: Path) -> list[Path]:
    """Return every 80th small capture, and those named after an encapsulation."""
    root = corpus / "captures"
    small = sorted(path for path in root.rglob("*") if path.is_file() and path.stat().st_size < LARGEST_BYTES)
    small = [path for path in small if path.relative_to(root).as_posix() not in DIFFERENCES["captures"]]
    named = [path for path in small if any(word in path.name.lower() for word in ENCAPSULATIONS)]
    return sorted({*small[::80], *named})


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_rows__equal_tshark_s_fields(corpus: Path) -> None:
    captures = captures_of(corpus)
    assert len(captures) > 40
    problems = {path.name: found[:3] for path in captures if (found := compare(path))}
    assert not problems


def test_differences__each_has_a_reason() -> None:
    assert all(
        isinstance(reason, str) and len(reason) > 7 for table in DIFFERENCES.values() for reason in table.values()
    )
    assert set(DIFFERENCES["refused"]) <= {status.name for status in Status}


def test_expected__takes_the_innermost_packet_and_leaves_quotations() -> None:
    row = {
        "frame.protocols": ["eth:ethertype:ip:gre:ip:icmp:ip:udp"],
        "ip.src": ["192.0.2.1", "10.0.0.1", "10.0.0.9"],
        "ip.dst": ["192.0.2.2", "10.0.0.2", "10.0.0.8"],
        "ip.proto": ["47", "1", "17"],
        "ip.len": ["100", "76", "40"],
        "ip.id": ["0x0001", "0x0002", "0x0003"],
        "ip.ttl": ["64", "63", "62"],
    }
    found = expected(row)
    assert found is not None
    assert (str(found["src"]), found["proto"], found["ip_bytes"], "sport" in found) == ("10.0.0.1", 1, 76, False)
