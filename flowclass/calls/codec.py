"""Host module: codec_guess, the codec that a stream's payload type and clock point to; its payload is not looked at.

Where a SIP dialog is known, what its SDP says of dynamic types goes before (``calls.dialog``).
"""

from __future__ import annotations

#: Payload types that stand for a codec by themselves (RFC 3551 §6, tables 4 and 5).
STATIC = {
    0: "PCMU", 3: "GSM", 4: "G723", 5: "DVI4", 6: "DVI4", 7: "LPC", 8: "PCMA", 9: "G722", 10: "L16", 11: "L16",
    12: "QCELP", 14: "MPA", 15: "G728", 16: "DVI4", 17: "DVI4", 18: "G729", 25: "CelB", 26: "JPEG", 28: "nv",
    31: "H261", 32: "MPV", 33: "MP2T", 34: "H263",
}  # fmt: skip
#: Clock of Opus whatever it samples at (RFC 7587 §4.1); no other codec of calls has a dynamic type and this clock.
OPUS_HZ = 48_000


def codec_guess(payload_type: int, clock_hz: int, kind: str) -> str:
    """Return a codec's name as RFC 3551 or its own RFC has it, empty where nothing tells.

    Examples
    --------
    >>> codec_guess(9, 8000, "audio"), codec_guess(111, 48000, "audio"), codec_guess(96, 90000, "video")
    ('G722', 'opus', '')
    """
    if payload_type in STATIC:
        return STATIC[payload_type]
    return "opus" if clock_hz == OPUS_HZ and kind == "audio" else ""
