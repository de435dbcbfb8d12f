"""Explanations add up: base and contributions are exactly what the forest answers."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.model.classify import Classifier
from flowclass.model.explain import explain_row
from tests.model.bundles import LABELS, made_up_rows, small_bundle


@pytest.mark.parametrize("label", [str(label) for label in LABELS])
def test_explain__contributions_sum_to_the_probability(label: str) -> None:
    bundle = small_bundle()
    features, _ = made_up_rows(20)
    answers = Classifier(bundle).probabilities(features)[:, [str(one) for one in LABELS].index(label)]
    for row, answer in zip(features, answers, strict=True):
        why = explain_row(bundle, row, label, most=3)
        assert why.base + sum(part.weight for part in why.contributions) == pytest.approx(why.probability, abs=1e-6)
        assert why.probability == pytest.approx(float(answer), abs=1e-5)


def test_explain__takes_the_likeliest_class_and_the_features_that_made_it() -> None:
    bundle = small_bundle()
    features, _ = made_up_rows(1)
    why = explain_row(bundle, features[0])
    best = Classifier(bundle).probabilities(features)[0].argmax()
    assert why.label == str(LABELS[best])
    assert {"size_busy_mean", "size_quiet_mean"} & {part.feature for part in why.contributions[:2]}
    weights = [abs(part.weight) for part in why.contributions if part.feature != "(others)"]
    assert weights == sorted(weights, reverse=True)
    assert np.isfinite(why.probability)
