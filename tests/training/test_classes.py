"""Classes and folds: scarce applications are pooled, and no capture group is on both sides of a split."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.model.labels import Label, parse_label
from flowclass.record.verdict import App, Kind
from flowclass.training.classes import OTHER_WEIGHT, classes_of, folds_of, row_weights
from flowclass.training.corpus import label_of
from flowclass.training.fit import by_neighbours, held_out_probabilities
from tests.training.tables import LABELS, small_table

TABLE = small_table()
CLASSES = classes_of(TABLE)


def class_of(label: str) -> str:
    """Return the class that the rows of a label fell into."""
    place = CLASSES.of_row[TABLE.rows["label"] == LABELS.index(label)]
    assert len(set(place.tolist())) == 1
    return str(CLASSES.labels[place[0]])


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("teams:call-media", "teams+skype:call-media"),
        ("skype:call-media", "teams+skype:call-media"),
        ("whatsapp:call-media", "whatsapp:call-media"),
        ("line:call-media", "rtp:call-media"),
        ("sip:call-signalling", "sip:call-signalling"),
        ("telegram:messaging", "other:not-voip"),
        ("other:not-voip", "other:not-voip"),
    ],
)
def test_classes__of_each_label(label: str, expected: str) -> None:
    assert class_of(label) == expected


def test_folds__keep_groups_whole_and_spread_classes() -> None:
    fold = folds_of(TABLE, CLASSES, 5)
    for group in range(12):
        assert len(set(fold[TABLE.rows["group"] == group].tolist())) == 1
    for place, label in enumerate(CLASSES.labels):
        expected = 1 if str(label) == "rtp:call-media" else 5
        assert len(set(fold[CLASSES.of_row == place].tolist())) == expected


def test_weights__make_classes_even() -> None:
    weight = row_weights(TABLE, CLASSES)
    totals = [weight[CLASSES.of_row == k].sum() for k in range(len(CLASSES.labels))]
    calls = [total for total, label in zip(totals, CLASSES.labels, strict=True) if label.is_call]
    np.testing.assert_allclose(calls, calls[0])
    np.testing.assert_allclose(totals[CLASSES.labels.index(parse_label("other:not-voip"))], calls[0] * OTHER_WEIGHT)


def test_held_out__class_of_one_group_is_never_found_again() -> None:
    """LINE's only group is held out whole, so no model can have seen its class: its probability must be 0."""
    found = held_out_probabilities(TABLE, CLASSES, by_neighbours)
    line = TABLE.rows["features_row"][TABLE.rows["label"] == LABELS.index("line:call-media")]
    assert np.all(found[line, CLASSES.labels.index(parse_label("rtp:call-media"))] == 0)


@pytest.mark.parametrize(
    ("app", "kind", "expected"),
    [
        ("google_talk", "call-media", Label(App.MEET, Kind.CALL_MEDIA)),
        ("h323", "call-signalling", Label(App.SIP, Kind.CALL_SIGNALLING)),
        ("meta_call", "call-media", Label(App.WHATSAPP, Kind.CALL_MEDIA, App.MESSENGER)),
        ("skype_teams", "call-media", Label(App.TEAMS, Kind.CALL_MEDIA, App.SKYPE)),
        ("viber", "chat/other", Label(App.VIBER, Kind.MESSAGING)),
        ("threema", "chat/other", Label(App.OTHER, Kind.NOT_VOIP)),
        ("stun", "call-media", Label(App.RTP, Kind.CALL_MEDIA)),
        ("dns", "not-voip", Label(App.OTHER, Kind.NOT_VOIP)),
        ("tls", "unknown", None),
    ],
)
def test_corpus__names_become_ours(app: str, kind: str, expected: Label | None) -> None:
    assert label_of(app, kind) == expected
