"""Classifier: batches of any size, and the same verdict for a flow whatever batch it comes in."""

from __future__ import annotations

import numpy as np

from flowclass.flow.record import FLOW
from flowclass.model.classify import Classifier
from flowclass.record.verdict import App
from tests.model.bundles import made_up_rows, small_bundle


def test_classify__verdict_does_not_hang_on_the_batch() -> None:
    classifier = Classifier(small_bundle())
    features, _ = made_up_rows(100)
    flows = np.zeros(100, FLOW)
    flows["features_row"] = np.arange(100)
    together = classifier.classify(flows, features).copy()
    alone = np.concatenate([classifier.classify(flows[:1], features[k : k + 1]).copy() for k in range(100)])
    np.testing.assert_array_equal(together, alone)


def test_classify__features_of_flows_are_found_by_their_row() -> None:
    classifier = Classifier(small_bundle())
    features, _ = made_up_rows(50)
    flows = np.zeros(50, FLOW)
    flows["features_row"] = np.arange(50)
    straight = classifier.classify(flows, features).copy()
    flows["features_row"] = np.arange(50)[::-1]
    np.testing.assert_array_equal(classifier.classify(flows, features[::-1].copy()), straight)


def test_classify__flows_without_features_are_unknown() -> None:
    flows = np.zeros(3, FLOW)
    flows["features_row"] = -1
    found = Classifier(small_bundle()).classify(flows, np.zeros((0, made_up_rows(1)[0].shape[1]), np.float32))
    assert found["app"].tolist() == [App.UNKNOWN] * 3


def test_classify__empty_batch_gives_no_verdicts() -> None:
    assert Classifier(small_bundle()).classify(np.zeros(0, FLOW), made_up_rows(0)[0]).size == 0


def test_classify__without_words_verdicts_are_the_same_and_tell_no_reasons() -> None:
    features, _ = made_up_rows(100)
    flows = np.zeros(100, FLOW)
    flows["features_row"] = np.arange(100)
    telling = Classifier(small_bundle()).classify(flows, features).copy()
    silent = Classifier(small_bundle(), words=False).classify(flows, features).copy()
    assert telling["signs"].any()
    telling["signs"] = 0
    np.testing.assert_array_equal(silent, telling)
