"""Host module: ``python -m bench.soak --minutes 30``: the service on a wire of churning traffic, watched.

Makes a veth pair, runs ``flowclass run`` on one end and sends calls into the other: some hundred begin every twenty
seconds, go on for as long and end, and none of them is ever sent again, so that flows, clients and calls keep coming
and going as they do. Prints a line every interval and, at the end, how long it took to stop, how memory and descriptors
moved after the warm-up and whether the account balances. Needs root, iproute2 and tcpreplay; a day is
``--minutes 1440``.
"""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.workloads.calls import KINDS, write

NEAR, FAR = "fcsoak0", "fcsoak1"
#: Seconds of one capture.
CAPTURE_S = 20
#: Share of the time that belongs to the warm-up, and growth after it that is still flat.
WARM_UP, FLAT = 0.2, 0.05
#: Seconds for an orderly end.
STOP_S = 60
KIB_PER_MIB = 1024


@contextmanager
def wire() -> Iterator[None]:
    """Make a veth pair and take it away again."""
    subprocess.run(["ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR], check=True)
    try:
        for name in (NEAR, FAR):
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", NEAR], check=False)


def metrics(port: int) -> dict[str, float]:
    """Return the sum of each metric over its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    sums: dict[str, float] = {}
    for line in text.splitlines():
        found = re.match(r"(\w+)(?:\{.*\})? (\S+)$", line)
        if found:
            sums[found.group(1)] = sums.get(found.group(1), 0.0) + float(found.group(2))
    return sums


def family(pid: int) -> list[int]:
    """Return a process and its children: the service and its workers."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    found = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{one}/status").read_text()) for one in family(pid)]
    return sum(int(one.group(1)) / KIB_PER_MIB for one in found if one)


class Traffic:
    """Calls on the wire: while one capture is sent the next is written, until ``stop``."""

    def __init__(self, folder: Path, calls: int) -> None:
        self._folder, self._calls = folder, calls
        self._packets = round(CAPTURE_S * calls * sum(kind.share * 2000 / kind.frame_ms for kind in KINDS))
        self._sender: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        for seed in itertools.count():
            capture = self._folder / f"calls-{seed % 2}.pcap"
            write(capture, self._packets, seed, self._calls, 1)
            self._wait()
            if self._is_over:
                return
            self._sender = subprocess.Popen(
                ["tcpreplay", "-q", "-i", NEAR, str(capture)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def _wait(self) -> None:
        if self._sender is not None:
            self._sender.wait()

    def stop(self) -> None:
        """Send no more."""
        self._is_over = True
        if self._sender is not None:
            self._sender.kill()
        self._thread.join()
        self._wait()


def start(folder: Path, workers: int) -> tuple[subprocess.Popen[str], int]:
    """Return the service and its port, once it is ready."""
    config = folder / "flowclass.toml"
    meter = "[meter]\nidle_timeout_s = 5\ntcp_linger_s = 2\nmax_flows = 65536\n"
    config.write_text(f"{meter}[capture]\nworkers = {workers}\n")
    log = (folder / "log").open("w")
    service = subprocess.Popen(
        [
            sys.executable, "-m", "flowclass", "run", "--config", str(config), "--interface", FAR, "--listen",
            "127.0.0.1:0", "--flows", str(folder / "flows-%Y%m%dT%H%M.jsonl"), "--calls", str(folder / "calls.jsonl"),
        ],
        stderr=log, text=True,
    )  # fmt: skip
    while True:
        found = re.search(r"metrics on port (\d+)", (folder / "log").read_text())
        if found:
            return service, int(found.group(1))
        if service.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        time.sleep(0.2)


def main() -> int:
    """Run; return 0 when memory was flat, no descriptor leaked and the account balances."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--calls", type=int, default=200, help="at once; a call is some 90 packets a second")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between lines")
    options = parser.parse_args()
    samples: list[tuple[float, float, int]] = []
    with wire(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service, port = start(folder, options.workers)
        traffic = Traffic(folder, options.calls)
        began = time.monotonic()
        try:
            while (past := time.monotonic() - began) < options.minutes * 60:
                time.sleep(options.every)
                now = metrics(port)
                descriptors = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in family(service.pid))
                samples.append((past, resident_mib(service.pid), descriptors))
                print(
                    f"{past:7.0f} s  {samples[-1][1]:7.1f} MiB  {descriptors} descriptors  "
                    f"{now['flowclass_read_packets_total']:.0f} packets  "
                    f"{now['flowclass_flows_active']:.0f} flows now  "
                    f"{now['flowclass_calls_ended_total']:.0f} calls ended  "
                    f"{now['flowclass_capture_dropped_packets_total']:.0f} dropped",
                    flush=True,
                )
                for path in sorted(folder.glob("flows-*.jsonl"))[:-1]:
                    path.unlink()
        finally:
            traffic.stop()
        time.sleep(2)
        last = metrics(port)
        stopping = time.monotonic()
        service.terminate()
        code = service.wait(STOP_S)
        print(f"stopped in {time.monotonic() - stopping:.1f} s")
        with suppress(OSError):
            print((folder / "log").read_text().strip().splitlines()[-1])
    warm = [one for one in samples if one[0] >= WARM_UP * samples[-1][0]]
    growth = max(one[1] for one in warm[len(warm) // 2 :]) / max(one[1] for one in warm[: len(warm) // 2 + 1]) - 1
    leaked = warm[-1][2] - warm[0][2]
    balance = last["flowclass_read_packets_total"] - (
        last["flowclass_metered_packets_total"] + last["flowclass_ignored_packets_total"]
    )
    print(f"memory after the warm-up: {growth:+.1%}; descriptors: {leaked:+d}; account off by {balance:.0f} packets")
    return 0 if growth <= FLAT and leaked <= 0 and balance == 0 and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
