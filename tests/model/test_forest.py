"""The forest kernel against scikit-learn's own answer."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.model.bundle import ModelBundle
from flowclass.model.choice import default_folder
from flowclass.model.classify import Classifier
from flowclass.model.forest import find_leaf, leaves_of, predict
from flowclass.training.forest_arrays import floor32, forest_arrays
from tests.model.bundles import fitted, small_bundle


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 63, 64, 65, 600])
def test_forest__equals_predict_proba(rows: int) -> None:
    model, features = fitted()
    out = np.full((rows, 4), np.nan, np.float32)
    predict(forest_arrays(model), features[:rows], out)
    expected = model.predict_proba(features[:rows]) if rows else np.zeros((0, 4))
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_forest__agrees_on_values_that_lie_on_a_threshold() -> None:
    model, _ = fitted()
    forest = forest_arrays(model)
    inner = np.flatnonzero(np.isfinite(forest.nodes["threshold"]))
    features = np.zeros((3 * len(inner), model.n_features_in_), np.float32)
    for k, node in enumerate(forest.nodes[inner]):
        edge = node["threshold"]
        for j, value in enumerate(
            (np.nextafter(edge, np.float32(-np.inf)), edge, np.nextafter(edge, np.float32(np.inf)))
        ):
            features[3 * k + j, node["feature"]] = value
    out = np.zeros((len(features), 4), np.float32)
    predict(forest, features, out)
    np.testing.assert_allclose(out, model.predict_proba(features), atol=1e-6)


def test_floor32__decides_as_the_float64_threshold_does() -> None:
    draw = np.random.default_rng(3)
    thresholds = np.concatenate([draw.normal(size=2000) * 10.0 ** draw.integers(-8, 9, 2000), [0.1, 1 / 3, 0.0, -0.1]])
    floored = floor32(thresholds)
    for shift in (-np.inf, np.inf):
        near = np.nextafter(floored, np.float32(shift))
        np.testing.assert_array_equal(near <= floored, near.astype(np.float64) <= thresholds)
    np.testing.assert_array_equal(floored.astype(np.float64) <= thresholds, True)


def test_forest__one_row_ends_in_the_leaf_scikit_learn_names() -> None:
    model, features = fitted(trees=1)
    forest = forest_arrays(model)
    leaf = find_leaf(forest, 0, features[0])
    np.testing.assert_allclose(forest.values[leaf], model.predict_proba(features[:1])[0], atol=1e-6)


@pytest.mark.parametrize("classes", [1, 2, 3, 6])
def test_leaves__say_in_brief_what_the_shares_say(classes: int) -> None:
    draw = np.random.default_rng(classes)
    values = (draw.random((200, classes)) * (draw.random((200, classes)) < 0.4)).astype(np.float32)
    leaves = leaves_of(values)
    brief = np.zeros_like(values)
    for k in range(2):
        brief[np.arange(len(values)), leaves["of"][:, k]] += leaves["share"][:, k]
    is_brief = leaves["has_more"] == 0
    np.testing.assert_array_equal(is_brief, np.count_nonzero(values, axis=1) <= 2)
    np.testing.assert_array_equal(brief[is_brief], values[is_brief])


def test_classifier__reports_raw_probabilities_that_sum_to_one() -> None:
    features = fitted()[1]
    np.testing.assert_allclose(Classifier(small_bundle()).probabilities(features).sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.slow
def test_shipped_forest__equals_scikit_learn_on_real_flows() -> None:
    """Fit the shipped model's own forest again from its table and compare on every real flow of the table."""
    from flowclass.training.classes import classes_of, row_weights
    from flowclass.training.fit import fit_forest
    from flowclass.training.packs import pack_named
    from flowclass.training.run import table_beside

    whole = table_beside(default_folder())
    assert whole is not None
    pack = pack_named(default_folder().name)
    table = pack.weighed(whole)
    classes = pack.named(classes_of(table))
    usable = np.flatnonzero(table.rows["features_row"] >= 0)
    order = table.rows["features_row"][usable]
    model = fit_forest(table.features[order], classes.of_row[usable], row_weights(table, classes)[usable])
    out = np.zeros((len(table.features), len(classes.labels)), np.float32)
    predict(forest_arrays(model), table.features, out)
    expected = model.predict_proba(table.features)
    np.testing.assert_allclose(out, expected, atol=1e-6)
    bundle = ModelBundle.load(default_folder())
    import sklearn

    if bundle.manifest["versions"]["scikit-learn"] != sklearn.__version__:
        pytest.skip("the shipped bundle was trained with another scikit-learn: its trees may differ")
    np.testing.assert_array_equal(bundle.forest.nodes, forest_arrays(model).nodes)
    np.testing.assert_array_equal(out.argmax(axis=1), Classifier(bundle).probabilities(table.features).argmax(axis=1))
