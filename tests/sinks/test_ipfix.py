"""IPFIX: what nfdump reads of it, what a plain reading of RFC 7011 finds in it, and collectors that are not there."""

from __future__ import annotations

import ipaddress
import json
import shutil
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowclass.errors import SinkError, UsageError
from flowclass.flow.state import MeterSettings
from flowclass.networks.enrichment import EnrichmentSettings
from flowclass.networks.geo import COUNTRY_CODES
from flowclass.pipeline import analyze
from flowclass.privacy.policy import PolicySettings, RecordPolicy
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import APP_NAMES, KIND_NAMES
from flowclass.sinks.ipfix import LARGEST_MESSAGE, OURS, REVERSE, TEMPLATES, IpfixSink, parse_collector
from tests.networks.databases import write_asns, write_countries

SHOWCASE = Path(__file__).parents[2] / "pcaps" / "showcase.pcap"


@pytest.fixture(scope="module")
def records() -> tuple[np.ndarray, np.ndarray]:
    """Return the flows and verdicts of the showcase, one of them as IPv6."""
    flows: list[Any] = []
    verdicts: list[Any] = []

    def take(some: Any, their: Any, _: str) -> None:
        flows.append(some.copy())
        verdicts.append(their.copy())

    analyze([str(SHOWCASE)], take, settings=MeterSettings(seed=7))
    rows = np.concatenate(flows)
    rows["src_hi"][0], rows["dst_hi"][0] = 0x2001_0DB8 << 32, 0x2001_0DB8 << 32
    return rows, np.concatenate(verdicts)


def free_port(kind: socket.SocketKind) -> int:
    """Return a port nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def address(high: int, low: int) -> str:
    """Return an address in text."""
    if high == 0 and low >> 32 == IPV4_MAPPED >> 32:
        return str(ipaddress.IPv4Address(low & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))


def test_nfdump_reads_the_same_flows(records: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    if shutil.which("nfcapd") is None or shutil.which("nfdump") is None:
        pytest.skip("nfcapd and nfdump (Debian: nfdump) are not installed")
    flows, verdicts = records
    port = free_port(socket.SOCK_DGRAM)
    collector = subprocess.Popen(
        ["nfcapd", "-p", str(port), "-b", "127.0.0.1", "-w", tmp_path, "-t", "3600"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        time.sleep(1.0)
        sink = IpfixSink(f"udp://127.0.0.1:{port}")
        sink.write(flows, verdicts, "x")
        sink.close()
        time.sleep(1.0)
    finally:
        collector.terminate()
        collector.wait(20)
    text = subprocess.run(["nfdump", "-R", tmp_path, "-o", "json"], capture_output=True, text=True, check=True).stdout
    found = sorted(
        (one.get("src4_addr") or one["src6_addr"], one["src_port"], one["proto"], one["in_packets"], one["in_bytes"],
         one.get("out_packets", 0), one.get("out_bytes", 0))
        for one in json.loads(text)
    )  # fmt: skip
    wanted = sorted(
        (str(ipaddress.ip_address(address(int(f["src_hi"]), int(f["src_lo"])))), int(f["sport"]), int(f["proto"]),
         int(f["packets"][0]), int(f["bytes"][0]), int(f["packets"][1]), int(f["bytes"][1]))
        for f in flows
    )  # fmt: skip
    assert found == wanted


class Collector:
    """A TCP collector that keeps what it gets."""

    def __init__(self, port: int) -> None:
        self.data = b""
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while part := connection.recv(65536):
                self.data += part
        self._listener.close()

    def wait(self) -> bytes:
        """Return all bytes once the sender has gone."""
        self._thread.join(20)
        return self.data


def decode(data: bytes) -> list[dict[tuple[int, int], bytes]]:
    """Return data records as {(enterprise, element): value}, by RFC 7011 alone."""
    templates: dict[int, list[tuple[int, int, int]]] = {}
    out, sequence = [], 0
    while data:
        version, length, _, number, domain = struct.unpack_from("!HHIII", data)
        assert (version, domain, number) == (10, 1, sequence)
        assert length <= LARGEST_MESSAGE
        message, data = data[16:length], data[length:]
        while message:
            set_id, set_length = struct.unpack_from("!HH", message)
            body, message = message[4:set_length], message[set_length:]
            if set_id in (2, 3):
                while body:
                    template, count = struct.unpack_from("!HH", body)
                    # Of options the number of scopes follows.
                    body, templates[template] = body[4 if set_id == 2 else 6 :], []
                    for _ in range(count):
                        element, size = struct.unpack_from("!HH", body)
                        enterprise = struct.unpack_from("!I", body, 4)[0] if element & 0x8000 else 0
                        body = body[8 if enterprise else 4 :]
                        templates[template].append((enterprise, element & 0x7FFF, size))
                continue
            while body:
                record = {}
                for enterprise, element, size in templates[set_id]:
                    record[enterprise, element], body = body[:size], body[size:]
                out.append(record)
                sequence += 1
    return out


def test_records_hold_what_the_flows_hold(records: tuple[np.ndarray, np.ndarray]) -> None:
    flows, verdicts = records
    port = free_port(socket.SOCK_STREAM)
    collector = Collector(port)
    sink = IpfixSink(f"tcp://127.0.0.1:{port}")
    sink.write(flows[:40], verdicts[:40], "x")
    sink.write(flows[40:], verdicts[40:], "x")
    sink.close()
    found = decode(collector.wait())
    wanted = {
        int(flow["flow_id"]).to_bytes(8, "big"): (
            APP_NAMES[verdict["app"]], KIND_NAMES[verdict["kind"]], int(flow["bytes"][1]), int(flow["dport"]),
            round(float(verdict["confidence"]) * 10_000),
        )
        for flow, verdict in zip(flows, verdicts, strict=True)
    }  # fmt: skip
    assert len(found) == len(flows)
    for record in found:
        values = (
            record[0, 96].rstrip(b"\0").decode(), record[OURS, 1].rstrip(b"\0").decode(),
            int.from_bytes(record[REVERSE, 1], "big"), int.from_bytes(record[0, 11], "big"),
            int.from_bytes(record[OURS, 3], "big"),
        )  # fmt: skip
        assert values == wanted[record[0, 148]]


def test_names_fit_their_elements() -> None:
    for elements in TEMPLATES.values():
        size = {element.name: np.dtype(element.dtype).itemsize for element in elements}
        assert max(map(len, APP_NAMES)) <= size["applicationName"]
        assert max(map(len, KIND_NAMES)) <= size["flowclassKind"]


def test_collector_that_is_not_there_is_a_sink_error() -> None:
    with pytest.raises(SinkError, match="cannot reach the collector tcp"):
        IpfixSink(f"tcp://127.0.0.1:{free_port(socket.SOCK_STREAM)}")


def test_collector_that_refuses_datagrams_is_a_sink_error(records: tuple[np.ndarray, np.ndarray]) -> None:
    sink = IpfixSink(f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}")

    def send() -> None:
        for _ in range(20):  # the refusal arrives after the first datagram
            sink.write(*records, "x")
            time.sleep(0.05)

    with pytest.raises(SinkError, match="takes no records"):
        send()


@pytest.mark.parametrize("text", ["", "127.0.0.1:4739", "http://127.0.0.1", "udp://", "tcp://host:99999"])
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no collector"):
        parse_collector(text)


def sent(flows: Any, verdicts: Any, policy: RecordPolicy) -> bytes:
    """Return what a sink with this policy sends."""
    port = free_port(socket.SOCK_STREAM)
    collector = Collector(port)
    sink = IpfixSink(f"tcp://127.0.0.1:{port}", policy=policy)
    sink.write(flows, verdicts, "x")
    sink.close()
    return collector.wait()


def test_elements_on_request_hold_what_the_flows_hold(records: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    flows, verdicts = records[0][:20].copy(), records[1][:20]
    write_countries(tmp_path / "c.mmdb", {"192.0.2.0/24": "NL"})
    write_asns(tmp_path / "a.mmdb", {"192.0.2.0/24": 64496})
    (tmp_path / "n.csv").write_text(f"prefix,network\n::/0,six\n0.0.0.0/0,{'ü' * 30}\n")
    files = [str(tmp_path / name) for name in ("n.csv", "c.mmdb", "a.mmdb")]
    policy = RecordPolicy(PolicySettings(EnrichmentSettings(*files)))
    policy.mark(flows)
    found = {record[0, 148]: record for record in decode(sent(flows, verdicts, policy))}
    for flow in flows:
        record = found[int(flow["flow_id"]).to_bytes(8, "big")]
        network = flow["network"][flow["client"] - 1]  # the file knows all addresses
        name = ("other", "six", "ü" * 24)[network]  # 48 bytes, cut between letters
        assert record[OURS, 6].rstrip(b"\0").decode() == name
        assert record[OURS, 7][0] == flow["client"]
        for way in (0, 1):
            assert record[OURS, 8 + way].rstrip(b"\0").decode() == COUNTRY_CODES[flow["country"][way]]
            assert int.from_bytes(record[0, 16 + way], "big") == flow["asn"][way]


def test_elements_on_request_are_not_sent_unasked(records: tuple[np.ndarray, np.ndarray]) -> None:
    found = decode(sent(records[0][:3], records[1][:3], RecordPolicy()))
    assert not {(OURS, 6), (OURS, 8), (0, 16)} & set(found[0])


def test_options_say_that_addresses_are_anonymised(records: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(range(32)))
    policy = RecordPolicy(PolicySettings(key_file=str(tmp_path / "key")))
    found = decode(sent(records[0][:3], records[1][:3], policy))
    options = [
        tuple(int.from_bytes(record[0, element], "big") for element in (145, 303, 285, 286))
        for record in found
        if (0, 286) in record
    ]
    assert sorted(options) == [
        (256, 8, 3, 6), (256, 12, 3, 6), (256, 148, 3, 5), (257, 27, 3, 6), (257, 28, 3, 6), (257, 148, 3, 5)
    ]  # fmt: skip
    assert len(found) == len(options) + 3


def test_tshark_reads_the_options(records: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    if shutil.which("tshark") is None or shutil.which("text2pcap") is None:
        pytest.skip("tshark and text2pcap (Debian: tshark) are not installed")
    (tmp_path / "key").write_bytes(bytes(range(32)))
    policy = RecordPolicy(PolicySettings(key_file=str(tmp_path / "key")))
    data = sent(records[0][:3], records[1][:3], policy)
    lines = [f"{at:06x} {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16)]
    (tmp_path / "hex").write_text("\n".join(lines) + "\n")
    capture = tmp_path / "a.pcap"
    subprocess.run(["text2pcap", "-q", "-T", "40000,4739", tmp_path / "hex", capture], check=True, capture_output=True)
    out = subprocess.run(
        ["tshark", "-r", capture, "-d", "tcp.port==4739,cflow", "-V"], capture_output=True, text=True, check=True
    ).stdout
    assert "Malformed" not in out
    assert out.count("Anonymization Technique: 6") == 4
