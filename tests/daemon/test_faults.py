"""The service with several workers and interfaces, and what befalls them: after each fault the account balances."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.test_service import CHAT, SHOWCASE, SHOWCASE_PACKETS, WHATSAPP_CALL, drain, packets_in, settings
from tests.live import Running, Wire, records, until, wire

WORKERS = ("[capture]", "workers = 2")


@pytest.fixture
def veth() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture
def second() -> Iterator[Wire]:
    with wire() as made:
        yield made


class Load:
    """A capture sent again and again by tcpreplay, a bounded number of times."""

    def __init__(self, veth: Wire, loops: int, mbps: int = 20, capture: Path = SHOWCASE) -> None:
        if shutil.which("tcpreplay") is None:
            pytest.skip("tcpreplay (Debian: tcpreplay) is not installed")
        self.packets = loops * packets_in(capture)
        self._process = subprocess.Popen(
            ["tcpreplay", "-q", "-i", veth.near, "--mbps", str(mbps), "--loop", str(loops), str(capture)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        """Wait until all is sent."""
        assert self._process.wait(240) == 0

    def kill(self) -> None:
        """Stop sending."""
        self._process.kill()
        self._process.wait()


def of_worker(service: Running, veth: Wire, name: str) -> float:
    """Return a metric summed over the two workers."""
    return sum(service.metric(f'flowclass_worker_{name}{{interface="{veth.far}",worker="{i}"}}') for i in range(2))


def is_running(pid: int) -> bool:
    """Whether a process goes on: one that has ended may wait for somebody to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def captured(service: Running, veth: Wire) -> tuple[float, float, float]:
    """Return packets that reached the interface's rings, that the kernel dropped, and that were read."""
    seen = service.metric(f'flowclass_capture_packets_total{{interface="{veth.far}"}}')
    dropped = service.metric(f'flowclass_capture_dropped_packets_total{{interface="{veth.far}",where="kernel"}}')
    return seen, dropped, service.metric("flowclass_read_packets_total")


def balances(service: Running, veth: Wire, sent: int) -> bool:
    """Whether every packet sent was read, or dropped and counted, and every packet read was metered or ignored."""
    seen, dropped, read = captured(service, veth)
    metered = service.metric("flowclass_metered_packets_total")
    return seen == sent and read + dropped == sent and metered == read


def test_a_worker_killed_under_load_is_replaced_and_takes_only_its_flows_along(veth: Wire, tmp_path: Path) -> None:
    flows = tmp_path / "flows.jsonl"
    config = settings(tmp_path, *WORKERS)
    with Running(veth.far, tmp_path, "--config", str(config), "--flows", str(flows)) as service:
        load = Load(veth, 30)
        until("packets", lambda: service.metric("flowclass_read_packets_total") > 5000)
        os.kill(service.workers()[0], signal.SIGKILL)
        load.wait()
        until("a successor", lambda: of_worker(service, veth, "restarts_total") == 1)
        until("the account to balance", lambda: balances(service, veth, load.packets))
        lost_packets, lost_flows = (of_worker(service, veth, f"lost_{what}_total") for what in ("packets", "flows"))
        lost_records = of_worker(service, veth, "lost_records_total")
        assert lost_packets > 0
        assert lost_flows > 0
        assert service.metric(f'flowclass_capture_restarts_total{{interface="{veth.far}"}}') == 0
        read = service.metric("flowclass_read_packets_total")
        until(
            "every flow to be somewhere",
            lambda: (
                service.metric("flowclass_flows_created_total")
                == service.metric("flowclass_flows_active")
                + lost_flows
                + lost_records
                + sum(
                    service.metric(f'flowclass_records_{what}{{sink="flows"}}') for what in ("written_total", "waiting")
                )
            ),
        )
        assert service.stop() == 0
    assert "died (signal SIGKILL)" in service.log.read_text()
    if not lost_records:
        assert sum(flow["packets"] for flow in records(flows)) + lost_packets == read


def test_calls_that_outlive_their_workers_do_not_start_again(veth: Wire, tmp_path: Path) -> None:
    # A call whose packets name it wherever the new workers join it.
    names = ("active", "started_total")
    active, started = (f'flowclass_calls_{name}{{app="whatsapp",network="other"}}' for name in names)
    with Running(veth.far, tmp_path, "--config", str(settings(tmp_path, *WORKERS))) as service:
        load = Load(veth, 3000, mbps=4, capture=WHATSAPP_CALL)
        service.await_metric(active, 1)
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
        until("successors", lambda: of_worker(service, veth, "restarts_total") == 2)
        service.await_metric(active, 0)
        service.await_metric(active, 1)
        assert service.metric(started) == 1
        load.kill()


def test_a_stop_of_all_processes_at_once_loses_nothing(veth: Wire, tmp_path: Path) -> None:
    flows = tmp_path / "flows.jsonl"
    config = settings(tmp_path, *WORKERS)
    with Running(veth.far, tmp_path, "--config", str(config), "--flows", str(flows)) as service:
        load = Load(veth, 1000)
        until("packets", lambda: service.metric("flowclass_read_packets_total") > 5000)
        # As a service manager does it.
        for pid in service.workers():
            os.kill(pid, signal.SIGTERM)
        assert service.stop() == 0
        load.kill()
    read = int(service.log.read_text().split("stopped: ")[1].split()[0])
    assert read > 5000
    assert sum(flow["packets"] for flow in records(flows)) == read


def test_workers_end_with_a_supervisor_that_is_killed(veth: Wire, tmp_path: Path) -> None:
    with Running(veth.far, tmp_path, "--config", str(settings(tmp_path, *WORKERS))) as service:
        workers = service.workers()
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait()
        until("workers to end", lambda: not any(is_running(pid) for pid in workers))


def test_settings_read_again_under_load(veth: Wire, tmp_path: Path) -> None:
    config = settings(tmp_path, *WORKERS)
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        load = Load(veth, 20)
        until("packets", lambda: service.metric("flowclass_read_packets_total") > 2000)
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 1)
        assert service.metric("flowclass_config_last_reload_successful") == 1
        config.write_text('[model]\nfolder = "/nowhere"\n')
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 2)
        assert service.metric("flowclass_config_reload_failures_total") == 1
        assert service.metric("flowclass_config_last_reload_successful") == 0
        load.wait()
        until("the account to balance", lambda: balances(service, veth, load.packets))
        assert of_worker(service, veth, "restarts_total") == 0
        assert service.stop() == 0


def test_a_packet_loop_stopped_under_load_starves_the_watchdog(veth: Wire, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    config = settings(tmp_path, *WORKERS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(240)
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"}
        with Running(veth.far, tmp_path, "--config", str(config), environment=environment) as service:
            while b"WATCHDOG=1" not in manager.recv(4096):
                continue
            stopped = service.workers()[1]
            load = Load(veth, 10, mbps=10)
            until("packets", lambda: service.metric("flowclass_read_packets_total") > 1000)
            os.kill(stopped, signal.SIGSTOP)
            time.sleep(1.5)  # the other worker goes round, and what this one had shown is used up
            manager.settimeout(0.2)
            with pytest.raises(TimeoutError):
                drain(manager)
            manager.settimeout(3)
            with pytest.raises(TimeoutError):
                manager.recv(4096)
            os.kill(stopped, signal.SIGCONT)
            manager.settimeout(60)
            assert b"WATCHDOG=1" in manager.recv(4096)
            load.wait()
            until("the account to balance", lambda: balances(service, veth, load.packets))
            assert service.stop() == 0


def test_an_interface_of_two_workers_that_goes_and_comes_back(veth: Wire, tmp_path: Path) -> None:
    packets = packets_in(CHAT)
    config = settings(tmp_path, *WORKERS)
    up, again = (f'flowclass_capture_{name}{{interface="{veth.far}"}}' for name in ("up", "restarts_total"))
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        veth.replay(CHAT, "--topspeed")
        service.await_metric("flowclass_read_packets_total", packets)
        veth.unplug()
        service.await_metric(up, 0)
        veth.plug()
        service.await_metric(again, 1)
        assert service.metric(up) == 1
        veth.replay(CHAT, "--topspeed")
        until("the account to balance", lambda: balances(service, veth, 2 * packets))
        assert of_worker(service, veth, "restarts_total") == 0
        assert service.stop() == 0


def test_two_interfaces(veth: Wire, second: Wire, tmp_path: Path) -> None:
    flows = tmp_path / "flows.jsonl"
    config = settings(tmp_path, "[capture]", f'interface = ["{veth.far}", "{second.far}"]')
    with Running(None, tmp_path, "--config", str(config), "--flows", str(flows)) as service:
        veth.replay(CHAT, "--topspeed")
        second.replay(SHOWCASE, "--mbps", "40")
        wanted = {veth.far: packets_in(CHAT), second.far: SHOWCASE_PACKETS}
        for name, packets in wanted.items():
            service.await_metric(f'flowclass_worker_read_packets_total{{interface="{name}",worker="0"}}', packets)
            service.await_metric(f'flowclass_capture_packets_total{{interface="{name}"}}', packets)
        second.unplug()
        service.await_metric(f'flowclass_capture_up{{interface="{second.far}"}}', 0)
        assert service.metric(f'flowclass_capture_up{{interface="{veth.far}"}}') == 1
        second.plug()
        service.await_metric(f'flowclass_capture_up{{interface="{second.far}"}}', 1)
        assert service.stop() == 0
    found = records(flows)
    for name, packets in wanted.items():
        assert sum(flow["packets"] for flow in found if flow["capture"] == name) == packets


def test_a_collector_that_takes_nothing_holds_up_no_packet(veth: Wire, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        collector = f'ipfix = "tcp://127.0.0.1:{silent.getsockname()[1]}"'
        config = settings(tmp_path, "idle_timeout_s = 0.5", "tcp_linger_s = 0.5", "[output]", collector)
        with Running(veth.far, tmp_path, "--config", str(config)) as service:
            load = Load(veth, 20, mbps=40)
            load.wait()
            until("the account to balance", lambda: balances(service, veth, load.packets))
            assert captured(service, veth)[1] == 0
            assert service.stop() == 0


def test_libpcap_where_it_is_chosen(veth: Wire, tmp_path: Path) -> None:
    flows = tmp_path / "flows.jsonl"
    config = settings(tmp_path, "[capture]", 'method = "libpcap"')
    with Running(veth.far, tmp_path, "--config", str(config), "--flows", str(flows)) as service:
        veth.replay(SHOWCASE, "--mbps", "40")
        until("the account to balance", lambda: balances(service, veth, SHOWCASE_PACKETS))
        veth.unplug()
        service.await_metric(f'flowclass_capture_up{{interface="{veth.far}"}}', 0)
        veth.plug()
        service.await_metric(f'flowclass_capture_up{{interface="{veth.far}"}}', 1)
        assert service.stop() == 0
    assert sum(flow["packets"] for flow in records(flows)) == SHOWCASE_PACKETS
