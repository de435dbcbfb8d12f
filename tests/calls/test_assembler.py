"""Assembler: one record a call, whatever its flows; and what a record says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.calls.record import Call
from flowclass.pipeline import analyze
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, EndMark, Kind
from tests.calls.flows import CLIENT, OTHER, PEER, RELAY, RELAY_2, S, assemble, assembler_of, drained, flow
from tests.e2e.test_own_captures import PCAPS


def test_relay_and_peer_leg_are_one_call() -> None:
    (call,) = assemble(flow(100, 130), flow(128, 220, dst=PEER, dport=9344))
    assert (call.app, call.client, len(call.flows), call.media_flows) == ("whatsapp", "10.0.0.1", 2, 2)
    assert (call.talk_start, call.end, call.talk_s) == (100, 220, 120)


def test_a_flow_that_bridges_two_parts_makes_them_one() -> None:
    (call,) = assemble(flow(100, 130), flow(160, 220, dst=PEER), flow(125, 165, dst=PEER, dport=1))
    assert call.talk_s == 120


def test_calls_one_after_the_other_are_two() -> None:
    calls = assemble(flow(100, 130), flow(150, 160, dport=3479))
    assert [call.talk_s for call in calls] == [30, 10]


def test_two_clients_of_one_relay_are_two() -> None:
    calls = assemble(flow(100, 130), flow(100, 130, src=OTHER))
    assert sorted(call.client for call in calls) == ["10.0.0.1", "10.0.0.2"]


def test_two_sockets_of_one_address_are_two_where_the_app_uses_one() -> None:
    assert len(assemble(flow(100, 130), flow(100, 130, sport=40001))) == 2


def test_sockets_a_medium_of_teams_are_one_call() -> None:
    (call,) = assemble(flow(100, 130, app=App.TEAMS), flow(101, 130, app=App.SKYPE, sport=50020, clock_hz=90_000))
    assert call.media_flows == 2


@pytest.mark.parametrize("swapped", [False, True])
def test_up_is_from_the_client_whoever_was_seen_first(swapped: bool) -> None:
    sent, expected = (90, 50), (100, 50)
    one = (
        flow(100, 130, src=RELAY, sport=3478, dst=CLIENT, dport=40000, sent=sent[::-1], expected=expected[::-1])
        if swapped
        else flow(100, 130, sent=sent, expected=expected)
    )
    (call,) = assemble(one)
    assert (call.client, call.packets_up, call.packets_down) == ("10.0.0.1", 90, 50)
    assert (call.loss_up, call.loss_down) == (0.1, 0.0)


def test_set_up_counts_into_the_call_and_not_into_its_talk() -> None:
    (call,) = assemble(flow(88, 200, kind=Kind.CALL_SIGNALLING, dst=PEER), flow(100, 130))
    assert (call.start, call.setup_s, call.talk_start, len(call.flows), call.media_flows) == (88, 12, 100, 2, 1)


@pytest.mark.parametrize(
    ("sent", "seconds", "outcome"),
    [((100, 100), 30, "answered"), ((100, 0), 30, "one-way"), ((100, 0), 3, "unknown"), ((9, 9), 0.5, "unknown")],
)
def test_outcome(sent: tuple[int, int], seconds: float, outcome: str) -> None:
    (call,) = assemble(flow(100, 100 + seconds, sent=sent, expected=sent))
    assert call.outcome == outcome


def test_a_capture_that_begins_or_ends_within_the_call_is_said() -> None:
    (first,) = assemble(flow(0.5, 30), end_s=100)
    (last,) = assemble(flow(50, 99.5), end_s=100)
    assert (first.cut_start, first.cut_end, last.cut_start, last.cut_end) == (True, False, False, True)


def test_no_loss_is_claimed_without_rtp() -> None:
    (call,) = assemble(flow(100, 130, app=App.TELEGRAM, sent=(500, 500), expected=(0, 0)))
    assert (call.loss_up, call.loss_down, call.talk_s) == (None, None, 30)


def test_pieces_of_one_long_flow_are_counted_once() -> None:
    (call,) = assemble(
        flow(100, 1900, flow_id=7, sent=(100, 100), end=EndReason.ACTIVE_TIMEOUT),
        flow(1900, 2500, flow_id=7, piece=1, origin_s=100, sent=(150, 150), expected=(150, 150)),
    )
    # Streams go on from piece to piece, so the last one's counts are those of all.
    assert (call.packets_up, call.talk_s, call.bytes_up, len(call.flows)) == (150, 2400, 200, 1)


def test_a_call_is_given_out_when_nothing_more_can_come() -> None:
    assembler = assembler_of([flow(100, 130)])
    assert not assembler.sweep(200 * S)
    assert len(assembler.sweep(300 * S)) == 1
    assert (assembler.started, assembler.ended, list(assembler.open_calls)) == (1, 1, [])


def test_unrelated_traffic_changes_nothing() -> None:
    alone = assemble(flow(100, 130))
    beside = assemble(flow(90, 95, app=App.ZOOM, src=OTHER), flow(100, 130), flow(1, 900, app=App.SIP, src=PEER))
    assert alone[0] in beside


def calls_of(*captures: Path) -> list[Call]:
    """Return the calls of some captures read as one."""
    found: list[Call] = []
    analyze([str(path) for path in captures], lambda *_: None, on_calls=found.extend)
    return found


def test_call_goes_over_relay_and_peer() -> None:
    (call,) = assemble(flow(100, 130), flow(128, 220, dst=PEER, dport=9344))
    assert (call.path, call.media, call.quality_valid) == ("both", "audio", True)


def test_drops_of_the_probe_void_the_quality_of_calls_in_progress() -> None:
    assembler = assembler_of([flow(100, 130)])
    assembler.note_drop(110 * S)
    assembler.add(*flow(200, 230, sport=40001))
    first, second = drained(assembler, 300)
    assert (first.quality_valid, first.mos_high, second.quality_valid) == (False, None, True)


def test_own_captures_hold_one_call_each() -> None:
    for name, app in [
        ("whatsapp/call-2019", "whatsapp"),
        ("whatsapp/call-2023", "whatsapp"),
        ("viber/call-2016", "viber"),
        ("viber/call-2024", "viber"),
        ("skype/call-2017", "skype"),
        ("teams/call-2020", "teams"),
    ]:
        calls = calls_of(PCAPS / f"{name}.pcap")
        assert [(call.app, call.outcome) for call in calls] == [(app, "answered")], name


def test_captures_without_calls_hold_none() -> None:
    assert calls_of(PCAPS / "ordinary/web.pcap", PCAPS / "ordinary/games.pcap", PCAPS / "viber/chat.pcap") == []


def test_a_call_and_its_signalling_may_be_looked_at_long_after_they_were_over() -> None:
    assembler = assembler_of([flow(100, 130), flow(95, 130, kind=Kind.CALL_SIGNALLING, dst=RELAY_2)])
    assert [len(call.flows) for call in assembler.sweep(100_000 * S)] == [2]
    assert not assembler.sweep(100_001 * S)


def test_a_call_that_a_message_has_ended_was_not_cut_off() -> None:
    ended = flow(100, 130, mark=(EndMark.TERMINATE, 130.1))
    ((said,), (cut,)) = (assemble(one, end_s=130.2) for one in (ended, flow(100, 130)))
    assert [(call.ended_by, call.cut_end) for call in (said, cut)] == [("terminate", False), ("capture", True)]
