"""One forged packet does not rename a call; evidence that comes again does."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.record.verdict import App, Kind
from tests import frames
from tests.messages import stun, viber_control

MS = 1_000_000
CLIENT, PEER = "192.0.2.10", "198.51.100.20"
RANDOM_SSRC = 0x5C0FFEE1
TEAMS = {"payload_type": 108, "ssrc": 0x5CDE, "profile": 0xBEDE}
SIGNAL = {"payload_type": 102, "ssrc": 2002}
TELEPHONE = {"payload_type": 0, "ssrc": RANDOM_SSRC}
META_TERMINATE = stun(0x0800, (0x4000, bytes(102)))
FORGED = {
    "meta": META_TERMINATE,
    "turn-realm": stun(0x0113, (0x14, b"viber.com")),
    "microsoft": stun(1, (6, b"abcd:efgh"), (0x8070, b"\0\0\0\7")),
    "discord": bytes.fromhex("1337cafe01000000"),
    "viber-probe": viber_control(3, 16),
}


def call(stream: dict[str, int], forged: bytes, times: int) -> np.void:
    """Return the FLOW record of a call into which ``forged`` was put ``times`` times, among its first 40 packets."""
    step = 160 if stream["payload_type"] == 0 else 960
    sent = [
        frames.udp(
            place * 20 * MS,
            CLIENT,
            41000,
            PEER,
            52000,
            frames.rtp(700 + place, place * step, payload=bytes(60), **stream),
        )
        for place in range(60)
    ]
    for time in range(times):
        at = 14 + 5 * time
        sent.insert(at, frames.udp(sent[at - 1].ts_ns + MS, PEER, 52000, CLIENT, 41000, forged))
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, seed=1))
    flows = [batch.flows.copy() for batch in meter.add(*frames.block_of(sent), 1)]
    flows += [batch.flows.copy() for batch in meter.drain()]
    (flow,) = np.concatenate(flows)
    return flow


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize(("app", "stream"), [(App.TEAMS, TEAMS), (App.SIGNAL, SIGNAL), (App.RTP, TELEPHONE)])
def test_one_forged_packet_does_not_rename_a_call(app: App, stream: dict[str, int], forged: str) -> None:
    flow = call(stream, FORGED[forged], 1)
    assert (App(int(flow["app"])), Kind(int(flow["kind"]))) == (app, Kind.CALL_MEDIA)


def test_evidence_that_comes_again_names_a_call_of_nobody() -> None:
    assert call(TELEPHONE, META_TERMINATE, 2)["app"] == App.WHATSAPP
