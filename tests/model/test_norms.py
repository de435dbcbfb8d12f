"""Norms: the loudest features of a verdict against the full explanation, the stability index against its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flowclass.features.row import FEATURE_COUNT, FEATURE_NAMES
from flowclass.flow.record import FLOW
from flowclass.model.classify import Classifier
from flowclass.model.explain import explain_row
from flowclass.model.norms import ABOVE, BELOW, STATES, USUAL, stability_index
from flowclass.record.verdict import App, DecidedBy, Kind, Strength
from tests.model.bundles import made_up_rows, small_bundle, small_norms


def test_signs__are_the_features_that_added_most() -> None:
    """The small forest has fewer trees than are asked for words, so both walk all of them."""
    bundle = small_bundle()
    features, _ = made_up_rows(200)
    flows = np.zeros(200, FLOW)
    flows["features_row"] = np.arange(200)
    verdicts = Classifier(bundle).classify(flows, features)
    by_model = np.flatnonzero(verdicts["decided_by"] == DecidedBy.MODEL)
    assert len(by_model) > 50
    for row in by_model:
        said = (verdicts["app"][row], verdicts["kind"][row])
        label = next((str(one) for one in bundle.labels if (one.app, one.kind) == said), None)
        if label is None:
            continue
        why = explain_row(bundle, features[row], label, most=FEATURE_COUNT)
        added = [part for part in why.contributions if part.weight > 1e-6][:3]
        signs = [int(sign) - 1 for sign in verdicts["signs"][row] if sign]
        assert [FEATURE_NAMES[sign // STATES] for sign in signs[: len(added)]] == [part.feature for part in added]
        for sign in signs:
            value = features[row, sign // STATES]
            assert sign % STATES == (BELOW if value < -1 else ABOVE if value > 1 else USUAL)


def test_signs__are_none_where_evidence_decided() -> None:
    features, _ = made_up_rows(1)
    flows = np.zeros(1, FLOW)
    flows["app"], flows["kind"], flows["strength"] = App.VIBER, Kind.CALL_MEDIA, Strength.CERTAIN
    assert not Classifier(small_bundle()).classify(flows, features)["signs"].any()


@pytest.mark.parametrize("share", [0.5, 0.9, 0.01])
def test_stability__equals_its_formula(share: float) -> None:
    features = np.where(np.arange(1000)[:, None] < share * 1000, -1.0, 1.0) * np.ones((1, FEATURE_COUNT), np.float32)
    expected = (share - 0.5) * math.log(share / 0.5) + (1 - share - 0.5) * math.log((1 - share) / 0.5)
    np.testing.assert_allclose(stability_index(small_norms(), features), expected, rtol=1e-6, atol=1e-12)


def test_stability__of_nothing_is_nothing() -> None:
    assert not stability_index(small_norms(), np.zeros((0, FEATURE_COUNT), np.float32)).any()
