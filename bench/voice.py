"""Host module: ``python -m bench.voice [--real COUNT] [CORPUS]``: speech inside tunnels, found and falsely found.

Each capture of the corpus is put through a tunnel, all traffic of its busiest host as one flow, and the product's own
meter says in how many seconds the tunnel was like speech. Without ``--real`` the tunnel is WireGuard by its formula:
every packet as long as WireGuard would make it. With it, that many captures with and without calls are sent through
real WireGuard and OpenVPN between network namespaces and recorded (needs root and the tools of ``pcaps.lab``).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.inner import Inner, inners
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.record.packet import PACKET_REF
from flowclass.record.verdict import Kind

#: Captures with fewer active seconds say little.
LEAST_SECONDS = 10
ETHERNET, ETHERNET_BYTES, IP_UDP_BYTES = 1, 14, 28
#: Bytes of each frame that the meter is shown.
SNAP = 64
WIREGUARD_PORT = 51_820
FRAMES_A_BLOCK = 4096
HOUR_S = 3600


def wireguard_bytes(ip_bytes: np.ndarray) -> np.ndarray:
    """Return the outer IPv4 length of packets inside WireGuard: filled up to 16, 32 of its own, UDP and IP."""
    return np.asarray(IP_UDP_BYTES + 32 + (ip_bytes + 15) // 16 * 16)


def frames_of(inner: Inner) -> tuple[np.ndarray, np.ndarray]:
    """Return block and PACKET_REF of a WireGuard tunnel, handshake first, that carries the traffic."""
    length = np.concatenate([[148 + IP_UDP_BYTES, 92 + IP_UDP_BYTES], wireguard_bytes(inner.ip_bytes)])
    outward = np.concatenate([[True, False], inner.outward])
    at_ns = np.concatenate([[0, 1000], inner.at_ns + 2000])
    n = len(length)
    data = np.zeros((n, SNAP), np.uint8)
    data[:, 12:14] = (8, 0)
    data[:, 14], data[:, 22], data[:, 23] = 0x45, 64, 17
    data[:, 16], data[:, 17] = length >> 8, length & 0xFF
    near, far = (10, 0, 0, 1), (10, 0, 0, 2)
    ports = np.array([[40_000 >> 8, 40_000 & 255], [WIREGUARD_PORT >> 8, WIREGUARD_PORT & 255]])
    way = outward.astype(int)
    data[:, 26:30], data[:, 30:34] = np.array([far, near])[way], np.array([near, far])[way]
    data[:, 34:36], data[:, 36:38] = ports[1 - way], ports[way]
    udp = length - 20
    data[:, 38], data[:, 39] = udp >> 8, udp & 0xFF
    data[:, 42] = 4
    data[0, 42], data[1, 42] = 1, 2
    data[:, 46:50] = np.array([(1, 1, 1, 1), (2, 2, 2, 2)])[way]
    data[:, 50:54] = np.arange(n, dtype="<u4").view(np.uint8).reshape(n, 4)
    refs = np.zeros(n, PACKET_REF)
    refs["ts_ns"], refs["offset"], refs["linktype"] = at_ns, np.arange(n) * SNAP, ETHERNET
    refs["wirelen"] = length + ETHERNET_BYTES
    refs["caplen"] = np.minimum(SNAP, refs["wirelen"])
    return data.reshape(-1), refs


def heard(inner: Inner) -> int:
    """Return the seconds that the meter takes for speech when the traffic travels in WireGuard."""
    data, refs = frames_of(inner)
    meter = FlowMeter(MeterSettings(max_flows=64, max_streams=64, active_timeout_s=HOUR_S * 24))
    flows = []
    for start in range(0, len(refs), FRAMES_A_BLOCK):
        flows += [batch.flows.copy() for batch in meter.add(data, refs[start : start + FRAMES_A_BLOCK], start + 1)]
    flows += [batch.flows.copy() for batch in meter.drain()]
    rows = np.concatenate(flows)
    if not (rows["kind"] == Kind.TUNNEL).all():
        raise RuntimeError(f"{inner.name}: not all of it was taken for a tunnel")
    return int(rows["voice_like_s"].sum())


@dataclass
class Score:
    """Seconds found in calls and elsewhere.

    Attributes
    ----------
    spoken, found : seconds with a call's media both ways, and how many were found (never more than there were)
    calls, heard_calls : recordings with ten such seconds or more, and those in which half of them were found
    quiet, false : seconds without any call, and those found in them
    worst : (false seconds, capture)
    """

    spoken: int = 0
    found: int = 0
    calls: int = 0
    heard_calls: int = 0
    quiet: int = 0
    false: int = 0
    worst: list[tuple[int, str]] = field(default_factory=list)

    def add(self, inner: Inner, seconds: int) -> None:
        """Book what was heard in one recording."""
        spoken = inner.voice_seconds()
        if not inner.is_call:
            self.quiet += inner.active_seconds()
            self.false += seconds
            self.worst.append((seconds, inner.name))
        elif spoken >= LEAST_SECONDS:
            self.spoken += spoken
            self.found += min(seconds, spoken)
            self.calls += 1
            self.heard_calls += 2 * seconds >= spoken

    def lines(self) -> list[str]:
        """Return the result in words."""
        rate = self.false / self.quiet * HOUR_S if self.quiet else float("nan")
        share = self.found / self.spoken if self.spoken else float("nan")
        return [
            f"calls: {self.calls}, at least half of the seconds found in {self.heard_calls}; "
            f"seconds with media both ways: {self.spoken}, found {self.found} ({share:.1%})",
            f"without calls: {self.quiet / HOUR_S:.2f} h, false seconds {self.false}: {rate:.1f} an hour",
            *(f"  {count} s in {name}" for count, name in sorted(self.worst, reverse=True)[:8] if count),
        ]


def main() -> int:
    """Measure; return 0."""
    default = os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus"
    parser = argparse.ArgumentParser(description="Speech inside tunnels: found, and falsely found.")
    parser.add_argument("corpus", nargs="?", type=Path, default=default)
    parser.add_argument("--real", type=int, metavar="COUNT", help="send so many captures through real tunnels")
    options = parser.parse_args()
    everything = inners(Path(options.corpus), LEAST_SECONDS)
    scores: dict[str, Score] = defaultdict(Score)
    if options.real:
        from bench.realtunnels import measure

        for tunnel, inner, seconds in measure(list(everything), options.real):
            scores[tunnel].add(inner, seconds)
    else:
        for inner in everything:
            scores["WireGuard by formula"].add(inner, heard(inner))
    for tunnel, score in scores.items():
        print(tunnel, *score.lines(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
