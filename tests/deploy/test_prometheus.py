"""Prometheus' opinion of the rules, and the dashboard's queries against one that scrapes a live service."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live import Running, Wire, until, wire

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "flowclass.json"
CALL = ROOT / "pcaps" / "whatsapp" / "call-2019.pcap"
SHOWCASE = ROOT / "pcaps" / "showcase.pcap"


def promtool(*arguments: str, said: str = "") -> None:
    """Run promtool in the folder of the rules, on what a service said if anything; fail with what it says."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool (Debian: prometheus) is not installed")
    done = subprocess.run(["promtool", *arguments], cwd=RULES, input=said, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr if said else "") == (0, ""), done.stdout + done.stderr


def test_rules_and_configuration_are_valid() -> None:
    promtool("check", "rules", "flowclass.rules.yml", "flowclass.alerts.yml")
    promtool("check", "config", "prometheus.yml")


def test_alerts_fire_and_clear() -> None:
    promtool("test", "rules", "flowclass.tests.yml")


def test_every_alert_is_tested_both_ways() -> None:
    groups = yaml.safe_load((RULES / "flowclass.alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    cases = [
        case for test in yaml.safe_load((RULES / "flowclass.tests.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]  # fmt: skip
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


def test_every_alert_says_what_to_do() -> None:
    groups = yaml.safe_load((RULES / "flowclass.alerts.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def queries() -> list[str]:
    """Return every query of the dashboard."""
    return [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]


@pytest.fixture
def veth() -> Iterator[Wire]:
    with wire() as made:
        yield made


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Prometheus:
    """A Prometheus that scrapes one address every second."""

    def __init__(self, folder: Path, scraped: int) -> None:
        if shutil.which("prometheus") is None:
            pytest.skip("prometheus (Debian: prometheus) is not installed")
        settings = yaml.safe_load((RULES / "prometheus.yml").read_text())
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings["rule_files"] = [str(RULES / name) for name in settings["rule_files"]]
        settings["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{scraped}"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        self._address = f"127.0.0.1:{free_port()}"
        self._log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            [
                "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self._address}",
            ],
            stderr=self._log,
        )  # fmt: skip

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the vector an expression gives now, without values that are no number; empty before it is up."""
        address = f"http://{self._address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                found = json.loads(answer.read())["data"]["result"]
        except OSError:
            return []
        return [one for one in found if one["value"][1] != "NaN"]

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


def ended(service: Running) -> float:
    """Return how many WhatsApp calls have ended."""
    name = 'flowclass_calls_ended_total{app="whatsapp"'
    return sum(float(line.split()[-1]) for line in service.get("/metrics").splitlines() if line.startswith(name))


def test_every_query_of_the_dashboard_gives_data(veth: Wire, tmp_path: Path) -> None:
    config = tmp_path / "flowclass.toml"
    config.write_text("[meter]\nidle_timeout_s = 1.5\ntcp_linger_s = 1\n")
    with (
        Running(veth.far, tmp_path, "--config", str(config), "--flows", str(tmp_path / "flows.jsonl")) as service,
        Prometheus(tmp_path, service.port) as prometheus,
    ):
        until("the first scrape", lambda: prometheus.query("flowclass_build_info"))
        veth.replay(SHOWCASE, "--mbps", "40")
        missing = queries()
        # On a busy machine a call sent in haste has no clock, and so no MOS.
        pace = itertools.chain(("3", "3"), itertools.repeat("1"))

        def all_answered() -> bool:
            """Whether every query has data after one more call: a counter that has just appeared has not grown yet."""
            before = ended(service)
            veth.replay(CALL, "--multiplier", next(pace))
            until("the call to end", lambda: ended(service) > before)
            time.sleep(2.5)  # Prometheus asks
            missing[:] = [query for query in missing if not prometheus.query(query)]
            return not missing

        try:
            until("data", all_answered)
        except AssertionError:
            pytest.fail(f"queries without data: {missing}")
        promtool("check", "metrics", said=service.get("/metrics"))
