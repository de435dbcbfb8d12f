"""What a call's record says of round trips, and of calls without RTP."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.flow.record import MEDIA
from flowclass.record.verdict import App, Kind
from tests.calls.flows import PEER, Rows, S, assemble, flow

MS = 1_000_000


def asked(one: Rows, up: tuple[int, int, int], down: tuple[int, int, int]) -> Rows:
    """Return a flow with round trips (count, smallest, sum in ms) of requests from and to the client."""
    for way, (count, least, total) in enumerate((up, down)):
        one.flows["trips"][0, way] = count
        one.flows["trip_min_ns"][0, way], one.flows["trip_sum_ns"][0, way] = least * MS, total * MS
    return one


def test_round_trips_are_those_of_all_media_flows() -> None:
    (call,) = assemble(
        asked(flow(100, 130), (2, 20, 60), (0, 0, 0)),
        asked(flow(128, 220, dst=PEER, dport=9344), (1, 10, 10), (1, 3, 3)),
    )
    assert (call.rtt_min_up, call.rtt_min_down, call.rtt_down) == (0.01, 0.003, 0.003)
    assert call.rtt_up is not None
    assert abs(call.rtt_up - 0.07 / 3) < 1e-6


@pytest.mark.parametrize("way", ["up", "down"])
def test_rtcp_on_a_port_of_its_own_tells_of_the_calls_sources(way: str) -> None:
    talk = flow(100, 130, app=App.SIP, dst=PEER, sport=40_000, dport=30_000, sent=(900, 900), expected=(900, 900))
    rtcp = flow(101, 129, app=App.SIP, kind=Kind.CALL_SIGNALLING, dst=PEER, sport=40_001, dport=30_001, sent=(6, 6))
    media = np.zeros(1, MEDIA)
    media["ssrc"], media["direction"] = talk.media["ssrc"][int(way == "down")], int(way == "down")
    media["reports"], media["far_expected"], media["far_lost"] = 3, 600, 30
    media["trips"], media["trip_min_ns"], media["trip_sum_ns"] = 2, 8 * MS, 20 * MS
    (call,) = assemble(talk, rtcp._replace(media=media))
    assert getattr(call, f"far_loss_{way}") == 0.05
    assert (getattr(call, f"rtt_{way}"), getattr(call, f"rtt_min_{way}")) == (0.01, 0.008)
    assert [one["far_loss"] for one in call.streams if one["direction"] != way] == [None]


def test_call_without_rtp_has_pauses_and_rates_and_nothing_else() -> None:
    one = flow(100, 110, app=App.TELEGRAM, sent=(500, 400), expected=(0, 0))
    one.flows["gap_max_ns"] = (S // 4, 2 * S)
    (call,) = assemble(one)
    assert (call.gap_up, call.gap_down, call.rate_up, call.rate_down) == (0.25, 2.0, 50.0, 40.0)
    assert (call.loss_up, call.jitter_up, call.mos_low, call.quality_valid) == (None, None, None, False)


def test_call_with_rtp_has_loss_and_no_pauses() -> None:
    (call,) = assemble(flow(100, 130))
    assert (call.gap_up, call.rate_up, call.loss_up) == (None, None, 0.0)
