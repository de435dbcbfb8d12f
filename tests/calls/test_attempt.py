"""Attempts without media: what is one, how it went, and what is none."""

from __future__ import annotations

import pytest

from flowclass.calls.signalling import MAX_HOSTS
from flowclass.record.verdict import App, DecidedBy, EndMark, Kind
from tests.calls.flows import CLIENT, OTHER, PEER, RELAY, RELAY_2, Rows, assemble, flow

TOKEN = (0x1234_5678_9ABC_DEF0, 0)
ASK, TWO_WAY = (4, 4), flow(0, 900, app=App.OTHER, kind=Kind.NOT_VOIP, sent=(9, 9), sport=9)


def asked(
    begin_s: float, end_s: float, *, relays: int = 5, answers: int = 4, ids: tuple[int, int] = TOKEN, **more: object
) -> list[Rows]:
    """Return what a socket exchanged with some relays of WhatsApp."""
    return [
        flow(begin_s, end_s, kind=Kind.CALL_SIGNALLING, dst=RELAY + one, sent=(4, answers), ids=ids, **more)  # type: ignore[arg-type]
        for one in range(relays)
    ]


@pytest.mark.parametrize(
    ("answers", "seconds", "outcome"),
    [(4, 61, "unanswered"), (4, 12, "declined-or-missed"), (0, 12, "failed-setup")],
)
def test_an_attempt_is_one_call_with_its_outcome(answers: int, seconds: float, outcome: str) -> None:
    (call,) = assemble(TWO_WAY, *asked(100, 100 + seconds, answers=answers))
    assert (call.app, call.outcome, call.ring_s, call.talk_s, len(call.flows)) == ("whatsapp", outcome, seconds, 0, 5)
    assert (call.quality_valid, call.media_flows) == (False, 0)


def test_silent_relays_say_nothing_where_only_one_direction_is_seen() -> None:
    (call,) = assemble(*asked(100, 112, answers=0))
    assert (call.outcome, call.reasons) == ("unknown", ["outcome.one-direction-seen"])


def test_one_relay_that_answers_is_no_failure() -> None:
    flows = [
        *asked(100, 112, relays=4, answers=0),
        flow(100, 112, kind=Kind.CALL_SIGNALLING, dst=RELAY_2 + 9, sent=ASK),
    ]
    (call,) = assemble(TWO_WAY, *flows)
    assert call.outcome == "declined-or-missed"


def test_silent_checks_of_peers_are_no_failure() -> None:
    (call,) = assemble(*asked(100, 112), flow(101, 112, kind=Kind.CALL_SIGNALLING, dst=PEER, dport=9344, sent=(20, 0)))
    assert call.outcome == "declined-or-missed"


def test_an_attempt_that_the_capture_cuts_is_unknown() -> None:
    (call,) = assemble(TWO_WAY, *asked(100, 112), end_s=113)
    assert (call.outcome, call.ended_by, call.cut_end) == ("unknown", "capture", True)


def test_an_attempt_that_is_terminated_is_whole_at_the_end_of_the_capture() -> None:
    (call,) = assemble(TWO_WAY, *asked(100, 112, mark=(EndMark.TERMINATE, 112)), end_s=113)
    assert (call.outcome, call.ended_by) == ("declined-or-missed", "terminate")


def test_two_sockets_that_ring_at_once_behind_one_address_are_two_attempts() -> None:
    other = asked(101, 113, sport=40001, ids=(0x0FED_CBA9_8765_4321, 0))
    assert len(assemble(TWO_WAY, *asked(100, 112), *other)) == 2


def test_an_attempt_beside_a_call_of_another_socket_is_a_call_of_its_own() -> None:
    calls = assemble(flow(90, 200, sport=40001), *asked(100, 112))
    assert [call.outcome for call in calls] == ["answered", "declined-or-missed"]


def test_redial_after_a_refusal_is_two_attempts() -> None:
    assert len(assemble(TWO_WAY, *asked(100, 112), *asked(140, 152, sport=40002))) == 2


def test_discovery_of_relays_by_teams_is_no_attempt() -> None:
    assert assemble(flow(100, 112, app=App.TEAMS, kind=Kind.CALL_SIGNALLING, sent=ASK)) == []


def test_checks_of_a_peer_by_teams_are_an_attempt() -> None:
    relay = flow(100, 112, app=App.TEAMS, kind=Kind.CALL_SIGNALLING, sent=ASK)
    peer = flow(101, 110, app=App.TEAMS, kind=Kind.CALL_SIGNALLING, dst=PEER, dport=9344, sent=ASK, ids=(0, 7))
    (call,) = assemble(relay, peer)
    assert (call.app, call.outcome) == ("teams", "declined-or-missed")


@pytest.mark.parametrize("app", [App.ZOOM, App.DISCORD, App.MEET, App.WEBRTC])
def test_meetings_do_not_ring(app: App) -> None:
    assert assemble(flow(100, 130, app=app, kind=Kind.CALL_SIGNALLING, sent=ASK)) == []


def test_a_name_from_elsewhere_makes_no_attempt() -> None:
    assert assemble(flow(100, 130, app=App.SIGNAL, kind=Kind.CALL_SIGNALLING, by=DecidedBy.CORRELATION)) == []


def test_signalling_that_outlives_its_call_is_no_attempt() -> None:
    calls = assemble(
        flow(100, 130, app=App.SIGNAL, dst=PEER, dport=9344),
        flow(95, 160, app=App.SIGNAL, kind=Kind.CALL_SIGNALLING, sport=40009, sent=ASK),
    )
    assert [call.outcome for call in calls] == ["answered"]


def test_clients_do_not_share_an_attempt() -> None:
    calls = assemble(TWO_WAY, *asked(100, 112, src=CLIENT), *asked(100, 112, src=OTHER, ids=(5, 0)))
    assert sorted(call.client for call in calls) == ["10.0.0.1", "10.0.0.2"]


def test_an_id_that_many_share_joins_nobody() -> None:
    many = [leg for host in range(MAX_HOSTS + 1) for leg in asked(100, 112, src=CLIENT + host)]
    found = assemble(TWO_WAY, *many)
    assert [(call.outcome, len(call.flows)) for call in found] == [("declined-or-missed", 5)] * (MAX_HOSTS + 1)
