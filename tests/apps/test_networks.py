"""Labels hold when another client, another tunnel or a worse network carries the same calls: our own captures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.mutate import MUTATIONS, Datagram, datagrams_of, without_start
from bench.mutations import verdicts_of
from flowclass.model.bundle import load_default
from flowclass.model.classify import Classifier
from flowclass.record.verdict import App, Kind

SHOWCASE = Path(__file__).parents[2] / "pcaps" / "showcase.pcap"
CALLS = (Kind.CALL_MEDIA, Kind.CALL_SIGNALLING)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Return the shipped model, ready."""
    return Classifier(load_default())


@pytest.fixture(scope="module")
def datagrams() -> list[Datagram]:
    """Return the datagrams of a capture of ours that holds calls of many applications."""
    return datagrams_of(str(SHOWCASE), 100_000)


def calls_of(datagrams: Sequence[Datagram], name: str, classifier: Classifier) -> dict[int, App]:
    """Return the application of every flow said to be part of a call after the mutation."""
    found = verdicts_of(datagrams, *MUTATIONS[name], classifier)
    return {flow: app for flow, (app, kind) in found.items() if kind in CALLS}


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name not in ("as it was", "all ports changed")])
def test_label__holds_under(name: str, datagrams: list[Datagram], classifier: Classifier) -> None:
    before = calls_of(datagrams, "as it was", classifier)
    assert len(set(before.values())) > 3
    assert calls_of(datagrams, name, classifier) == before


def test_label__of_a_call_joined_half_way_is_the_same_or_less(
    datagrams: list[Datagram], classifier: Classifier
) -> None:
    before = calls_of(datagrams, "as it was", classifier)
    after = calls_of(without_start(datagrams, 10), "as it was", classifier)
    named = {flow: app for flow, app in after.items() if app not in (App.RTP, App.WEBRTC)}
    assert named
    assert named == {flow: before[flow] for flow in named}
