"""``flowclass corpus``: a manifest of our own and files served by nobody."""

from __future__ import annotations

import hashlib
import io
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from flowclass.cli.main import main

CONTENT = b"not really a capture"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HEAD = "name,url,licence,sha256,label,repository,bytes\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.csv"
    row = f"calls/a.pcap,https://example.org/a.pcap,MIT,{DIGEST},whatsapp,example/repo,{len(CONTENT)}\n"
    path.write_text(HEAD + row)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Stand in for the network: whatever is under an address is what is sent."""
    content: dict[str, bytes] = {"https://example.org/a.pcap": CONTENT}

    def urlopen(url: str, timeout: float) -> Any:
        assert timeout > 0
        if url not in content:
            raise OSError("no such host")
        return io.BytesIO(content[url])

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return content


def corpus(manifest: Path, *arguments: str) -> int:
    return main(["corpus", *arguments, "--manifest", str(manifest), "--folder", str(manifest.parent / "files")])


def test_fetch__then_verify(manifest: Path, server: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus(manifest, "fetch") == 0
    server.clear()
    assert corpus(manifest, "fetch") == 0  # it is here: the network is not asked again
    assert corpus(manifest, "verify") == 0
    assert capsys.readouterr().out.count(": ok\n") == 3
    files = list((manifest.parent / "files").iterdir())
    assert [path.read_bytes() for path in files] == [CONTENT]


@pytest.mark.parametrize(
    ("sent", "message"),
    [(CONTENT[:-1] + b"!", "another SHA-256"), (CONTENT + b"more", "more than the 20 bytes"), (None, "no such host")],
)
def test_fetch__refuses_and_leaves_nothing(
    manifest: Path, server: dict[str, bytes], capsys: pytest.CaptureFixture[str], sent: bytes | None, message: str
) -> None:
    server.clear()
    if sent is not None:
        server["https://example.org/a.pcap"] = sent
    assert corpus(manifest, "fetch") == 1
    assert message in capsys.readouterr().err
    assert list((manifest.parent / "files").iterdir()) == []


def test_fetch__only_https(manifest: Path, server: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write_text(manifest.read_text().replace("https://", "file://"))
    assert corpus(manifest, "fetch") == 1
    assert "only https" in capsys.readouterr().err


def test_verify__finds_a_changed_file(
    manifest: Path, server: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    corpus(manifest, "fetch")
    next((manifest.parent / "files").iterdir()).write_bytes(b"changed")
    assert corpus(manifest, "verify") == 1
    assert "SHA-256 differs" in capsys.readouterr().err


def test_list__by_label(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus(manifest, "list", "whatsapp") == 0
    assert capsys.readouterr().out == "calls/a.pcap\twhatsapp\t20\tMIT\t-\texample/repo\n"


def test_list__unknown_name(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus(manifest, "list", "zoom") == 1
    assert "zoom" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["name,url\na,b\n", HEAD + "a,b,c,d,e,f,many\n"])
def test_manifest__damaged(manifest: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    manifest.write_text(text)
    assert corpus(manifest, "list") == 1
    assert "is no manifest" in capsys.readouterr().err
