"""Host module: Habit and Control, how an application file declares what its RTP streams and RTCP look like."""

from __future__ import annotations

from dataclasses import dataclass

#: Profile of a habit to which the header extension does not matter.
ANY = -1
#: No header extension.
NONE = 0
#: One-byte header extensions (RFC 8285 §4.2).
ONE_BYTE = 0xBEDE
#: SSRCs are 32-bit numbers drawn at random (RFC 3550 §8.1); one below this comes by chance once in 4,000 streams.
FIRST_RANDOM_SSRC = 1 << 20
LAST_SSRC = 0xFFFFFFFF
#: RTCP packet types that share a port with RTP (RFC 5761 §4).
FIRST_CONTROL, LAST_CONTROL = 192, 223
#: Clocks of speech codecs as jitter leaves them: half as fast to half as fast again.
KHZ_16, KHZ_48 = (9, 24), (32, 72)
#: How long a stream lasts before its clock is looked at: three frames of 60 ms, six of 20.
CLOCK_MS = 100


@dataclass(frozen=True)
class Habit:
    """An RTP stream of an application, whatever else the flow shows.

    Attributes
    ----------
    reason : bit of the Reason it stands for
    types : payload types (0-127), at least one
    steps : timestamp steps in ticks between packets in sequence, any when empty; 0 means that no step has been seen yet
    profile : of the header extension: NONE, ANY, or its 16 bits
    ssrc : least and largest SSRC
    size : least and largest mean size of its RTP packets in bytes
    packets : packets the stream needs before it is judged
    clock : rate of its timestamps against arrival, least and most in kHz: what tells 60 ms at 16 kHz from 20 ms at
        48 kHz; with it, the stream is judged once it lasts CLOCK_MS
    """

    reason: int
    types: tuple[int, ...]
    steps: tuple[int, ...] = ()
    profile: int = ANY
    ssrc: tuple[int, int] = (0, LAST_SSRC)
    size: tuple[int, int] = (0, 0xFFFF)
    packets: int = 3
    clock: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not self.types or not all(0 <= payload_type < 128 for payload_type in self.types):
            raise ValueError(f"payload types {self.types} of a habit are not within 0-127")


@dataclass(frozen=True)
class Control:
    """RTCP of an application: what SRTCP leaves in clear, the first packet's type, length and sender (RFC 3711 §3.4).

    Attributes
    ----------
    reason : bit of the Reason it stands for
    types : RTCP packet types (192-223), at least one
    ssrc : least and largest SSRC of the sender
    extended : whether a report must (True) or must not (False) be longer than its blocks, as those with a
        profile-specific extension are (RFC 3550 §6.4.3); None for either
    """

    reason: int
    types: tuple[int, ...]
    ssrc: tuple[int, int] = (0, LAST_SSRC)
    extended: bool | None = None

    def __post_init__(self) -> None:
        if not self.types or not all(FIRST_CONTROL <= kind <= LAST_CONTROL for kind in self.types):
            raise ValueError(f"RTCP types {self.types} of a control are not within {FIRST_CONTROL}-{LAST_CONTROL}")
