"""Host module: ``python -m pcaps.lab.programs.webrtc_peer ROLE FOLDER SECONDS MEDIA [TURN]``: one end of a WebRTC call
(aiortc).

ROLE is offer or answer; descriptions are handed over as files in FOLDER. MEDIA is audio or video (with audio). With
TURN (``turn:HOST:PORT``) only relayed addresses are told to the other end.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from pcaps.lab.webrtc import PASSWORD, USER

LOUDNESS = 2000


class NoiseTrack(AudioStreamTrack):  # type: ignore[misc]
    """Noise, which no codec can leave out."""

    async def recv(self) -> Any:
        """Return the next frame."""
        frame = await super().recv()
        draw = random.Random(frame.pts)
        samples = [draw.randrange(-LOUDNESS, LOUDNESS) for _ in range(frame.samples)]
        frame.planes[0].update(b"".join(s.to_bytes(2, "little", signed=True) for s in samples))
        return frame


async def description(path: Path, kind: str) -> RTCSessionDescription:
    """Wait for the other end's description."""
    while not path.exists():
        await asyncio.sleep(0.05)
    return RTCSessionDescription(sdp=json.loads(path.read_text())["sdp"], type=kind)


def hand_over(path: Path, sdp: str, *, relay_only: bool) -> None:
    """Write this end's description in one piece."""
    lines = [
        line for line in sdp.splitlines() if not (relay_only and "a=candidate" in line and "typ relay" not in line)
    ]
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"sdp": "\r\n".join(lines) + "\r\n"}))
    part.rename(path)


async def talk(role: str, folder: Path, seconds: float, media: str, turn: str) -> None:
    """Call, or be called."""
    servers = [RTCIceServer(turn, USER, PASSWORD)] if turn else []
    peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    connected = asyncio.Event()

    @peer.on("connectionstatechange")  # type: ignore[untyped-decorator]
    async def changed() -> None:
        if peer.connectionState == "connected":
            connected.set()

    @peer.on("track")  # type: ignore[untyped-decorator]
    def heard(track: Any) -> None:
        tasks.append(asyncio.ensure_future(drain(track)))

    async def drain(track: Any) -> None:
        while True:
            await track.recv()

    tasks: list[Any] = []
    if role == "answer":
        await peer.setRemoteDescription(await description(folder / "offer.json", "offer"))
    peer.addTrack(NoiseTrack())
    if media == "video":
        peer.addTrack(VideoStreamTrack())
    if role == "offer":
        await peer.setLocalDescription(await peer.createOffer())
        hand_over(folder / "offer.json", peer.localDescription.sdp, relay_only=bool(turn))
        await peer.setRemoteDescription(await description(folder / "answer.json", "answer"))
    else:
        await peer.setLocalDescription(await peer.createAnswer())
        hand_over(folder / "answer.json", peer.localDescription.sdp, relay_only=False)
    await asyncio.wait_for(connected.wait(), 15)
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await peer.close()


def main(arguments: Sequence[str]) -> int:
    """Talk; return 0."""
    role, folder, seconds, media, *turn = arguments
    asyncio.run(talk(role, Path(folder), float(seconds), media, turn[0] if turn else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
