"""Kernel module: the numbers of STUN attributes and the table that turns a number into its bit.

Numbers from RFC 3489, 5389, 8489 and 8656, MS-TURN and MS-ICE2, libwebrtc, and captures of WhatsApp, Messenger, Zoom
and Skype (FACTS §0).
"""

from __future__ import annotations

import numpy as np

from flowclass.record.message import StunAttribute

#: (attribute number, its bit); a number may share a bit with its kin.
_NUMBERS: tuple[tuple[int, StunAttribute], ...] = (
    (0x0001, StunAttribute.MAPPED_ADDRESS),
    (0x0003, StunAttribute.CHANGE_REQUEST),
    (0x0004, StunAttribute.SOURCE_ADDRESS),
    (0x0005, StunAttribute.CHANGED_ADDRESS),
    (0x0006, StunAttribute.USERNAME),
    (0x0008, StunAttribute.MESSAGE_INTEGRITY),
    (0x0009, StunAttribute.ERROR_CODE),
    (0x000A, StunAttribute.UNKNOWN_ATTRIBUTES),
    (0x000C, StunAttribute.CHANNEL_NUMBER),
    (0x000D, StunAttribute.LIFETIME),
    (0x000F, StunAttribute.MS_MAGIC_COOKIE),
    (0x0010, StunAttribute.BANDWIDTH),
    (0x0012, StunAttribute.XOR_PEER),
    (0x0013, StunAttribute.DATA),
    (0x0014, StunAttribute.REALM),
    (0x0015, StunAttribute.NONCE),
    (0x0016, StunAttribute.XOR_RELAYED),
    (0x0017, StunAttribute.ADDRESS_FAMILY),
    (0x0018, StunAttribute.EVEN_PORT),
    (0x0019, StunAttribute.REQUESTED_TRANSPORT),
    (0x001C, StunAttribute.INTEGRITY_SHA256),
    (0x0020, StunAttribute.XOR_MAPPED),
    (0x0022, StunAttribute.META_STREAM),
    (0x0024, StunAttribute.PRIORITY),
    (0x0025, StunAttribute.USE_CANDIDATE),
    (0x0101, StunAttribute.ZOOM_101),
    (0x0103, StunAttribute.ZOOM_103),
    (0x4000, StunAttribute.META_TOKEN),
    (0x4001, StunAttribute.META_TOKEN_ALT),
    (0x4002, StunAttribute.META_CLOCK),
    *((number, StunAttribute.META_PROBE) for number in (0x4003, 0x4004, 0x4007)),
    (0x8004, StunAttribute.ICMP),
    (0x8006, StunAttribute.MS_8006),
    (0x8008, StunAttribute.MS_VERSION),
    (0x8020, StunAttribute.MS_XOR_MAPPED),
    (0x8022, StunAttribute.SOFTWARE),
    (0x8028, StunAttribute.FINGERPRINT),
    (0x8029, StunAttribute.ICE_CONTROLLED),
    (0x802A, StunAttribute.ICE_CONTROLLING),
    (0x802B, StunAttribute.RESPONSE_ORIGIN),
    (0x802C, StunAttribute.OTHER_ADDRESS),
    (0x8032, StunAttribute.MS_HOST_NAME),
    (0x8033, StunAttribute.MS_8033),
    (0x8036, StunAttribute.MS_8036),
    (0x8037, StunAttribute.MS_APP_ID),
    (0x8039, StunAttribute.MS_SECURE_TAG),
    (0x8050, StunAttribute.MS_SEQUENCE),
    (0x8054, StunAttribute.MS_CANDIDATE),
    (0x8055, StunAttribute.MS_QUALITY),
    *((number, StunAttribute.MS_BANDWIDTH) for number in (*range(0x8056, 0x8063), 0x8068)),
    (0x8070, StunAttribute.MS_IMPLEMENTATION),
    (0x8090, StunAttribute.MS_ALT_MAPPED),
    (0x8095, StunAttribute.MS_MULTIPLEXED),
    (0xC001, StunAttribute.ENF_FLOW),
    (0xC057, StunAttribute.NETWORK_INFO),
    *((number, StunAttribute.GOOG_OTHER) for number in (0xC058, 0xC059, 0xC05B, 0xC05C, 0xC05D, 0xC060)),
    (0xFF03, StunAttribute.GOOGLE_RELAY),
    (0xFF05, StunAttribute.GOOGLE_RELAY),
    (0xDAB9, StunAttribute.EDGERAY),
    (0xDABA, StunAttribute.EDGERAY),
    (0x24DF, StunAttribute.SKYPE_OLD),
    (0x3802, StunAttribute.SKYPE_OLD),
    (0x0800, StunAttribute.SKYPE_OLD),
)


def _two_level_table() -> tuple[np.ndarray, np.ndarray]:
    """Return PAGE[high byte] and BIT[page, low byte]; page 0 is all UNKNOWN."""
    high_bytes = sorted({number >> 8 for number, _ in _NUMBERS})
    page = np.zeros(256, np.uint8)
    bit = np.zeros((len(high_bytes) + 1, 256), np.uint8)
    for number, attribute in _NUMBERS:
        page[number >> 8] = high_bytes.index(number >> 8) + 1
        bit[page[number >> 8], number & 0xFF] = attribute
    return page, bit


ATTRIBUTE_PAGE, ATTRIBUTE_BIT = _two_level_table()
