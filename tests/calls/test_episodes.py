"""Calls that one pair of sockets carried one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flowclass.record.status import EndReason
from flowclass.record.verdict import App, Kind
from tests.calls.flows import OTHER, PEER, RELAY_2, Rows, S, assemble, flow, media_rows
from tests.calls.test_dialog import INVITE, OK, RINGING, Method, calls, events

FIRST, SECOND = 0x5EED_0000, 0x5EED_1000


def with_sources(one: Rows, *sources: tuple[float, float, int, tuple[int, int]]) -> Rows:
    """Return a flow with these sources: from and to in s, SSRC of the first way, packets each way."""
    rows = [media_rows(sent, sent, int(a * S), int(b * S), ssrc, 16_000) for a, b, ssrc, sent in sources]
    return Rows(one.flows, one.verdicts, np.concatenate(rows))


def redialled(silence_s: float, **more: Any) -> Rows:
    """Return a flow that carried 60 s of one call and, after a silence, 40 s of the next."""
    begin = 160 + silence_s
    whole = flow(100, begin + 40, sent=(400, 400), expected=(400, 400), **more)
    whole.flows["bytes"] = 10_000
    return with_sources(whole, (100, 160, FIRST, (300, 200)), (begin, begin + 40, SECOND, (100, 200)))


def test_new_sources_after_a_silence_are_the_next_call() -> None:
    first, second = assemble(redialled(20))
    assert [(call.start, call.talk_s, call.end) for call in (first, second)] == [(100, 60, 160), (180, 40, 220)]
    assert [(call.packets_up, call.packets_down) for call in (first, second)] == [(300, 200), (100, 200)]
    assert first.bytes_up + second.bytes_up == 10_000
    assert first.flows == second.flows
    assert first.call_id != second.call_id


def test_set_up_of_a_later_call_on_a_flow_is_not_known() -> None:
    whole = redialled(20)
    ringing = flow(98, 220, kind=Kind.CALL_SIGNALLING, dst=RELAY_2)
    first, second = assemble(whole, ringing)
    assert (first.setup_s, first.ring_s) == (2, 2)
    assert (second.setup_s, second.ring_s) == (None, None)


def test_new_sources_without_a_silence_are_the_same_call() -> None:
    (call,) = assemble(redialled(5))
    assert call.talk_s == 105


def test_a_source_that_outlasts_the_silence_makes_it_one_call() -> None:
    parts = with_sources(flow(100, 220), (100, 160, FIRST, (300, 0)), (100, 220, FIRST + 9, (0, 300)))
    (call,) = assemble(with_sources(parts, (100, 160, FIRST, (300, 300)), (180, 220, SECOND, (0, 200))))
    assert call.media_flows == 1
    listener = flow(100, 220, app=App.DISCORD, dport=50001, sent=(0, 500), expected=(0, 500))
    (call,) = assemble(with_sources(listener, (100, 160, 71, (0, 300)), (180, 220, 72, (0, 200))))
    assert call.media_flows == 1


def test_a_long_flow_is_told_in_pieces_and_its_calls_are_still_two() -> None:
    before = flow(100, 160, sent=(300, 200), expected=(300, 200), ssrc=FIRST, flow_id=7, end=EndReason.ACTIVE_TIMEOUT)
    after = redialled(20, flow_id=7, piece=1, origin_s=100)
    assert [(call.packets_up, call.talk_s) for call in assemble(before, after)] == [(300, 60), (100, 40)]


@pytest.mark.parametrize("silence_s", [2, 30])
def test_each_dialog_of_a_socket_is_a_call(silence_s: float) -> None:
    again_s = 160 + silence_s - 1
    said = np.concatenate(
        [
            events([INVITE, RINGING, OK, (60.2, Method.BYE, 0)], dialog=1, at_s=99),
            events([INVITE, OK, (45, Method.BYE, 0)], dialog=2, at_s=again_s),
        ]
    )
    flows = redialled(silence_s, app=App.RTP, dst=PEER, sport=20000, dport=30000)
    found = calls(said, flows)
    assert [(call.app, call.ended_by, call.start, call.talk_s) for call in found] == [
        ("sip", "bye", 99, 60),
        ("sip", "bye", again_s, 40),
    ]


def test_a_dialog_that_was_on_hold_is_one_call() -> None:
    said = events([INVITE, RINGING, OK, (60, Method.INVITE, 0), (60.5, Method.INVITE, 200)], at_s=99)
    (call,) = calls(said, redialled(30, app=App.RTP, dst=PEER, sport=20000, dport=30000))
    assert call.talk_s == 130


def test_a_dialog_asked_anew_while_its_media_goes_on_is_one_call() -> None:
    said = events([(60, Method.INVITE, 0), (60.5, Method.INVITE, 200)], at_s=99)
    parts = with_sources(
        flow(100, 220, app=App.RTP, dst=PEER, sport=20000, dport=30000),
        (100, 200, FIRST, (300, 300)),
        (162, 220, SECOND, (300, 300)),
    )
    (call,) = calls(said, parts)
    assert call.talk_s == 120


def test_a_relay_that_is_used_again_in_the_same_call_does_not_begin_it() -> None:
    relay = with_sources(flow(100, 161), (100, 105, FIRST, (300, 300)), (160, 161, SECOND, (300, 300)))
    (call,) = assemble(relay, flow(104, 162, dst=PEER, dport=9344))
    assert (call.start, call.talk_s) == (100, 62)


def test_another_clients_flow_is_left_alone() -> None:
    other = flow(100, 220, src=OTHER, sport=41000)
    assert len(assemble(redialled(20), other)) == 3


def test_a_source_that_the_next_call_echoes_stays_with_its_own() -> None:
    whole = flow(100, 220, sent=(400, 400), expected=(400, 400))
    rows = with_sources(whole, (100, 160, FIRST, (300, 200)), (180, 220, FIRST, (100, 200)))
    # The second call's way up has the SSRC of the first one's way down, and the other way round.
    rows.media["ssrc"][2:] = rows.media["ssrc"][1::-1]
    assert [(call.packets_up, call.talk_s) for call in assemble(rows)] == [(300, 60), (100, 40)]
