"""Flows of a batch as legs of calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from flowclass.calls.leg import LEG, NEVER, Leg
from flowclass.calls.legs import legs_of
from flowclass.calls.signalling import Signalling
from flowclass.calls.source import sources_of
from flowclass.calls.ties import SOCKET, tie
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import App, DecidedBy, EndMark, Kind
from tests.calls.flows import CLIENT, PEER, RELAY, Rows, S, flow

PUBLIC = 0x08080808


def legs(*rows: Rows) -> Sequence[Leg | Signalling]:
    """Return the legs of flows that are handed out together."""
    for place, one in enumerate(rows):
        one.media["flow"] = place
    return legs_of(*(np.concatenate(arrays) for arrays in zip(*rows, strict=True)))


def batch(*rows: Rows) -> Sequence[Leg]:
    """Return the legs of flows with media that are handed out together."""
    found = legs(*rows)
    assert all(isinstance(one, Leg) for one in found)
    return [one for one in found if isinstance(one, Leg)]


def row_of(leg: Leg) -> np.void:
    """Return the LEG row of a leg."""
    (row,) = np.frombuffer(leg.row, LEG)
    return row  # type: ignore[no-any-return]


def turned(**values: object) -> Rows:
    """Return a flow of which the first packet seen was the relay's."""
    return flow(100, 110, src=PUBLIC, sport=3478, dst=CLIENT, dport=40_000, **values)  # type: ignore[arg-type]


def test_pairs_are_up_and_down_whoever_was_seen_first() -> None:
    one = turned(sent=(30, 20), cost=(11, 0), mark=(EndMark.RELEASE, 110))
    one.flows["trips"], one.flows["trip_min_ns"], one.flows["trip_sum_ns"] = (0, 2), (0, 5), (0, 12)
    one.flows["gap_max_ns"] = (7, 0)
    (leg,) = batch(one)
    row = row_of(leg)
    assert (row["client_lo"] & 0xFFFFFFFF, row["ports"].tolist(), row["up"]) == (CLIENT, [40_000, 3478], 1)
    assert [row[name].tolist() for name in ("packets", "cost", "gaps_ns")] == [[20, 30], [0, 11], [0, 7]]
    assert [row[name].tolist() for name in ("trips", "trip_min_ns", "trip_sum_ns")] == [[2, 0], [5, 0], [12, 0]]
    assert (row["end_mark"], row["end_mark_ns"]) == (EndMark.RELEASE, 110 * S)


def test_flows_that_are_no_calls_make_no_legs_and_shift_no_streams() -> None:
    other = flow(100, 110, kind=Kind.NOT_VOIP)
    talk = flow(100, 110, dst=PEER, ssrc=0x5EED_0000)
    (leg,) = batch(other, talk)
    assert [one.ssrc for one in sources_of(leg.sources)] == [0x5EED_0000, 0x5EED_0001]


def test_pieces_of_a_flow_that_are_told_of_together_keep_their_own_streams() -> None:
    pieces = [flow(begin, begin + 10, flow_id=7, piece=piece, ssrc=1 << 20) for piece, begin in enumerate((100, 110))]
    sources = [sources_of(leg.sources) for leg in batch(*pieces)]
    assert [[one.first_ns for one in some] for some in sources] == [[100 * S] * 2, [110 * S] * 2]


def test_flows_keep_their_order_with_media_and_without() -> None:
    found = legs(flow(100, 110, kind=Kind.CALL_SIGNALLING), flow(100, 110), flow(100, 110, kind=Kind.CALL_SIGNALLING))
    assert [isinstance(one, Leg) for one in found] == [False, True, False]


@pytest.mark.parametrize(
    ("sent", "expected", "media"),
    [
        ((100, 100), (100, 100), ((100, 110), (100, 110))),  # RTP
        ((100, 0), (100, 0), ((100, 110), None)),
        ((5, 5), (5, 5), ((100, 110), (100, 110))),  # too few of a stream: as the meter saw them
        ((100, 5), (0, 0), ((100, 110), None)),  # no RTP: a packet a second, and keepalives
    ],
)
def test_media_each_way(
    sent: tuple[int, int], expected: tuple[int, int], media: tuple[tuple[int, int] | None, tuple[int, int] | None]
) -> None:
    (leg,) = batch(flow(100, 110, sent=sent, expected=expected))
    row = row_of(leg)
    each = list(zip(row["media_first_ns"].tolist(), row["media_last_ns"].tolist(), strict=True))
    assert each == [NEVER if way is None else (way[0] * S, way[1] * S) for way in media]


@pytest.mark.parametrize(("packets", "is_media"), [(9, False), (10, True)])
def test_path_that_is_only_checked_is_no_media(packets: int, is_media: bool) -> None:
    # Called media for another flow's sake, and without RTP.
    (one,) = legs(flow(100, 101, sent=(packets, packets), expected=(0, 0), by=DecidedBy.CORRELATION))
    assert isinstance(one, Leg) == is_media


def test_ties__of_rtp_and_its_rtcp_are_one_socket() -> None:
    rtp = flow(100, 110, app=App.SIP, dst=RELAY, sport=40_000)
    both = batch(rtp, flow(100, 110, app=App.SIP, dst=RELAY, sport=40_001, expected=(0, 0)))
    assert {leg.ties[0] for leg in both} == {tie(SOCKET, 40_000, 0, IPV4_MAPPED | CLIENT)}


def test_ties__of_rtp_on_neighbouring_ports_are_two_sockets() -> None:
    both = batch(*(flow(100, 110, app=App.SIP, dst=RELAY, sport=port) for port in (40_000, 40_001)))
    assert len({leg.ties[0] for leg in both}) == 2


@pytest.mark.parametrize(
    ("streams", "has_silence"),
    [([(100, 130), (139, 150)], False), ([(100, 130), (141, 150)], True), ([(100, 141), (120, 150)], False)],
)
def test_silence_of_its_sources_is_noticed(streams: list[tuple[int, int]], has_silence: bool) -> None:
    one = flow(100, 150)
    for row, (first_s, last_s) in zip(one.media, streams, strict=True):
        row["first_ns"], row["last_ns"] = first_s * S, last_s * S
    (leg,) = batch(one)
    assert leg.has_silence == has_silence
