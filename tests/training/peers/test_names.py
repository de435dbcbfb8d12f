"""What nDPI's names mean here: parts of names, look-alikes, and what is no application's name."""

from __future__ import annotations

import pytest

from flowclass.model.labels import parse_label
from flowclass.record.verdict import App
from flowclass.training.peers.names import apps_of, is_right, is_wrong, says_call


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("STUN.WhatsAppCall", {App.WHATSAPP}),
        ("Skype_Teams.SkypeCall", {App.SKYPE, App.TEAMS}),
        ("DTLS.Discord", {App.DISCORD}),
        ("FacebookVoip", {App.MESSENGER}),
        ("KakaoTalk_Voice", {App.KAKAOTALK}),
        ("SRTP", {App.RTP}),
        ("TLS.Amazon", set()),
        ("Unknown", set()),
    ],
)
def test_apps__of_a_name(name: str, expected: set[App]) -> None:
    assert apps_of(name) == expected


@pytest.mark.parametrize(
    ("name", "label", "right", "wrong"),
    [
        ("STUN.TelegramVoip", "telegram:call-media", True, False),
        ("STUN", "telegram:call-media", False, False),
        ("RTP", "telegram:call-media", False, False),
        ("RTP", "sip:call-media", True, False),
        ("OpenVPN", "zoom:call-media", False, True),
        ("STUN.FacebookVoip", "whatsapp:call-media", True, False),
        ("Skype_Teams", "teams:call-media", True, False),
        ("STUN.Zoom", "discord:call-media", False, True),
    ],
)
def test_name__on_a_flow(name: str, label: str, right: bool, wrong: bool) -> None:
    assert is_right(name, parse_label(label)) is right
    assert is_wrong(name, parse_label(label)) is wrong


@pytest.mark.parametrize(
    ("name", "expected"), [("STUN.WhatsAppCall", True), ("RTP", True), ("TLS.WhatsApp", False), ("STUN", False)]
)
def test_call__is_said_by_names_of_calls_only(name: str, expected: bool) -> None:
    assert says_call(name) is expected
