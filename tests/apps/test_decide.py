"""From reason bits to a verdict by evidence."""

from __future__ import annotations

import numpy as np

from flowclass.apps._fused import MODULES, REASON_WORDS, REASONS
from flowclass.apps.decide import DECISION, decide
from flowclass.apps.explain import reasons_of
from flowclass.record.verdict import App, Kind, Strength


def decided(*names: str) -> np.void:
    """Return DECISION for Reasons given as ``module.reason``."""
    words = np.zeros(REASON_WORDS, np.uint32)
    for name in names:
        module, _, reason = name.partition(".")
        place = MODULES.index(module)
        words[place] |= np.uint32(1 << [known.name for known in REASONS[place]].index(reason))
    decision = np.zeros(1, DECISION)
    decide(words, decision[0])
    return decision[0]  # type: ignore[no-any-return]


def test_nothing() -> None:
    assert decided()["app"] == App.UNKNOWN


def test_weak_never_decides() -> None:
    assert decided("meet.relay-attribute", "webrtc.libwebrtc", "other.quic")["app"] == App.UNKNOWN


def test_certain_beats_strong_wherever_it_stands() -> None:
    decision = decided("whatsapp.bare-check", "sip.message")
    assert (decision["app"], decision["strength"]) == (App.SIP, Strength.CERTAIN)


def test_at_equal_strength_the_catalog_decides_and_the_loser_is_candidate() -> None:
    decision = decided("webrtc.peer-check", "meet.server-check")
    assert (decision["app"], decision["also"]) == (App.MEET, App.WEBRTC)


def test_lookalike_is_the_second_candidate() -> None:
    decision = decided("teams.implementation-7")
    assert (decision["app"], decision["also"]) == (App.TEAMS, App.SKYPE)


def test_kind__media_beats_signalling() -> None:
    assert decided("zoom.server-hello")["kind"] == Kind.CALL_SIGNALLING
    assert decided("zoom.server-hello", "zoom.server-media")["kind"] == Kind.CALL_MEDIA


def test_kind__signalling_beats_messaging() -> None:
    assert decided("signal.server-name", "signal.realm")["kind"] == Kind.CALL_SIGNALLING


def test_kind__of_another_application_does_not_count() -> None:
    decision = decided("whatsapp.chat-stream", "zoom.peer-media")
    assert (decision["app"], decision["kind"]) == (App.WHATSAPP, Kind.MESSAGING)


def test_reason_may_speak_for_another_label_than_its_module() -> None:
    decision = decided("tunnels.ike")
    assert (decision["app"], decision["kind"]) == (App.IPSEC, Kind.TUNNEL)


def test_explain() -> None:
    words = [0] * REASON_WORDS
    words[MODULES.index("viber")] = 0b11
    assert [(app, reason.name) for app, reason in reasons_of(words)] == [
        (App.VIBER, "shifted-rtp"),
        (App.VIBER, "control"),
    ]
