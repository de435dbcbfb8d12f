"""A real call over a path whose loss and delay are known: what the service says of it when it listens behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.laboratory import Forwarder, jitter_s, laboratory, main_call
from tests.live import Running, records

CALL_S = 7
#: Injected: share of packets lost, longest delay.
LOSS, DELAY_S = 0.05, 0.030
#: The bar: half a percentage point.
LOSS_TOLERANCE = 0.005
#: One report covers 5 of the 7 s, so its share of some fifteen lost packets differs by chance.
FAR_TOLERANCE = 0.03
#: The delay both ways, and what a busy machine adds.
LONGEST_TRIP_S = 0.5
#: G.711 without concealment (ITU-T G.113, table I.3), which is what the laboratory's baresip is.
IE, BPL, BEST = 0.0, 4.3, 93.2


def mos_of_g711(loss: float) -> float:
    """Return the MOS of G.711 without concealment under random loss and less than 100 ms of delay (ITU-T G.107)."""
    percent = 100 * loss
    rating = BEST - (IE + (95 - IE) * percent / (percent + BPL))
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


def test_loss_jitter_and_mos_are_those_injected(tmp_path: Path) -> None:
    output = tmp_path / "calls.jsonl"
    with laboratory(tmp_path) as lab:
        lab.lose(LOSS)
        forwarder = Forwarder(f"ra{lab.name}", lab.probe, DELAY_S)
        try:
            with Running(lab.probe, tmp_path, "--calls", str(output)) as service:
                lab.call(CALL_S)
                assert service.stop() == 0
        finally:
            forwarder.close()
        offered, lost = lab.counter("offered"), lab.counter("lost")
    call = main_call(records(output))
    assert offered > 40 * CALL_S, "no media was sent"
    assert lost > 0
    injected = lost / offered
    measured = {"up": call["loss_up"], "down": call["loss_down"]}
    way = max(measured, key=lambda one: measured[one])
    assert measured[way] == pytest.approx(injected, abs=LOSS_TOLERANCE)
    assert measured["down" if way == "up" else "up"] == 0.0
    assert call[f"jitter_{way}"] == pytest.approx(jitter_s(forwarder.sent), rel=0.15, abs=0.001)
    # baresip's RTCP is in the clear, every 5 s: what the far end says, and how long reports take back to the caller.
    assert call[f"far_loss_{way}"] == pytest.approx(injected, abs=FAR_TOLERANCE)
    trips = [call[name] for name in ("rtt_min_up", "rtt_min_down") if call[name] is not None]
    assert trips
    assert 0 < max(trips) < LONGEST_TRIP_S
    assert call["quality_valid"]
    assert call["mos_low"] <= mos_of_g711(injected) <= call["mos_high"] < mos_of_g711(0)
