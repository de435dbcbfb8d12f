"""The HTTP side: pages, methods, health, and clients that are slow, many or rude."""

from __future__ import annotations

import contextlib
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from flowclass.calls.active import CLIENT
from flowclass.errors import UsageError
from flowclass.metrics.catalog import METRICS
from flowclass.metrics.health import Health, LinkHealth, SinkHealth, View, WorkerHealth
from flowclass.metrics.http import MOST_REQUESTS, MetricsServer, parse_listen
from flowclass.metrics.page import LEAST_S, StatusPage
from flowclass.metrics.row import Row
from flowclass.networks.prefixfile import Network
from flowclass.record.status import Status
from flowclass.record.verdict import App, Kind
from flowclass.sinks.totals import add_totals
from tests.model.bundles import small_bundle
from tests.sinks.records import one_flow


@pytest.fixture
def view() -> View:
    rows = [Row(), Row()]
    rows[0].stats["packets_read"], rows[1].stats["packets_read"] = 5, 7
    rows[1].stats["ignored_packets"][0][Status.NOT_IP] = 5
    rows[0].totals[App.VIBER, Kind.CALL_MEDIA]["flows"] = 3
    tunnels = rows[1].totals[App.WIREGUARD, Kind.TUNNEL]
    tunnels["flows"], tunnels["voice_like_s"] = 1, 40
    rows[1].pulse["drift"] = 0.5
    rows[0].pulse["seen"], rows[1].pulse["seen"], rows[1].pulse["dropped"] = 5, 7, 2
    rows[0].pulse["live_flows"], rows[1].pulse["live_flows"] = 1, 3
    workers = [WorkerHealth("eth7", number, row) for number, row in enumerate(rows)]
    health = Health([LinkHealth("eth7", up=True)], workers, [SinkHealth("jsonl", written=9)])
    view = View(health, 100, replace(small_bundle(), name="pack", manifest={"trained": "1970-01-02"}))
    callers = np.array([(App.VIBER, 0, 1, 1), (App.VIBER, 0, 2, 1)], CLIENT)
    view.calls.now.take("eth7", callers, 1, ["other", "mobile"].__getitem__)
    return view


@pytest.fixture
def reloads() -> list[int]:
    return []


@pytest.fixture
def server(view: View, reloads: list[int]) -> Iterator[MetricsServer]:
    made = MetricsServer(("127.0.0.1", 0), view, lambda: reloads.append(1))
    yield made
    made.close()


def get(server: MetricsServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return status and text of a page."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_hold_each_family_of_the_catalogue_and_the_counts(server: MetricsServer) -> None:
    families = {family.name: family for family in parse_text(get(server, "/metrics")[1])}
    assert set(families) == {metric.name for metric in METRICS}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["flowclass_read_packets_total",] == 12
    assert samples["flowclass_ignored_packets_total", "not-ip"] == 5
    assert samples["flowclass_flows_labelled_total", "viber", "call-media"] == 3
    assert samples["flowclass_tunnel_voice_like_seconds_total", "wireguard"] == 40
    assert samples["flowclass_records_written_total", "jsonl"] == 9
    assert samples["flowclass_flows_active",] == 4
    assert samples["flowclass_calls_started_total", "viber", "mobile"] == 2
    assert samples["flowclass_drift_score", "eth7", "1"] == 0.5
    assert samples["flowclass_model_trained_timestamp_seconds",] == 86_400


def test_openmetrics_when_asked(server: MetricsServer) -> None:
    status, text = get(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200
    assert text.endswith("# EOF\n")
    assert {family.name for family in parse_openmetrics(text)} == {metric.name for metric in METRICS}


def test_readiness_follows_the_interface(server: MetricsServer, view: View) -> None:
    assert get(server, "/-/ready") == (200, "ready\n")
    view.health.links[0].up = False
    assert get(server, "/-/ready")[0] == 503
    assert get(server, "/-/healthy") == (200, "healthy\n")


def test_reload_wants_post(server: MetricsServer, reloads: list[int]) -> None:
    assert get(server, "/-/reload")[0] == 405
    assert reloads == []
    assert get(server, "/-/reload", "POST")[0] == 200
    assert reloads == [1]


@pytest.mark.parametrize(("path", "method", "status"), [("/nowhere", "GET", 404), ("/metrics", "DELETE", 405)])
def test_what_is_not_served(server: MetricsServer, path: str, method: str, status: int) -> None:
    assert get(server, path, method)[0] == status


def test_the_status_page_tells_people(server: MetricsServer) -> None:
    status, text = get(server, "/")
    assert status == 200
    for part in (
        "<th>interface eth7<td>up, 12 packets, 2 dropped by the kernel",
        "<td>viber<td>3<td>",
        "<td>viber<td>2<td>0<td>0.0",
        '<a href="/metrics">',
    ):
        assert part in text


def test_page_shows_what_came_since_it_was_looked_at(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    page = StatusPage(view)
    clock[0] += LEAST_S
    assert page.rates() == (12 / LEAST_S, 0.0)
    clock[0] += 2 * LEAST_S
    view.health.workers[0].row.stats["packets_read"] += np.uint64(100)
    assert page.rates() == (100 / (2 * LEAST_S), 0.0)
    clock[0] += LEAST_S / 2
    assert page.rates() == (100 / (2 * LEAST_S), 0.0)


def test_silent_and_many_clients_do_not_stall_a_scrape(server: MetricsServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MOST_REQUESTS - 2)]
    started = time.monotonic()
    assert get(server, "/metrics")[0] == 200
    assert time.monotonic() - started < 5
    for connection in idle:
        connection.close()


def test_clients_that_drip__do_not_keep_the_scraper_out(server: MetricsServer) -> None:
    dripping = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3 * MOST_REQUESTS)]
    for letter in b"GET /metr":
        for connection in dripping:
            with contextlib.suppress(OSError):  # those that were sent away
                connection.send(bytes([letter]))
    for _ in range(3):
        assert get(server, "/metrics")[0] == 200
    for connection in dripping:
        connection.close()


def test_oversized_headers__are_refused(server: MetricsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as rude:
        rude.sendall(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n")
        assert b" 431 " in rude.recv(1000)
    assert get(server, "/-/healthy")[0] == 200


def test_labels_have_histograms(view: View, server: MetricsServer) -> None:
    flows, verdicts = one_flow(app=App.VIBER, kind=Kind.CALL_MEDIA, confidence=0.93, decided_at_packet=4)
    add_totals(flows, verdicts, view.health.workers[0].row.totals)
    text = get(server, "/metrics")[1]
    assert 'flowclass_label_confidence_ratio_bucket{app="viber",le="0.9"} 0.0' in text
    assert 'flowclass_label_confidence_ratio_bucket{app="viber",le="0.95"} 1.0' in text
    assert 'flowclass_label_latency_packets_bucket{app="viber",le="3.0"} 0.0' in text.replace('le="3"', 'le="3.0"')
    assert 'flowclass_label_latency_packets_sum{app="viber"} 4.0' in text


def test_networks_are_facts(view: View, server: MetricsServer) -> None:
    view.networks = lambda: [Network("blue/north", "Blue", "", "north")]
    series = 'flowclass_network_info{access="",network="blue/north",operator="Blue",region="north"} 1.0'
    assert series in get(server, "/metrics")[1]


def test_a_request_line_without_end_is_refused(server: MetricsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as rude:
        rude.sendall(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
        assert b" 414 " in rude.recv(1000)
    assert get(server, "/-/healthy")[0] == 200


@pytest.mark.parametrize(
    ("text", "found"), [("127.0.0.1:9799", ("127.0.0.1", 9799)), ("[::1]:1", ("::1", 1)), (":80", ("", 80))]
)
def test_parse_listen(text: str, found: tuple[str, int]) -> None:
    assert parse_listen(text) == found


@pytest.mark.parametrize("text", ["9799", "host:", "host:x", "host:70000"])
def test_parse_listen__names_the_mistake(text: str) -> None:
    with pytest.raises(UsageError, match="expected address:port"):
        parse_listen(text)
