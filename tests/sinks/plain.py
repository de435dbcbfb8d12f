"""The flow record written slowly with the standard library: the twin of the text kernels."""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from typing import Any

import communityid

from flowclass.apps._fused import APPS, REASONS
from flowclass.record.packet import TunnelKind
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, DecidedBy, Kind

NAMELESS = {"IPIP", "IP6IN4", "IP4IN6", "IP6IN6", "PSEUDOWIRE"}
PORTS = {6, 17, 132}


def spelled(member: Any) -> str:
    return str(member.name.lower().replace("_", "-"))


def address(version: int, high: int, low: int) -> str:
    if version == 4:
        return str(ipaddress.IPv4Address(low & 0xFFFFFFFF))
    six = ipaddress.IPv6Address(high << 64 | low)
    return f"::ffff:{six.ipv4_mapped}" if six.ipv4_mapped else str(six)


def community(flow: Any, src: str, dst: str) -> str | None:
    proto = int(flow["proto"])
    if proto in (1, 58):
        return None
    ports = (int(flow["sport"]), int(flow["dport"])) if proto in PORTS else ()
    text = communityid.CommunityID().calc(communityid.FlowTuple(proto, src, dst, *ports))
    return str(text)


def tunnel(flow: Any) -> str | None:
    layers = []
    for kind, number in list(zip(flow["tunnel_kind"], flow["tunnel_id"], strict=True))[: int(flow["depth"])]:
        name = TunnelKind(kind).name
        shown = {"IP6IN4": "6in4", "IP4IN6": "4in6", "IP6IN6": "6in6"}.get(name, name.lower())
        written = f"{int(number):#x}" if name in ("GTPU", "L2TP") else str(int(number))
        layers.append(shown if name in NAMELESS else f"{shown}:{written}")
    if flow["depth"] > 4:
        layers.append(f"+{int(flow['depth']) - 4}")
    return "/".join(layers) or None


def record(flow: Any, verdict: Any, capture: str) -> dict[str, Any]:
    """Return the record of one FLOW row and VERDICT row."""
    version = int(flow["version"])
    src = address(version, int(flow["src_hi"]), int(flow["src_lo"]))
    dst = address(version, int(flow["dst_hi"]), int(flow["dst_lo"]))
    packets, volume = [int(n) for n in flow["packets"]], [int(n) for n in flow["bytes"]]
    first, last = int(flow["first_ns"]), int(flow["last_ns"])
    return {
        "schema": 1,
        "capture": capture,
        "flow_id": f"{int(flow['flow_id']):016x}",
        "community_id": community(flow, src, dst),
        "proto": int(flow["proto"]),
        "src": src,
        "sport": int(flow["sport"]),
        "dst": dst,
        "dport": int(flow["dport"]),
        "tunnel": tunnel(flow),
        "packets": sum(packets),
        "bytes": sum(volume),
        "fwd_packets": packets[0],
        "rev_packets": packets[1],
        "fwd_bytes": volume[0],
        "rev_bytes": volume[1],
        "start": Decimal(first).scaleb(-9),
        "duration_s": Decimal(last - first).scaleb(-9),
        "end_reason": spelled(EndReason(flow["end_reason"])),
        "app": spelled(App(verdict["app"])),
        "kind": spelled(Kind(verdict["kind"])),
        "confidence": Decimal(round(float(verdict["confidence"]) * 10000)).scaleb(-4),
        "candidates": [spelled(app) for app in App if int(verdict["candidates"]) >> app & 1],
        "decided_by": spelled(DecidedBy(verdict["decided_by"])),
        "decided_at_packet": int(verdict["decided_at_packet"]),
        "reasons": [
            f"{spelled(application.label)}.{reason.name}"
            for word, application, reasons in zip(flow["reasons"], APPS, REASONS, strict=True)
            for bit, reason in enumerate(reasons)
            if int(word) >> bit & 1
        ],
        "voice_like_s": int(flow["voice_like_s"]) if flow["voice_like_s"] >= 0 else None,
    }
