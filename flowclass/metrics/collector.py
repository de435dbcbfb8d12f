"""Host module: Collector, which makes metrics out of the service's counters when somebody asks."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector as BaseCollector

from flowclass.calls.record import Outcome
from flowclass.config.build import build
from flowclass.metrics.calls import Histogram, Histograms
from flowclass.metrics.catalog import METRICS, Metric
from flowclass.metrics.health import View, WorkerHealth
from flowclass.metrics.row import Phase
from flowclass.networks.networkmap import OTHER
from flowclass.record.status import Anomaly, EndReason, Status
from flowclass.record.verdict import APP_NAMES, KIND_NAMES, App, Kind
from flowclass.sinks.totals import CONFIDENCE_EDGES, LATENCY_EDGES, LATENCY_S_EDGES

NS_PER_S = 1_000_000_000
#: Series that are there from the start: of applications their calls, of the two other labels what they stand for.
EXPECTED_KIND = {"unknown": "unknown", "other": "not-voip"}


#: Applications whose calls have a series from the start: what this is for first of all.
SHOWN = (App.SKYPE, App.TEAMS, App.WHATSAPP, App.VIBER)
Sample = tuple[tuple[str, ...], float]


def _by_name(names: Iterable[tuple[str, int]], values: Any) -> list[Sample]:
    return [((name.lower().replace("_", "-"),), float(values[number])) for name, number in names]


def samples(view: View) -> dict[str, list[Sample]]:
    """Return the values of every metric of the catalogue: label values in its order, and the number."""
    health = view.health
    stats, totals = view.account()
    kinds = [
        ((app, kind), totals[i, j])
        for i, app in enumerate(APP_NAMES)
        for j, kind in enumerate(KIND_NAMES)
        # All other pairs appear when they are met: most of them never are.
        if totals[i, j]["flows"] or kind == EXPECTED_KIND.get(app, "call-media")
    ]
    tunnels: list[Sample] = [
        ((name,), float(totals[i, Kind.TUNNEL]["voice_like_s"]))
        for i, name in enumerate(APP_NAMES)
        if totals[i, Kind.TUNNEL]["flows"]
    ]
    calls = view.calls
    waited_for = {(app.name.lower(), OTHER.name): 0.0 for app in SHOWN}
    shown = {(app.name.lower(), OTHER.name, str(outcome)): 0.0 for app in SHOWN for outcome in Outcome}

    def of_calls(counted: Mapping[Any, float], start: Mapping[Any, float]) -> list[Sample]:
        # A copy first: the records' thread may add a series meanwhile.
        return [(labels, float(value)) for labels, value in ({**start, **dict(counted)}).items()]

    def total(column: str) -> list[Sample]:
        return [(labels, float(row[column])) for labels, row in kinds]

    def alone(value: float) -> list[Sample]:
        return [((), float(value))]

    def by_link(pulse: str, *label: str) -> list[Sample]:
        return [((link.interface, *label), float(health.pulse(pulse, link.interface))) for link in health.links]

    def by_worker(value: Callable[[WorkerHealth], float]) -> list[Sample]:
        return [((one.interface, str(one.number)), float(value(one))) for one in health.workers]

    return {
        "flowclass_capture_packets": by_link("seen"),
        "flowclass_capture_dropped_packets": [
            *by_link("dropped", "kernel"),
            *(((link.interface, "device"), float(link.device_lost)) for link in health.links),
        ],
        "flowclass_capture_ring_freezes": by_link("freezes"),
        "flowclass_capture_up": [((link.interface,), float(link.up)) for link in health.links],
        "flowclass_capture_restarts": [((link.interface,), float(link.restarts)) for link in health.links],
        "flowclass_worker_up": by_worker(lambda one: one.row.pulse["phase"][0] == Phase.CAPTURING),
        "flowclass_worker_restarts": by_worker(lambda one: one.restarts),
        "flowclass_worker_read_packets": by_worker(lambda one: int(one.row.stats["packets_read"][0])),
        "flowclass_worker_lost_packets": by_worker(lambda one: one.lost_packets),
        "flowclass_worker_lost_flows": by_worker(lambda one: one.lost_flows),
        "flowclass_worker_lost_records": by_worker(lambda one: int(one.row.pulse["unhanded"][0])),
        "flowclass_read_packets": alone(stats["packets_read"]),
        "flowclass_read_bytes": alone(stats["bytes_read"]),
        "flowclass_metered_packets": alone(stats["packets_metered"]),
        "flowclass_metered_bytes": alone(stats["bytes_metered"]),
        "flowclass_ignored_packets": _by_name(
            [(status.name, int(status)) for status in Status if status != Status.OK], stats["ignored_packets"]
        ),
        "flowclass_packet_anomalies": _by_name([(a.name, int(a)) for a in Anomaly], stats["anomalies"]),
        "flowclass_flows_active": alone(health.pulse("live_flows")),
        "flowclass_flow_table_size": alone(view.table_size),
        "flowclass_flows_created": alone(stats["flows_created"]),
        "flowclass_flows_ended": _by_name(
            [(reason.name, int(reason)) for reason in EndReason if reason != EndReason.OPEN], stats["flows_ended"]
        ),
        "flowclass_media_streams": alone(stats["streams_confirmed"]),
        "flowclass_media_streams_refused": alone(stats["streams_refused"]),
        "flowclass_labels_firmed": alone(stats["labels_firmed"]),
        "flowclass_labels_changed": alone(stats["labels_changed"]),
        "flowclass_flows_labelled": total("flows"),
        "flowclass_flow_packets": total("packets"),
        "flowclass_flow_bytes": total("bytes"),
        "flowclass_label_confidence_sum": total("confidence"),
        "flowclass_tunnel_voice_like_seconds": tunnels,
        "flowclass_calls_active": of_calls(calls.now.active, waited_for),
        "flowclass_calls_started": of_calls(calls.now.started, waited_for),
        "flowclass_calls_ended": of_calls(calls.ended, shown),
        "flowclass_talk_seconds": of_calls(calls.talk_s, shown),
        "flowclass_media_bytes": of_calls(calls.media_bytes, {}),
        "flowclass_records_written": [((sink.name,), float(sink.written)) for sink in health.sinks],
        "flowclass_records_lost": [((sink.name,), float(sink.total_lost)) for sink in health.sinks],
        "flowclass_records_waiting": [((sink.name,), float(sink.waiting)) for sink in health.sinks],
        "flowclass_sink_up": [((sink.name,), float(sink.up)) for sink in health.sinks],
        "flowclass_config_reloads": alone(health.reloads),
        "flowclass_config_reload_failures": alone(health.reload_failures),
        "flowclass_config_last_reload_successful": alone(health.reload_ok),
        "flowclass_last_packet_timestamp_seconds": alone(health.latest("last_packet_ns") / NS_PER_S),
        "flowclass_start_timestamp_seconds": alone(health.started_ns / NS_PER_S),
        "flowclass_network_info": [((one.name, one.operator, one.access, one.region), 1.0) for one in view.networks()],
        "flowclass_drift_score": by_worker(lambda one: one.row.pulse["drift"][0]),
        "flowclass_drift_features": by_worker(lambda one: one.row.pulse["drifted_features"][0]),
        "flowclass_drift_flows": by_worker(lambda one: one.row.pulse["drift_flows"][0]),
        "flowclass_model_info": [(view.model.identity, 1.0)],
        "flowclass_model_trained_timestamp_seconds": [((), trained)] if (trained := view.model.trained_s) else [],
        "flowclass_build_info": [((*build(), platform.python_version()), 1.0)],
    }


def histograms(view: View) -> dict[str, Histograms]:
    """Return the histograms of the catalogue by label values."""
    calls = view.calls
    return {
        "flowclass_call_talk_seconds": calls.talk,
        "flowclass_call_mos": calls.mos,
        "flowclass_call_loss_ratio": calls.loss,
        "flowclass_call_jitter_seconds": calls.jitter,
        "flowclass_call_confidence_ratio": calls.confidence,
        **_of_labels(view.account()[1]),
    }


def _of_labels(totals: Any) -> dict[str, Histograms]:
    """Return the histograms that workers keep in TOTAL, by application."""
    confidence: Histograms = {}
    latency: Histograms = {}
    latency_s: Histograms = {}
    for app, rows in zip(APP_NAMES, totals, strict=True):
        if not rows["flows"].any():
            continue
        bins = rows["confidence_bins"].sum(axis=0).tolist()
        confidence[app,] = Histogram(CONFIDENCE_EDGES, bins, float(rows["confidence"].sum()))
        bins = rows["latency_bins"].sum(axis=0).tolist()
        latency[app,] = Histogram(LATENCY_EDGES, bins, float(rows["latency_packets"].sum()))
        bins = rows["latency_s_bins"].sum(axis=0).tolist()
        latency_s[app,] = Histogram(LATENCY_S_EDGES, bins, float(rows["latency_s"].sum()))
    return {
        "flowclass_label_confidence_ratio": confidence,
        "flowclass_label_latency_packets": latency,
        "flowclass_label_latency_seconds": latency_s,
    }


def family(metric: Metric, values: list[Sample]) -> Any:
    """Return a metric family with its samples."""
    kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    made = kind(metric.name, metric.doc, labels=metric.labels)
    for labels, value in values:
        made.add_metric(labels, value)
    return made


def histogram_family(metric: Metric, found: Histograms) -> HistogramMetricFamily:
    """Return a family of histograms."""
    made = HistogramMetricFamily(metric.name, metric.doc, labels=metric.labels)
    for labels, histogram in list(found.items()):
        made.add_metric(labels, histogram.buckets(), histogram.total)
    return made


class Collector(BaseCollector):
    """Reads the counters at each scrape: the packet loop never waits for it."""

    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterator[Any]:
        """Give every family of the catalogue."""
        values = samples(self._view)
        distributions = histograms(self._view)
        for metric in METRICS:
            if metric.type == "histogram":
                yield histogram_family(metric, distributions[metric.name])
            else:
                yield family(metric, values[metric.name])
