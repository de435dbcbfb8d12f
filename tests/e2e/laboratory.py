"""A laboratory call: two baresip in network namespaces of their own, and a path between them that loses and delays.

    caller (va)──(ra) forwarder, delays towards the callee (rb)──(vb) callee
                                     └ nftables drops at random on the way out of rb

The probe listens on ``rb``, so it sees of the way to the callee what is left after delay and loss.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import json
import math
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live import ip_link, why_not

CALLER, CALLEE = "10.77.0.1", "10.77.0.2"
#: Both sides take their RTP ports, the even ones, from here.
FIRST_PORT, LAST_PORT = 10_000, 10_010
MODULES = Path("/usr/lib/baresip/modules")
#: Every protocol, as packet(7) has it, and the kind of packet that the interface itself sent.
ETH_P_ALL, PACKET_OUTGOING = 3, 4
ETHERNET_IP_UDP_BYTES = 42
TONE_HZ, SAMPLE_HZ = 440, 8000
CONFIG = """\
sip_listen {address}:5060
audio_player aufile,{folder}/heard.wav
audio_alert aufile,{folder}/alert.wav
audio_source aufile,{folder}/tone.wav
audio_level no
ausrc_srate 8000
auplay_srate 8000
rtp_ports {first}-{last}
module_path {modules}
module account.so
module g711.so
module aufile.so
module menu.so
"""


class Forwarder:
    """Carries frames between two interfaces; those from ``near`` wait at random up to ``most_s``, without overtaking.

    Attributes
    ----------
    sent : (time, RTP timestamp) of each frame to an RTP port that went out of ``far``
    """

    def __init__(self, near: str, far: str, most_s: float) -> None:
        self.sent: list[tuple[float, int]] = []
        self._draw = random.Random(11)
        self._most_s = most_s
        self._near, self._far = (self._open(name) for name in (near, far))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @staticmethod
    def _open(name: str) -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        opened.bind((name, 0))
        return opened

    def close(self) -> None:
        """Stop."""
        self._stopping.set()
        self._thread.join()
        self._near.close()
        self._far.close()

    def _run(self) -> None:
        waiting: list[tuple[float, int, socket.socket, bytes]] = []
        latest = {self._near: 0.0, self._far: 0.0}
        count = 0
        while not self._stopping.is_set():
            pause = min(0.05, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 0.05
            for ready in select.select([self._near, self._far], [], [], pause)[0]:
                frame, where = ready.recvfrom(65_535)
                if where[2] == PACKET_OUTGOING:
                    continue
                onward = self._far if ready is self._near else self._near
                delay = self._draw.uniform(0, self._most_s) if ready is self._near else 0.0
                latest[onward] = max(latest[onward], time.monotonic() + delay)
                heapq.heappush(waiting, (latest[onward], count, onward, frame))
                count += 1
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, onward, frame = heapq.heappop(waiting)
                try:
                    onward.send(frame)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:  # what the kernel says of a frame that nftables dropped
                        raise
                    continue
                if onward is self._far and is_rtp_port(frame):
                    stamp = struct.unpack_from("!I", frame, ETHERNET_IP_UDP_BYTES + 4)[0]
                    self.sent.append((time.monotonic(), stamp))


def is_rtp_port(frame: bytes) -> bool:
    """Whether a frame goes to an RTP port of the laboratory, with a whole RTP header."""
    if len(frame) < ETHERNET_IP_UDP_BYTES + 12 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
        return False
    port = int(struct.unpack_from("!H", frame, 36)[0])
    return FIRST_PORT <= port <= LAST_PORT and port % 2 == 0


@dataclass
class Laboratory:
    """The two ends and the path between them."""

    folder: Path
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def probe(self) -> str:
        """The interface behind loss and delay."""
        return f"rb{self.name}"

    def build(self) -> None:
        """Make namespaces, wires and the rule that loses nothing yet."""
        for end, address in (("a", CALLER), ("b", CALLEE)):
            space, inner, outer = f"fcl{end}{self.name}", f"v{end}{self.name}", f"r{end}{self.name}"
            subprocess.run(["ip", "netns", "add", space], check=True)
            ip_link("add", outer, "type", "veth", "peer", "name", inner)
            ip_link("set", inner, "netns", space)
            ip_link("set", outer, "addrgenmode", "none", "up")
            for command in (
                ["ip", "addr", "add", f"{address}/24", "dev", inner],
                ["ip", "link", "set", "lo", "up"],
                ["ip", "link", "set", inner, "up"],
                # A checksum left to hardware that does not exist would be wrong in the frames carried on.
                ["ethtool", "-K", inner, "tx", "off"],
            ):
                subprocess.run(["ip", "netns", "exec", space, *command], check=True, capture_output=True)

    def remove(self) -> None:
        """Take all of it away."""
        subprocess.run(["nft", "delete", "table", "netdev", f"fcl{self.name}"], capture_output=True)
        for end in "ab":
            subprocess.run(["ip", "link", "del", f"r{end}{self.name}"], capture_output=True)
            subprocess.run(["ip", "netns", "del", f"fcl{end}{self.name}"], capture_output=True)

    def lose(self, share: float) -> None:
        """Drop this share of the RTP packets to the callee at random, before the probe."""
        ports = ", ".join(map(str, range(FIRST_PORT, LAST_PORT + 1, 2)))
        match = f"ip daddr {CALLEE} udp dport {{ {ports} }}"
        rules = f"""table netdev fcl{self.name} {{
            counter offered {{ }}
            counter lost {{ }}
            chain out {{
                type filter hook egress device "{self.probe}" priority 0;
                {match} counter name "offered"
                {match} numgen random mod 10000 < {round(share * 10_000)} counter name "lost" drop
            }}
        }}"""
        done = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True)
        if done.returncode:
            pytest.skip(f"this kernel has no egress hook for nftables: {done.stderr.strip()}")

    def counter(self, name: str) -> int:
        """Return the packets of a counter: ``offered`` or ``lost``."""
        command = ["nft", "-j", "list", "counter", "netdev", f"fcl{self.name}", name]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return int(next(one["counter"]["packets"] for one in answer["nftables"] if "counter" in one))

    def phone(self, end: str, *options: str) -> subprocess.Popen[bytes]:
        """Start baresip at an end, ``a`` or ``b``; it answers at once and plays a tone."""
        folder = self.folder / end
        folder.mkdir()
        address = CALLER if end == "a" else CALLEE
        (folder / "config").write_text(
            CONFIG.format(address=address, folder=folder, first=FIRST_PORT, last=LAST_PORT, modules=MODULES)
        )
        (folder / "accounts").write_text(f"<sip:{end}@{address}>;regint=0;answermode=auto;audio_codecs=pcma\n")
        (folder / "contacts").write_text("")
        write_tone(folder / "tone.wav")
        command = ["ip", "netns", "exec", f"fcl{end}{self.name}", "baresip", "-f", str(folder), *options]
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def call(self, seconds: int) -> None:
        """Let the caller call for so long and hang up."""
        phones = [self.phone("b")]
        try:
            time.sleep(0.5)
            phones.append(self.phone("a", "-t", str(seconds), "-e", f"/dial sip:b@{CALLEE}"))
            phones[1].wait(seconds + 20)
        finally:
            for phone in phones:
                if phone.poll() is None:
                    phone.send_signal(signal.SIGINT)
            for phone in phones:
                phone.wait(20)


def write_tone(path: Path, seconds: int = 30) -> None:
    """Write a sine tone for baresip to send."""
    samples = (round(8000 * math.sin(2 * math.pi * TONE_HZ * i / SAMPLE_HZ)) for i in range(SAMPLE_HZ * seconds))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_HZ)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


@contextlib.contextmanager
def laboratory(folder: Path) -> Iterator[Laboratory]:
    """Give a laboratory; skip where none can be built."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    for tool in ("baresip", "nft", "ethtool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian: baresip-core, nftables, ethtool)")
    if not MODULES.is_dir():
        pytest.skip(f"baresip's modules are not in {MODULES}")
    built = Laboratory(folder)
    try:
        built.build()
        yield built
    finally:
        built.remove()


def jitter_s(sent: list[tuple[float, int]]) -> float:
    """Return the mean interarrival jitter of packets as they were handed on (RFC 3550 §6.4.1)."""
    jitter = total = 0.0
    for (before, stamp_before), (now, stamp) in itertools.pairwise(sent):
        jitter += (abs((now - before) - (stamp - stamp_before) / SAMPLE_HZ) - jitter) / 16
        total += jitter
    return total / (len(sent) - 1)


def main_call(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one call with media of a laboratory's records."""
    (call,) = [call for call in calls if call["packets_up"] and call["packets_down"]]
    return call
