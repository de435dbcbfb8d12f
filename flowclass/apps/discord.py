"""Kernel module: Discord: voice servers that begin with address discovery and a heartbeat (FACTS §1.10)."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.habit import FIRST_RANDOM_SSRC, NONE, ONE_BYTE, Control, Habit
from flowclass.dissect.load import be64, u8
from flowclass.dissect.rtp import payload_type
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.DISCORD,
    "Discord: chat over TLS and QUIC, voice and video over UDP 50000 and up",
    names=("discord.com", "discordapp.com", "discordapp.net", "discord.gg", "discord.media"),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.RTP,
    MessageKind.DTLS,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "discovery",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "address discovery of 74 bytes, or 70 as until 2019, on a port of Discord voice servers (50000 and up)",
        "FACTS §1.10, §2.2; Discord's voice documentation; other services on the same host software use it elsewhere",
    ),
    Reason(
        "heartbeat",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "two heartbeats 13 37 CA FE, or answers 13 37 F0 0D, of 8 bytes",
        "FACTS §1.10",
    ),
    Reason(
        "voice",
        Strength.CERTAIN,
        Kind.CALL_MEDIA,
        "RTP of payload type 120 with a header extension after address discovery or a heartbeat",
        "FACTS §1.10",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Discord",
        "suffix list above",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of Opus as payload type 120, or of its video, with an SSRC counted up from 1",
        "FACTS §1.10; captures Discord 2020 and 2023",
        false_alarms=2,
    ),
    Reason(
        "control",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "two RTCP packets from one SSRC of 17 to 20 bits: a server's count, larger than Microsoft's numbers",
        "FACTS §1.10; captures Discord 2022 and 2023",
    ),
    Reason(
        "one-heartbeat",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "one heartbeat, or its answer, on a port of Discord voice servers and nothing that is not Discord's before it",
        "FACTS §1.10",
    ),
    Reason(
        "certificate",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "DTLS certificate of Discord's host name: a voice server and a client in a browser",
        "capture Discord 2023; RFC 5280 §4.1.2.4",
    ),
)
DISCOVERY, HEARTBEAT, VOICE, NAME, STREAM, CONTROL, BEAT_ONCE, CERTIFICATE = bits(REASONS)
#: SSRCs are handed out in order. Audio; video in the order of the codecs a client has (H.264, H.265, VP8, VP9, AV1),
#: and the retransmissions of each one above it (FACTS §1.10).
_SSRC = (1, 0xFFFFFF)
HABITS = (
    Habit(STREAM, (120,), (480, 960, 1920, 2880), ONE_BYTE, _SSRC),
    Habit(STREAM, (101, 103, 105, 107, 109), (), ONE_BYTE, _SSRC),
    # Retransmissions and probes alone; below are Teams' numbers.
    Habit(STREAM, (96, 102, 104, 106, 108, 110), (), ONE_BYTE, (0x10000, 0xFFFFFF)),
    # Programs that speak through Discord's documented interface send no extension.
    Habit(STREAM, (120,), (960,), NONE, (1, FIRST_RANDOM_SSRC - 1)),
)
CONTROLS = (Control(CONTROL, (200, 201, 204, 205, 206), (0x10000, FIRST_RANDOM_SSRC - 1), extended=False),)
STATE = (
    Field("beats", "u1", "heartbeats, saturating"),
    Field("voices", "u1", "RTP packets of payload type 120, saturating"),
    Field("strangers", "u1", "1 once RTP of another type or a datagram of another kind was seen"),
)

APP_NUMBER = int(App.DISCORD)
RTP, TLS_HELLO, DTLS = int(MessageKind.RTP), int(MessageKind.TLS_HELLO), int(MessageKind.DTLS)
#: Request and answer of address discovery, their length, and the heartbeat.
REQUEST, ANSWER, DISCOVERY_BYTES, BEAT, BEAT_ANSWER, BEAT_BYTES = (
    0x00010046, 0x00020046, 74, 0x1337CAFE, 0x1337F00D, 8,
)  # fmt: skip
#: Until 2019 the request was the SSRC and zeros.
OLD_DISCOVERY_BYTES = 70
FIRST_PORT = 50000
VOICE_TYPE = 120
ZERO = np.uint64(0)


@kernel
def _is_discovery(data: Any, pkt: Any, word0: int) -> bool:
    """Whether this is a request (its address and port left zero) or an answer (its address in text)."""
    lo = int64(pkt["payload_lo"])
    if pkt["payload_bytes"] != DISCOVERY_BYTES or int64(pkt["payload_hi"]) - lo < 32:
        return False
    if word0 == REQUEST:
        return bool(be64(data, lo + 8) == ZERO and be64(data, lo + 16) == ZERO)
    return word0 == ANSWER and 0x30 <= u8(data, lo + 8) <= 0x66


@kernel
def _is_old_discovery(data: Any, pkt: Any, msg: Any) -> bool:
    """Whether this is a request as until 2019: an SSRC counted up from 1, and zeros as far as was captured."""
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    if hi - lo < 40 or not 0 < int64(msg["word0"]) < FIRST_RANDOM_SSRC or msg["word1"] != 0:
        return False
    is_blank = be64(data, lo + 8) == ZERO and be64(data, lo + 16) == ZERO and be64(data, lo + 24) == ZERO
    return bool(is_blank and be64(data, lo + 32) == ZERO)


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if kind == DTLS:
        return CERTIFICATE if msg["name_app"] == APP_NUMBER else 0
    if kind == RTP:
        if msg["media_header"] == 0 or payload_type(data, int64(msg["media_lo"])) != VOICE_TYPE:
            state["strangers"] = 1
            return 0
        seen = min(int64(state["voices"]) + 1, 255)
        state["voices"] = seen
        return VOICE if seen >= 2 and int64(state["reasons"]) & (DISCOVERY | HEARTBEAT) else 0
    is_port = pkt["dport"] >= FIRST_PORT or pkt["sport"] >= FIRST_PORT
    word0 = int64(msg["word0"])
    if (word0 == BEAT or word0 == BEAT_ANSWER) and pkt["payload_bytes"] == BEAT_BYTES:
        seen = min(int64(state["beats"]) + 1, 255)
        state["beats"] = seen
        found = BEAT_ONCE if is_port and state["strangers"] == 0 else 0
        return found | HEARTBEAT if seen >= 2 else found
    if pkt["payload_bytes"] == OLD_DISCOVERY_BYTES:
        return DISCOVERY if is_port and _is_old_discovery(data, pkt, msg) else 0
    if word0 != REQUEST and word0 != ANSWER:
        state["strangers"] = 1
        return 0
    return DISCOVERY if is_port and _is_discovery(data, pkt, word0) else 0
