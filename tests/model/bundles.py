"""A small bundle, fitted on made-up rows, for the tests of this room."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from flowclass.features.row import FEATURE_COUNT
from flowclass.model.bundle import ModelBundle, make_rules
from flowclass.model.decision import CALIBRATION_POINTS
from flowclass.model.labels import parse_label
from flowclass.model.norms import Norms
from flowclass.record.verdict import App
from flowclass.training.forest_arrays import forest_arrays

LABELS = tuple(
    parse_label(text)
    for text in ("teams+skype:call-media", "whatsapp:call-media", "whatsapp:call-signalling", "other:not-voip")
)


def made_up_rows(count: int = 600, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return float32[count, FEATURE_COUNT] and classes that hang on the first features."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(count, FEATURE_COUNT)).astype(np.float32)
    classes = (features[:, 0] > 0) * 2 + (features[:, 1] + 0.3 * features[:, 2] > 0)
    return features, classes.astype(np.int64)


def fitted(trees: int = 7, depth: int = 5) -> tuple[RandomForestClassifier, np.ndarray]:
    """Return a scikit-learn forest and the rows it was fitted on."""
    features, classes = made_up_rows()
    forest = RandomForestClassifier(n_estimators=trees, max_depth=depth, random_state=1)
    return forest.fit(features, classes), features


def small_bundle() -> ModelBundle:
    """Return a bundle whose calibration is the identity and whose gates stand at one half."""
    line = np.linspace(0, 1, CALIBRATION_POINTS, dtype=np.float32)
    rules = make_rules(
        LABELS,
        gate=np.full(4, 0.5, np.float32),
        share=np.full(4, 0.5, np.float32),
        calibration=np.tile(line, (5, 1)),
        evidence=np.array([0.0, 0.9, 0.99, 0.7, 0.8], np.float32),
        possible=np.full(4, 0.15, np.float32),
        prefer=np.zeros(len(App), np.uint8),
    )
    return ModelBundle("small", LABELS, forest_arrays(fitted()[0]), rules, small_norms(), {"corpus": "made up"})


def small_norms() -> Norms:
    """Return norms by which -1 to 1 is usual for every class, and a half of the flows lie above 0."""
    ones = np.ones((len(LABELS), FEATURE_COUNT), np.float32)
    halves = np.full((FEATURE_COUNT, 2), 0.5, np.float32)
    return Norms(-ones, ones, np.zeros((FEATURE_COUNT, 1), np.float32), halves)
