"""Host module: ``python -m bench.live``: packets sent at rising rates over a wire, and what becomes of them.

Makes a veth pair and plays the same capture into it for one contender after the other: ``flowclass run`` with one
worker and with two, ``tcpdump -w``, and NFStream live (``python -m bench.peers.setup``). For each rate it prints what
was sent, received and dropped by the contender's own count, whether the two make up what was sent, and the share of a
core that the contender took while packets came. Needs root, iproute2 and tcpreplay.

Sender and receiver share the machine's processors, and a wire in memory delivers in the sender's time: rates are what
this machine can send and receive at once.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers.measure import TICK_S
from flowclass.training.peers.programs import nfstream_python

NEAR, FAR = "fclive0", "fclive1"
CAPTURE = Path(__file__).parents[1] / "pcaps" / "showcase.pcap"
TOP = 0
#: Seconds for packets on their way, and for a contender to start or to end.
SETTLE_S, PATIENCE_S = 1.0, 300.0
NFSTREAM = """
import json, sys
from nfstream import NFStreamer
packets = 0
for flow in NFStreamer(source=sys.argv[1], n_dissections=20, statistical_analysis=True, n_meters=1, idle_timeout=2,
                       active_timeout=60, promiscuous_mode=True):
    packets += flow.bidirectional_packets
    print(packets, flush=True)
"""


@dataclass
class Outcome:
    """What a contender made of one rate.

    Attributes
    ----------
    sent, sent_s : packets, and how long it took
    received, dropped : packets by the contender's own count; None where it has none
    core : share of a core while packets came
    """

    sent: int
    sent_s: float
    received: int | None
    dropped: int | None
    core: float


class Contender:
    """A program that captures from FAR."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        """Return how to start it."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it; return when it captures."""
        self.log = self.folder / f"{self.name.replace(' ', '-')}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, text=True)
        wait_for(self.is_ready)

    def is_ready(self) -> bool:
        """Whether it captures."""
        return False

    def counts(self) -> tuple[int | None, int | None]:
        """Return packets received and dropped since the start."""
        return None, None

    def stop(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Flowclass(Contender):
    """The service."""

    def __init__(self, folder: Path, workers: int) -> None:
        super().__init__(folder)
        self.name = f"flowclass, {workers} worker" + ("s" if workers > 1 else "")
        self._workers = workers

    def command(self) -> list[str]:
        config = self.folder / f"{self._workers}.toml"
        config.write_text(f"[capture]\nworkers = {self._workers}\n")
        records = self.folder / f"flows-{self._workers}.jsonl"
        return [
            sys.executable, "-m", "flowclass", "run", "--config", str(config), "--interface", FAR, "--listen",
            "127.0.0.1:0", "--flows", str(records),
        ]  # fmt: skip

    def is_ready(self) -> bool:
        return "metrics on port" in self.log.read_text()

    def counts(self) -> tuple[int | None, int | None]:
        port = re.findall(r"metrics on port (\d+)", self.log.read_text())[-1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            text = answer.read().decode()

        def total(name: str) -> int:
            return sum(int(float(value)) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

        return total("flowclass_read_packets_total"), total("flowclass_capture_dropped_packets_total")


class Tcpdump(Contender):
    """tcpdump, which writes packets down and looks at none."""

    name = "tcpdump -w"

    def command(self) -> list[str]:
        return ["tcpdump", "-i", FAR, "-B", "65536", "-s", "65535", "-w", "/dev/null"]

    def is_ready(self) -> bool:
        return "listening on" in self.log.read_text()

    def counts(self) -> tuple[int | None, int | None]:
        # It counts on SIGUSR1: "N packets captured, N packets received by filter, N packets dropped by kernel".
        if self.process is not None:
            self.process.send_signal(signal.SIGUSR1)
        time.sleep(SETTLE_S)
        found = re.findall(
            r"(\d+) packets? captured.*?(\d+) packets? dropped by kernel", self.log.read_text(), re.DOTALL
        )
        return (int(found[-1][0]), int(found[-1][1])) if found else (None, None)


class NFStream(Contender):
    """NFStream, which counts packets of flows that have ended, and no drops."""

    name = "NFStream"

    def command(self) -> list[str]:
        script = self.folder / "nfstream_live.py"
        script.write_text(NFSTREAM)
        return [str(nfstream_python()), str(script), FAR]

    def start(self) -> None:
        super().start()
        time.sleep(5 * SETTLE_S)

    def is_ready(self) -> bool:
        # It says nothing when it begins; it has forked its meter by then.
        return self.process is not None and len(descendants(self.process.pid)) > 1

    def counts(self) -> tuple[int | None, int | None]:
        # Flows end two seconds after their last packet, and only when a later packet comes: some are sent for that.
        for _ in range(8):
            subprocess.run(
                ["tcpreplay", "-q", "-i", NEAR, "--limit", "1", str(CAPTURE)], capture_output=True, check=False
            )
            time.sleep(SETTLE_S)
        lines = self.log.read_text().split()
        numbers = [int(line) for line in lines if line.isdigit()]
        return (numbers[-1] if numbers else 0), None


def wait_for(condition: object) -> None:
    """Wait until it is true."""
    limit = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        if time.monotonic() > limit:
            raise SystemExit("a contender does not start")
        time.sleep(0.2)


def descendants(pid: int) -> list[int]:
    """Return a process and all that came of it."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def cpu_s(pid: int) -> float:
    """Return processor time of a process and all that came of it."""
    total = 0
    for one in descendants(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total * TICK_S


def arrived() -> int:
    """Return packets that the kernel has counted at the far end."""
    return int(Path(f"/sys/class/net/{FAR}/statistics/rx_packets").read_text())


@contextmanager
def wire() -> Iterator[None]:
    """Make a veth pair and take it away again."""
    subprocess.run(["ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR], check=True)
    try:
        for name in (NEAR, FAR):
            subprocess.run(["ip", "link", "set", name, "addrgenmode", "none"], check=False)
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", NEAR], check=False)


def send(pps: int, seconds: float) -> float:
    """Send the capture for so long; return how long it took."""
    speed = ["--topspeed"] if pps == TOP else ["--pps", str(pps)]
    began = time.monotonic()
    subprocess.run(
        ["tcpreplay", "-q", "-K", "-i", NEAR, *speed, "--loop", "0", "--duration", str(round(seconds)), str(CAPTURE)],
        check=True, capture_output=True,
    )  # fmt: skip
    return time.monotonic() - began


def measure(contender: Contender, pps: int, seconds: float) -> Outcome:
    """Send at one rate to a running contender."""
    assert contender.process is not None
    before = contender.counts()
    packets, used = arrived(), cpu_s(contender.process.pid)
    sent_s = send(pps, seconds)
    time.sleep(SETTLE_S)
    core = (cpu_s(contender.process.pid) - used) / sent_s
    sent = arrived() - packets
    time.sleep(2 * SETTLE_S)
    after = contender.counts()
    received, dropped = (None if b is None or a is None else a - b for b, a in zip(before, after, strict=True))
    return Outcome(sent, sent_s, received, dropped, core)


def line(name: str, pps: int, one: Outcome) -> str:
    """Return a line of the table."""
    wanted = "top" if pps == TOP else f"{pps:,}"
    rate = one.sent / one.sent_s
    lost = "?" if one.received is None else f"{max(0, one.sent - one.received) / one.sent:.2%}"
    told = "" if one.dropped is None or one.received is None else str(one.sent - one.received - one.dropped)
    per = one.core / (rate / 500_000)
    return (
        f"| {name} | {wanted} | {rate:,.0f} | {one.sent:,} | {one.received} | {one.dropped} | {told} | {lost} | "
        f"{one.core:.0%} | {per:.0%} |"
    )


def main() -> int:
    """Run; return 0 when no packet was lost without a word by flowclass."""
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument(
        "--rates", default="50000,100000,200000,400000,0", help="packets a second; 0 is as fast as can be"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="for each rate")
    options = parser.parse_args()
    silent = 0
    with wire(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contenders = [Flowclass(folder, 1), Flowclass(folder, 2)]
        contenders += [Tcpdump(folder)] if shutil.which("tcpdump") else []
        contenders += [NFStream(folder)] if nfstream_python().exists() else []
        print(
            f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start, frames of 184 bytes on average"
        )
        print(
            "| contender | wanted/s | sent/s | sent | received | dropped | untold | lost | of a core | per 0.5 M/s |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        )
        for contender in contenders:
            contender.start()
            try:
                for pps in map(int, options.rates.split(",")):
                    one = measure(contender, pps, options.seconds)
                    print(line(contender.name, pps, one), flush=True)
                    if isinstance(contender, Flowclass) and one.received is not None and one.dropped is not None:
                        silent += abs(one.sent - one.received - one.dropped)
            finally:
                contender.stop()
    print(f"packets that flowclass neither received nor told of: {silent}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
