"""Flows and verdicts for the tests of sinks."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.flow.record import FLOW
from flowclass.model.verdict import VERDICT
from flowclass.record.packet import IPV4_MAPPED, TunnelKind
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, DecidedBy, Kind

START_NS = 1_454_284_800_123_456_789


def random_flows(n: int, seed: int = 7) -> tuple[Any, Any]:
    """Return FLOW[n] and VERDICT[n] with every field that sinks read set at random, IPv4 and IPv6 by turns."""
    draw = np.random.default_rng(seed)
    flows, verdicts = np.zeros(n, FLOW), np.zeros(n, VERDICT)
    for name in ("flow_id", "src_hi", "src_lo", "dst_hi", "dst_lo"):
        flows[name] = draw.integers(0, 2**64, n, np.uint64)
    flows["version"] = np.where(np.arange(n) % 2, 6, 4)
    is_v4 = flows["version"] == 4
    for side in ("src", "dst"):
        flows[f"{side}_hi"][is_v4] = 0
        flows[f"{side}_lo"][is_v4] = np.uint64(IPV4_MAPPED) | (flows[f"{side}_lo"][is_v4] & np.uint64(0xFFFFFFFF))
    flows["proto"] = draw.choice([6, 17, 132, 1, 58, 47], n)
    for name in ("sport", "dport"):
        flows[name] = draw.integers(0, 1 << 16, n)
    flows["packets"] = draw.integers(1, 1 << 32, (n, 2))
    flows["bytes"] = draw.integers(0, 1 << 50, (n, 2))
    flows["first_ns"] = START_NS + draw.integers(0, 10**18, n)
    flows["last_ns"] = flows["first_ns"] + draw.integers(0, 10**13, n)
    flows["voice_like_s"] = draw.integers(-1, 3, n)
    flows["end_reason"] = draw.integers(0, len(EndReason), n)
    flows["depth"] = draw.integers(0, 7, n)
    flows["tunnel_kind"] = draw.integers(1, len(TunnelKind), flows["tunnel_kind"].shape)
    flows["tunnel_id"] = draw.integers(0, 1 << 32, flows["tunnel_id"].shape)
    flows["reasons"] = draw.integers(0, 1 << 32, flows["reasons"].shape)
    verdicts["app"] = draw.integers(0, len(App), n)
    verdicts["kind"] = draw.integers(0, len(Kind), n)
    verdicts["confidence"] = draw.random(n)
    verdicts["candidates"] = draw.integers(0, 1 << len(App), n)
    verdicts["decided_by"] = draw.integers(0, len(DecidedBy), n)
    verdicts["decided_at_packet"] = draw.integers(0, 1 << 32, n)
    return flows, verdicts


def one_flow(**fields: Any) -> tuple[Any, Any]:
    """Return FLOW[1] and VERDICT[1]: a plain UDP flow over IPv4, with some fields set otherwise."""
    flows, verdicts = np.zeros(1, FLOW), np.zeros(1, VERDICT)
    flows["version"], flows["proto"], flows["packets"] = 4, 17, 1
    flows["src_lo"] = flows["dst_lo"] = IPV4_MAPPED
    for name, value in fields.items():
        (verdicts if name in (VERDICT.names or ()) else flows)[name] = value
    return flows, verdicts
