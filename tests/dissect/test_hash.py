"""biflow_hash: symmetric, keyed, well spread, and not to be steered without the seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.dissect.hash import biflow_hash, multiply_fold, new_seed
from flowclass.jit import entry
from flowclass.record.packet import IPV4_MAPPED

WORD = st.integers(0, 2**64 - 1)
PORT = st.integers(0, 65535)
SEED = new_seed(1)


@entry
def hash_rows(addresses: Any, ports: Any, protos: Any, seed: Any, out: Any) -> None:
    """Hash rows of (source high, low, target high, low) and of two ports."""
    for i in range(len(out)):
        a = addresses[i]
        out[i] = biflow_hash(a[0], a[1], a[2], a[3], int(ports[i, 0]), int(ports[i, 1]), int(protos[i]), seed)


@entry
def fold_one(x: Any, y: Any, out: Any) -> None:
    """Fold the first elements of two arrays."""
    out[0] = multiply_fold(x[0], y[0])


def hashes(addresses: Any, ports: Any, proto: int = 17, seed: Any = SEED) -> np.ndarray:
    """Return the hash of each row."""
    addresses, ports = np.asarray(addresses, np.uint64), np.asarray(ports, np.int64)
    out = np.zeros(len(addresses), np.uint64)
    hash_rows(addresses, ports, np.full(len(out), proto, np.int64), seed, out)
    return out


def rows4(count: int, **columns: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return ``count`` IPv4 keys, equal but for the columns given."""
    addresses = np.zeros((count, 4), np.uint64)
    addresses[:, 1] = np.uint64(IPV4_MAPPED | 0x0A000001)
    addresses[:, 3] = np.uint64(IPV4_MAPPED | 0x0A000002)
    ports = np.tile(np.array([5000, 3478]), (count, 1))
    if "source" in columns:
        addresses[:, 1] = np.uint64(IPV4_MAPPED) | np.asarray(columns["source"], np.uint64)
    if "sport" in columns:
        ports[:, 0] = columns["sport"]
    return addresses, ports


@given(WORD, WORD)
@settings(deadline=None, max_examples=200)
def test_fold__is_the_product_s_halves_xored(x: int, y: int) -> None:
    out = np.zeros(1, np.uint64)
    fold_one(np.array([x], np.uint64), np.array([y], np.uint64), out)
    assert int(out[0]) == ((x * y) >> 64) ^ ((x * y) & (2**64 - 1))


@given(st.lists(WORD, min_size=4, max_size=4), PORT, PORT, st.sampled_from([6, 17, 1]))
@settings(deadline=None, max_examples=200)
def test_hash__is_the_same_in_both_directions(words: list[int], sport: int, dport: int, proto: int) -> None:
    one = hashes([words], [[sport, dport]], proto)
    other = hashes([[*words[2:], *words[:2]]], [[dport, sport]], proto)
    assert one[0] == other[0]


def test_hash__depends_on_seed_and_protocol() -> None:
    addresses, ports = rows4(1)
    values = {int(hashes(addresses, ports)[0]), int(hashes(addresses, ports, 6)[0])}
    values |= {int(hashes(addresses, ports, seed=new_seed(number))[0]) for number in range(2, 50)}
    assert len(values) == 50


@pytest.mark.parametrize("bits", ["low", "high"])
@pytest.mark.parametrize("column", ["source", "sport"])
def test_hash__spreads_neighbours_evenly(bits: str, column: str) -> None:
    count, slots = 60_000, 1 << 12
    values = hashes(*rows4(count, **{column: range(count)}))
    slot = values & np.uint64(slots - 1) if bits == "low" else values >> np.uint64(52)
    load = np.bincount(slot.astype(np.int64), minlength=slots)
    chi2 = float(((load - count / slots) ** 2).sum() / (count / slots))
    assert abs(chi2 - slots) < 6 * math.sqrt(2 * slots)


def test_hash__ipv6_port_cannot_be_traded_for_address_bits() -> None:
    ports = np.arange(65536)
    addresses = np.zeros((65536, 4), np.uint64)
    addresses[:, 0] = addresses[:, 2] = np.uint64(0x20010DB800000000)
    addresses[:, 1] = np.uint64(0x1234) ^ (ports.astype(np.uint64) << np.uint64(48))
    addresses[:, 3] = np.uint64(1)
    values = hashes(addresses, np.column_stack([ports, np.full(65536, 53)]))
    assert len(np.unique(values)) == 65536


def test_hash__one_bit_changes_half_of_the_bits() -> None:
    base = [0x20010DB8 << 32, 5, 0x20010DB8 << 32, 9]
    rows = [base] + [[word ^ (1 << bit) if i == place else word for i, word in enumerate(base)]
                     for place in range(4) for bit in range(64)]  # fmt: skip
    values = [int(value) for value in hashes(rows, [[1, 2]] * len(rows))]
    flips = [(values[0] ^ value).bit_count() for value in values[1:]]
    assert min(flips) > 10
    assert abs(sum(flips) / len(flips) - 32) < 1.5
