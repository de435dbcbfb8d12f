"""Host names to applications."""

from __future__ import annotations

import pytest

from flowclass.apps.names import app_of_labels, app_of_name
from flowclass.record.verdict import App
from tests.drive import bytes_of
from tests.messages import dns_name

CASES = [
    ("g.whatsapp.net", App.WHATSAPP),
    ("WhatsApp.NET", App.WHATSAPP),
    ("notwhatsapp.net", App.UNKNOWN),
    ("whatsapp.net.example.org", App.UNKNOWN),
    ("edge-mqtt.facebook.com", App.MESSENGER),
    ("www.facebook.com", App.UNKNOWN),
    ("eu.teams.microsoft.com", App.TEAMS),
    ("microsoft.com", App.UNKNOWN),
    ("net", App.UNKNOWN),
    ("a" * 60 + ".viber.com", App.VIBER),
]


@pytest.mark.parametrize(("name", "app"), CASES)
def test_app_of_name(name: str, app: App) -> None:
    assert app_of_name(bytes_of(name.encode()), 0, len(name)) == app


@pytest.mark.parametrize(("name", "app"), CASES)
def test_app_of_labels(name: str, app: App) -> None:
    labels = dns_name(name)
    assert app_of_labels(bytes_of(labels), 0, len(labels)) == app


def test_app_of_name__empty() -> None:
    assert app_of_name(bytes_of(b"x"), 0, 0) == App.UNKNOWN


def test_app_of_labels__cut() -> None:
    labels = dns_name("g.whatsapp.net")
    assert app_of_labels(bytes_of(labels[:6]), 0, 6) == App.UNKNOWN
