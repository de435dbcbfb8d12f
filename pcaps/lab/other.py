"""Host module: software beside telephones: Mumble, iperf3, BitTorrent over uTP, HTTP/3, downloads, Shadowsocks."""

from __future__ import annotations

import time

from pcaps.lab.net import LabError, Wire, need, wait_for
from pcaps.lab.vpn import make_authority

MUMBLE_PORT, IPERF_PORT, TORRENT_PORT, HTTPS_PORT, HTTP_PORT = 64_738, 5201, 6881, 443, 80
SHADOWSOCKS_PORT, SOCKS_PORT = 8388, 1080
PROGRAMS = "pcaps.lab.programs"
#: A call's bit rate and datagram, sent by a program that measures links.
STEADY = ("-u", "-b", "64k", "-l", "160")
DOWNLOAD_BYTES = 400_000


def mumble(wire: Wire, seconds: float) -> None:
    """Let two people speak on a Mumble server."""
    need("murmurd")
    settings = wire.far.folder / "mumble.ini"
    database = wire.far.folder / "mumble.sqlite"
    settings.write_text(f"database={database}\nhost={wire.far.address}\nlogfile=\nuname=root\n")
    wire.far.start("murmurd", "-fg", "-ini", str(settings))
    wait_for(lambda: wire.far.listens(MUMBLE_PORT, udp=False), "Mumble server")
    client = f"{PROGRAMS}.mumble_client"
    speakers = [wire.near.python(client, wire.far.address, name, str(seconds)) for name in ("ann", "bob")]
    if any([speaker.wait() for speaker in speakers]):
        raise LabError("a Mumble client failed: see its log")


def iperf(wire: Wire, seconds: float, *options: str) -> None:
    """Measure the wire."""
    need("iperf3")
    wire.far.start("iperf3", "-s", "-1", "-B", wire.far.address, "-p", str(IPERF_PORT))
    wait_for(lambda: wire.far.listens(IPERF_PORT, udp=False), "iperf3")
    wire.near.run("iperf3", "-c", wire.far.address, "-t", str(round(seconds)), *options)


def utp(wire: Wire, seconds: float) -> None:
    """Copy a file by BitTorrent, over uTP alone."""
    folder, program = str(wire.near.folder), f"{PROGRAMS}.utp_peer"
    ends = [wire.far.python(program, "seed", folder, wire.far.address, wire.near.address, str(seconds + 2))]
    # A peer that does not answer is not asked again for a while.
    wait_for(lambda: wire.far.listens(TORRENT_PORT), "BitTorrent peer")
    ends.append(wire.near.python(program, "leech", folder, wire.near.address, wire.far.address, str(seconds)))
    if any([end.wait() for end in ends]):
        raise LabError("a BitTorrent peer failed: see its log")


def http3(wire: Wire) -> None:
    """Fetch some pages over HTTP/3."""
    make_authority(wire.far.folder)
    folder, program = str(wire.far.folder), f"{PROGRAMS}.http3"
    wire.far.python(program, "serve", wire.far.address, folder)
    wait_for(lambda: wire.far.listens(HTTPS_PORT), "HTTP/3 server")
    if wire.near.python(program, "fetch", wire.far.address, folder).wait():
        raise LabError("the HTTP/3 client failed: see its log")


def shadowsocks(wire: Wire) -> None:
    """Download through a Shadowsocks proxy, whose connections are random bytes from the first on."""
    need("ss-server", "ss-local")
    secret = ["-k", "only-for-the-laboratory", "-m", "chacha20-ietf-poly1305", "-p", str(SHADOWSOCKS_PORT)]
    wire.far.start("ss-server", "-s", wire.far.address, *secret)
    wire.near.start("ss-local", "-s", wire.far.address, "-b", "127.0.0.1", "-l", str(SOCKS_PORT), *secret)
    wait_for(lambda: wire.near.listens(SOCKS_PORT, udp=False), "Shadowsocks client")
    download(wire, wire.far.address, "--socks5", f"127.0.0.1:{SOCKS_PORT}")


def download(wire: Wire, address: str, *options: str) -> None:
    """Fetch a file over HTTP from an address of the far host."""
    need("curl")
    pages = wire.far.folder / "pages"
    pages.mkdir()
    (pages / "file").write_bytes(bytes(DOWNLOAD_BYTES))
    wire.far.start("python3", "-m", "http.server", str(HTTP_PORT), "--bind", address, "--directory", str(pages))
    wait_for(lambda: wire.far.listens(HTTP_PORT, udp=False), "HTTP server")
    for _ in range(3):
        wire.near.run("curl", "-s", "-o", "/dev/null", "--limit-rate", "200k", *options, f"http://{address}/file")
        time.sleep(0.2)
