"""Show payloads to ``inspect`` and to the applications, one after the other, as the meter does."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps._fused import APPS_STATE, REASON_WORDS, collect_reasons, observe_apps
from flowclass.apps.decide import DECISION, decide
from flowclass.apps.explain import reasons_of
from flowclass.dissect.payload import inspect
from flowclass.jit import entry
from flowclass.record.message import HEAD_BYTES, MESSAGE
from flowclass.record.packet import IPV4_MAPPED, PACKET


@entry
def observe_one(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Run ``inspect`` and ``observe_apps``."""
    inspect(data, pkt, msg)
    return observe_apps(data, pkt, msg, direction, state)


@entry
def decide_one(state: Any, words: Any, decision: Any) -> int:
    """Collect the reasons of a flow and decide."""
    collect_reasons(state, words)
    return decide(words, decision)


def packet_of(payload: bytes, proto: int, sport: int, dport: int, wire_bytes: int | None = None) -> Any:
    """Return PACKET[1] whose payload is the whole block; ``wire_bytes`` is longer than it for a cut frame."""
    pkt = np.zeros(1, PACKET)
    pkt["payload_hi"] = len(payload)
    pkt["payload_bytes"] = len(payload) if wire_bytes is None else wire_bytes
    pkt["proto"], pkt["sport"], pkt["dport"], pkt["version"] = proto, sport, dport, 4
    pkt["dst_lo"] = pkt["src_lo"] = IPV4_MAPPED | 0xC0000201
    return pkt


def bytes_of(payload: bytes) -> Any:
    """Return the payload as a read-only array that ends where it ends."""
    return np.frombuffer(payload, np.uint8)


def look(
    payload: bytes, proto: int = 17, sport: int = 40000, dport: int = 40002, wire_bytes: int | None = None
) -> np.void:
    """Return MESSAGE of one payload that starts its stream."""
    msg = np.zeros(1, MESSAGE)
    new_head(msg, payload, proto)
    pkt = packet_of(payload, proto, sport, dport, wire_bytes)
    observe_one(bytes_of(payload), pkt[0], msg[0], 0, np.zeros(1, APPS_STATE)[0])
    return msg[0]  # type: ignore[no-any-return]


def new_head(msg: Any, payload: bytes, proto: int, before: bytes = b"") -> bytes:
    """Set the stream's head in MESSAGE as the meter does; return the head."""
    head = (before + payload)[:HEAD_BYTES] if proto == 6 else b""
    msg[0]["head"] = 0
    msg[0]["head"][: len(head)] = list(head)
    msg[0]["head_bytes"] = len(head)
    msg[0]["head_new"] = len(head) - len(before)
    return head


class Flow:
    """A flow whose verdict is open."""

    def __init__(self, proto: int = 17, sport: int = 40000, dport: int = 40002) -> None:
        self.proto, self.ports = proto, (sport, dport)
        self.state, self.message = np.zeros(1, APPS_STATE), np.zeros(1, MESSAGE)
        self.heads = [b"", b""]

    def see(self, payload: bytes, direction: int = 0, wire_bytes: int | None = None) -> int:
        """Show one payload; return what ``observe_apps`` returned."""
        sport, dport = self.ports if direction == 0 else self.ports[::-1]
        before = self.heads[direction]
        self.heads[direction] = new_head(self.message, payload, self.proto, before) if self.proto == 6 else b""
        pkt = packet_of(payload, self.proto, sport, dport, wire_bytes)
        return int(observe_one(bytes_of(payload), pkt[0], self.message[0], direction, self.state[0]))

    def decision(self) -> np.void:
        """Return DECISION as it stands."""
        decision = np.zeros(1, DECISION)
        decide_one(self.state[0], np.zeros(REASON_WORDS, np.uint32), decision[0])
        return decision[0]  # type: ignore[no-any-return]

    def reasons(self) -> set[str]:
        """Return the Reasons shown, as ``app.reason``."""
        words = np.zeros(REASON_WORDS, np.uint32)
        decide_one(self.state[0], words, np.zeros(1, DECISION)[0])
        return {f"{app.name.lower()}.{reason.name}" for app, reason in reasons_of([int(word) for word in words])}
