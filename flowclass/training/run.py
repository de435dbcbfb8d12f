"""Host module: train and evaluate, the two jobs of this package; the command line calls them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from flowclass.errors import UsageError
from flowclass.features.row import FEATURE_COUNT
from flowclass.model.bundle import ModelBundle, default_folder
from flowclass.model.classify import Classifier
from flowclass.training.card import card_of
from flowclass.training.classes import Classes, classes_of, row_weights
from flowclass.training.fit import (
    DEPTH,
    FOLDS,
    RANDOM_STATE,
    TREES,
    Tuning,
    by_neighbours,
    fit_forest,
    held_out_probabilities,
    tune,
)
from flowclass.training.forest_arrays import forest_arrays
from flowclass.training.open_set import leave_apps_out
from flowclass.training.report import REPORT, Report
from flowclass.training.samples import quiet, table_of
from flowclass.training.score import Score, evidence_confidence, rules_of, score, verdicts_of
from flowclass.training.table import Table

TABLE = "table.npz"
Progress = Callable[[str], None]


def train(
    corpus: Path | None, table: Path | None, out: Path, progress: Progress = quiet, *, baseline: bool = True
) -> Report:
    """Train a bundle and write it with its table, card and report.

    Parameters
    ----------
    corpus : folder of labelled captures; None to train from a table
    table : feature table file; None to make one from the corpus. With neither, the shipped table is taken.
    out : folder of the new bundle; its last part is the bundle's name
    progress : takes a line of text now and then
    baseline : score the nearest neighbours beside the model, which takes about as long as all the rest

    Raises
    ------
    UsageError
        When both sources are given, or one is missing or unreadable.
    ModelError
        When the table is damaged or of another feature schema.

    Notes
    -----
    The same table gives the same bundle, byte for byte, with the same versions of scikit-learn and NumPy.
    """
    data = _table(corpus, table, progress)
    classes = classes_of(data)
    _require_two(data, classes)
    progress(f"{len(data.features)} feature rows, {len(classes.labels)} classes, {len(data.groups)} groups")
    held_out = held_out_probabilities(data, classes)
    progress(f"scored {FOLDS} folds of whole capture groups")
    tuning = tune(data, classes, held_out)
    evidence = evidence_confidence(data)
    scores = _scores(data, classes, tuning, evidence, held_out)
    if baseline:
        scores.append(_baseline(data, classes, evidence))
        progress("scored the nearest neighbours")
        left_out = leave_apps_out(data, classes, rules_of(classes, tuning, evidence))
        progress("scored each application left out")
    else:
        left_out = []
    bundle = _bundle(data, classes, tuning, evidence, out.name)
    report = Report(f"Model {out.name}: held-out capture groups", _facts(data, bundle), scores, out, left_out)
    bundle.save(out, card_of(bundle, report))
    data.save(out / TABLE)
    (out / REPORT).write_text(report.to_json())
    progress(f"wrote {out}")
    return report


def evaluate(
    bundle: ModelBundle, corpus: Path | None = None, table: Path | None = None, progress: Progress = quiet
) -> Report:
    """Score a bundle on a corpus or a table, product and model alone.

    Notes
    -----
    Scores on what the bundle was trained on flatter it: the report of `train` has the held-out ones.
    """
    data = _table(corpus, table, progress)
    probabilities = Classifier(bundle).probabilities(data.features)
    scores = [
        score(way, data, verdicts_of(data, bundle.rules, probabilities, with_evidence=with_evidence))
        for way, with_evidence in (("product", True), ("model", False))
    ]
    seen = bundle.manifest.get("table") == data.digest()
    facts = {**_data_facts(data), "model": bundle.name, "trained on this very table": "yes" if seen else "no"}
    return Report(f"Model {bundle.name} on given flows", facts, scores)


def _table(corpus: Path | None, table: Path | None, progress: Progress) -> Table:
    if corpus is not None and table is not None:
        raise UsageError("give a corpus or a table, not both")
    if corpus is not None:
        return table_of(corpus, progress)
    return Table.load(table if table is not None else default_folder() / TABLE)


def table_beside(folder: Path) -> Table | None:
    """Return the table a bundle's folder holds; None when it was left out, as in an installed package."""
    path = folder / TABLE
    return Table.load(path) if path.is_file() else None


def _require_two(data: Table, classes: Classes) -> None:
    if len(data.features) == 0 or len(classes.labels) < 2:
        raise UsageError("the table holds flows of fewer than two classes: nothing to learn")


def _scores(data: Table, classes: Classes, tuning: Tuning, evidence: np.ndarray, held_out: np.ndarray) -> list[Score]:
    rules = rules_of(classes, tuning, evidence)
    return [
        score(way, data, verdicts_of(data, rules, held_out, with_evidence=with_evidence))
        for way, with_evidence in (("product", True), ("model", False))
    ]


def _baseline(data: Table, classes: Classes, evidence: np.ndarray) -> Score:
    found = held_out_probabilities(data, classes, by_neighbours)
    rules = rules_of(classes, tune(data, classes, found), evidence)
    return score("neighbours", data, verdicts_of(data, rules, found, with_evidence=False))


def _bundle(data: Table, classes: Classes, tuning: Tuning, evidence: np.ndarray, name: str) -> ModelBundle:
    usable = np.flatnonzero(data.rows["features_row"] >= 0)
    weights = row_weights(data, classes)[usable]
    model = fit_forest(data.features[data.rows["features_row"][usable]], classes.of_row[usable], weights)
    forest = forest_arrays(model)
    manifest = {
        "table": data.digest(),
        "corpus": data.corpus,
        "parameters": {"trees": TREES, "depth": DEPTH, "random_state": RANDOM_STATE, "folds": FOLDS},
        "versions": _versions(),
    }
    return ModelBundle(name, classes.labels, forest, rules_of(classes, tuning, evidence), manifest)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("flowclass", "scikit-learn", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "source tree"
    return found


def _data_facts(data: Table) -> dict[str, Any]:
    return {
        "table": data.digest(),
        "corpus": data.corpus,
        "flow records": int((data.rows["view"] == 0).sum()),
        "feature rows, all views": len(data.features),
        "features": FEATURE_COUNT,
        "capture groups": len(data.groups),
    }


def _facts(data: Table, bundle: ModelBundle) -> dict[str, Any]:
    return {
        **_data_facts(data),
        "classes": ", ".join(str(label) for label in bundle.labels),
        "forest": f"{len(bundle.forest.roots)} trees, {len(bundle.forest.nodes)} nodes",
        "versions": ", ".join(f"{name} {value}" for name, value in bundle.manifest["versions"].items()),
    }


def train_again(table: Path, progress: Progress = quiet) -> bytes:
    """Return the bytes of ``model.npz`` that a table gives: the check that a shipped bundle is what it says."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / table.parent.name
        train(None, table, out, progress, baseline=False)
        return (out / "model.npz").read_bytes()
