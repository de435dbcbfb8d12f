"""Host module: ``python -m pcaps.lab.programs.http3 ROLE ADDRESS FOLDER``: a page over HTTP/3 (aioquic).

ROLE is serve or fetch; ``far.crt`` and ``far.key`` lie in FOLDER.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration

PORT = 443
PAGE_BYTES = 60_000
PAUSE_S = 0.4
PAGES = 3


class Side(QuicConnectionProtocol):  # type: ignore[misc]
    """What both ends have in common; a server answers every request with a page."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.done: asyncio.Event | None = None

    def quic_event_received(self, event: Any) -> None:
        """Handle what came in."""
        for happened in self.http.handle_event(event):
            if isinstance(happened, HeadersReceived) and self._quic.configuration.is_client is False:
                self.http.send_headers(happened.stream_id, [(b":status", b"200")])
                self.http.send_data(happened.stream_id, bytes(PAGE_BYTES), end_stream=True)
                self.transmit()
            if isinstance(happened, DataReceived) and happened.stream_ended and self.done:
                self.done.set()

    async def fetch(self, address: str) -> None:
        """Ask for a page and wait for its end."""
        self.done = asyncio.Event()
        stream = self._quic.get_next_available_stream_id()
        asked = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", address.encode()), (b":path", b"/")]
        self.http.send_headers(stream, asked, end_stream=True)
        self.transmit()
        await self.done.wait()


async def serve_pages(address: str, folder: Path) -> None:
    """Answer until ended."""
    settings = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    settings.load_cert_chain(folder / "far.crt", folder / "far.key")
    await serve(address, PORT, configuration=settings, create_protocol=Side)
    await asyncio.Event().wait()


async def fetch_pages(address: str) -> None:
    """Fetch some pages with pauses between."""
    settings = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="far")
    settings.verify_mode = ssl.CERT_NONE
    async with connect(address, PORT, configuration=settings, create_protocol=Side) as side:
        for _ in range(PAGES):
            await side.fetch(address)
            await asyncio.sleep(PAUSE_S)


def main(arguments: Sequence[str]) -> int:
    """Serve or fetch; return 0."""
    role, address, folder = arguments
    asyncio.run(serve_pages(address, Path(folder)) if role == "serve" else fetch_pages(address))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
