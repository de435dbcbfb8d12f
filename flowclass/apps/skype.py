"""Kernel module: Skype: the peer-to-peer overlay (to about 2017) and Microsoft's media stack (2017 to May 2025).

FACTS §1.1. Of the second era Skype and Teams leave the same marks: `teams` names what both share.
"""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.first_bytes import FIRST_BYTE_FIELDS, note_first_byte, takes_all_values
from flowclass.apps.microsoft import IMPLEMENTATION, SKYPE_2017
from flowclass.dissect.load import be16, u8
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.SKYPE,
    "Skype: an overlay of peers on one UDP port to 2017, then Microsoft's ICE and TURN; shut down in May 2025",
    names=("skype.com", "skypeassets.com", "skypedata.akadns.net", "skypeecs.com", "skype.net"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "implementation-3",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "ICE check whose Microsoft implementation version (0x8070) is 3, as Skype sent from 2017",
        "FACTS §1.1, §1.2; capture skype-conference-call",
        also=App.TEAMS,
    ),
    Reason("server-name", Strength.CERTAIN, Kind.MESSAGING, "TLS server name of Skype", "suffix list above"),
    Reason(
        "overlay-probe",
        Strength.WEAK,
        Kind.MESSAGING,
        "first packet that looks like the old overlay: random id, function 2, 18 to 38 bytes",
        "FACTS §1.1, §2.2: true of SNMP, DNS and others too, a hint only",
        false_alarms=13,
    ),
    Reason(
        "overlay-talk",
        Strength.WEAK,
        Kind.MESSAGING,
        "overlay packets in both directions with functions 2, 3, 5 or 7",
        "FACTS §2.2: a hint only",
        false_alarms=10,
    ),
    Reason(
        "overlay-voice",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "sixteen packets of the old overlay, nine in ten audio (function 0D), under ids that take all values",
        "FACTS §1.1: Tstat, Bonfiglio et al., SIGCOMM 2007; untested",
    ),
    Reason(
        "telephone-voice",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "sixteen packets with a gateway to telephones on UDP 12340, their first four bytes the same",
        "FACTS §1.1: Tstat, Bonfiglio et al., SIGCOMM 2007; untested",
    ),
)
IMPLEMENTATION_3, NAME, PROBE, TALK, VOICE, TELEPHONE = bits(REASONS)
STATE = (
    Field("overlay", "u1", "directions in which overlay packets were seen, a bit each"),
    Field("voices", "u1", "audio packets of the overlay, nine less for any other, saturating"),
    *FIRST_BYTE_FIELDS,
    Field("head", "u4", "first four bytes of the latest packet on the gateways' port, by direction", shape=(2,)),
    Field("heads", "u1", "packets in a row that began so, saturating", shape=(2,)),
)

APP_NUMBER = int(App.SKYPE)
STUN, TLS_HELLO = int(MessageKind.STUN), int(MessageKind.TLS_HELLO)
#: Function of an overlay packet: low bits of its third byte (FACTS §1.1; Tstat masks with 0x8F).
FUNCTION_MASK = 0x8F
#: Lengths of its probes and NAT messages.
OVERLAY_LEAST, OVERLAY_MOST = 11, 40
#: Function of audio. Other functions may be one packet in ten of a call (Tstat).
AUDIO, NOT_AUDIO_COSTS = 0x0D, 9
#: Packets that show a voice, and their lengths: speech of 20 to 60 ms.
VOICES_NEEDED, VOICE_LEAST, VOICE_MOST = 16, 20, 400
#: Port of the gateways to telephones.
TELEPHONE_PORT = 12340
UDP = 17


@kernel
def _is_excluded(pkt: Any) -> bool:
    """Whether a port belongs to a protocol that the overlay's form would match (FACTS §2.2)."""
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    return min(sport, dport) < 1024 or sport in (2222, 17500, 1119) or dport in (2222, 17500, 1119)


@kernel
def _overlay(data: Any, pkt: Any, direction: int, state: Any) -> int:
    """Look for the overlay's start of message: 2-byte id, function."""
    lo = int64(pkt["payload_lo"])
    size = int64(pkt["payload_bytes"])
    if int64(pkt["payload_hi"]) - lo < 4 or _is_excluded(pkt):
        return 0
    function = u8(data, lo + 2) & FUNCTION_MASK
    if function not in (2, 3, 5, 7) or be16(data, lo) == 0:
        return 0
    seen = int64(state["overlay"]) | (1 << direction)
    state["overlay"] = seen
    found = 0
    if function == 2 and size >= 18:
        found |= PROBE
    if seen == 3:
        found |= TALK
    return found


@kernel
def _voice(msg: Any, state: Any) -> int:
    """Count audio packets of the overlay: a constant function behind an id that takes all values."""
    first, function = int64(msg["word0"]) >> 24, (int64(msg["word0"]) >> 8) & FUNCTION_MASK
    seen = int64(state["voices"])
    if function != AUDIO:
        state["voices"] = max(seen - NOT_AUDIO_COSTS, 0)
        return 0
    note_first_byte(state, first)
    state["voices"] = min(seen + 1, 255)
    return VOICE if seen + 1 >= VOICES_NEEDED and takes_all_values(state) else 0


@kernel
def _telephone(msg: Any, direction: int, state: Any) -> int:
    """Count packets on the gateways' port that begin alike."""
    same = msg["word0"] == state["head"][direction]
    seen = min(int64(state["heads"][direction]) + 1, 255) if same else 1
    state["head"][direction] = msg["word0"]
    state["heads"][direction] = seen
    return TELEPHONE if seen >= VOICES_NEEDED else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == STUN:
        attributes = int64(msg["stun_attributes"]) | int64(msg["inner_attributes"])
        is_skype = attributes & IMPLEMENTATION and msg["implementation"] == SKYPE_2017
        return IMPLEMENTATION_3 if is_skype else 0
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    size = int64(pkt["payload_bytes"])
    found = _overlay(data, pkt, direction, state) if OVERLAY_LEAST <= size <= OVERLAY_MOST else 0
    if pkt["proto"] == UDP and VOICE_LEAST <= size <= VOICE_MOST:
        found |= _voice(msg, state)
        if pkt["dport"] == TELEPHONE_PORT or pkt["sport"] == TELEPHONE_PORT:
            found |= _telephone(msg, direction, state)
    return found
