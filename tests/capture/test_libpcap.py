"""LibpcapSource: the same frames as from a ring, nothing of them through Python."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from flowclass.capture.libpcap import LibpcapSource
from flowclass.capture.ringsocket import RingSettings
from flowclass.errors import CaptureError, UsageError
from tests.capture.test_ring import SETTLE_S, frame, tagged
from tests.live import Wire, wire


@pytest.fixture
def veth() -> Iterator[Wire]:
    with wire() as made:
        yield made


def captured(settings: RingSettings, veth: Wire, frames: list[bytes]) -> tuple[list[bytes], LibpcapSource]:
    """Send frames; return what libpcap gave, and the closed source."""
    source = LibpcapSource(settings)

    def send() -> None:
        veth.send(frames)
        time.sleep(SETTLE_S)
        source.stop()

    sender = threading.Thread(target=send)
    sender.start()
    found, last_ns = [], 0
    for block in source.blocks():
        for ref in block.refs:
            lo = int(ref["offset"])
            found.append(bytes(block.data[lo : lo + int(ref["caplen"])]))
            assert int(ref["ts_ns"]) >= last_ns
            last_ns = int(ref["ts_ns"])
    sender.join()
    source.count()
    source.close()
    return found, source


def test_frames_come_out_as_they_went_in(veth: Wire) -> None:
    frames = [frame(i, 60 + i) for i in range(1000)] + [tagged(i, 7 + i) for i in range(20)]
    found, source = captured(RingSettings(veth.far), veth, frames)
    assert found == frames
    assert (source.seen, source.dropped) == (1020, 0)


def test_snap_length_and_filter(veth: Wire) -> None:
    frames = [frame(0, 40), frame(1, 400), frame(2, 30)]
    found, _ = captured(RingSettings(veth.far, snap_bytes=96, filter="udp and greater 160"), veth, frames)
    assert found == [frames[1][:96]]


def test_any_device_has_frames_of_all_interfaces(veth: Wire) -> None:
    found, _ = captured(RingSettings("any", promiscuous=False, filter="udp port 5000"), veth, [frame(1), frame(2)])
    # A cooked header stands in for Ethernet; the near end shows what it sends, the far end what it gets.
    assert sum(one.endswith(frame(1)[14:]) for one in found) == 2


def test_blocks_end_and_say_so_when_the_interface_goes(veth: Wire) -> None:
    source = LibpcapSource(RingSettings(veth.far))
    veth.unplug()
    assert sum(len(block.refs) for block in source.blocks()) == 0
    assert source.partial
    assert veth.far in source.problems[0]
    source.close()


def test_the_clock_moves_on_a_silent_wire(veth: Wire) -> None:
    source = LibpcapSource(RingSettings(veth.far))
    blocks = source.blocks()
    first, second = next(blocks), next(blocks)
    assert len(first.refs) == len(second.refs) == 0
    assert second.now_ns > first.now_ns
    source.close()
    source.close()


def test_an_interface_that_is_not_there(veth: Wire) -> None:
    with pytest.raises(CaptureError, match="nosuchif0"):
        LibpcapSource(RingSettings("nosuchif0"))


def test_a_filter_that_is_wrong(veth: Wire) -> None:
    with pytest.raises(UsageError, match="filter 'udp prot 53'"):
        LibpcapSource(RingSettings(veth.far, filter="udp prot 53"))
