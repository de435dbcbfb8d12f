"""The service on a wire of its own: same records as from a file, nothing lost without a word, faults survived."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapReader

from tests.live import Running, Wire, records, until, wire

PCAPS = Path(__file__).parents[2] / "pcaps"
SHOWCASE = PCAPS / "showcase.pcap"
SHOWCASE_PACKETS = 2971
CHAT = PCAPS / "viber" / "chat.pcap"
WHATSAPP_CALL = PCAPS / "whatsapp" / "call-2019.pcap"
VIBER_CALL = PCAPS / "viber" / "call-2024.pcap"
#: What must not differ between a wire and a file. Times do, by the replay's jitter, and with them flow_id.
SAME = (
    "community_id", "proto", "src", "sport", "dst", "dport", "tunnel", "packets", "bytes", "fwd_packets",
    "rev_packets", "fwd_bytes", "rev_bytes", "end_reason",
)  # fmt: skip
#: The model looks at gaps between packets, and a fast replay changes them: labels by evidence must be the same.
SAME_BY_EVIDENCE = ("app", "kind", "candidates", "decided_by")

#: Reasons that rest on gaps or on a stream's clock; tests/e2e/test_live.py replays at the pace of the capture.
TIMED = re.compile(r"^model\.|stream")


@pytest.fixture
def veth() -> Iterator[Wire]:
    with wire() as made:
        yield made


def settings(folder: Path, *lines: str) -> Path:
    """Write a settings file; the seed makes flow ids the same everywhere."""
    path = folder / "flowclass.toml"
    path.write_text("\n".join(["[meter]", "seed = 7", *lines, ""]))
    return path


def packets_in(capture: Path) -> int:
    """Return how many packets a capture holds."""
    with RawPcapReader(str(capture)) as reader:
        return sum(1 for _ in reader)


def essence(flows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what must be the same of some records, in an order of their own."""
    return sorted(
        tuple(str(flow[name]) for name in SAME + (SAME_BY_EVIDENCE if flow["decided_by"] == "evidence" else ()))
        + (str([reason for reason in flow["reasons"] if not TIMED.search(reason)]),)
        for flow in flows
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_live_gives_the_records_of_the_same_packets_from_a_file(veth: Wire, tmp_path: Path, workers: int) -> None:
    config = settings(tmp_path, "[capture]", f"workers = {workers}")
    live, offline = tmp_path / "live.jsonl", tmp_path / "offline.jsonl"
    with Running(veth.far, tmp_path, "--config", str(config), "--flows", str(live)) as service:
        veth.replay(SHOWCASE, "--mbps", "40")
        service.await_metric("flowclass_read_packets_total", SHOWCASE_PACKETS)
        service.await_metric(f'flowclass_capture_packets_total{{interface="{veth.far}"}}', SHOWCASE_PACKETS)
        assert service.stop() == 0
    subprocess.run(
        [sys.executable, "-m", "flowclass", "analyze", "--quiet", "--config", config, "--flows", offline, SHOWCASE],
        check=True,
        capture_output=True,
    )
    found, expected = records(live), records(offline)
    assert sum(flow["packets"] for flow in found) == SHOWCASE_PACKETS
    assert essence(found) == essence(expected)


def test_stop_under_load_loses_nothing_that_was_read(veth: Wire, tmp_path: Path) -> None:
    flows = tmp_path / "flows.jsonl"
    with Running(veth.far, tmp_path, "--flows", str(flows)) as service:
        if shutil.which("tcpreplay") is None:
            pytest.skip("tcpreplay (Debian: tcpreplay) is not installed")
        sender = subprocess.Popen(
            ["tcpreplay", "-q", "-i", veth.near, "--mbps", "100", "--loop", "1000", str(SHOWCASE)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until("packets", lambda: service.metric("flowclass_read_packets_total") > 5000)
        assert service.stop() == 0
        sender.kill()
        sender.wait()
    read = int(service.log.read_text().split("stopped: ")[1].split()[0])
    assert read > 5000
    assert sum(flow["packets"] for flow in records(flows)) == read


def test_records_go_to_every_place(veth: Wire, tmp_path: Path) -> None:
    places = [tmp_path / "flows.jsonl", tmp_path / "flows.csv"]
    config = settings(tmp_path, "[output]", f"flows = {[str(place) for place in places]}".replace("'", '"'))
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        veth.replay(CHAT, "--topspeed")
        service.await_metric("flowclass_read_packets_total", packets_in(CHAT))
        for sink in ("flows", "flows-2"):
            assert service.metric(f'flowclass_sink_up{{sink="{sink}"}}') == 1
        assert service.stop() == 0
    lines, table = (place.read_text().splitlines() for place in places)
    assert len(lines) == len(table) - 1 > 0


def test_flows_end_on_a_silent_wire(veth: Wire, tmp_path: Path) -> None:
    config = settings(tmp_path, "idle_timeout_s = 1", "tcp_linger_s = 1")
    flows = tmp_path / "flows.jsonl"
    with Running(veth.far, tmp_path, "--config", str(config), "--flows", str(flows)) as service:
        veth.replay(VIBER_CALL, "--topspeed")
        service.await_metric("flowclass_read_packets_total", packets_in(VIBER_CALL))
        service.await_metric("flowclass_flows_active", 0)
        assert service.metric('flowclass_flows_ended_total{reason="idle-timeout"}') >= 1
        assert service.metric('flowclass_flows_labelled_total{app="viber",kind="call-media"}') == 1
        # The outlet writes in a thread of its own, after the worker has counted.
        service.await_metric('flowclass_records_written_total{sink="flows"}', 1)
        assert len(records(flows)) == 1


def test_calls_are_counted_while_they_last_and_written_when_they_end(veth: Wire, tmp_path: Path) -> None:
    config = settings(tmp_path, "idle_timeout_s = 2")
    calls = tmp_path / "calls.jsonl"
    with Running(veth.far, tmp_path, "--config", str(config), "--calls", str(calls)) as service:
        replay = threading.Thread(target=veth.replay, args=(WHATSAPP_CALL, "--multiplier", "4"))
        replay.start()
        service.await_metric('flowclass_calls_active{app="whatsapp",network="other"}', 1)
        replay.join()
        service.await_metric('flowclass_calls_active{app="whatsapp",network="other"}', 0)
        service.await_metric('flowclass_calls_ended_total{app="whatsapp",network="other",outcome="answered"}', 1)
        service.await_metric('flowclass_call_talk_seconds_count{app="whatsapp"}', 1)
        service.await_metric('flowclass_records_written_total{sink="calls"}', 1)
        assert service.stop() == 0
    (call,) = records(calls)
    assert (call["app"], call["outcome"], call["capture"]) == ("whatsapp", "answered", veth.far)


def all_told(service: Running, sink: str) -> bool:
    """Whether every flow has ended, as a record written or lost."""
    told = sum(service.metric(f'flowclass_records_{what}_total{{sink="{sink}"}}') for what in ("written", "lost"))
    return service.metric("flowclass_flows_active") == 0 and told == service.metric("flowclass_flows_created_total")


def test_a_collector_that_goes_and_comes_back(veth: Wire, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    collector = f'ipfix = "tcp://127.0.0.1:{port}"'
    config = settings(tmp_path, "idle_timeout_s = 0.5", "tcp_linger_s = 0.5", "[output]", collector)
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        veth.replay(CHAT, "--topspeed")
        service.await_metric('flowclass_sink_up{sink="ipfix"}', 0)
        until("the account to balance", lambda: all_told(service, "ipfix"))
        assert service.metric('flowclass_records_written_total{sink="ipfix"}') == 0
        with socket.create_server(("127.0.0.1", port)) as listener:
            time.sleep(1.5)  # the pause after a failure
            veth.replay(CHAT, "--topspeed")
            service.await_metric('flowclass_sink_up{sink="ipfix"}', 1)
            until("the account to balance", lambda: all_told(service, "ipfix"))
            assert service.metric('flowclass_records_written_total{sink="ipfix"}') > 0
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(2) == b"\0\x0a"  # IPFIX version 10
        assert service.stop() == 0


def test_an_interface_that_goes_and_comes_back(veth: Wire, tmp_path: Path) -> None:
    packets = packets_in(CHAT)
    up, again = (f'flowclass_capture_{name}{{interface="{veth.far}"}}' for name in ("up", "restarts_total"))
    with Running(veth.far, tmp_path) as service:
        veth.replay(CHAT, "--topspeed")
        service.await_metric("flowclass_read_packets_total", packets)
        veth.unplug()
        service.await_metric(up, 0)
        veth.plug()
        service.await_metric(again, 1)
        assert service.metric(up) == 1
        veth.replay(CHAT, "--topspeed")
        service.await_metric("flowclass_read_packets_total", 2 * packets)
        assert service.stop() == 0
    assert "capture ended" in service.log.read_text()
    assert "capturing again" in service.log.read_text()


def test_a_bad_settings_file_changes_nothing_and_shows(veth: Wire, tmp_path: Path) -> None:
    config = settings(tmp_path)
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 1)
        assert service.metric("flowclass_config_last_reload_successful") == 1
        config.write_text("[metre]\nseed = 1\n")
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 2)
        assert service.metric("flowclass_config_reload_failures_total") == 1
        assert service.metric("flowclass_config_last_reload_successful") == 0
        assert service.get("/-/ready") == "ready\n"
        config.write_text("[meter]\nseed = 8\n")
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 3)
        assert service.metric("flowclass_config_last_reload_successful") == 1
    assert "a restart is needed for: meter" in service.log.read_text()
    assert "unknown table [metre]; did you mean meter?" in service.log.read_text()


def test_timeouts_and_files_change_while_flows_go_on(veth: Wire, tmp_path: Path) -> None:
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    config = settings(tmp_path, "[output]", f'flows = "{before}"')
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        veth.replay(CHAT, "--topspeed")
        service.await_metric("flowclass_read_packets_total", packets_in(CHAT))
        until("flows", lambda: service.metric("flowclass_flows_active") > 0)
        settings(tmp_path, "idle_timeout_s = 0.5", "tcp_linger_s = 0.5", "[output]", f'flows = "{after}"')
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_flows_active", 0)
        assert "a restart is needed" not in service.log.read_text()
        assert service.stop() == 0
    assert sum(flow["packets"] for flow in records(after)) == packets_in(CHAT)


def test_a_full_disk_is_counted_and_the_capture_goes_on(veth: Wire, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("cannot mount a small file system")
    try:
        config = settings(tmp_path, "idle_timeout_s = 0.5", "tcp_linger_s = 0.5")
        with Running(veth.far, tmp_path, "--config", str(config), "--flows", str(disk / "flows.jsonl")) as service:
            veth.replay(SHOWCASE, "--mbps", "40")
            service.await_metric("flowclass_read_packets_total", SHOWCASE_PACKETS)
            service.await_metric('flowclass_sink_up{sink="flows"}', 0)
            until("the account to balance", lambda: all_told(service, "flows"))
            assert service.metric('flowclass_records_lost_total{sink="flows"}') > 0
            for path in disk.iterdir():
                path.unlink()
            time.sleep(1.5)  # the pause after a failure
            veth.replay(CHAT, "--topspeed")
            service.await_metric('flowclass_sink_up{sink="flows"}', 1)
            assert service.stop() == 0
        assert "records are being lost" in service.log.read_text()
    finally:
        subprocess.run(["umount", "-l", disk], capture_output=True)


def drain(manager: socket.socket) -> None:
    """Take messages until none has come for the socket's time."""
    while True:
        manager.recv(4096)


def test_systemd_is_told_that_it_is_ready_alive_and_stopping(veth: Wire, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(30)
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000"}
        with Running(veth.far, tmp_path, environment=environment) as service:
            assert b"READY=1" in manager.recv(4096)
            assert b"WATCHDOG=1" in manager.recv(4096)
            # A stopped loop must not be fed for.
            os.kill(service.process.pid, signal.SIGSTOP)
            manager.settimeout(2)
            with pytest.raises(TimeoutError):
                drain(manager)
            os.kill(service.process.pid, signal.SIGCONT)
            manager.settimeout(30)
            assert b"WATCHDOG=1" in manager.recv(4096)
            assert service.stop() == 0
            told = b""
            while b"STOPPING=1" not in told:
                told = manager.recv(4096)


def test_promtool_has_nothing_to_say(veth: Wire, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool (Debian: prometheus) is not installed")
    with Running(veth.far, tmp_path) as service:
        text = service.get("/metrics")
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_service_without_an_interface_says_what_to_do() -> None:
    run = subprocess.run([sys.executable, "-m", "flowclass", "run"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "no interface to capture from: set interface in [capture], or give --interface" in run.stderr
