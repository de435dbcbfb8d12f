"""Kernel module: what Skype (2017 on) and Teams have in common: Microsoft's media stack (FACTS §1.1, §1.2).

Not an application of its own: ``skype`` and ``teams`` use it. Both leave the same marks; the implementation version
and the date tell them apart, and names of hosts when the client is seen to resolve them.
"""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import mask
from flowclass.dissect.load import u8
from flowclass.jit import int64, kernel
from flowclass.record.message import StunAttribute

#: Attributes that only Microsoft's stack sends (FACTS §2.2: 27 flows, no false firing).
ATTRIBUTES = mask(
    StunAttribute.MS_MAGIC_COOKIE,
    StunAttribute.MS_VERSION,
    StunAttribute.MS_8036,
    StunAttribute.MS_APP_ID,
    StunAttribute.MS_SEQUENCE,
    StunAttribute.MS_CANDIDATE,
    StunAttribute.MS_QUALITY,
    StunAttribute.MS_IMPLEMENTATION,
    StunAttribute.MS_MULTIPLEXED,
    StunAttribute.MS_BANDWIDTH,
)
IMPLEMENTATION = mask(StunAttribute.MS_IMPLEMENTATION)
#: Values of 0x8070 (FACTS §1.2).
SKYPE_2017, TEAMS_2020 = 3, 7
#: Relay ports: any, audio, video, sharing.
FIRST_RELAY_PORT, LAST_RELAY_PORT = 3478, 3481
#: The signalling beside the relay: a 37-byte datagram of 03 and a UUID in text; dashes stand at these offsets.
UUID_BYTES = 37
DASH = 0x2D


@kernel
def is_relay_port(pkt: Any) -> bool:
    """Whether either port is one of the relays'."""
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    return FIRST_RELAY_PORT <= dport <= LAST_RELAY_PORT or FIRST_RELAY_PORT <= sport <= LAST_RELAY_PORT


@kernel
def is_uuid_hello(data: Any, pkt: Any, msg: Any) -> bool:
    """Whether the datagram is 03 and a UUID in text, as the relay's signalling answers (FACTS §1.2)."""
    lo = int64(pkt["payload_lo"])
    if pkt["payload_bytes"] != UUID_BYTES or int64(pkt["payload_hi"]) - lo < 25 or int64(msg["word0"]) >> 24 != 3:
        return False
    return (
        u8(data, lo + 9) == DASH
        and u8(data, lo + 14) == DASH
        and u8(data, lo + 19) == DASH
        and u8(data, lo + 24) == DASH
    )


@kernel
def is_private_frame(pkt: Any, msg: Any) -> bool:
    """Whether a datagram on a relay's port is a frame of that signalling: type 14, 15 or 17, and a fixed pattern."""
    word0, word1 = int64(msg["word0"]), int64(msg["word1"])
    kind = word0 >> 24
    if kind == 0x15:
        # 15 id16 number16 FF FF, seven bytes: an acknowledgement.
        return pkt["payload_bytes"] == 7 and (word1 >> 8) & 0xFFFF == 0xFFFF
    if kind == 0x14:
        return pkt["payload_bytes"] >= 16 and (word1 >> 8) & 0xFFFF == 0xFFFF
    return kind == 0x17 and pkt["payload_bytes"] >= 16 and (word1 >> 24) <= 4 and (word1 >> 16) & 0xFF <= 8
