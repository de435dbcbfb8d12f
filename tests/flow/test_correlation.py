"""Correlation: what one flow's evidence may say of others, and what a forged packet may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from flowclass.flow.correlation import (
    BUCKET,
    ENDPOINT,
    NEAR_NS,
    bucket_of,
    entry_for,
    entry_of,
    forget,
    is_occupied,
    note_occupied,
)
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings, new_state
from flowclass.jit import entry, int64, reference
from flowclass.record.verdict import App, Link
from tests import frames
from tests.messages import stun

MS = 1_000_000
S = 1000 * MS
CLIENT, PEER, RELAY, STRANGER = "192.0.2.10", "198.51.100.20", "203.0.113.30", "198.51.100.66"
SOCKET, RELAY_PORT = 41000, 3478
#: WhatsApp's call token in an Allocate, and the relay's clock in the answer.
TOKEN, CLOCK = stun(0x0003, (0x4000, bytes(102))), stun(0x0103, (0x4002, bytes(8)))


def meter_all(sent: Sequence[frames.Frame]) -> dict[tuple[int, int], np.void]:
    """Return the FLOW records by their ports."""
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, seed=1))
    flows = [batch.flows.copy() for batch in meter.add(*frames.block_of(sorted(sent, key=lambda one: one.ts_ns)), 1)]
    flows += [batch.flows.copy() for batch in meter.drain()]
    return {(int(flow["sport"]), int(flow["dport"])): flow for flow in np.concatenate(flows)}


def relayed(start_ns: int = 0, *, answered: bool = True, count: int = 3) -> list[frames.Frame]:
    """Return a client's WhatsApp call set-up with a relay."""
    sent = []
    for i in range(count):
        at = start_ns + i * 100 * MS
        sent.append(frames.udp(at, CLIENT, SOCKET, RELAY, RELAY_PORT, TOKEN))
        if answered:
            sent.append(frames.udp(at + MS, RELAY, RELAY_PORT, CLIENT, SOCKET, CLOCK))
    return sent


def opaque(start_ns: int, sport: int = SOCKET, dport: int = 42000) -> list[frames.Frame]:
    """Return packets between client and peer that show nothing."""
    body = bytes([0x17, 9, 200, 31, 7, 55, 101, 2, 250, 18] * 6)
    return [frames.udp(start_ns + i * 20 * MS, CLIENT, sport, PEER, dport, body) for i in range(6)]


def test_flow_of_the_same_socket_takes_the_name() -> None:
    flows = meter_all([*relayed(), *opaque(S)])
    naming, other = flows[SOCKET, RELAY_PORT], flows[SOCKET, 42000]
    assert (other["app"], other["linked_app"], other["link"]) == (App.UNKNOWN, App.WHATSAPP, Link.SOCKET)
    assert other["linked_flow"] == naming["flow_id"]
    assert other["linked_also"] == App.MESSENGER


def test_flow_of_the_same_host_is_linked_by_the_host() -> None:
    other = meter_all([*relayed(), *opaque(S, sport=50123)])[50123, 42000]
    assert (other["linked_app"], other["link"]) == (App.WHATSAPP, Link.HOST)


def test_flow_that_has_evidence_of_its_own_is_not_linked() -> None:
    assert meter_all(relayed())[SOCKET, RELAY_PORT]["linked_app"] == App.UNKNOWN


def test_naming_flow_that_lives_counts_as_one_that_has_ended() -> None:
    # The peer's flow ends first: it is handed out while the relay's still lives.
    late = [frames.udp(300 * S + i * S, CLIENT, SOCKET, RELAY, RELAY_PORT, TOKEN) for i in range(3)]
    keep = [frame for k in range(1, 300, 50) for frame in relayed(k * S)]
    assert meter_all([*relayed(), *opaque(S), *keep, *late])[SOCKET, 42000]["linked_app"] == App.WHATSAPP


def test_one_way_link_is_believed_after_five_packets() -> None:
    assert meter_all([*relayed(answered=False, count=5), *opaque(S)])[SOCKET, 42000]["linked_app"] == App.WHATSAPP


@pytest.mark.parametrize("count", [1, 4])
def test_unanswered_packets_relabel_nobody(count: int) -> None:
    assert meter_all([*relayed(answered=False, count=count), *opaque(S)])[SOCKET, 42000]["linked_app"] == App.UNKNOWN


def test_forged_packet_to_a_socket_relabels_nothing() -> None:
    forged = frames.udp(S // 2, STRANGER, 3478, CLIENT, SOCKET, TOKEN)
    reply = frames.udp(S // 2 + MS, CLIENT, SOCKET, STRANGER, 3478, b"go away, whoever you are")
    other = meter_all([forged, reply, *opaque(S)])[SOCKET, 42000]
    assert (other["linked_app"], other["link"]) == (App.UNKNOWN, Link.NONE)


def test_link_is_forgotten_after_its_time() -> None:
    end = 3 * 100 * MS
    assert meter_all([*relayed(), *opaque(end + NEAR_NS - S)])[SOCKET, 42000]["linked_app"] == App.WHATSAPP
    assert meter_all([*relayed(), *opaque(end + NEAR_NS + S)])[SOCKET, 42000]["linked_app"] == App.UNKNOWN


def test_two_applications_at_one_host_cancel_each_other() -> None:
    teams = stun(1, (6, b"ab:cd"), (0x8070, bytes([0, 0, 0, 7])))
    second = [
        frame
        for i in range(3)
        for frame in (
            frames.udp(S + i * MS, CLIENT, 50020, PEER, 3479, teams),
            frames.udp(S + i * MS + 1, PEER, 3479, CLIENT, 50020, teams),
        )
    ]
    other = meter_all([*relayed(), *second, *opaque(2 * S, sport=50123)])[50123, 42000]
    assert (other["linked_app"], other["link"]) == (App.UNKNOWN, Link.NONE)


def test_rtcp_is_linked_to_the_media_on_the_port_below() -> None:
    media = [
        frames.udp(
            i * 20 * MS, CLIENT, 16384, PEER, 20000, frames.rtp(i, i * 160, 0x5C0FFEE1, bytes(160), payload_type=0)
        )
        for i in range(8)
    ]
    report = bytes.fromhex("80c90001") + bytes.fromhex("5c0ffee1")
    control = [frames.udp(i * 20 * MS, CLIENT, 16385, PEER, 20001, report) for i in range(3)]
    other = meter_all([*media, *control])[16385, 20001]
    assert (other["linked_app"], other["link"]) == (App.RTP, Link.SOCKET)


def write_entry(endpoints: np.ndarray, endpoint: int, from_ns: int, until_ns: int) -> int:
    """Write an entry as a naming flow does; return its place."""
    at = entry_for(endpoints, np.uint64(endpoint))
    endpoints[at]["endpoint"], endpoints[at]["from_ns"], endpoints[at]["until_ns"] = endpoint, from_ns, until_ns
    return int(at)


def place(endpoints: np.ndarray, endpoint: int) -> int:
    """Return where an endpoint is, -1 for nowhere."""
    return int(entry_of(endpoints, np.uint64(endpoint)))


def test_endpoints_of_one_bucket_do_not_displace_each_other() -> None:
    endpoints = np.zeros(2 * BUCKET, ENDPOINT)
    for endpoint in range(1, BUCKET + 1):
        write_entry(endpoints, endpoint, endpoint * S, 0)
    assert sorted(place(endpoints, endpoint) for endpoint in range(1, BUCKET + 1)) == list(range(BUCKET))


def test_full_bucket_gives_up_the_flow_that_ended_first() -> None:
    endpoints = np.zeros(BUCKET, ENDPOINT)
    for endpoint in range(1, BUCKET + 1):
        write_entry(endpoints, endpoint, endpoint * S, {2: 9 * S, 3: 7 * S}.get(endpoint, 0))
    write_entry(endpoints, 100, 10 * S, 0)
    assert [endpoint for endpoint in (*range(1, BUCKET + 1), 100) if place(endpoints, endpoint) < 0] == [3]


def test_full_bucket_of_live_flows_gives_up_the_one_that_began_first() -> None:
    endpoints = np.zeros(BUCKET, ENDPOINT)
    for endpoint in range(1, BUCKET + 1):
        write_entry(endpoints, endpoint, S if endpoint == 2 else 2 * S, 0)
    write_entry(endpoints, 100, 10 * S, 0)
    assert [endpoint for endpoint in (*range(1, BUCKET + 1), 100) if place(endpoints, endpoint) < 0] == [2]


@pytest.mark.parametrize("gone", range(1, BUCKET + 1))
def test_forgotten_endpoint_leaves_the_others_of_its_bucket(gone: int) -> None:
    endpoints = np.zeros(2 * BUCKET, ENDPOINT)
    for endpoint in range(1, BUCKET + 1):
        write_entry(endpoints, endpoint, S, 0)
    forget(endpoints, place(endpoints, gone))
    assert [endpoint for endpoint in range(1, BUCKET + 1) if place(endpoints, endpoint) < 0] == [gone]


@entry
def look_at_bucket(arrays: Any, endpoint: int) -> int:
    """Note whether the endpoint's bucket is occupied; return what the note then says."""
    state = reference(arrays)
    note_occupied(state, np.uint64(endpoint))
    return int64(is_occupied(state, np.uint64(endpoint)))


def test_bucket_is_occupied_while_it_holds_an_endpoint() -> None:
    state = new_state(MeterSettings(max_flows=4096, seed=1))
    seen = []
    for bucket in (0, 63, 64, 511):
        endpoint = bucket << 32 | 1
        assert bucket_of(state.endpoints, np.uint64(endpoint)) == bucket * BUCKET
        before = look_at_bucket(state, endpoint)
        at = write_entry(state.endpoints, endpoint, 1, 2)
        held = look_at_bucket(state, endpoint)
        words = state.occupied.copy()
        forget(state.endpoints, at)
        seen.append((before, held, int(np.bitwise_count(words).sum()), look_at_bucket(state, endpoint)))
    assert seen == [(0, 1, 1, 0)] * 4


def test_a_thousand_calls_at_once_are_all_remembered() -> None:
    """Each call has a client and a relay of its own: what names one must not push out what names another."""
    sent = []
    for k in range(1000):
        client, relay, peer = (f"{net}.{k >> 8}.{k & 255}" for net in ("192.0", "203.0", "198.51"))
        for i in range(3):
            at = k * MS + i * 100 * MS
            sent.append(frames.udp(at, client, SOCKET, relay, RELAY_PORT, TOKEN))
            sent.append(frames.udp(at + MS, relay, RELAY_PORT, client, SOCKET, CLOCK))
        body = bytes([0x17, 9, 200, 31, 7, 55, 101, 2, 250, 18] * 6)
        sent += [frames.udp(S + k * MS + i * 20 * MS, client, SOCKET, peer, 42000, body) for i in range(6)]
    meter = FlowMeter(MeterSettings(max_flows=16_384, max_streams=64, seed=1))
    flows = [batch.flows.copy() for batch in meter.add(*frames.block_of(sorted(sent, key=lambda one: one.ts_ns)), 1)]
    flows += [batch.flows.copy() for batch in meter.drain()]
    direct = np.concatenate(flows)
    direct = direct[direct["dport"] == 42000]
    assert np.bincount(direct["linked_app"], minlength=len(App))[App.WHATSAPP] == 1000
