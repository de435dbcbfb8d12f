"""The forest alone on random rows, by batch size, and the classifier on the flows of real metering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.kernels.conftest import Traffic
from flowclass.errors import FlowclassError
from flowclass.features.row import FEATURE_COUNT
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import ModelBundle, load_default
from flowclass.model.classify import Classifier


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    """Return the shipped model."""
    try:
        return load_default()
    except FlowclassError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("rows", [1, 100, 10_000])
def test_forest(timed: Callable[..., Any], bundle: ModelBundle, rows: int) -> None:
    matrix = np.random.default_rng(7).gamma(0.7, 90.0, (rows, FEATURE_COUNT)).astype(np.float32)
    classifier = Classifier(bundle)
    shares = timed(lambda: classifier.probabilities(matrix), rows, rounds=50)
    assert shares.shape == (rows, len(bundle.labels))
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-4)


def test_classify(timed: Callable[..., Any], bundle: ModelBundle, call_traffic: Traffic) -> None:
    meter = FlowMeter(MeterSettings(max_flows=1 << 16))
    batches = [
        (batch.flows.copy(), batch.features.copy())
        for batches in (meter.add(call_traffic.data, call_traffic.refs, 1), meter.drain())
        for batch in batches
    ]
    classifier = Classifier(bundle)

    def run() -> int:
        return sum(int((classifier.classify(*batch)["confidence"] > 0).sum()) for batch in batches)

    judged = timed(run, call_traffic.flows)
    # Every call leaves evidence on at least one of its flows.
    assert judged > 0.5 * call_traffic.flows
