"""Host module: train and evaluate, the jobs of this package; the command line calls them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowclass.errors import UsageError
from flowclass.features.row import FEATURE_COUNT, FEATURES
from flowclass.model.bundle import ModelBundle
from flowclass.model.choice import default_folder
from flowclass.model.norms import DRIFTED, stability_index
from flowclass.training.card import card_of
from flowclass.training.classes import Classes, classes_of, row_weights
from flowclass.training.fit import (
    DEPTH,
    FEATURES_A_SPLIT,
    FOLDS,
    LEAST_LEAF_ROWS,
    RANDOM_STATE,
    TREES,
    Tuning,
    by_neighbours,
    fit_forest,
    held_out_probabilities,
    tune,
)
from flowclass.training.forest_arrays import forest_arrays
from flowclass.training.held_out import honest_probabilities
from flowclass.training.norms import is_met, norms_of
from flowclass.training.open_set import leave_apps_out
from flowclass.training.packs import PACKS, Pack, pack_named
from flowclass.training.recordings import ClassFacts, class_facts
from flowclass.training.report import REPORT, Report
from flowclass.training.samples import Progress, quiet, table_of
from flowclass.training.score import Score, evidence_confidence, rules_of, score, verdicts_of
from flowclass.training.table import Table, joined

TABLE = "table.npz"
#: Features named in a report as having drifted.
MOST_DRIFTED = 10


def train(
    corpus: Path | None,
    table: Path | None,
    out: Path,
    progress: Progress = quiet,
    *,
    baseline: bool = True,
    beside: Sequence[Path] = (),
) -> Report:
    """Train a bundle and write it with its table, card and report.

    Parameters
    ----------
    corpus : labelled captures; None to train from a table
    table : feature table file; None to make one from the corpus. With neither, the shipped table is taken.
    out : folder of the new bundle; its last part is the bundle's name, and that of a dated pack makes one
    progress : takes a line of text now and then
    baseline : score the nearest neighbours and each application left out, which takes longer than all the rest
    beside : further labelled captures, learnt beside the first

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
    data = _table(corpus, table, progress, beside)
    report = _train(data, pack_named(out.name), out, progress, baseline=baseline)
    data.save(out / TABLE)
    return report


def train_packs(
    corpus: Path | None, table: Path | None, out: Path, progress: Progress = quiet, *, baseline: bool = True
) -> list[Report]:
    """Train every dated pack from one table and write them, the table beside them, into one folder."""
    data = _table(corpus, table, progress)
    out.mkdir(parents=True, exist_ok=True)
    data.save(out / TABLE)
    return [_train(data, pack, out / pack.name, progress, baseline=baseline) for pack in PACKS]


def _train(data: Table, pack: Pack, out: Path, progress: Progress, *, baseline: bool) -> Report:
    weighed = pack.weighed(data)
    classes = pack.named(classes_of(weighed))
    if len(data.features) == 0 or len(classes.labels) < 2:
        raise UsageError("the table holds flows of fewer than two classes: nothing to learn")
    progress(f"{len(data.features)} feature rows, {len(classes.labels)} classes, {len(data.groups)} groups")
    held_out = held_out_probabilities(weighed, classes)
    progress(f"scored {FOLDS} folds of whole capture groups")
    tuning = tune(weighed, classes, held_out)
    evidence = evidence_confidence(data)
    rules = rules_of(classes, tuning, evidence, pack.prefer_array())
    scores = [
        score(way, data, verdicts_of(data, rules, held_out, with_evidence=with_evidence))
        for way, with_evidence in (("product", True), ("model", False))
    ]
    left_out = []
    if baseline:
        scores.append(_baseline(weighed, classes, evidence))
        progress("scored the nearest neighbours")
        left_out = leave_apps_out(weighed, classes, rules)
        progress("scored each application left out")
    bundle = _bundle(data, weighed, classes, tuning, pack, out.name)
    facts = {**_data_facts(data), **_model_facts(bundle)}
    report = Report(
        f"Model {out.name}: held-out capture groups",
        facts,
        scores,
        out,
        left_out,
        classes=class_facts(data, classes, pack.of_its_years(data)),
        coverage=tuning.coverage,
    )
    bundle.save(out, card_of(bundle, report, pack, out))
    (out / REPORT).write_text(report.to_json())
    progress(f"wrote {out}")
    return report


def evaluate(
    bundle: ModelBundle,
    corpus: Path | None = None,
    table: Path | None = None,
    progress: Progress = quiet,
    *,
    trained_on: Table | None = None,
) -> Report:
    """Score a bundle on a corpus or a table: product, model alone and, where the training table is known, neighbours.

    Parameters
    ----------
    trained_on : the table the bundle was trained on: flows of its groups are judged by forests that did not see them.
        Without it everything is judged by the bundle, which flatters it on what it was trained on.
    """
    data = _table(corpus, table, progress)
    probabilities, known = honest_probabilities(bundle, data, trained_on)
    scores = [
        score(way, data, verdicts_of(data, bundle.rules, probabilities, with_evidence=with_evidence))
        for way, with_evidence in (("product", True), ("model", False))
    ]
    seen = bundle.manifest.get("table") == data.digest()
    if trained_on is not None and seen:
        pack = pack_named(bundle.name)
        weighed = pack.weighed(data)
        scores.append(_baseline(weighed, pack.named(classes_of(weighed)), evidence_confidence(data)))
    facts = {
        **_data_facts(data),
        "model": bundle.name,
        "trained on this very table": "yes" if seen else "no",
        "groups judged by forests that did not see them": known,
    }
    return Report(f"Model {bundle.name} on given flows", facts, scores, drift=drift_of(bundle, data))


def drift_of(bundle: ModelBundle, data: Table) -> list[tuple[str, float]]:
    """Return the features whose distribution has moved away from the reference, furthest first."""
    index = stability_index(bundle.norms, data.features[data.rows["features_row"][is_met(data)]])
    moved = [(FEATURES[k].name, float(index[k])) for k in index.argsort()[::-1][:MOST_DRIFTED] if index[k] > DRIFTED]
    return moved


def table_beside(folder: Path) -> Table | None:
    """Return the table a bundle was trained from: in its folder, or beside it where packs share one; else None."""
    for path in (folder / TABLE, folder.parent / TABLE):
        if path.is_file():
            return Table.load(path)
    return None


def _table(corpus: Path | None, table: Path | None, progress: Progress, beside: Sequence[Path] = ()) -> Table:
    if corpus is not None and table is not None:
        raise UsageError("give a corpus or a table, not both")
    if corpus is not None:
        data = table_of(corpus, progress)
    elif table is not None:
        data = Table.load(table)
    else:
        shipped = table_beside(default_folder())
        if shipped is None:
            raise UsageError(f"{default_folder()}: no {TABLE} there: give --corpus or --table")
        data = shipped
    for more in beside:
        data = joined(data, table_of(more, progress))
    return data


def _baseline(data: Table, classes: Classes, evidence: Any) -> Score:
    found = held_out_probabilities(data, classes, by_neighbours)
    rules = rules_of(classes, tune(data, classes, found), evidence)
    return score("neighbours", data, verdicts_of(data, rules, found, with_evidence=False))


def _bundle(data: Table, weighed: Table, classes: Classes, tuning: Tuning, pack: Pack, name: str) -> ModelBundle:
    usable = data.rows["features_row"] >= 0
    rows = data.features[data.rows["features_row"][usable]]
    model = fit_forest(rows, classes.of_row[usable], row_weights(weighed, classes)[usable])
    rules = rules_of(classes, tuning, evidence_confidence(data), pack.prefer_array())
    manifest = {
        "table": data.digest(),
        "corpus": data.corpus,
        "parameters": {
            "trees": TREES,
            "depth": DEPTH,
            "least_leaf_rows": LEAST_LEAF_ROWS,
            "features_a_split": FEATURES_A_SPLIT,
            "random_state": RANDOM_STATE,
            "folds": FOLDS,
        },
        "pack": {"since": pack.since, "until": pack.until, "doc": pack.doc} if pack.name else {},
        "candidates_level": tuning.coverage.level,
        "trained": _today(),
        "versions": _versions(),
    }
    return ModelBundle(name, classes.labels, forest_arrays(model), rules, norms_of(data, classes), manifest)


def _today() -> str:
    """Return the day in UTC, or that of SOURCE_DATE_EPOCH (reproducible-builds.org), which makes a manifest again."""
    return time.strftime("%Y-%m-%d", time.gmtime(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))


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


def _model_facts(bundle: ModelBundle) -> dict[str, Any]:
    return {
        "classes": ", ".join(str(label) for label in bundle.labels),
        "forest": f"{len(bundle.forest.roots)} trees, {len(bundle.forest.nodes)} nodes",
        "versions": ", ".join(f"{name} {value}" for name, value in bundle.manifest["versions"].items()),
    }


def train_again(table: Path, name: str, progress: Progress = quiet) -> bytes:
    """Return the bytes of ``model.npz`` that a table gives under a bundle's name: is a shipped bundle what it says?"""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        train(None, table, out, progress, baseline=False)
        return (out / "model.npz").read_bytes()


__all__ = ["ClassFacts", "drift_of", "evaluate", "table_beside", "train", "train_again", "train_packs"]
