"""The meter against its plain twin, and its invariants."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.flow.streams import MAX_CANDIDATES
from flowclass.record.status import EndReason
from tests import frames
from tests.frames import Frame
from tests.reference import meter as twin

SECOND = 1_000_000_000
START = 1_454_284_800 * SECOND
SMALL = MeterSettings(max_flows=64, max_streams=64, idle_timeout_s=5, active_timeout_s=20, tcp_linger_s=1, seed=1)


def run(packets: list[Frame], choice: MeterSettings = SMALL, block: int = 1000) -> np.ndarray:
    """Return all flow records of the frames, metered ``block`` frames at a time."""
    meter = FlowMeter(choice)
    out = []
    for start in range(0, len(packets), block):
        data, refs = frames.block_of(packets[start : start + block])
        out += [batch.flows.copy() for batch in meter.add(data, refs, start + 1)]
    out += [batch.flows.copy() for batch in meter.drain()]
    stats = meter.stats
    assert stats["packets_read"] == len(packets)
    assert stats["packets_read"] == stats["packets_metered"] + stats["ignored_packets"].sum()
    assert stats["bytes_read"] == stats["bytes_metered"] + stats["ignored_bytes"].sum()
    return np.concatenate(out) if out else np.zeros(0)


def address(hi: int, lo: int) -> str:
    """Return an address from the record's two words."""
    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(hi << 64 | lo))


def row(flow: np.void) -> tuple[object, ...]:
    """Return what the twin's row says, of a FLOW record."""
    return (
        address(int(flow["src_hi"]), int(flow["src_lo"])),
        int(flow["sport"]),
        address(int(flow["dst_hi"]), int(flow["dst_lo"])),
        int(flow["dport"]),
        int(flow["proto"]),
        int(flow["first_ns"]),
        int(flow["last_ns"]),
        int(flow["piece"]),
        *(int(n) for n in flow["packets"]),
        *(int(n) for n in flow["bytes"]),
        int(flow["end_reason"]),
    )


HOSTS = ["10.0.0.1", "10.0.0.2", "192.0.2.9"]
HOSTS6 = ["2001:db8::1", "2001:db8::2"]

packet = st.tuples(
    st.sampled_from([0, 1_000, SECOND // 2, 2 * SECOND, 7 * SECOND]),
    st.booleans(),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([5000, 5001]),
    st.sampled_from([5000, 3478]),
    st.booleans(),
    st.sampled_from([0x02, 0x12, 0x10, 0x18, 0x11, 0x04]),
    st.binary(max_size=40),
)


def crafted(steps: list[tuple]) -> tuple[list[Frame], list[twin.PlainPacket]]:
    """Return frames and the twin's packets from drawn steps."""
    now = START
    out, plain = [], []
    for gap, six, a, b, sport, dport, is_tcp, flags, payload in steps:
        now += gap
        hosts = HOSTS6 if six else HOSTS
        src, dst = hosts[a % len(hosts)], hosts[b % len(hosts)]
        if is_tcp:
            out.append(frames.tcp(now, src, sport, dst, dport, payload, flags=flags))
        else:
            out.append(frames.udp(now, src, sport, dst, dport, payload))
        size = len(out[-1].data) - 14
        plain.append(twin.PlainPacket(now, src, sport, dst, dport, 6 if is_tcp else 17, size, flags if is_tcp else 0))
    return out, plain


@settings(max_examples=150, deadline=None)
@given(st.lists(packet, max_size=80))
def test_meter__equals_plain_twin(steps: list[tuple]) -> None:
    out, plain = crafted(steps)
    expected = twin.meter(plain, idle_ns=5 * SECOND, active_ns=20 * SECOND, linger_ns=SECOND)
    assert sorted(row(f) for f in run(out)) == sorted(f.row() for f in expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(packet, max_size=80))
def test_meter__out_of_order_equals_plain_twin(steps: list[tuple]) -> None:
    # Every second packet is early, by less than any time-out.
    mixed = [((-1) ** place * (step[0] % SECOND) // 9, *step[1:]) for place, step in enumerate(steps)]
    out, plain = crafted(mixed)
    expected = twin.meter(plain, idle_ns=5 * SECOND, active_ns=20 * SECOND, linger_ns=SECOND)
    assert sorted(row(f) for f in run(out)) == sorted(f.row() for f in expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(packet, max_size=60), st.integers(1, 70))
def test_meter__block_size_changes_nothing(steps: list[tuple], block: int) -> None:
    out, _ = crafted(steps)
    names = [n for n in run(out[:1]).dtype.names or ()] if out else []
    whole, pieces = run(out), run(out, block=block)
    assert len(whole) == len(pieces)
    for name in names:
        np.testing.assert_array_equal(whole[name], pieces[name], err_msg=name)


@settings(max_examples=30, deadline=None)
@given(st.lists(packet, max_size=60), st.integers(-(10**17), 10**17))
def test_meter__time_shift_moves_times_only(steps: list[tuple], shift: int) -> None:
    out, _ = crafted(steps)
    moved = [Frame(f.ts_ns + shift, f.data) for f in out]
    here, there = run(out), run(moved)
    assert len(here) == len(there)
    for name in ("sport", "dport", "packets", "bytes", "end_reason", "piece", "app", "kind", "reasons"):
        if len(here):
            np.testing.assert_array_equal(here[name], there[name], err_msg=name)


def test_meter__time_that_jumps_back_ends_the_flow() -> None:
    now, past = START + 100 * SECOND, START
    both = [frames.udp(ts, "10.0.0.1", 4000, "10.0.0.2", 4001, b"x") for ts in (now, past)]
    flows = run(both)
    assert flows["end_reason"].tolist() == [EndReason.IDLE_TIMEOUT, EndReason.FORCED_END]


def test_meter__packets_out_of_order_begin_and_end_a_flow_by_their_times() -> None:
    times = [START + ms * SECOND // 1000 for ms in (40, 90, 30, 70)]
    flows = run([frames.udp(ts, "10.0.0.1", 4000, "10.0.0.2", 4001, b"x") for ts in times])
    assert (flows["first_ns"].tolist(), flows["last_ns"].tolist()) == ([min(times)], [max(times)])


def test_meter__media_does_not_end_before_it_began_when_the_clock_is_set_back() -> None:
    times = [START + at for at in (0, 20_000_000, 40_000_000, 60_000_000, -2 * SECOND, 20_000_000 - 2 * SECOND)]
    packets = [
        frames.udp(ts, "10.0.0.1", 4000, "10.0.0.2", 4001, frames.rtp(number, 160 * number, 7, b"x" * 160))
        for number, ts in enumerate(times)
    ]
    meter = FlowMeter(SMALL)
    list(meter.add(*frames.block_of(packets), 1))
    ((flows, media),) = [(batch.flows.copy(), batch.media.copy()) for batch in meter.drain()]
    assert (media["first_ns"].tolist(), media["last_ns"].tolist()) == ([START], [START])
    assert (flows["media_first_ns"][0, 0], flows["media_last_ns"][0, 0]) == (START, START)
    assert media["packets"].tolist() == [len(times)]


def test_meter__sources_that_begin_at_once_are_all_found() -> None:
    sources = range(1, MAX_CANDIDATES + 1)
    packets = [
        frames.udp(START + number * 20_000_000 + ssrc, "10.0.0.1", 4000, "10.0.0.2", 4001,
                   frames.rtp(number, 960 * number, ssrc << 20, b"x" * 60))
        for number in range(5) for ssrc in sources
    ]  # fmt: skip
    meter = FlowMeter(SMALL)
    list(meter.add(*frames.block_of(packets), 1))
    ((media, flows),) = [(batch.media.copy(), batch.flows.copy()) for batch in meter.drain()]
    assert sorted(media["ssrc"].tolist()) == [ssrc << 20 for ssrc in sources]
    assert flows["stream_packets"].sum() == len(packets)


def test_meter__full_table_evicts_single_packet_flows_first() -> None:
    call = [frames.udp(START + i, "10.0.0.1", 4000, "10.0.0.2", 4001, b"x" * 30) for i in range(3)]
    flood = [frames.udp(START + 10 + i, "10.9.0.1", i % 60000 + 1, "10.0.0.2", 9, b"y") for i in range(500)]
    flows = run([*call, *flood])
    evicted = flows[flows["end_reason"] == EndReason.LACK_OF_RESOURCES]
    assert len(evicted) == 501 - SMALL.max_flows
    assert (evicted["packets"].sum(axis=1) == 1).all()
    survivor = flows[flows["sport"] == 4000]
    assert survivor["end_reason"].tolist() == [EndReason.FORCED_END]


def test_meter__pieces_of_a_long_flow_share_their_id() -> None:
    long_call = [frames.udp(START + i * SECOND, "10.0.0.1", 4000, "10.0.0.2", 4001, b"x" * 30) for i in range(50)]
    flows = run(long_call)
    assert flows["piece"].tolist() == [0, 1, 2]
    assert len(set(flows["flow_id"].tolist())) == 1
    assert flows["packets"].sum() == 50


def test_meter__flow_id_is_the_same_under_another_seed() -> None:
    few = [frames.udp(START, "10.0.0.1", 4000, "10.0.0.2", 4001, b"x" * 30)]
    first = run(few, MeterSettings(max_flows=64, max_streams=64, seed=1))
    second = run(few, MeterSettings(max_flows=64, max_streams=64, seed=2))
    assert first["flow_id"].tolist() == second["flow_id"].tolist()


def test_meter__many_flows_come_out_once_each() -> None:
    many = [frames.udp(START + i, "10.0.0.1", i % 50000 + 1, f"10.1.{i // 50000}.2", 9, b"y") for i in range(20000)]
    flows = run(many, MeterSettings(max_flows=4096, max_streams=64, seed=3))
    assert len(flows) == 20000
    assert len(np.unique(flows["sport"])) == 20000


def rtp_call(count: int, **changes: int) -> list[Frame]:
    """Return an RTP stream of 20 ms frames at 48 kHz."""
    out = []
    for i in range(count):
        payload = frames.rtp(100 + i, i * 960, 0xABCD, bytes(50))
        out.append(frames.udp(START + i * 20_000_000, "10.0.0.1", 4000, "10.0.0.2", 4001, payload))
    return out


def test_meter__stream_is_confirmed_after_three_in_sequence() -> None:
    assert run(rtp_call(2))["streams"].tolist() == [0]
    assert run(rtp_call(3))["streams"].tolist() == [1]


@pytest.mark.parametrize("count", [50, 500])
def test_meter__stream_counts_every_packet(count: int) -> None:
    assert run(rtp_call(count))["stream_packets"].tolist() == [[count, 0]]


def test_meter__random_payload_confirms_no_stream() -> None:
    random = np.random.default_rng(5)
    noise = [
        frames.udp(START + i * 20_000_000, "10.0.0.1", 4000, "10.0.0.2", 4001, b"\x80\x60" + random.bytes(60))
        for i in range(300)
    ]
    assert run(noise)["streams"].tolist() == [0]


def test_meter__one_ssrc_both_ways_is_two_streams() -> None:
    # A collision, or media sent back to its sender: the two have sequence numbers of their own.
    there = rtp_call(60)
    back = [
        frames.udp(one.ts_ns + 1, "10.0.0.2", 4001, "10.0.0.1", 4000, frames.rtp(9000 + 2 * i, i * 960, 0xABCD, b"x"))
        for i, one in enumerate(there)
    ]
    flow = run(sorted(there + back, key=lambda one: one.ts_ns))[0]
    assert flow["streams"] == 2
    assert flow["stream_packets"].tolist() == [60, 60]
    assert flow["stream_expected"].tolist() == [60, 119]
