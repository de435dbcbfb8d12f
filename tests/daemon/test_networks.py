"""The service with a prefix file and a key: records and metrics name networks, no address is written."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.daemon.test_service import WHATSAPP_CALL, veth
from tests.live import Running, Wire, until

__all__ = ["veth"]


def test_networks_and_hidden_addresses_live(veth: Wire, tmp_path: Path) -> None:
    networks, key, config = tmp_path / "networks.csv", tmp_path / "key", tmp_path / "flowclass.toml"
    networks.write_text("prefix,network,operator\n0.0.0.0/0,all,Blue\n")
    key.write_bytes(bytes(range(32)))
    config.write_text(
        f'[meter]\nidle_timeout_s = 1.5\n[networks]\nfile = "{networks}"\n[privacy]\nkey_file = "{key}"\n'
        f'[output]\nflows = "{tmp_path}/flows.jsonl"\ncalls = "{tmp_path}/calls.jsonl"\n'
    )
    with Running(veth.far, tmp_path, "--config", str(config)) as service:
        info = 'flowclass_network_info{access="",network="all",operator="Blue",region=""} 1.0'
        assert info in service.get("/metrics")
        networks.write_text("prefix,network\n0.0.0.0/99,all\n")
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 1)
        networks.write_text("prefix,network,operator\n0.0.0.0/0,every,Green\n")
        service.process.send_signal(signal.SIGHUP)
        service.await_metric("flowclass_config_reloads_total", 2)
        veth.replay(WHATSAPP_CALL, "--multiplier", "3")
        # The series is not there before the first call of the network.
        ended = 'flowclass_calls_ended_total{app="whatsapp",network="every",outcome="answered"} 1.0'
        until("the calls", lambda: ended in service.get("/metrics"))
        talk = 'flowclass_talk_seconds_total{app="whatsapp",network="every",outcome="answered"}'
        until("their talk time", lambda: service.metric(talk) > 0)
        assert service.stop() == 0
        assert f"{networks}:2: '0.0.0.0/99' is no prefix" in service.log.read_text()
    text = (tmp_path / "flows.jsonl").read_text() + (tmp_path / "calls.jsonl").read_text()
    found = [json.loads(line) for line in text.splitlines()]
    assert {record["network"] for record in found} == {"every"}
    assert {"calls" if "call_id" in record else "flows" for record in found} == {"calls", "flows"}
    # The capture's addresses are those of documentation and of private networks.
    assert not [word for word in ('"192.0.2.', '"198.51.100.', '"203.0.113.', '"10.', '"192.168.') if word in text]
