"""Host module: what is said of an application nobody has taught: each one left out of training in turn.

Its flows are shown to a model that has never seen it, and its own evidence is taken away. They should come out as
``unknown``, ``other``, ``rtp`` or ``webrtc``; another application's name is a lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowclass.model.decision import Rules
from flowclass.model.labels import parse_label
from flowclass.record.verdict import APP_NAMES, App, Kind
from flowclass.training.classes import MICROSOFT, Classes, row_weights
from flowclass.training.fit import fit_forest, spread_classes
from flowclass.training.rightness import NAMELESS, PAIRS, is_wrong_name
from flowclass.training.score import verdicts_of
from flowclass.training.table import Table

#: Applications whose name is a protocol's: there is nothing to mistake them for.
_UNNAMED = (App.UNKNOWN, App.OTHER, *NAMELESS)


@dataclass(frozen=True)
class LeftOut:
    """How the media flows of an application fared that was left out, over all views.

    Attributes
    ----------
    app : its name
    flows : flow records, all views
    honest : share not given another application's name
    mistaken_for : the names given, most frequent first, with their shares
    """

    app: str
    flows: int
    honest: float
    mistaken_for: tuple[tuple[str, float], ...]


def leave_apps_out(table: Table, classes: Classes, rules: Rules) -> list[LeftOut]:
    """Leave each application with call media out in turn.

    Notes
    -----
    Look-alikes (Skype and Teams, WhatsApp and Messenger) are left out together: one has the other's evidence.
    """
    labels = [parse_label(text) for text in table.labels]
    apps = sorted({label.app for label in labels if label.kind == Kind.CALL_MEDIA and label.app not in _UNNAMED})
    done: set[App] = set()
    results = []
    for app in apps:
        if app in done:
            continue
        family = set(MICROSOFT) if app in MICROSOFT else {app, PAIRS.get(app, app)}
        done |= family
        results.append(_leave_out(table, classes, rules, family))
    return results


def _leave_out(table: Table, classes: Classes, rules: Rules, family: set[App]) -> LeftOut:
    labels = [parse_label(text) for text in table.labels]
    of_family = np.array([label.app in family or label.also in family for label in labels])[table.rows["label"]]
    is_media = np.array([label.kind == Kind.CALL_MEDIA for label in labels])[table.rows["label"]]
    usable = table.rows["features_row"] >= 0
    train, test = usable & ~of_family, of_family & is_media
    order = table.rows["features_row"]
    model = fit_forest(table.features[order[train]], classes.of_row[train], row_weights(table, classes)[train])
    probabilities = np.zeros((len(table.features), len(classes.labels)), np.float32)
    asked = order[test & usable]
    found = model.predict_proba(table.features[asked])
    probabilities[asked, : len(classes.labels)] = spread_classes(model, found, len(classes.labels))
    blind = Table(table.rows.copy(), table.features, table.labels, table.groups, table.views, table.corpus)
    numbers = [int(app) for app in family]
    for evidence in ("app", "linked_app"):
        blind.rows[evidence][np.isin(blind.rows[evidence], numbers)] = 0
    blind.rows["link"][blind.rows["linked_app"] == 0] = 0
    verdicts = verdicts_of(blind, rules, probabilities, with_evidence=True)[test]
    wrong = is_wrong_name(np.zeros(len(verdicts), bool), verdicts["app"])
    names, counts = np.unique(verdicts["app"][wrong], return_counts=True)
    mistaken = sorted(zip(names, counts, strict=True), key=lambda one: -one[1])
    return LeftOut(
        "+".join(sorted(APP_NAMES[app] for app in family)),
        len(verdicts),
        float(1.0 - wrong.mean()) if len(wrong) else 1.0,
        tuple((APP_NAMES[int(name)], float(count / len(verdicts))) for name, count in mistaken),
    )
