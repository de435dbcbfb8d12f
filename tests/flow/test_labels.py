"""Labels may firm up and never flap: a name is replaced by stronger evidence only, once, and it is counted."""

from __future__ import annotations

from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.record.verdict import App
from tests.frames import block_of, rtp, udp
from tests.messages import stun

START = 1_700_000_000_000_000_000
MS = 1_000_000
ENDS = ("192.0.2.1", 40_000, "198.51.100.7", 40_002)
#: An ICE check with MESSAGE-INTEGRITY alone is strong for WhatsApp; Zoom's own STUN is certain (FACTS §1.3, §1.9).
WHATSAPPS_CHECK = stun(0x0001, (0x0008, bytes(20)))
ZOOMS_STUN = stun(0x0001, (0x0101, bytes(32)), cookie=0x01020304)


def outcome(*payloads: bytes) -> tuple[App, int, int]:
    """Return the application by evidence, and how many labels firmed up and changed."""
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, seed=1))
    data, refs = block_of([udp(START + k * 20 * MS, *ENDS, payload) for k, payload in enumerate(payloads)])
    batches = [batch.flows.copy() for given in (meter.add(data, refs, 1), meter.drain()) for batch in given]
    (flow,) = (flow for flows in batches for flow in flows)
    return App(int(flow["app"])), int(meter.stats["labels_firmed"]), int(meter.stats["labels_changed"])


def test_label__by_one_application_s_evidence_neither_firms_nor_changes() -> None:
    assert outcome(*[WHATSAPPS_CHECK] * 5) == (App.WHATSAPP, 0, 0)


def test_label__changes_once_on_stronger_evidence_and_does_not_come_back() -> None:
    assert outcome(WHATSAPPS_CHECK, ZOOMS_STUN, *[WHATSAPPS_CHECK] * 5) == (App.ZOOM, 0, 1)


def test_label__does_not_change_on_weaker_evidence() -> None:
    assert outcome(ZOOMS_STUN, *[WHATSAPPS_CHECK] * 5) == (App.ZOOM, 0, 0)


def test_label__of_plain_media_firms_up_to_a_name() -> None:
    media = [rtp(k, k * 160, 0x5A5A5A5A, bytes(100), payload_type=0) for k in range(40)]
    # Twice: one packet, which anybody may forge, does not rename media.
    app, firmed, changed = outcome(*media, ZOOMS_STUN, ZOOMS_STUN)
    assert (app, firmed, changed) == (App.ZOOM, 1, 0)
