"""Crypto-PAn: against yacryptopan and the authors' test vectors."""

from __future__ import annotations

import ipaddress
import random

import numpy as np
import pytest
from yacryptopan import CryptoPAn

from flowclass.privacy import cryptopan
from flowclass.privacy.cryptopan import CryptoPan

#: Key and some pairs of the authors' reference code (sample_trace_raw.dat, sample_trace_sanitized.dat).
REFERENCE_KEY = bytes(
    [21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16]
    + [216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2]
)
REFERENCE_PAIRS = [
    ("128.11.68.132", "135.242.180.132"),
    ("129.118.74.4", "134.136.186.123"),
    ("130.132.252.244", "133.68.164.234"),
    ("192.102.249.13", "252.138.62.131"),
    ("24.0.250.221", "100.15.198.226"),
]


def hidden(pan: CryptoPan, addresses: list[str]) -> list[str]:
    """Return IPv4 or IPv6 addresses anonymised, all of one kind."""
    first = ipaddress.ip_address(addresses[0])
    numbers = [int(ipaddress.ip_address(address)) << (128 - first.max_prefixlen) for address in addresses]
    hi = np.array([number >> 64 for number in numbers], np.uint64)
    lo = np.array([number & (1 << 64) - 1 for number in numbers], np.uint64)
    out = zip(*pan.hide(hi, lo, first.max_prefixlen), strict=True)
    return [str(type(first)((int(a) << 64 | int(b)) >> (128 - first.max_prefixlen))) for a, b in out]


@pytest.mark.parametrize(("plain", "expected"), REFERENCE_PAIRS)
def test_ipv4__is_as_in_the_reference_code(plain: str, expected: str) -> None:
    assert hidden(CryptoPan(REFERENCE_KEY), [plain]) == [expected]


@pytest.mark.parametrize("kind", [ipaddress.IPv4Address, ipaddress.IPv6Address])
def test_random_addresses__are_as_yacryptopan_has_them(kind: type) -> None:
    draw = random.Random(5)
    key = draw.randbytes(32)
    bits = 32 if kind is ipaddress.IPv4Address else 128
    addresses = [str(kind(draw.getrandbits(bits))) for _ in range(40)] + [str(kind(0)), str(kind((1 << bits) - 1))]
    oracle = CryptoPAn(key)
    expected = [str(ipaddress.ip_address(oracle.anonymize(address))) for address in addresses]
    pan = CryptoPan(key)
    assert hidden(pan, addresses) == expected
    assert hidden(pan, addresses) == expected, "the cache answers otherwise"


def test_cache__is_bounded_and_does_not_change_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cryptopan, "CACHE_SLOTS", 4)
    draw = random.Random(6)
    addresses = [str(ipaddress.IPv4Address(draw.getrandbits(32))) for _ in range(2000)]
    small = CryptoPan(REFERENCE_KEY)
    monkeypatch.undo()
    large = CryptoPan(REFERENCE_KEY)
    for _ in range(2):
        monkeypatch.setattr(cryptopan, "CACHE_SLOTS", 4)
        of_small = [hidden(small, [address])[0] for address in addresses[:50]] + hidden(small, addresses)
        monkeypatch.undo()
        assert of_small == hidden(large, addresses[:50]) + hidden(large, addresses)
    assert small._cache[32].shape == (4, 4)


def test_prefixes__are_preserved_exactly() -> None:
    draw = random.Random(7)
    pan = CryptoPan(REFERENCE_KEY)
    for shared in (0, 1, 7, 8, 15, 24, 31):
        one = draw.getrandbits(32)
        other = one ^ (1 << (31 - shared)) ^ draw.getrandbits(31 - shared)
        pair = hidden(pan, [str(ipaddress.IPv4Address(one)), str(ipaddress.IPv4Address(other))])
        differing = int(ipaddress.IPv4Address(pair[0])) ^ int(ipaddress.IPv4Address(pair[1]))
        assert 32 - differing.bit_length() == shared
