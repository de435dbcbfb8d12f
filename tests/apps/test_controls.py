"""Applications recognised by their RTCP alone, through the meter, as a muted call shows it."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from flowclass.apps.habit import Control
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.record.verdict import App, Kind
from tests import frames

MS = 1_000_000
CLIENT, PEER = "192.0.2.10", "198.51.100.20"
RANDOM_SSRC = 0x5C0FFEE1


def rtcp(kind: int, ssrc: int, words: int, blocks: int = 0) -> bytes:
    """Return an RTCP packet as SRTCP sends it: ``words`` + 1 words, then an index and a tag."""
    return struct.pack("!BBHI", 0x80 | blocks, kind, words, ssrc) + bytes(4 * (words - 1)) + bytes(14)


def control_flow(packets: list[bytes], dport: int = 42000) -> np.void:
    """Return the FLOW record of packets that nothing went before."""
    sent = [frames.udp(place * 500 * MS, CLIENT, 41000, PEER, dport, packet) for place, packet in enumerate(packets)]
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, seed=1))
    flows = [batch.flows.copy() for batch in meter.add(*frames.block_of(sent), 1)]
    flows += [batch.flows.copy() for batch in meter.drain()]
    (flow,) = np.concatenate(flows)
    return flow


@pytest.mark.parametrize(
    ("app", "packet"),
    [
        pytest.param(App.SIGNAL, rtcp(201, 2003, 1), id="signal-callee"),
        pytest.param(App.SIGNAL, rtcp(202, 1002, 6), id="signal-caller"),
        pytest.param(App.TEAMS, rtcp(201, 0x5D43, 11), id="teams-extended"),
        pytest.param(App.TEAMS, rtcp(201, 1005, 299), id="teams-probe-in-signals-range"),
        pytest.param(App.DISCORD, rtcp(201, 0x18E19, 7, blocks=1), id="discord"),
        pytest.param(App.WHATSAPP, rtcp(208, RANDOM_SSRC, 2), id="whatsapp-private-type"),
        pytest.param(App.WHATSAPP, rtcp(200, RANDOM_SSRC, 9), id="whatsapp-extended"),
        pytest.param(App.MEET, rtcp(207, RANDOM_SSRC, 4), id="meet-clock"),
        pytest.param(App.WEBRTC, rtcp(201, 1, 7, blocks=1), id="libwebrtc-listener"),
    ],
)
def test_control__names_a_flow_of_rtcp_alone(app: App, packet: bytes) -> None:
    flow = control_flow([packet] * 3)
    assert (App(int(flow["app"])), Kind(int(flow["kind"]))) == (app, Kind.CALL_MEDIA)


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param([rtcp(201, 2003, 1)], id="one-packet"),
        pytest.param([rtcp(201, 2003, 1), rtcp(201, 1002, 1)], id="two-senders"),
        pytest.param([rtcp(200, RANDOM_SSRC, 6)] * 3, id="plain-report"),
        pytest.param([rtcp(201, RANDOM_SSRC, 7, blocks=1)] * 3, id="report-of-one-block"),
    ],
)
def test_control__of_nobody_names_nothing(packets: list[bytes]) -> None:
    assert control_flow(packets)["app"] == App.UNKNOWN


def test_control__another_packet_between_does_not_matter() -> None:
    flow = control_flow([rtcp(208, RANDOM_SSRC, 2), rtcp(202, RANDOM_SSRC, 6), rtcp(200, RANDOM_SSRC, 9)])
    assert flow["app"] == App.WHATSAPP


def test_control__type_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="192-223"):
        Control(1, (111,))
