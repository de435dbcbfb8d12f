"""Host module: CryptoPan, prefix-preserving anonymisation of many addresses at once.

Two addresses that share their first n bits share exactly n bits afterwards. Source: Xu, Fan, Ammar, Moon,
"Prefix-Preserving IP Address Anonymization", ICNP 2002, and its reference code; IPv6 as others extend it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.errors import UsageError

#: Bytes of the key: an AES-128 key, then the block that becomes the padding.
KEY_BYTES = 32
_AES_BYTES = 16
#: Addresses worked on at once: their blocks take 1 MiB for IPv6.
CHUNK = 512
#: Slots of the cache, a power of two; a slot holds the latest address that fell into it.
CACHE_SLOTS = 1 << 16
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
#: Multiplier that spreads address bits (Knuth's, 64-bit: 2^64 divided by the golden ratio).
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def _aes(key: bytes) -> Any:
    """Return an encryptor of single blocks."""
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError as error:
        raise UsageError("anonymisation needs the package cryptography: install flowclass[privacy]") from error
    # ECB is what the algorithm is made of: single blocks, no message.
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305


def _masks() -> tuple[np.ndarray, np.ndarray]:
    """Return the first i bits set, for i from 0 to 127, as high and low words."""
    numbers = [((1 << i) - 1) << (128 - i) for i in range(128)]
    return np.array([n >> 64 for n in numbers], np.uint64), np.array([n & int(_ALL) for n in numbers], np.uint64)


_MASK_HI, _MASK_LO = _masks()


class CryptoPan:
    """Anonymises addresses.

    Parameters
    ----------
    key : KEY_BYTES bytes

    Raises
    ------
    UsageError
        The package cryptography is not installed.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = _aes(key[:_AES_BYTES])
        pad = self._cipher.update(key[_AES_BYTES:])
        self._pad_hi, self._pad_lo = np.frombuffer(pad, ">u8").astype(np.uint64)
        #: address and what became of it, two words each
        self._cache = {bits: np.zeros((4, CACHE_SLOTS), np.uint64) for bits in (32, 128)}
        for bits, table in self._cache.items():
            # An address that cannot be in its slot stands for an empty one: slot 0 is address 0's.
            table[1] = 1
            table[1][_slots(table[0], table[1])[0]] = 0
            table[2:, 0] = [word[0] for word in self._encrypt(np.zeros(1, np.uint64), np.zeros(1, np.uint64), bits)]

    def hide(self, hi: Any, lo: Any, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """Return uint64[n] twice: addresses given as two words, anonymised.

        Parameters
        ----------
        hi, lo : uint64[n]; an address of 32 bits lies in the topmost 32 of ``hi``
        bits : 32 or 128
        """
        hi, lo = np.ascontiguousarray(hi), np.ascontiguousarray(lo)
        known_hi, known_lo, hidden_hi, hidden_lo = self._cache[bits]
        slots = _slots(hi, lo)
        missing = np.flatnonzero((known_hi[slots] != hi) | (known_lo[slots] != lo))
        out_hi, out_lo = hidden_hi[slots], hidden_lo[slots]
        if missing.size:
            pairs, back = np.unique(np.stack([hi[missing], lo[missing]]), axis=1, return_inverse=True)
            fresh = self._encrypt(pairs[0], pairs[1], bits)
            back = back.reshape(-1)
            out_hi[missing], out_lo[missing] = fresh[0][back], fresh[1][back]
            to = _slots(pairs[0], pairs[1])
            for line, words in zip(self._cache[bits], (pairs[0], pairs[1], *fresh), strict=True):
                line[to] = words  # of two for one slot the last wins, in all four lines
        return out_hi, out_lo

    def _encrypt(self, hi: np.ndarray, lo: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
        parts = [self._encrypt_chunk(hi[at : at + CHUNK], lo[at : at + CHUNK], bits) for at in range(0, len(hi), CHUNK)]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _encrypt_chunk(self, hi: np.ndarray, lo: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
        mask_hi, mask_lo = _MASK_HI[:bits], _MASK_LO[:bits]
        blocks = np.empty((len(hi), bits, 2), ">u8")
        # Block i: the address' first i bits, then the padding's; its first encrypted bit flips bit i.
        blocks[:, :, 0] = (hi[:, None] & mask_hi) | (self._pad_hi & ~mask_hi)
        blocks[:, :, 1] = (lo[:, None] & mask_lo) | (self._pad_lo & ~mask_lo)
        encrypted = np.frombuffer(self._cipher.update(blocks.tobytes()), np.uint8).reshape(len(hi), bits, 16)
        flips = np.zeros((len(hi), 16), np.uint8)
        flips[:, : bits // 8] = np.packbits(encrypted[:, :, 0] >> 7, axis=1)
        words = flips.view(">u8").astype(np.uint64)
        return hi ^ words[:, 0], lo ^ words[:, 1]


def _slots(hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
    """Return int64[n], the cache slot of addresses."""
    mixed = (hi * _SPREAD + lo) * _SPREAD
    return np.asarray(mixed >> np.uint64(64 - CACHE_SLOTS.bit_length() + 1)).astype(np.int64)
