"""Kernel module: Telegram: reflectors of libtgvoip (to about 2021), TURN and private framing since (FACTS §1.6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.first_bytes import FIRST_BYTE_FIELDS, note_first_byte, takes_all_values
from flowclass.apps.ports import is_stun_server
from flowclass.dissect.load import be32, be64
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, Realm, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.TELEGRAM,
    "Telegram: chat (MTProto) over TCP 443, 80 or 5222; calls over reflectors on UDP 500-600 or TURN on UDP 1400",
    names=("telegram.org", "t.me", "telegram.me", "tdesktop.com", "telegra.ph"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.OTHER,
    MessageKind.RTP,
    MessageKind.RTCP,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        # A reflector that is only pinged carries no call: four of five are never used (FACTS §1.6). Not CERTAIN, so
        # that the flow stays open for the media that may follow.
        "peer-tag",
        Strength.STRONG,
        Kind.MESSAGING,
        "two packets that share a 16-byte peer tag of a reflector, one of them a ping of the tag and twelve FF",
        "FACTS §1.6, §2.2: 12 flows, no false firing",
    ),
    Reason(
        "tagged-media",
        Strength.CERTAIN,
        Kind.CALL_MEDIA,
        "six packets of 112 to 400 bytes behind the peer tag of a reflector",
        "FACTS §1.6: voice packets of 176-240 bytes",
    ),
    Reason(
        "realm",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        'TURN realm "telegram.org"',
        "FACTS §1.6; capture telegram_videocall",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Telegram",
        "suffix list above",
    ),
    Reason(
        "tag-stream",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "ten voice-sized packets in a row behind one 16-byte tag, their sizes multiples of 16: a call joined half-way",
        "FACTS §1.6, §2.4: 97 % of sizes are multiples of 16",
    ),
    Reason(
        "turn-port",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "STUN or TURN with a server on UDP port 1400, where the relays of Telegram listen",
        "FACTS §1.6",
    ),
    Reason(
        "reflector-stream",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "five voice-sized packets in a row behind one 16-byte tag, with a server on a port of the reflectors (521-599)",
        "FACTS §1.6; tgcalls reflector port: the tag stands before whatever is relayed",
    ),
    Reason(
        "block-stream",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "sixteen voice-sized packets in whole cipher blocks whose first byte takes all values: libtgvoip between peers",
        "FACTS §1.6, §2.4; capture telegram 2020",
    ),
)
TAG, MEDIA, REALM, NAME, STREAM, PORT, REFLECTOR, BLOCKS = bits(REASONS)
STATE = (
    Field("tag_hi", "u8", "peer tag of the flow's first packet of unknown kind, high half"),
    Field("tag_lo", "u8", "low half"),
    Field("tagged", "u1", "packets that carried it since a ping did, saturating"),
    Field("voices", "u1", "voice-sized packets among them, saturating"),
    Field(
        "blocks", "u1", "packets in a row that carried it, voice-sized and of whole blocks, ping or none; saturating"
    ),
    Field("relayed", "u1", "packets in a row that carried it, voice-sized, of any length; saturating"),
    Field("whole", "u1", "voice-sized packets of whole blocks since one of another length; saturating"),
    *FIRST_BYTE_FIELDS,
)

APP_NUMBER = int(App.TELEGRAM)
REALM_BIT, TELEGRAM_REALM = mask(StunAttribute.REALM), int(Realm.TELEGRAM)
STUN, TLS_HELLO = int(MessageKind.STUN), int(MessageKind.TLS_HELLO)
TURN_PORT = 1400
#: Smallest datagram: tag, and the twelve FF of a ping.
PING_BYTES = 28
#: A ping has 40 bytes (FACTS §1.6). Longer datagrams with FF there are silence in µ-law (ITU-T G.711).
PING_MOST = 64
ALL_ONES, ONES_64 = 0xFFFFFFFF, np.uint64(0xFFFFFFFFFFFFFFFF)
VOICE_LEAST, VOICE_MOST, VOICES_NEEDED = 112, 400, 6
#: Cipher blocks the voice packets are padded to (FACTS §2.4), and how many such packets make a stream.
BLOCK_BYTES, BLOCKS_NEEDED = 16, 10
#: Ports of the reflectors (FACTS §1.6): above RIP's, below those of other services that begin with a constant tag.
FIRST_REFLECTOR, LAST_REFLECTOR, RELAYED_NEEDED = 521, 599, 5
#: Packets without a tag that show libtgvoip: sixteen random bytes leave a bit still once in 4,000 flows, and as many
#: random lengths are never all multiples of 16.
WHOLE_NEEDED = 16
UDP = 17
ZERO = np.uint64(0)


@kernel
def is_reflector(pkt: Any) -> Any:
    """Whether a port is one on which reflectors listen, and the other is a client's."""
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    least, most = min(sport, dport), max(sport, dport)
    return FIRST_REFLECTOR <= least <= LAST_REFLECTOR and most > LAST_REFLECTOR


@kernel
def _stream(pkt: Any, state: Any, high: Any, low: Any, size: int) -> int:
    """Follow a tag that no ping has shown: the flow was joined half-way."""
    if high != state["tag_hi"] or low != state["tag_lo"] or high == ZERO:
        state["tag_hi"] = high
        state["tag_lo"] = low
        state["blocks"] = 0
        state["relayed"] = 0
        return 0
    if not VOICE_LEAST <= size <= VOICE_MOST:
        return 0
    relayed = min(int64(state["relayed"]) + 1, 255)
    state["relayed"] = relayed
    found = REFLECTOR if relayed >= RELAYED_NEEDED and is_reflector(pkt) else 0
    if size % BLOCK_BYTES:
        return found
    seen = min(int64(state["blocks"]) + 1, 255)
    state["blocks"] = seen
    return found | STREAM if seen >= BLOCKS_NEEDED else found


@kernel
def _whole_blocks(pkt: Any, msg: Any, state: Any) -> int:
    """Count voice-sized packets of whole blocks that begin with anything."""
    size = int64(pkt["payload_bytes"])
    if size % BLOCK_BYTES or size > VOICE_MOST or pkt["proto"] != UDP:
        state["whole"] = 0
        return 0
    first = int64(msg["word0"]) >> 24
    note_first_byte(state, first)
    if size < VOICE_LEAST:
        return 0
    seen = min(int64(state["whole"]) + 1, 255)
    state["whole"] = seen
    return BLOCKS if seen >= WHOLE_NEEDED and takes_all_values(state) else 0


@kernel
def _tag(data: Any, pkt: Any, state: Any) -> int:
    """Follow the peer tag of a datagram of at least PING_BYTES captured bytes; a tag of zeros is none."""
    lo = int64(pkt["payload_lo"])
    high, low = be64(data, lo), be64(data, lo + 8)
    size = int64(pkt["payload_bytes"])
    is_ping = size <= PING_MOST and be64(data, lo + 16) == ONES_64 and be32(data, lo + 24) == ALL_ONES
    if state["tagged"] == 0:
        if not is_ping or high == ZERO or high == ONES_64:
            return _stream(pkt, state, high, low, size)
        state["tag_hi"] = high
        state["tag_lo"] = low
    elif high != state["tag_hi"] or low != state["tag_lo"]:
        return 0
    seen = min(int64(state["tagged"]) + 1, 255)
    state["tagged"] = seen
    if not is_ping and VOICE_LEAST <= size <= VOICE_MOST:
        state["voices"] = min(int64(state["voices"]) + 1, 255)
    found = TAG if seen >= 2 else 0
    return found | MEDIA if state["voices"] >= VOICES_NEEDED else found


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == STUN:
        is_telegram = int64(msg["stun_attributes"]) & REALM_BIT and msg["realm"] == TELEGRAM_REALM
        found = REALM if is_telegram else 0
        if is_stun_server(pkt, msg, TURN_PORT):
            found |= PORT
        return found
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    lo = int64(pkt["payload_lo"])
    if int64(pkt["payload_hi"]) - lo < PING_BYTES:
        return 0
    return _tag(data, pkt, state) | _whole_blocks(pkt, msg, state)
