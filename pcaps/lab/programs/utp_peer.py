"""Host module: ``python -m pcaps.lab.programs.utp_peer ROLE FOLDER ADDRESS PEER SECONDS``: one end of a BitTorrent
transfer over uTP alone (libtorrent).

ROLE is seed or leech; the torrent, of random bytes, is made by the seed in FOLDER.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import libtorrent as lt

PORT = 6881
FILE_BYTES = 1 << 20
RATE_BYTES = 100_000


def session(address: str) -> lt.session:
    """Return a session that speaks uTP only, and neither searches nor is found."""
    no = dict.fromkeys(
        ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp", "enable_incoming_tcp", "enable_outgoing_tcp"),
        False,
    )
    return lt.session({**no, "listen_interfaces": f"{address}:{PORT}", "upload_rate_limit": RATE_BYTES})


def make_torrent(folder: Path) -> None:
    """Write a file of random bytes, and its torrent last."""
    (folder / "data").mkdir()
    (folder / "data" / "file").write_bytes(random.Random(1).randbytes(FILE_BYTES))
    storage = lt.file_storage()
    lt.add_files(storage, str(folder / "data"))
    torrent = lt.create_torrent(storage)
    lt.set_piece_hashes(torrent, str(folder))
    part = folder / "torrent.part"
    part.write_bytes(lt.bencode(torrent.generate()))
    part.rename(folder / "torrent")


def main(arguments: Sequence[str]) -> int:
    """Seed or leech for some seconds; return 0."""
    role, name, address, peer, seconds = arguments
    folder = Path(name)
    torrent = folder / "torrent"
    if role == "seed":
        make_torrent(folder)
    while not torrent.exists():
        time.sleep(0.05)
    place = folder if role == "seed" else folder / "copy"
    place.mkdir(exist_ok=True)
    mine = session(address)
    handle = mine.add_torrent({"ti": lt.torrent_info(str(torrent)), "save_path": str(place)})
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        if role == "leech":
            handle.connect_peer((peer, PORT))
        time.sleep(0.5)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
