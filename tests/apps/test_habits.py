"""Applications recognised by their RTP streams alone, through the meter, as a call joined half-way shows them."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.apps.habit import Habit
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.record.verdict import App, Kind
from tests import frames

MS = 1_000_000
CLIENT, PEER = "192.0.2.10", "198.51.100.20"
RANDOM_SSRC = 0x5C0FFEE1


def media_flow(
    *,
    payload_type: int,
    step: int,
    ssrc: int,
    profile: int = 0,
    size: int = 80,
    count: int = 12,
    first: int = 700,
    frame_ms: int = 20,
) -> np.void:
    """Return the FLOW record of a stream that nothing went before."""
    sent = [
        frames.udp(
            i * frame_ms * MS,
            CLIENT,
            41000,
            PEER,
            42000,
            frames.rtp(first + i, 9000 + i * step, ssrc, bytes(size), payload_type=payload_type, profile=profile),
        )
        for i in range(count)
    ]
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, seed=1))
    flows = [batch.flows.copy() for batch in meter.add(*frames.block_of(sent), 1)]
    flows += [batch.flows.copy() for batch in meter.drain()]
    (flow,) = np.concatenate(flows)
    return flow


@pytest.mark.parametrize(
    ("app", "stream"),
    [
        (App.TEAMS, {"payload_type": 108, "step": 960, "ssrc": 0x5CDE, "profile": 0xBEDE}),
        (App.TEAMS, {"payload_type": 104, "step": 320, "ssrc": 0x74EC, "profile": 0xBEDE}),
        (App.TEAMS, {"payload_type": 122, "step": 3003, "ssrc": 0x74ED, "profile": 0xBEDE}),
        (App.DISCORD, {"payload_type": 120, "step": 960, "ssrc": 0x79809, "profile": 0xBEDE}),
        (App.TEAMS, {"payload_type": 104, "step": 320, "ssrc": 0x74EC}),
        (App.DISCORD, {"payload_type": 120, "step": 960, "ssrc": 4711}),
        (App.SIGNAL, {"payload_type": 102, "step": 960, "ssrc": 2002}),
        (App.SIGNAL, {"payload_type": 104, "step": 3003, "ssrc": 1003, "profile": 0xBEDE}),
        (App.SIGNAL, {"payload_type": 101, "step": 1, "ssrc": 13}),
        (App.MEET, {"payload_type": 97, "step": 0, "ssrc": 0, "profile": 0xBEDE, "size": 250}),
        (App.WHATSAPP, {"payload_type": 120, "step": 960, "ssrc": RANDOM_SSRC, "profile": 0xDEBE}),
        (App.WHATSAPP, {"payload_type": 120, "step": 2560, "ssrc": RANDOM_SSRC, "frame_ms": 160}),
        (App.WHATSAPP, {"payload_type": 120, "step": 960, "ssrc": RANDOM_SSRC, "frame_ms": 60}),
        (App.RTP, {"payload_type": 120, "step": 960, "ssrc": RANDOM_SSRC, "frame_ms": 20}),
        (App.MESSENGER, {"payload_type": 96, "step": 2880, "ssrc": RANDOM_SSRC, "profile": 0xBEDE, "frame_ms": 60}),
        (App.KAKAOTALK, {"payload_type": 108, "step": 960, "ssrc": RANDOM_SSRC, "frame_ms": 60}),
        (App.RTP, {"payload_type": 108, "step": 960, "ssrc": RANDOM_SSRC, "frame_ms": 20}),
        (App.VIBER, {"payload_type": 107, "step": 320, "ssrc": RANDOM_SSRC, "profile": 0xBEDE}),
        (App.LINE, {"payload_type": 96, "step": 960, "ssrc": 0x66, "profile": 0x0240}),
        (App.RTP, {"payload_type": 0, "step": 160, "ssrc": RANDOM_SSRC, "size": 160}),
        (App.RTP, {"payload_type": 97, "step": 320, "ssrc": RANDOM_SSRC}),
        (App.RTP, {"payload_type": 101, "step": 0, "ssrc": RANDOM_SSRC, "size": 4}),
        (App.RTP, {"payload_type": 110, "step": 0, "ssrc": RANDOM_SSRC, "size": 4}),
        (App.WEBRTC, {"payload_type": 111, "step": 960, "ssrc": RANDOM_SSRC, "profile": 0xBEDE}),
        (App.WEBRTC, {"payload_type": 109, "step": 960, "ssrc": RANDOM_SSRC, "profile": 0xBEDE}),
        (App.DISCORD, {"payload_type": 107, "step": 3003, "ssrc": 4712, "profile": 0xBEDE, "size": 900}),
        (App.WHATSAPP, {"payload_type": 120, "step": 8960, "ssrc": RANDOM_SSRC, "frame_ms": 560}),
        (App.TEAMS, {"payload_type": 117, "step": 320, "ssrc": 0x5CDE, "profile": 0xBEDE}),
    ],
)
def test_habit__names_a_stream_seen_without_its_beginning(app: App, stream: dict[str, int]) -> None:
    flow = media_flow(**stream)
    assert (App(int(flow["app"])), Kind(int(flow["kind"]))) == (app, Kind.CALL_MEDIA)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param({"payload_type": 120, "step": 960, "ssrc": RANDOM_SSRC, "profile": 0xBEDE}, id="random-ssrc"),
        pytest.param(
            {"payload_type": 96, "step": 2880, "ssrc": RANDOM_SSRC, "profile": 0xBEDE, "size": 900, "frame_ms": 32},
            id="browser-video",
        ),
        pytest.param({"payload_type": 33, "step": 3600, "ssrc": RANDOM_SSRC, "size": 1316}, id="mpeg-ts"),
        pytest.param({"payload_type": 96, "step": 3003, "ssrc": RANDOM_SSRC, "size": 1200}, id="rtsp-video"),
        pytest.param({"payload_type": 0, "step": 160, "ssrc": RANDOM_SSRC, "count": 2}, id="two-packets"),
    ],
)
def test_habit__of_nobody_is_left_to_the_model(stream: dict[str, int]) -> None:
    assert media_flow(**stream)["app"] == App.UNKNOWN


def test_habit__packets_out_of_sequence_are_no_stream() -> None:
    sent = [
        frames.udp(i * MS, CLIENT, 41000, PEER, 42000, frames.rtp(i * 977, i, RANDOM_SSRC, bytes(60), profile=0xDEBE))
        for i in range(12)
    ]
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, seed=1))
    list(meter.add(*frames.block_of(sent), 1))
    (flow,) = next(iter(meter.drain())).flows
    assert flow["app"] == App.UNKNOWN


def test_habit__payload_type_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="0-127"):
        Habit(1, (128,))
