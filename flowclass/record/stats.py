"""Kernel module: STATS, the account of one meter: a row of counters that only grow.

The invariant that every run must satisfy (and ``Account.balances`` checks):
``packets_read = packets_metered + sum(ignored_packets)``, and the same of bytes.
Bytes are frame bytes on the wire.
"""

from __future__ import annotations

from flowclass.record.field import Field, dtype_of
from flowclass.record.status import Anomaly, EndReason, Status

STATS_FIELDS = (
    Field("packets_read", "u8", "packets taken from the source", "packet"),
    Field("bytes_read", "u8", "their bytes on the wire", "byte"),
    Field("packets_metered", "u8", "packets that belong to a flow", "packet"),
    Field("bytes_metered", "u8", "their bytes on the wire", "byte"),
    Field("ignored_packets", "u8", "packets not metered, by Status", "packet", shape=(len(Status),)),
    Field("ignored_bytes", "u8", "their bytes on the wire, by Status", "byte", shape=(len(Status),)),
    Field("anomalies", "u8", "metered packets that show something odd, by Anomaly", "packet", shape=(len(Anomaly),)),
    Field("flows_created", "u8", "flow records opened", "flow"),
    Field("flows_ended", "u8", "flow records closed, by EndReason", "flow", shape=(len(EndReason),)),
    Field("streams_confirmed", "u8", "media streams recognised", "stream"),
    Field("streams_refused", "u8", "media streams not followed: the pool was full", "stream"),
    Field("hellos_refused", "u8", "split TLS hellos not joined: no buffer was free", "hello"),
    Field("labels_firmed", "u8", "flows of plain RTP or WebRTC that evidence then named", "flow"),
    Field("labels_changed", "u8", "times that evidence for another application replaced a flow's name", "label"),
    Field("model_rows", "u8", "flows handed to the model", "flow"),
)

STATS = dtype_of(STATS_FIELDS)
