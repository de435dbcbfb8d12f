"""Peers beside us on the captures of pcaps/: both judge the same flows, and a peer that is absent is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowclass.errors import UsageError
from flowclass.model.bundle import load_default
from flowclass.training.peers.compare import OURS, compare
from flowclass.training.peers.programs import VARIABLE, NdpiReader, NFStream, mended, nfstream_python
from flowclass.training.samples import quiet

PCAPS = Path(__file__).parents[3] / "pcaps"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Return a list of the flows of one capture, with the capture beside it."""
    lines = (PCAPS / "labels.csv").read_text().splitlines()
    name = "whatsapp/call-2023.pcap"
    (tmp_path / "whatsapp").mkdir()
    shutil.copy(PCAPS / name, tmp_path / name)
    (tmp_path / "labels.csv").write_text("\n".join([lines[0], *(line for line in lines if line.startswith(name))]))
    return tmp_path / "labels.csv"


@pytest.mark.parametrize("peer", ["ndpi", "nfstream"])
def test_peer__judges_the_flows_we_judge(labels: Path, peer: str) -> None:
    if peer == "ndpi" and shutil.which("ndpiReader") is None:
        pytest.skip("ndpiReader is not installed")
    if peer == "nfstream" and not nfstream_python().is_file():
        pytest.skip("NFStream is not set up: python -m bench.peers.setup")
    found = compare(load_default(), labels, [peer], quiet, views=("whole", "late-20"))
    assert [row.view for row in found.views] == ["whole", "late-20"]
    assert list(found.contenders) == [OURS, peer]
    whole = found.views[0]
    assert whole.flows == sum(line.endswith("call-media") for line in labels.read_text().splitlines())
    assert whole.fared[OURS].right == 1
    # The streams are announced by STUN in clear: nDPI has read WhatsApp's since 2022.
    assert whole.fared[peer].right > 0
    assert sum(row.flows for row in found.apps) == whole.flows
    assert f"{peer}: right" in "\n".join(found.to_markdown())


def test_peer__that_is_not_set_up_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "python"))
    with pytest.raises(UsageError, match=r"bench\.peers\.setup"):
        NFStream()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="libndpi-bin"):
        NdpiReader()


def test_view__that_does_not_exist_is_named(labels: Path) -> None:
    with pytest.raises(UsageError, match="late-20"):
        compare(load_default(), labels, [], quiet, views=("late-21",))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2001:db8:f021::face:b00c::24d9", "2001:db8:f021:0:face:b00c:0:24d9"),
        ("fe80::1::2", "fe80::1:0:2"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_ndpi__addresses_are_mended(written: str, meant: str) -> None:
    assert mended(written) == meant
