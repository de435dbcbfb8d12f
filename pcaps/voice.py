"""Host module: a voice stream as a caller sends it: one SSRC whose sequence and clock run on over every path."""

from __future__ import annotations

from dataclasses import dataclass

from pcaps import wire
from pcaps.craft import Scene


@dataclass
class Voice:
    """One direction of a call's audio.

    Attributes
    ----------
    payload_type, period, step
        RTP payload type; seconds and timestamp units between packets.
    sizes
        Least and greatest whole RTP packet, bytes.
    extension, profile
        Bytes of a header extension, if the application sends one, and its profile number.
    """

    scene: Scene
    payload_type: int
    period: float
    step: int
    sizes: tuple[int, int]
    extension: int | None = None
    profile: int = 0xBEDE
    ssrc: int = 0

    def __post_init__(self) -> None:
        source = self.scene.random
        self.ssrc = self.ssrc or source.randrange(1 << 24, 1 << 32)
        self.sequence = source.randrange(1 << 15)
        self.timestamp = source.randrange(1 << 32)

    def packet(self, *, steps: int = 1, marker: bool = False, payload_type: int | None = None, size: int = 0) -> bytes:
        """Return the next packet; ``steps`` more than one is a pause in speech, the clock running on."""
        wanted = size or self.scene.random.randint(*self.sizes)
        head = 12 if self.extension is None else 16 + self.extension
        out = wire.rtp(
            self.payload_type if payload_type is None else payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
            self.scene.noise(wanted - head),
            marker=marker,
            extension=None if self.extension is None else self.scene.noise(self.extension),
            profile=self.profile,
        )
        self.sequence += 1
        self.timestamp += steps * self.step
        return out
