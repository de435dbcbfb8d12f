"""A call record for tests, with whatever a test wants otherwise."""

from __future__ import annotations

from typing import Any

from flowclass.calls.record import SCHEMA_VERSION, Call


def call_with(**changes: Any) -> Call:
    """Return an answered WhatsApp call of a minute."""
    values: dict[str, Any] = {
        "schema": SCHEMA_VERSION, "capture": "eth0", "call_id": "0123456789abcdef", "app": "whatsapp",
        "candidates": ["whatsapp"], "client": "10.0.0.1", "network": None, "start": 0.0, "setup_s": 1.0, "ring_s": 1.0,
        "talk_start": 1.0, "end": 61.0, "talk_s": 60.0, "outcome": "answered", "ended_by": "terminate",
        "cut_start": False, "cut_end": False, "group": "", "media": "audio",
        "media_up": "audio", "media_down": "audio", "path": "relay", "access_hint": "",
        "access_hint_peer": "", "flows": ["0123456789abcdef"], "media_flows": 1, "packets_up": 3000,
        "packets_down": 3000, "bytes_up": 1, "bytes_down": 1, "bytes_relay": 2, "bytes_p2p": 0,
        "loss_up": 0.0, "loss_down": 0.02, "jitter_up": 0.004,
        "jitter_down": 0.012, "far_loss_up": None, "far_loss_down": None,
        "rtt_up": None, "rtt_down": None, "rtt_min_up": None, "rtt_min_down": None, "gap_up": None, "gap_down": None,
        "rate_up": None, "rate_down": None, "mos_low": 2.9, "mos_high": 4.1, "mos_basis": "wideband",
        "quality_valid": True, "quality_note": "", "confidence": 1.0, "reasons": ["whatsapp.call-token"], "streams": [],
    }  # fmt: skip
    return Call(**values | changes)
