"""Host module: the corpus' traffic, by sizes and times, through real WireGuard and OpenVPN; what the product then says.

Recordings are temporary: what is inside is made of other people's traffic.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.inner import Inner
from flowclass.pipeline import analyze
from flowclass.record.verdict import APP_NAMES, App
from pcaps.lab.net import LabError, wire
from pcaps.lab.vpn import INNER_FAR, INNER_NEAR, OpenVpn, openvpn, wireguard

TUNNELS = {
    "WireGuard": (App.WIREGUARD, wireguard),
    "OpenVPN over UDP": (App.OPENVPN, partial(openvpn, setup=OpenVpn(wrap="tls-crypt"))),
}
#: Longest part taken of a capture, and tunnels at a time: two cores keep the clock of so many.
LONGEST_S = 40.0
AT_A_TIME = 8
#: Busier captures would measure the machine.
MOST_PACKETS_PER_S = 800
#: Time for both senders to be ready.
HEAD_START_S = 1.5
SNAP = 96


def chosen(everything: Sequence[Inner], count: int) -> list[Inner]:
    """Return parts of ``count`` captures with calls, one a group, of its longest, and of twice as many without."""
    out = []
    for is_call in (True, False):
        found: dict[str, Inner] = {}
        for inner in sorted(everything, key=lambda inner: -inner.active_seconds()):
            busy = len(inner.at_ns) / inner.active_seconds() > MOST_PACKETS_PER_S
            if inner.is_call == is_call and not busy:
                found.setdefault(inner.group if is_call else inner.name, inner)
        for inner in list(found.values())[: count if is_call else 2 * count]:
            moments = inner.at_ns[inner.media] if is_call else inner.at_ns
            middle = float(np.median(moments)) / 1e9
            begin = max(middle - LONGEST_S / 2, 0.0)
            out.append(inner.part(begin, begin + LONGEST_S))
    return out


def through(tunnel: str, inner: Inner) -> int:
    """Send a host's traffic through a tunnel; return the seconds that the product calls like speech."""
    app, lay = TUNNELS[tunnel]
    with tempfile.TemporaryDirectory() as scratch, wire(Path(scratch)) as hosts:
        schedule = Path(scratch) / "schedule.npz"
        np.savez(schedule, at_ns=inner.at_ns, outward=inner.outward, ip_bytes=inner.ip_bytes)
        outside = Path(scratch) / "outside.pcap"
        with hosts.record(outside, SNAP):
            lay(hosts)
            begin = str(time.monotonic() + HEAD_START_S)
            senders = [
                host.python("pcaps.lab.replay", str(schedule), *ends, way, begin)
                for host, ends, way in (
                    (hosts.near, (INNER_NEAR, INNER_FAR), "1"),
                    (hosts.far, (INNER_FAR, INNER_NEAR), "0"),
                )
            ]
            if any([sender.wait() for sender in senders]):
                raise LabError(f"{inner.name}: a sender failed")
        found: list[np.ndarray] = []
        analyze([str(outside)], lambda flows, verdicts, _: found.append(_of(flows, verdicts, app)))
        seconds = np.concatenate(found)
        if not len(seconds):
            raise LabError(f"{inner.name}: no flow was called {APP_NAMES[app]}")
        return int(seconds.clip(0).sum())


def _of(flows: Any, verdicts: Any, app: App) -> np.ndarray:
    return np.asarray(flows["voice_like_s"][verdicts["app"] == app])


def measure(everything: Sequence[Inner], count: int) -> Iterator[tuple[str, Inner, int]]:
    """Yield (tunnel, what was inside, seconds like speech)."""
    jobs = [(tunnel, inner) for inner in chosen(everything, count) for tunnel in TUNNELS]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for (tunnel, inner), seconds in zip(jobs, pool.map(lambda job: through(*job), jobs), strict=True):
            yield tunnel, inner, seconds
