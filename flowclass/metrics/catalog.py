"""Host module: every metric there is: name, type, meaning, labels, whose values are closed sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric family.

    Attributes
    ----------
    name : with prefix and unit, without the ``_total`` of counters
    type : ``counter``, ``gauge`` or ``histogram``
    doc : what it counts
    labels : label names
    """

    name: str
    type: str
    doc: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("flowclass_capture_packets", "counter", "Packets that reached the capture, dropped or not.", ("interface",)),
    Metric("flowclass_capture_dropped_packets", "counter", "Packets lost before reading.", ("interface", "where")),
    Metric("flowclass_capture_ring_freezes", "counter", "Times the kernel found the ring full.", ("interface",)),
    Metric("flowclass_capture_up", "gauge", "Whether packets can be read from the interface.", ("interface",)),
    Metric("flowclass_capture_restarts", "counter", "Times a lost interface was opened again.", ("interface",)),
    Metric("flowclass_worker_up", "gauge", "Whether the worker reads packets.", ("interface", "worker")),
    Metric("flowclass_worker_restarts", "counter", "Times a dead worker was replaced.", ("interface", "worker")),
    Metric("flowclass_worker_read_packets", "counter", "Packets the worker has read.", ("interface", "worker")),
    Metric("flowclass_worker_lost_packets", "counter", "Packets of flows that died with it.", ("interface", "worker")),
    Metric("flowclass_worker_lost_flows", "counter", "Flows that died with their worker.", ("interface", "worker")),
    Metric("flowclass_worker_lost_records", "counter", "Records nobody took in time.", ("interface", "worker")),
    Metric("flowclass_read_packets", "counter", "Packets read."),
    Metric("flowclass_read_bytes", "counter", "Their bytes on the wire."),
    Metric("flowclass_metered_packets", "counter", "Packets that belong to a flow."),
    Metric("flowclass_metered_bytes", "counter", "Their bytes on the wire."),
    Metric("flowclass_ignored_packets", "counter", "Packets not metered.", ("reason",)),
    Metric("flowclass_packet_anomalies", "counter", "Metered packets that show something odd.", ("anomaly",)),
    Metric("flowclass_flows_active", "gauge", "Flows in the table."),
    Metric("flowclass_flow_table_size", "gauge", "Flows that fit into the table."),
    Metric("flowclass_flows_created", "counter", "Flow records opened."),
    Metric("flowclass_flows_ended", "counter", "Flow records closed.", ("reason",)),
    Metric("flowclass_media_streams", "counter", "Media streams recognised."),
    Metric("flowclass_media_streams_refused", "counter", "Media streams not followed, because the pool was full."),
    Metric("flowclass_labels_firmed", "counter", "Flows of plain RTP or WebRTC that evidence then named."),
    Metric("flowclass_labels_changed", "counter", "Times that stronger evidence replaced a flow's name by another."),
    Metric("flowclass_flows_labelled", "counter", "Flows by application and kind.", ("app", "kind")),
    Metric("flowclass_flow_packets", "counter", "Packets of ended flows.", ("app", "kind")),
    Metric("flowclass_flow_bytes", "counter", "IP bytes of ended flows.", ("app", "kind")),
    Metric("flowclass_label_confidence_sum", "counter", "Sum of the labels' confidence.", ("app", "kind")),
    Metric("flowclass_tunnel_voice_like_seconds", "counter", "Seconds in which tunnels were like speech.", ("app",)),
    Metric("flowclass_calls_active", "gauge", "Clients with media of a call in the last 10 s.", ("app", "network")),
    Metric("flowclass_calls_started", "counter", "Times a client came to be in calls_active.", ("app", "network")),
    Metric("flowclass_label_confidence_ratio", "histogram", "Confidence of flows' labels, by application.", ("app",)),
    Metric("flowclass_label_latency_packets", "histogram", "Packet at which a flow's label stood.", ("app",)),
    Metric("flowclass_label_latency_seconds", "histogram", "From first packet to evidence that decided.", ("app",)),
    Metric("flowclass_calls_ended", "counter", "Calls that ended.", ("app", "network", "outcome")),
    Metric("flowclass_talk_seconds", "counter", "Seconds of talk of ended calls.", ("app", "network", "outcome")),
    Metric("flowclass_media_bytes", "counter", "IP bytes of ended calls' media.", ("app", "network", "direction")),
    Metric("flowclass_call_confidence_ratio", "histogram", "Confidence of calls' labels.", ("app",)),
    Metric("flowclass_call_talk_seconds", "histogram", "Seconds of talk of ended calls.", ("app",)),
    Metric("flowclass_call_mos", "histogram", "MOS up to the probe, by assumptions.", ("app", "bound")),
    Metric("flowclass_call_loss_ratio", "histogram", "Loss of main audio before the probe.", ("app", "direction")),
    Metric("flowclass_call_jitter_seconds", "histogram", "Mean jitter of main audio.", ("app", "direction")),
    Metric("flowclass_records_written", "counter", "Records written.", ("sink",)),
    Metric("flowclass_records_lost", "counter", "Records that the sink could not take.", ("sink",)),
    Metric("flowclass_records_waiting", "gauge", "Records in the sink's queue.", ("sink",)),
    Metric("flowclass_sink_up", "gauge", "Whether the sink took the last records.", ("sink",)),
    Metric("flowclass_config_reloads", "counter", "Times the settings were read again."),
    Metric("flowclass_config_reload_failures", "counter", "Times they could not be used; the old ones stayed."),
    Metric("flowclass_config_last_reload_successful", "gauge", "Whether the last reading of the settings succeeded."),
    Metric("flowclass_last_packet_timestamp_seconds", "gauge", "Time of the last packet."),
    Metric("flowclass_start_timestamp_seconds", "gauge", "When the service began to capture."),
    Metric(
        "flowclass_network_info", "gauge", "A network of the prefix file.", ("network", "operator", "access", "region")
    ),
    Metric("flowclass_drift_score", "gauge", "Mean stability index of recent flows.", ("interface", "worker")),
    Metric("flowclass_drift_features", "gauge", "Features whose index is above 0.25.", ("interface", "worker")),
    Metric("flowclass_drift_flows", "gauge", "Recent flows that were compared.", ("interface", "worker")),
    Metric("flowclass_model_info", "gauge", "The model in use.", ("model", "sha256", "features")),
    Metric("flowclass_model_trained_timestamp_seconds", "gauge", "When the model was trained."),
    Metric("flowclass_build_info", "gauge", "What is running.", ("version", "revision", "python")),
)  # fmt: skip
