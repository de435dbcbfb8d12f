"""Verdicts: evidence first, gates and names second, unknown when neither carries."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.flow.record import FLOW
from flowclass.model.decision import Rules, judge_flows
from flowclass.model.verdict import VERDICT
from flowclass.record.verdict import App, DecidedBy, Kind, Link, Strength
from tests.model.bundles import small_bundle

RULES = small_bundle().rules
#: No application holds enough of what two share.
STRICT = RULES._replace(share=np.full(4, 0.6, np.float32))


def bits(*apps: App) -> int:
    """Return the candidates bit set of some apps."""
    return sum(1 << app for app in apps)


def judge(probabilities: list[float], *, rules: Rules = RULES, **flow: int | tuple[int, int]) -> np.void:
    """Return the verdict on one flow; its features are row 0."""
    flows, verdicts = np.zeros(1, FLOW), np.zeros(1, VERDICT)
    flows["packets"] = [30, 12]
    for name, value in flow.items():
        flows[name] = value
    judge_flows(rules, flows, np.array([probabilities], np.float32), verdicts)
    return verdicts[0]  # type: ignore[no-any-return]


def test_evidence__decides_before_the_model() -> None:
    found = judge([0, 1, 0, 0], app=App.VIBER, kind=Kind.CALL_MEDIA, strength=Strength.CERTAIN, decided_at_packet=3)
    assert (found["app"], found["kind"], found["decided_by"]) == (App.VIBER, Kind.CALL_MEDIA, DecidedBy.EVIDENCE)
    assert found["decided_at_packet"] == 3
    assert found["confidence"] == pytest.approx(0.99)
    assert found["candidates"] == bits(App.VIBER)


def test_evidence__keeps_its_lookalike_as_candidate() -> None:
    found = judge([0, 0, 0, 1], app=App.WHATSAPP, also=App.MESSENGER, kind=Kind.CALL_MEDIA, strength=Strength.STRONG)
    assert found["candidates"] == bits(App.WHATSAPP, App.MESSENGER)
    assert found["confidence"] == pytest.approx(0.9)


def test_model__names_a_call_that_passes_gate_and_share() -> None:
    found = judge([0.02, 0.85, 0.05, 0.08])
    assert (found["app"], found["kind"], found["decided_by"]) == (App.WHATSAPP, Kind.CALL_MEDIA, DecidedBy.MODEL)
    assert found["candidates"] == bits(App.WHATSAPP)
    # Of the application: its media and its signalling.
    assert found["confidence"] == pytest.approx(0.90, abs=1e-5)
    assert found["decided_at_packet"] == 42


def test_model__lists_both_lookalikes_of_a_class() -> None:
    found = judge([0.9, 0.05, 0, 0.05])
    assert found["app"] == App.TEAMS
    assert found["candidates"] == bits(App.TEAMS, App.SKYPE)


def test_model__takes_the_lookalike_whose_name_was_resolved() -> None:
    found = judge([0.9, 0.05, 0, 0.05], resolved_app=App.SKYPE)
    assert found["app"] == App.SKYPE
    assert found["candidates"] == bits(App.TEAMS, App.SKYPE)


def test_model__is_not_swayed_by_a_resolved_name_that_is_no_candidate() -> None:
    assert judge([0.9, 0.05, 0, 0.05], resolved_app=App.VIBER)["app"] == App.TEAMS


def test_model__call_of_no_clear_owner_is_rtp_with_candidates() -> None:
    found = judge([0.45, 0.46, 0.05, 0.04], rules=STRICT, features_row=0)
    assert (found["app"], found["kind"]) == (App.RTP, Kind.CALL_MEDIA)
    assert found["candidates"] == bits(App.RTP, App.TEAMS, App.SKYPE, App.WHATSAPP)
    assert found["confidence"] == pytest.approx(0.96, abs=1e-4)


def test_model__says_other_when_sure() -> None:
    found = judge([0.1, 0.1, 0.0, 0.8])
    assert (found["app"], found["kind"], found["decided_by"]) == (App.OTHER, Kind.NOT_VOIP, DecidedBy.MODEL)


@pytest.mark.parametrize(
    ("probabilities", "features_row"), [([0.2, 0.2, 0.09, 0.49], 0), ([0, 1, 0, 0], -1), ([0, 1, 0, 0], 5)]
)
def test_unknown__below_all_gates_or_without_features(probabilities: list[float], features_row: int) -> None:
    found = judge(probabilities, features_row=features_row)
    assert (found["app"], found["kind"], found["decided_by"]) == (App.UNKNOWN, Kind.UNKNOWN, DecidedBy.NOTHING)
    assert found["confidence"] == 0
    assert found["candidates"] == 0


def test_correlation__socket_names_a_flow_that_shows_nothing() -> None:
    found = judge([0, 0, 0, 1], features_row=-1, linked_app=App.WHATSAPP, linked_also=App.MESSENGER, link=Link.SOCKET)
    assert (found["app"], found["decided_by"]) == (App.WHATSAPP, DecidedBy.CORRELATION)
    assert found["kind"] == Kind.CALL_SIGNALLING
    assert found["candidates"] == bits(App.WHATSAPP, App.MESSENGER)
    assert found["confidence"] == pytest.approx(0.8)


def test_correlation__a_few_packets_nobody_answers_are_a_search_for_the_peer() -> None:
    found = judge([0, 0, 0, 1], packets=(2, 0), linked_app=App.TELEGRAM, link=Link.SOCKET)
    assert (found["app"], found["kind"]) == (App.TELEGRAM, Kind.MESSAGING)
    found = judge([0, 0, 0, 1], packets=(200, 0), linked_app=App.TELEGRAM, link=Link.SOCKET)
    assert (found["app"], found["kind"]) == (App.TELEGRAM, Kind.CALL_SIGNALLING)


def test_model__call_of_nobody_is_none_where_the_name_belongs_to_a_lookalike() -> None:
    found = judge([0.45, 0.46, 0.05, 0.04], rules=STRICT, resolved_app=App.OTHER)
    assert (found["app"], found["kind"]) == (App.OTHER, Kind.NOT_VOIP)
    assert judge([0.02, 0.85, 0.05, 0.08], resolved_app=App.OTHER)["app"] == App.WHATSAPP


def test_correlation__host_does_not_make_a_call_of_what_is_none() -> None:
    found = judge([0, 0, 0, 1], linked_app=App.WHATSAPP, link=Link.HOST)
    assert (found["app"], found["kind"]) == (App.OTHER, Kind.NOT_VOIP)


def test_correlation__host_names_a_call_of_no_owner() -> None:
    found = judge(
        [0, 0, 0, 1],
        app=App.RTP,
        kind=Kind.CALL_MEDIA,
        strength=Strength.STRONG,
        linked_app=App.SIGNAL,
        link=Link.HOST,
    )
    assert (found["app"], found["kind"], found["decided_by"]) == (App.SIGNAL, Kind.CALL_MEDIA, DecidedBy.CORRELATION)
    assert found["confidence"] == pytest.approx(0.7)


def test_correlation__own_evidence_goes_before_it() -> None:
    found = judge([0, 0, 0, 1], app=App.VIBER, kind=Kind.CALL_MEDIA, linked_app=App.SIGNAL, link=Link.SOCKET)
    assert (found["app"], found["decided_by"]) == (App.VIBER, DecidedBy.EVIDENCE)


def test_plain_rtp__takes_the_name_the_model_has_for_it() -> None:
    found = judge([0.02, 0.85, 0.05, 0.08], app=App.RTP, kind=Kind.CALL_MEDIA, strength=Strength.STRONG)
    assert (found["app"], found["decided_by"]) == (App.WHATSAPP, DecidedBy.MODEL)


def test_plain_rtp__stays_rtp_where_the_model_has_none() -> None:
    found = judge([0, 0, 0, 1], app=App.RTP, kind=Kind.CALL_MEDIA, strength=Strength.STRONG)
    assert (found["app"], found["kind"], found["decided_by"]) == (App.RTP, Kind.CALL_MEDIA, DecidedBy.EVIDENCE)


def test_model__names_an_application_by_its_media_and_signalling_together() -> None:
    found = judge([0.43, 0.27, 0.28, 0.02])
    assert (found["app"], found["kind"]) == (App.WHATSAPP, Kind.CALL_SIGNALLING)
    assert found["confidence"] == pytest.approx(0.55, abs=1e-5)
    assert found["candidates"] == bits(App.WHATSAPP, App.TEAMS, App.SKYPE)


def test_model__candidates_are_what_no_quantile_rules_out() -> None:
    wide = RULES._replace(possible=np.array([0.01, 0.5, 0.5, 0.5], np.float32))
    found = judge([0.02, 0.85, 0.05, 0.08], rules=wide)
    assert found["candidates"] == bits(App.WHATSAPP, App.TEAMS, App.SKYPE)


def prefer_skype() -> Rules:
    """Return rules of an archive: Skype is said where Teams and Skype remain."""
    prefer = np.zeros(len(App), np.uint8)
    prefer[App.TEAMS] = App.SKYPE
    return RULES._replace(prefer=prefer)


@pytest.mark.parametrize(
    ("also", "resolved", "expected"),
    [(App.SKYPE, App.UNKNOWN, App.SKYPE), (App.UNKNOWN, App.UNKNOWN, App.TEAMS), (App.SKYPE, App.TEAMS, App.TEAMS)],
    ids=["look-alikes", "surely Teams", "Teams was resolved"],
)
def test_archive__says_skype_where_it_remains_possible(also: App, resolved: App, expected: App) -> None:
    found = judge(
        [0, 0, 0, 1],
        rules=prefer_skype(),
        app=App.TEAMS,
        also=also,
        kind=Kind.CALL_MEDIA,
        strength=Strength.CERTAIN,
        resolved_app=resolved,
    )
    assert found["app"] == expected
