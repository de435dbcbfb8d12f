"""The RTCP header checks."""

from __future__ import annotations

import pytest

from flowclass.dissect.rtcp import packet_type, rtcp_shape, sender_ssrc
from tests.drive import bytes_of
from tests.messages import rtcp


def test_rtcp_shape__gives_the_type() -> None:
    packet = rtcp(200)
    assert rtcp_shape(bytes_of(packet), 0, len(packet), len(packet)) == 200


@pytest.mark.parametrize("kind", [191, 224])
def test_rtcp_shape__types_beyond_its_range_are_refused(kind: int) -> None:
    packet = rtcp(kind)
    assert rtcp_shape(bytes_of(packet), 0, len(packet), len(packet)) == 0


def test_rtcp_shape__length_beyond_the_packet_is_refused() -> None:
    packet = rtcp(words=9)[:20]
    assert rtcp_shape(bytes_of(packet), 0, len(packet), len(packet)) == 0


def test_rtcp_shape__padding_of_a_bandwidth_probe_is_not_judged() -> None:
    packet = rtcp(201) + bytes(900)
    assert rtcp_shape(bytes_of(packet), 0, len(packet), len(packet)) == 201


def test_fields() -> None:
    data = bytes_of(rtcp(205, ssrc=0xBEEF))
    assert (packet_type(data, 0), sender_ssrc(data, 0)) == (205, 0xBEEF)
