"""Calls made of what workers tell are those that `analyze` makes of the packets, and are told as early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowclass.calls.record import Call
from flowclass.capture.block import PacketBlock
from flowclass.capture.ringsocket import RingSettings
from flowclass.daemon.batch import Batch
from flowclass.daemon.records import Link
from flowclass.daemon.settings import ServiceSettings
from flowclass.flow.state import MeterSettings
from flowclass.pipeline import Pipeline
from flowclass.privacy.policy import RecordPolicy
from tests.daemon.loop import played, run, silence

PCAPS = Path(__file__).parents[2] / "pcaps"
WHATSAPP, SIP, SERVICES, TEAMS = (
    PCAPS / "whatsapp/call-2019.pcap",
    PCAPS / "lab/sip-opus.pcap",
    PCAPS / "ordinary/services.pcap",
    PCAPS / "teams/call-2020.pcap",
)
METER = MeterSettings(seed=7)
LINK = "wire"
#: Longer than set-up comes before media, and shorter than the active timeout.
SILENT_S = 300.0
#: Of an Ethernet frame of IPv4 without options: first byte of the source address, and of the UDP payload.
SOURCE, PAYLOAD = 26, 42
PRIVATE, LAST_STUN = 10, 3


def is_stun(frame: np.ndarray) -> bool:
    """Whether a WhatsApp call's frame is STUN (RFC 7983 §7): with nothing else it is an attempt."""
    return bool(frame[PAYLOAD] <= LAST_STUN)


def is_request(frame: np.ndarray) -> bool:
    """Whether it is STUN from the client: with nothing else, somebody stops the call."""
    return is_stun(frame) and frame[SOURCE] == PRIVATE


def at_once() -> list[PacketBlock]:
    """Return an attempt that nobody answers, after traffic that shows that both ways are seen."""
    before = list(played(SERVICES))
    call = list(played(WHATSAPP))
    shift = int(before[-1].refs["ts_ns"][-1]) - int(call[0].refs["ts_ns"][0]) + 10_000_000_000
    return [*before, *played(WHATSAPP, shift, is_request)]


def link() -> Link:
    """Return what the service makes calls with."""
    settings = ServiceSettings(captures=(RingSettings(LINK),), meter=METER)
    return Link(LINK, settings, RecordPolicy(settings.policy))


def then_silence(blocks: list[PacketBlock]) -> list[PacketBlock]:
    """Return blocks and the silence after them."""
    last = max(int(block.refs["ts_ns"][-1]) for block in blocks if len(block.refs))
    return [*blocks, *silence(last, SILENT_S, 1.0)]


def offline(blocks: list[PacketBlock]) -> list[Call]:
    """Return the calls that the pipeline tells of before the capture ends."""
    calls: list[Call] = []
    pipeline = Pipeline(LINK, lambda *_: None, settings=METER, on_calls=calls.extend)
    for block in blocks:
        pipeline.add(block)
        pipeline.sweep(block.now_ns)
    return calls


def service(blocks: list[PacketBlock], *, all_flows: bool = False) -> list[Call]:
    """Return the calls that the service tells of before the capture ends."""
    made, calls = link(), list[Call]()
    run(blocks, METER, lambda batch: calls.extend(made.take(0, batch)), all_flows=all_flows)
    return calls


@pytest.mark.parametrize(
    ("blocks", "found"),
    [
        (lambda: list(played(WHATSAPP)), [("whatsapp", "answered", 2)]),
        (lambda: list(played(WHATSAPP, keep=is_stun)), [("whatsapp", "unknown", 0)]),
        (at_once, [("whatsapp", "failed-setup", 0)]),
        (lambda: list(played(SIP)), [("sip", "answered", 1)]),
    ],
    ids=["a call", "an attempt", "an attempt that is stopped", "a SIP dialog with its media"],
)
@pytest.mark.parametrize("all_flows", [False, True], ids=["calls alone", "all flows"])
def test_one_worker_tells_as_analyze_does(
    blocks: Callable[[], list[PacketBlock]], found: list[tuple[str, str, int]], all_flows: bool
) -> None:
    script = then_silence(blocks())
    expected = offline(script)
    assert [(call.app, call.outcome, call.media_flows) for call in expected] == found
    assert service(script, all_flows=all_flows) == expected


def told(blocks: list[PacketBlock]) -> list[Batch]:
    """Return what a worker tells of blocks."""
    batches: list[Batch] = []
    run(blocks, METER, lambda batch: batches.append(kept(batch)), all_flows=False)
    return batches


def kept(batch: Batch) -> Batch:
    """Return a batch whose arrays are the test's."""
    return replace(batch, **{name: rows.copy() for name, rows in batch.arrays.items()})


def test_a_call_waits_for_a_worker_that_lags_behind() -> None:
    script = then_silence(list(played(WHATSAPP)))
    here, there = told(script), told(script[:1])
    made = link()
    for batch in there:
        assert not made.take(1, batch)
    early = [call for batch in here for call in made.take(0, batch)]
    assert early == []
    made.forget(1)
    assert [call.outcome for call in chain(made.take(0, here[-1]), *made.drain())] == ["answered"]


def test_signalling_is_forgotten_with_its_call() -> None:
    made = link()
    waiting: Any = made.calls._waiting._store
    most = 0
    for batch in told(then_silence(list(played(WHATSAPP)))):
        made.take(0, batch)
        most = max(most, len(waiting))
    assert most > 0
    assert len(waiting) == 0


def test_nothing_is_kept_of_calls_that_were_told() -> None:
    made = link()
    for batch in told(then_silence(list(played(TEAMS)))):
        made.take(0, batch)
    waiting: Any = made.calls._waiting
    assert made.calls.ended > 0
    assert not list(made.calls.open_calls)
    assert not waiting._given
    assert len(waiting._store) == 0
