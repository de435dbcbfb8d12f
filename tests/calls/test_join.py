"""What makes flows one call, and what keeps calls apart."""

from __future__ import annotations

from itertools import permutations

import pytest

from flowclass.calls import assembler, signalling
from flowclass.calls.joining import MAX_LEGS
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, EndMark, Kind
from tests.calls.flows import CLIENT, OTHER, PEER, RELAY, RELAY_2, S, assemble, assembler_of, flow

ICE = (0, 0xABCD_0000_1234)


def test_ice_fragments_join_two_addresses_of_a_client() -> None:
    calls = assemble(
        flow(100, 110, app=App.SIGNAL, src=CLIENT, dst=PEER, dport=9000, ids=ICE),
        flow(109, 200, app=App.SIGNAL, src=OTHER, dst=PEER, dport=9001, ids=ICE),
    )
    assert [(call.media_flows, call.talk_s) for call in calls] == [(2, 100)]


def test_a_credential_seen_at_both_sockets_joins_what_they_carried() -> None:
    credential = (77, 0)
    calls = assemble(
        flow(100, 110, app=App.SIGNAL, src=CLIENT, dst=PEER, sport=1000, dport=9000),
        flow(109, 200, app=App.SIGNAL, src=OTHER, dst=PEER, sport=2000, dport=9001),
        flow(95, 200, app=App.SIGNAL, kind=Kind.CALL_SIGNALLING, src=CLIENT, sport=1000, ids=credential),
        flow(95, 200, app=App.SIGNAL, kind=Kind.CALL_SIGNALLING, src=OTHER, sport=2000, dst=RELAY_2, ids=credential),
    )
    assert [call.media_flows for call in calls] == [2]


def test_a_source_that_moves_to_another_socket_is_one_call() -> None:
    source = 0x5EED_0000
    (call,) = assemble(flow(100, 130, ssrc=source), flow(131, 200, sport=40077, ssrc=source))
    assert call.media_flows == 2


def test_calls_of_different_clients_with_one_source_in_common_by_chance_stay_apart() -> None:
    source = 0x5EED_0000
    calls = assemble(flow(100, 200, ssrc=source), flow(100, 200, src=OTHER, sport=41000, ssrc=source + 1))
    assert [call.media_flows for call in calls] == [1, 1]


def test_a_client_that_takes_both_sources_to_another_address_has_one_call() -> None:
    source = 0x5EED_0000
    (call,) = assemble(flow(100, 130, ssrc=source), flow(131, 200, src=OTHER, sport=41000, dst=PEER, ssrc=source))
    assert call.media_flows == 2


def test_people_behind_one_address_who_speak_at_once_have_a_call_each() -> None:
    calls = assemble(
        *(flow(100 + n, 200 + n, app=App.TEAMS, sport=50000 + n, dst=RELAY + n) for n in range(5)),
        flow(101, 190, app=App.TEAMS, sport=51000, clock_hz=90_000),
    )
    assert sorted(call.media for call in calls) == ["audio"] * 4 + ["audio+video"]


def test_telephony_of_one_exchange_stays_apart() -> None:
    calls = assemble(*(flow(100, 200, app=App.RTP, dst=PEER + n, sport=20000 + 2 * n, dport=30000) for n in range(4)))
    assert len(calls) == 4


def test_rtp_and_its_rtcp_on_the_next_port_are_one_call() -> None:
    rtp = flow(100, 200, app=App.RTP, dst=PEER, sport=20000, dport=30000)
    rtcp = flow(100, 200, app=App.RTP, dst=PEER, sport=20001, dport=30001, sent=(40, 40), expected=(0, 0))
    (call,) = assemble(rtp, rtcp)
    assert call.media_flows == 2


def test_both_ends_of_a_relayed_call_are_counted_once() -> None:
    near = flow(100, 200, ssrc=0x5EED_0000)
    far = flow(100, 200, src=RELAY, sport=3478, dst=OTHER, dport=41000, ssrc=0x5EED_0000)
    (call,) = assemble(near, far)
    assert (call.media_flows, call.packets_up, call.packets_down) == (2, 100, 100)


def test_both_legs_of_a_call_through_a_media_proxy_are_counted_once() -> None:
    near = flow(100, 200, app=App.RTP, dst=RELAY, sport=20000, dport=30000, sent=(90, 100), ssrc=0x5EED_0000)
    far = flow(100, 200, app=App.RTP, src=RELAY, dst=OTHER, sport=30002, dport=20002, sent=(90, 100), ssrc=0x5EED_0000)
    (call,) = assemble(near, far)
    assert (call.media_flows, call.packets_up, call.packets_down, call.loss_up, call.group) == (2, 90, 100, 0.1, "")


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_in_which_flows_end_changes_nothing(order: tuple[int, ...]) -> None:
    flows = [
        flow(100, 130, flow_id=1),
        flow(160, 220, dst=PEER, dport=9344, flow_id=2),
        flow(125, 165, dst=PEER, dport=1, flow_id=3),
        flow(90, 225, kind=Kind.CALL_SIGNALLING, dst=RELAY_2, flow_id=4),
    ]
    whole = assemble(*flows)
    assert assemble(*(flows[place] for place in order)) == whole


def test_an_id_is_that_of_the_first_media_flow() -> None:
    (call,) = assemble(flow(128, 220, dst=PEER, dport=9344, flow_id=0xB), flow(100, 130, flow_id=0xA))
    assert (call.call_id, call.flows) == ("000000000000000a", ["000000000000000a", "000000000000000b"])


def test_access_networks_are_told_by_side() -> None:
    one = flow(100, 130, app=App.SIGNAL, src=PEER, sport=9000, dst=CLIENT, dport=40000, cost=(501, 11))
    (call,) = assemble(one)
    assert (call.access_hint, call.access_hint_peer) == ("wifi", "4g")


def test_a_released_relay_ends_no_call_that_goes_on_elsewhere() -> None:
    released = flow(100, 110, app=App.SIGNAL, mark=(EndMark.RELEASE, 110), ids=ICE)
    (early,) = assemble(released, flow(108, 200, app=App.SIGNAL, dst=PEER, dport=9344, ids=ICE))
    (last,) = assemble(flow(100, 200, app=App.SIGNAL, mark=(EndMark.RELEASE, 200.2)))
    assert (early.ended_by, last.ended_by) == ("silence", "release")


@pytest.mark.parametrize(
    ("mark", "down_s", "outcome"),
    [
        ((EndMark.NONE, 0.0), 40.0, "dropped"),
        ((EndMark.TERMINATE, 160.0), 40.0, "answered"),
        ((EndMark.NONE, 0.0), 58.0, "answered"),
    ],
)
def test_a_call_whose_one_side_goes_on_without_a_word_was_dropped(
    mark: tuple[EndMark, float], down_s: float, outcome: str
) -> None:
    rows = flow(100, 160, sent=(600, 400), expected=(600, 400), mark=mark)
    rows.media["last_ns"][rows.media["direction"] == 1] = int((100 + down_s) * S)
    (call,) = assemble(rows)
    assert call.outcome == outcome


def test_full_stores_shed_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "MAX_CALLS", 3)
    monkeypatch.setattr(signalling, "MAX_WAITING", 2)
    many = [flow(100, 130 + n, sport=41000 + n) for n in range(5)]
    waiting = [flow(100, 130, kind=Kind.CALL_SIGNALLING, src=CLIENT + 9 + n) for n in range(5)]
    full = assembler_of([*many, *waiting])
    given = full.sweep(131 * S)
    assert (len(given), full.early, full.shed) == (2, 2, 3)
    assert [call.end for call in given] == [130, 131]


def test_a_call_given_out_for_want_of_room_has_its_latest_signalling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "MAX_CALLS", 0)
    goes_on = flow(100, 130, end=EndReason.ACTIVE_TIMEOUT)
    (call,) = assembler_of([goes_on, flow(100, 130, kind=Kind.CALL_SIGNALLING, dport=443)]).sweep(131 * S)
    assert len(call.flows) == 2


@pytest.mark.parametrize("swapped", [False, True])
def test_between_public_addresses_the_first_packet_decides_nothing(swapped: bool) -> None:
    ends = {"src": PEER, "sport": 9000, "dst": RELAY, "dport": 9344}
    if swapped:
        ends = {"src": RELAY, "sport": 9344, "dst": PEER, "dport": 9000}
    sent = (60, 90) if swapped else (90, 60)
    (call,) = assemble(flow(100, 130, app=App.SIGNAL, sent=sent, expected=sent, **ends))
    assert (call.client, call.packets_up, call.packets_down) == ("198.51.100.1", 90, 60)


def test_a_peer_leg_takes_the_client_from_the_relay_leg() -> None:
    client, peer = PEER + 7, PEER
    relay = flow(100, 130, app=App.WHATSAPP, src=client, sport=40000, ssrc=0x5EED_0000)
    direct = flow(
        131, 200, app=App.WHATSAPP, src=peer, sport=9344, dst=client, dport=40000, sent=(60, 90), expected=(60, 90),
        ssrc=0x5EED_0000,
    )  # fmt: skip
    (call,) = assemble(relay, direct)
    assert (call.client, call.packets_up, call.packets_down) == ("198.51.100.8", 190, 160)


def test_bytes_are_told_by_path() -> None:
    source = 0x5EED_0000
    (call,) = assemble(flow(100, 130, ssrc=source), flow(131, 200, dst=PEER, dport=9344, ssrc=source))
    assert (call.path, call.bytes_relay, call.bytes_p2p, call.bytes_up) == ("both", 200, 200, 200)
    (unsure,) = assemble(flow(100, 130, app=App.RTP, dst=PEER, sport=20000, dport=30000))
    assert (unsure.bytes_relay, unsure.bytes_p2p) == (None, None)


def test_a_shared_screen_is_told_from_video_where_the_socket_tells() -> None:
    calls = assemble(
        flow(100, 200, app=App.TEAMS, sport=50001),
        flow(110, 190, app=App.TEAMS, sport=50041, sent=(0, 300), expected=(0, 300), clock_hz=90_000),
        flow(110, 190, app=App.TEAMS, sport=50021, sent=(300, 0), expected=(300, 0), clock_hz=90_000),
    )
    assert [(call.media, call.media_up, call.media_down) for call in calls] == [
        ("audio+share+video", "audio+video", "audio+share")
    ]


def test_a_call_without_end_is_cut() -> None:
    legs = [flow(100 + i, 105 + i, src=CLIENT + i, ssrc=0xABCDEF01, ids=(0, 99)) for i in range(MAX_LEGS + 1)]
    assert sorted(call.media_flows for call in assemble(*legs)) == [1, MAX_LEGS]
