"""What must not change the calls of a capture; every cut, and the corpus, by ``python -m bench.invariance``."""

from __future__ import annotations

from random import Random

import pytest

from bench import invariance
from bench.invariance import OTHERS, OWN, Packet, Report, calls_of, packets_of, values

CALLS = ("whatsapp/call-2019", "whatsapp/call-2023", "viber/call-2016", "viber/call-2024", "skype/call-2017",
         "teams/call-2020", "lab/sip-opus", "lab/webrtc-turn", "showcase")  # fmt: skip
#: Cuts of each capture here.
CUTS = 12


def own(name: str) -> list[Packet]:
    """Return the packets of a capture of ours."""
    return packets_of(OWN / f"{name}.pcap")


def differences(report: Report) -> list[str]:
    """Return what has differed, and make sure that something was compared."""
    assert sum(report.totals.values()) > 0
    return [name for name in report.totals if name.endswith("differ")]


@pytest.mark.parametrize("name", CALLS)
def test_a_capture_cut_in_two_files_holds_the_same_calls(name: str) -> None:
    packets, report = own(name), Report()
    places = Random(name).sample(range(1, len(packets)), CUTS)
    invariance.cut(name, packets, [1, *places, len(packets) - 1], report)
    assert differences(report) == []


@pytest.mark.parametrize("name", CALLS)
def test_other_traffic_of_others_and_of_the_client_changes_nothing(name: str) -> None:
    report = Report()
    invariance.added(name, own(name), {other: own(other) for other in OTHERS}, report)
    assert differences(report) == []


@pytest.mark.parametrize("name", CALLS)
def test_ends_exchanged_exchange_up_and_down_and_nothing_else(name: str) -> None:
    report = Report()
    invariance.swapped(name, OWN / f"{name}.pcap", report)
    assert differences(report) == []


@pytest.mark.parametrize("name", ["whatsapp/call-2019", "viber/call-2016", "skype/call-2017", "lab/sip-pcmu"])
def test_a_call_made_again_from_the_same_sockets_is_a_second_call(name: str) -> None:
    packets = own(name)
    (call,) = calls_of(packets)
    later_ns = packets[-1].ts_ns - packets[0].ts_ns + 20_000_000_000
    again = [one._replace(ts_ns=one.ts_ns + later_ns, frame=renewed(one.frame, call.streams)) for one in packets]
    first, second = calls_of([*packets, *again])
    assert first.talk_s == second.talk_s == call.talk_s
    assert second.talk_start == pytest.approx(call.talk_start + later_ns / 1e9)
    assert first.call_id == call.call_id != second.call_id


def renewed(frame: bytes, streams: list[dict[str, int]]) -> bytes:
    """Return a frame of the next call: other sources, another Call-ID."""
    for stream in streams:
        frame = frame.replace(stream["ssrc"].to_bytes(4, "big"), (stream["ssrc"] ^ 0x0101_0101).to_bytes(4, "big"))
    return frame.replace(b"\r\nCall-ID: ", b"\r\nCall-ID: 2")


def test_a_difference_is_reported() -> None:
    report = Report()
    (call,) = calls_of(own("viber/call-2016"))
    report.compare("here", "cut in two", [values(call)], [{**values(call), "talk_s": 1.0}])
    assert differences(report) == ["cut in two: differ"]
