"""RingSource: frames on a wire come out of the ring as they were sent, and every one is accounted for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from flowclass.capture.ring import RingSource
from flowclass.capture.ringsocket import RingSettings
from flowclass.errors import CaptureError, UsageError
from tests.live import Wire, wire

#: Enough for frames to have gone over a wire inside this machine.
SETTLE_S = 0.3


@pytest.fixture
def veth() -> Iterator[Wire]:
    with wire() as made:
        yield made


def frame(number: int, size: int = 100) -> bytes:
    """Return a UDP packet that carries its number."""
    payload = number.to_bytes(4, "big") + bytes(size)
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return bytes(ether / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=4000, dport=5000) / Raw(payload))


def tagged(number: int, vlan: int) -> bytes:
    """Return the same with a VLAN tag."""
    plain = Ether(frame(number))
    return bytes(Ether(src=plain.src, dst=plain.dst) / Dot1Q(vlan=vlan) / plain.payload)


def captured(veth: Wire, frames: list[bytes], settings: RingSettings | None = None) -> tuple[list[bytes], RingSource]:
    """Send frames; return what the ring gave, and the closed source."""
    source = RingSource(settings or RingSettings(veth.far))

    def send() -> None:
        veth.send(frames)
        time.sleep(SETTLE_S)
        source.stop()

    sender = threading.Thread(target=send)
    sender.start()
    found = []
    for block in source.blocks():
        for ref in block.refs:
            lo = int(ref["offset"])
            found.append(bytes(block.data[lo : lo + int(ref["caplen"])]))
    sender.join()
    source.count()
    source.close()
    return found, source


def test_frames_come_out_as_they_went_in(veth: Wire) -> None:
    frames = [frame(i, 60 + i) for i in range(1000)]
    found, source = captured(veth, frames)
    assert found == frames
    assert (source.seen, source.dropped, source.freezes) == (1000, 0, 0)


def test_a_vlan_tag_that_the_kernel_took_off_is_put_back(veth: Wire) -> None:
    frames = [tagged(i, 7 + i) for i in range(20)]
    found, _ = captured(veth, frames)
    assert found == frames


def test_frames_are_cut_at_the_snap_length(veth: Wire) -> None:
    found, _ = captured(veth, [frame(1, 800)], RingSettings(veth.far, snap_bytes=96))
    assert found == [frame(1, 800)[:96]]


def test_the_filter_is_the_kernels(veth: Wire) -> None:
    frames = [frame(0, 40), frame(1, 400), tagged(2, 3), tagged(3, 3)]
    found, source = captured(veth, frames, RingSettings(veth.far, filter="udp and greater 160"))
    assert found == frames[1:2]
    assert source.seen == 1


def test_a_filter_on_tags_is_refused(veth: Wire) -> None:
    with pytest.raises(UsageError, match="takes VLAN tags off before it filters"):
        RingSource(RingSettings(veth.far, filter="vlan and udp"))


def test_what_does_not_fit_is_counted_as_dropped(veth: Wire) -> None:
    source = RingSource(RingSettings(veth.far, ring_bytes=2 << 20))
    veth.send([frame(i, 1400) for i in range(4000)])
    time.sleep(SETTLE_S)
    source.stop()
    source.count()
    assert source.seen == 4000
    assert source.dropped > 1000
    assert source.freezes == 1
    source.close()


def test_blocks_end_and_say_so_when_the_interface_goes(veth: Wire) -> None:
    source = RingSource(RingSettings(veth.far))
    veth.unplug()
    assert sum(len(block.refs) for block in source.blocks()) == 0
    assert source.partial
    assert veth.far in source.problems[0]
    source.close()


def test_the_clock_moves_on_a_silent_wire(veth: Wire) -> None:
    source = RingSource(RingSettings(veth.far))
    blocks = source.blocks()
    first, second = next(blocks), next(blocks)
    assert len(first.refs) == len(second.refs) == 0
    assert second.now_ns > first.now_ns
    source.close()


def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(CaptureError, match="no such network interface"):
        RingSource(RingSettings("nosuchif0"))


def test_a_filter_that_is_wrong(veth: Wire) -> None:
    with pytest.raises(UsageError, match="filter 'udp prot 53'"):
        RingSource(RingSettings(veth.far, filter="udp prot 53"))
