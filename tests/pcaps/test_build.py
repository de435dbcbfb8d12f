"""The captures are what their scripts make, small, and free of anybody's addresses."""

from __future__ import annotations

import csv
import io
import ipaddress
from pathlib import Path

import dpkt
import pytest

from pcaps.build import LABELS, labels_text, main, scripts
from pcaps.craft import FOLDER, perform

SCRIPTS = scripts()
#: Private (RFC 1918), documentation (RFC 5737, RFC 3849), and multicast, which belongs to nobody.
ALLOWED = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "2001:db8::/32")
)


def name_of(script: Path) -> str:
    return script.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with LABELS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_script_makes_the_committed_bytes_and_labels(script: Path, rows: list[dict[str, str]]) -> None:
    capture, labels = perform(script)
    assert script.with_suffix("").read_bytes() == capture
    name = name_of(script).removesuffix(".py")
    assert labels_text(labels).splitlines()[1:] == [",".join(row.values()) for row in rows if row["capture"] == name]


def test_labels_name_every_capture(rows: list[dict[str, str]]) -> None:
    assert {row["capture"] for row in rows} == {name_of(script).removesuffix(".py") for script in SCRIPTS}


def test_captures_stay_small() -> None:
    ours = [path for path in FOLDER.rglob("*") if path.suffix in (".pcap", ".csv", ".py") and "lab" not in path.parts]
    sizes = {path: path.stat().st_size for path in ours}
    assert sum(sizes.values()) <= 2_000_000
    assert sizes[FOLDER / "showcase.pcap"] <= 600_000


def frames_of(path: Path) -> list[bytes]:
    return [frame for _, frame in dpkt.pcap.Reader(io.BytesIO(path.read_bytes()))]


def addresses(path: Path) -> set[str]:
    found = set()
    for frame in frames_of(path):
        packet = dpkt.ethernet.Ethernet(frame).data
        assert isinstance(packet, (dpkt.ip.IP, dpkt.ip6.IP6))
        found |= {str(ipaddress.ip_address(packet.src)), str(ipaddress.ip_address(packet.dst))}
    return found


@pytest.mark.parametrize(
    "path", [script.with_suffix("") for script in SCRIPTS if script.parent.name != "tunnels"], ids=name_of
)
def test_hosts_have_private_or_documentation_addresses(path: Path) -> None:
    found = addresses(path)
    assert found
    assert {a for a in found if not any(ipaddress.ip_address(a) in network for network in ALLOWED)} == set()


def test_labels_add_up_to_the_capture(rows: list[dict[str, str]]) -> None:
    frames = frames_of(FOLDER / "showcase.pcap")
    mine = [row for row in rows if row["capture"] == "showcase.pcap"]
    assert sum(int(row["packets"]) for row in mine) == len(frames)
    assert sum(int(row["bytes"]) for row in mine) == sum(len(frame) - 14 for frame in frames)


def test_check_says_which_file_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = next(path for path in SCRIPTS if path.name == "chat.pcap.py" and path.parent.name == "viber")
    monkeypatch.setattr("pcaps.build.scripts", lambda: [script])
    monkeypatch.setattr("pcaps.build.LABELS", FOLDER / "no-such-labels.csv")
    assert main(["--check"]) == 1
    assert "differs: no-such-labels.csv" in capsys.readouterr().out
    assert not (FOLDER / "no-such-labels.csv").exists()
