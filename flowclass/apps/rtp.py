"""Kernel module: RTP of no nameable application, recognised from the streams alone (RFC 3550, RFC 3551)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.habit import FIRST_RANDOM_SSRC, LAST_SSRC, NONE, ONE_BYTE, Control, Habit
from flowclass.jit import kernel
from flowclass.record.field import Field
from flowclass.record.verdict import App, Kind, Strength

APP = Application(App.RTP, "RTP of an application that leaves no mark of its own: telephony without its signalling")
LISTENS = ()

REASONS = (
    Reason(
        "telephony-stream",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of a telephone codec with a static payload type, in whole frames of 10 ms",
        "RFC 3551 §4.5, §6",
    ),
    Reason(
        "speech-stream",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of a dynamic payload type in speech frames of a steady length",
        "RFC 3551 §6; FACTS §2.4",
    ),
    Reason(
        "telephone-events",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of telephone events: 16 bytes each, on a timestamp that stands still",
        "RFC 4733 §2.3",
    ),
    Reason(
        "webrtc-speech",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of Opus as browsers send it: payload type 111 or 109, 48 kHz, one-byte header extensions",
        "RFC 7587; RFC 8285; default payload types of libwebrtc and of Firefox",
        app=App.WEBRTC,
    ),
    Reason(
        "webrtc-listener",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "two RTCP packets of sender 1, as libwebrtc sends while it only listens",
        "libwebrtc: default SSRC of a receiver without a sender; captures Google 2015",
        app=App.WEBRTC,
    ),
)
TELEPHONY, SPEECH, EVENTS, BROWSER, LISTENER = bits(REASONS)
CONTROLS = (Control(LISTENER, (201, 205, 206), (1, 1), extended=False),)
#: PCMU, GSM, G.723, LPC, PCMA, G.722, G.728, G.729 and comfort noise (RFC 3551 §6), all at 8 kHz.
_STATIC = (0, 3, 4, 7, 8, 9, 13, 15, 18)
_DYNAMIC = tuple(range(96, 128))
_RANDOM = (FIRST_RANDOM_SSRC, LAST_SSRC)
#: Frames of 20, 40 and 60 ms at 8, 16 and 48 kHz.
_FRAMES = (160, 320, 480, 640, 960, 1920, 2880)
#: Longest RTP packet of a speech codec: 60 ms of G.711.
_LONGEST = 512
HABITS = (
    Habit(TELEPHONY, _STATIC, (80, 160, 240, 320, 480, 640), NONE, size=(13, _LONGEST), packets=5),
    Habit(SPEECH, _DYNAMIC, _FRAMES, NONE, _RANDOM, size=(13, _LONGEST), packets=6),
    Habit(EVENTS, _DYNAMIC, (0,), NONE, size=(16, 16), packets=5),
    Habit(BROWSER, (109, 111), (480, 960, 1920, 2880), ONE_BYTE, _RANDOM, size=(13, _LONGEST), packets=6),
)
STATE = (
    Field("control_ssrc", "u4", "sender of the latest RTCP that showed a Control, by direction", shape=(2,)),
    Field("control_word", "u1", "catalog place of whose it was, and 1; 0 for none", shape=(2,)),
    Field("challenger", "u1", "catalog place of whose evidence would have renamed the call once, and 1; 0 for none"),
    Field("control_packets", "u1", "such packets in a row, saturating", shape=(2,)),
)


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at nothing: single packets show no stream."""
    return 0
