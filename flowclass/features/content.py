"""Kernel module: features of the first sixteen payload bytes and of size residues, without keeping any payload.

Called by ``features.row``. A clear RTP header, a counter, a session id or an encrypted header each leave another
pattern of bits that change from packet to packet (Tstat's chi-square on nibbles, SIGCOMM 2007; FACTS §2.4).
"""

from __future__ import annotations

from typing import Any

from flowclass.features.common import bit_count, byte_at, ratio
from flowclass.features.feature import Feature, both
from flowclass.jit import kernel

_TSTAT = "Bonfiglio et al., SIGCOMM 2007: which header bits are constant; FACTS §2.4 positional entropy"
_BLOCKS = "FACTS §2.4: 97 % of Telegram's sizes are multiples of 16, AnyConnect's are 13 mod 16"
#: Bytes at the start of a payload that the meter watches.
WATCHED_BYTES = 16

FEATURES = (
    *(
        Feature(f"content_changed_{k}", "bit", f"bits of byte {k} that ever changed; the larger direction", _TSTAT)
        for k in range(WATCHED_BYTES)
    ),
    *both("content", "fixed", "byte", "of the first 16 bytes, those that never changed; 0 below two packets", _TSTAT),
    *both("content", "lead", "", "top four bits of the first byte; -1 without packets", "RFC 7983 demultiplexing"),
    Feature(
        "content_agree_01", "bit", "bits of bytes 0-1 alike in both directions' first packets; -1 unless both", _TSTAT
    ),
    Feature("content_agree_23", "bit", "bits of bytes 2-3 alike, as above", _TSTAT),
    Feature("content_agree_8b", "bit", "bits of bytes 8-11 alike, as above", _TSTAT),
    Feature("content_mod16_zero", "", "share of payload sizes that are multiples of 16", _BLOCKS),
    Feature("content_mod16_top", "", "share of the commonest size residue modulo 16", _BLOCKS),
)


@kernel
def _agreement(a: Any, b: Any, lo: int, hi: int) -> int:
    alike = 0
    for k in range(lo, hi):
        left = byte_at(a["first8"], a["first16"], k)
        right = byte_at(b["first8"], b["first16"], k)
        alike += 8 - bit_count(left ^ right)
    return alike


@kernel
def fill(body: Any, busy: int, row: Any, at: int) -> None:
    """Write the content features of one flow into ``row[at:]``."""
    a = body["window"][busy]
    b = body["window"][1 - busy]
    fixed_a = 0
    fixed_b = 0
    for k in range(WATCHED_BYTES):
        changed_a = bit_count(byte_at(a["changed8"], a["changed16"], k))
        changed_b = bit_count(byte_at(b["changed8"], b["changed16"], k))
        row[at + k] = float(max(changed_a, changed_b))
        fixed_a += 1 if changed_a == 0 else 0
        fixed_b += 1 if changed_b == 0 else 0
    seen_a = int(a["compared"]) > 0
    seen_b = int(b["compared"]) > 0
    row[at + 16] = float(fixed_a) if seen_a and int(a["packets"]) > 1 else 0.0
    row[at + 17] = float(fixed_b) if seen_b and int(b["packets"]) > 1 else 0.0
    row[at + 18] = float(byte_at(a["first8"], a["first16"], 0) >> 4) if seen_a else -1.0
    row[at + 19] = float(byte_at(b["first8"], b["first16"], 0) >> 4) if seen_b else -1.0
    both_seen = seen_a and seen_b
    row[at + 20] = float(_agreement(a, b, 0, 2)) if both_seen else -1.0
    row[at + 21] = float(_agreement(a, b, 2, 4)) if both_seen else -1.0
    row[at + 22] = float(_agreement(a, b, 8, 12)) if both_seen else -1.0
    total = int(a["packets"]) + int(b["packets"])
    top = 0
    for k in range(16):
        top = max(top, int(a["size_mod16"][k]) + int(b["size_mod16"][k]))
    row[at + 23] = ratio(float(a["size_mod16"][0]) + float(b["size_mod16"][0]), float(total))
    row[at + 24] = ratio(float(top), float(total))
