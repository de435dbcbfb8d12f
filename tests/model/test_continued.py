"""Records of one flow: a name the model gave stays until something weightier contradicts it."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.flow.record import FLOW
from flowclass.model.classify import Classifier
from flowclass.model.continued import Continued
from flowclass.model.verdict import VERDICT
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, DecidedBy
from tests.model.bundles import made_up_rows, small_bundle

MODEL, NOTHING, EVIDENCE = DecidedBy.MODEL, DecidedBy.NOTHING, DecidedBy.EVIDENCE
IDLE, ACTIVE = EndReason.IDLE_TIMEOUT, EndReason.ACTIVE_TIMEOUT


def say(memory: Continued, app: App, by: DecidedBy, *, piece: int, end: EndReason = ACTIVE, flow_id: int = 7) -> App:
    """Show one record with the verdict of its own; return the application it is left with."""
    flow, verdict = np.zeros(1, FLOW), np.zeros(1, VERDICT)
    flow["flow_id"], flow["piece"], flow["end_reason"] = flow_id, piece, end
    verdict["app"], verdict["decided_by"] = app, by
    memory.settle(flow, verdict)
    return App(int(verdict["app"][0]))


@pytest.mark.parametrize(
    ("first", "second", "by", "left"),
    [
        (App.ZOOM, App.TEAMS, MODEL, App.ZOOM),
        (App.ZOOM, App.UNKNOWN, NOTHING, App.ZOOM),
        (App.ZOOM, App.TEAMS, EVIDENCE, App.TEAMS),
        (App.RTP, App.TEAMS, MODEL, App.TEAMS),
        (App.RTP, App.UNKNOWN, NOTHING, App.RTP),
        (App.ZOOM, App.RTP, MODEL, App.ZOOM),
    ],
)
def test_second_record(first: App, second: App, by: DecidedBy, left: App) -> None:
    memory = Continued()
    assert say(memory, first, MODEL, piece=0) == first
    assert say(memory, second, by, piece=1, end=IDLE) == left


def test_third_record__remembers_the_first() -> None:
    memory = Continued()
    for piece, app in enumerate((App.ZOOM, App.TEAMS, App.DISCORD)):
        assert say(memory, app, MODEL, piece=piece) == App.ZOOM


def test_other_flows_are_left_alone() -> None:
    memory = Continued()
    say(memory, App.ZOOM, MODEL, piece=0)
    assert say(memory, App.TEAMS, MODEL, piece=1, flow_id=8) == App.TEAMS


def test_what_has_ended_or_is_too_old_is_forgotten() -> None:
    memory = Continued(most=1)
    say(memory, App.ZOOM, MODEL, piece=0, flow_id=1)
    say(memory, App.ZOOM, MODEL, piece=0, flow_id=2)
    assert say(memory, App.TEAMS, MODEL, piece=1, flow_id=1) == App.TEAMS
    say(memory, App.ZOOM, MODEL, piece=1, flow_id=2, end=IDLE)
    assert say(memory, App.TEAMS, MODEL, piece=2, flow_id=2) == App.TEAMS


def test_classifier__says_the_same_of_both_records_of_a_flow() -> None:
    """Features of another class in the second record: alone they would change the name."""
    bundle = small_bundle()
    features, _ = made_up_rows(200)
    flows = np.zeros(200, FLOW)
    flows["features_row"], flows["flow_id"] = np.arange(200), np.arange(200)
    alone = Classifier(bundle).classify(flows, features).copy()
    by_model = np.flatnonzero(alone["decided_by"] == MODEL)
    first, second = by_model[0], next(k for k in by_model if alone["app"][k] != alone["app"][by_model[0]])
    named, other = sorted((first, second), key=lambda k: alone["app"][k] not in (App.RTP, App.WEBRTC, App.OTHER))[::-1]
    classifier = Classifier(bundle)
    piece = np.zeros(1, FLOW)
    piece["flow_id"], piece["end_reason"] = 5, ACTIVE
    said = classifier.classify(piece, features[named : named + 1]).copy()
    piece["piece"], piece["end_reason"] = 1, IDLE
    np.testing.assert_array_equal(classifier.classify(piece, features[other : other + 1]), said)
