"""Kernel module: the keyed hash of a biflow key, the same in both directions.

Called by ``packet`` for every metered packet and by ``fragment`` for fragmented ones. The seed is drawn at random when
a table is made, so that nobody outside can craft flows that share a slot.

Source: the multiply-and-fold step of wyhash (Wang Yi, public domain, https://github.com/wangyi-fudan/wyhash): the two
halves of a 64 x 64 -> 128 bit product, xored. A secret is xored into each factor before it is multiplied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import fused, kernel, multiply_high

_SHIFT48 = np.uint64(48)
_NOTHING = np.uint64(0)
#: First two words of wyhash's default secret: odd, half of their bits set.
_SECRET0 = np.uint64(0xA0761D6478BD642F)
_SECRET1 = np.uint64(0xE7037ED1A0B428DB)


def new_seed(number: int | None = None) -> np.ndarray:
    """Return a seed for the hash.

    Parameters
    ----------
    number : a fixed starting number for repeatable tests; drawn from the system when None

    Returns
    -------
    uint64[2], neither word zero in practice

    Examples
    --------
    >>> new_seed(7).dtype, new_seed(7).shape
    (dtype('uint64'), (2,))
    """
    return np.random.SeedSequence(number).generate_state(2, np.uint64)


@fused
def multiply_fold(x: np.uint64, y: np.uint64) -> np.uint64:
    """Return the high half of the 128-bit product ``x * y`` xor its low half."""
    return multiply_high(x, y) ^ (x * y)


@kernel
def biflow_hash(
    src_hi: np.uint64,
    src_lo: np.uint64,
    dst_hi: np.uint64,
    dst_lo: np.uint64,
    sport: int,
    dport: int,
    proto: int,
    seed: Any,
) -> np.uint64:
    """Return the keyed hash of a biflow key.

    Parameters
    ----------
    src_hi, src_lo, dst_hi, dst_lo : addresses as PACKET holds them
    sport, dport : ports, 0 where there are none
    proto : IP protocol
    seed : uint64[2] from ``new_seed``

    Returns
    -------
    64 well mixed bits; source and destination may be swapped.

    Notes
    -----
    Direction-free without ordering the endpoints: each becomes one word, the words are multiplied. An IPv4 endpoint
    fits its word (48 + 16 bits, nothing is lost). An IPv6 endpoint is folded under the seed first: a port xored into
    the bare address would let the sender trade one for the other.
    """
    seed0, seed1 = seed[0], seed[1]
    source, target = src_lo, dst_lo
    if (src_hi | dst_hi | ((src_lo | dst_lo) >> _SHIFT48)) != _NOTHING:
        source = multiply_fold(src_hi ^ seed1 ^ _SECRET1, src_lo ^ seed0 ^ _SECRET0)
        target = multiply_fold(dst_hi ^ seed1 ^ _SECRET1, dst_lo ^ seed0 ^ _SECRET0)
    return hash_endpoints(source, target, sport, dport, proto, seed0, seed1)


@fused
def hash_endpoints(
    source: np.uint64, target: np.uint64, sport: int, dport: int, proto: int, seed0: np.uint64, seed1: np.uint64
) -> np.uint64:
    """Return ``biflow_hash`` of two addresses of one word each: IPv4-mapped low words, or folded IPv6 addresses."""
    one = source ^ (np.uint64(sport) << _SHIFT48) ^ seed0
    other = target ^ (np.uint64(dport) << _SHIFT48) ^ seed0
    return multiply_fold(multiply_fold(one, other) ^ seed1, np.uint64(proto) ^ seed0 ^ _SECRET1)
