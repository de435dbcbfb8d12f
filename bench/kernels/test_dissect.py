"""Dissection alone: frames to PACKET rows, and payloads to MESSAGE rows, over frames that lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.kernels.conftest import Traffic
from flowclass.dissect.fragment import new_fragments
from flowclass.dissect.hash import new_seed
from flowclass.dissect.packet import dissect_packet
from flowclass.dissect.payload import inspect
from flowclass.jit import entry
from flowclass.record.message import MESSAGE, MessageKind
from flowclass.record.packet import PACKET


@entry
def dissect_all(data: Any, refs: Any, rows: Any, fragments: Any, seed: Any) -> int:
    """Dissect every frame into one of a few rows that stay in cache; return how many are OK."""
    good = 0
    for i in range(refs.shape[0]):
        if dissect_packet(data, refs[i], rows[i & 63], fragments, seed) == 0:
            good += 1
    return good


@entry
def inspect_all(data: Any, rows: Any, message: Any, kinds: Any) -> None:
    """Inspect every payload and count the kinds of message."""
    for i in range(rows.shape[0]):
        inspect(data, rows[i], message[0])
        kinds[message[0]["kind"]] += 1


@entry
def fill(data: Any, refs: Any, rows: Any, fragments: Any, seed: Any) -> None:
    """Dissect every frame into a row of its own."""
    for i in range(refs.shape[0]):
        dissect_packet(data, refs[i], rows[i], fragments, seed)


def test_dissect(timed: Callable[..., Any], call_traffic: Traffic) -> None:
    rows, fragments, seed = np.zeros(64, PACKET), new_fragments(), new_seed(1)
    good = timed(lambda: dissect_all(call_traffic.data, call_traffic.refs, rows, fragments, seed), call_traffic.packets)
    assert good == call_traffic.packets


def test_inspect(timed: Callable[..., Any], call_traffic: Traffic) -> None:
    rows, message = np.zeros(call_traffic.packets, PACKET), np.zeros(1, MESSAGE)
    fill(call_traffic.data, call_traffic.refs, rows, new_fragments(), new_seed(1))

    def run() -> Any:
        kinds = np.zeros(256, np.int64)
        inspect_all(call_traffic.data, rows, message, kinds)
        return kinds

    kinds = timed(run, call_traffic.packets)
    assert kinds.sum() == call_traffic.packets
    # Nine calls in ten send plain RTP, the tenth behind Viber's two bytes.
    media = int(kinds[MessageKind.RTP] + kinds[MessageKind.PREFIXED_RTP])
    assert 0.9 * call_traffic.packets < media < call_traffic.packets
    assert kinds[MessageKind.STUN] > 0
