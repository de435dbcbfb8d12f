"""Capture script: half a minute of an office's link: WhatsApp, Viber, Skype and Teams calls among ordinary traffic."""

from __future__ import annotations

from pcaps.craft import Scene


def build(scene: Scene) -> None:
    """Let everybody act at once."""
    scene.play("ordinary/services", at=0.0, client="10.20.0.31")
    scene.play("ordinary/web", at=0.2, client="10.20.0.30", pages=4)
    scene.play("whatsapp/chat", at=0.5, client="10.20.0.11")
    scene.play("viber/chat", at=1.0, client="10.20.0.13")
    scene.play("whatsapp/call-2019", at=2.0, client="10.20.0.11", talk=10.0)
    scene.play("skype/overlay-2015", at=2.5, client="10.20.0.15", peers=40)
    scene.play("viber/call-2016", at=4.0, client="10.20.0.13", talk=4.0)
    scene.play("ordinary/games", at=5.0, client="10.20.0.32", seconds=3.0)
    scene.play("skype/call-2017", at=6.0, client="10.20.0.16", talk=4.0)
    scene.play("teams/call-2020", at=8.0, client="10.20.0.17", talk=2.0)
    scene.play("ordinary/web", at=9.0, client="10.20.0.33", pages=3)
    scene.play("whatsapp/call-2023", at=11.0, client="10.20.0.12", talk=7.0)
    scene.play("viber/call-2024", at=13.0, client="10.20.0.14", talk=2.5)
    scene.play("ordinary/services", at=15.0, client="10.20.0.34")
