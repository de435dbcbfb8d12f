"""Host module: the labelled corpus: its captures, and the label, group and weight of every flow in it.

Reads ``index.csv`` and ``flows.csv`` of a corpus folder, or one list of the flows of captures of one's own. Addresses
are read only to find a flow again; none of them leaves this module.
"""

from __future__ import annotations

import csv
import hashlib
import ipaddress
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from flowclass.errors import UsageError
from flowclass.model.labels import OTHER, Label
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import APP_NAMES, App, Kind
from flowclass.training.disputed import is_disputed

#: The corpus' names of applications that differ from ours; what is in neither list is OTHER.
RENAMED = {
    **dict.fromkeys(("google_meet", "google_call", "google_hangouts", "google_talk"), App.MEET),
    **dict.fromkeys(("sip", "sip_rtp", "h323", "mgcp", "megaco", "skinny", "iax"), App.SIP),
    "meta_call": App.WHATSAPP,
    "skype_teams": App.TEAMS,
}
#: Names that stand for two applications nobody can tell apart.
LOOKALIKES = {"meta_call": App.MESSENGER, "skype_teams": App.SKYPE}
KINDS = {
    "call-media": Kind.CALL_MEDIA,
    "call-signalling": Kind.CALL_SIGNALLING,
    "chat/other": Kind.MESSAGING,
    "not-voip": Kind.NOT_VOIP,
}
#: How much a label of this confidence counts.
WEIGHTS = {"high": 1.0, "medium": 0.7, "low": 0.0}
#: Protocols whose packets carry ports: TCP, UDP, SCTP (IANA protocol numbers).
WITH_PORTS = (6, 17, 132)
#: proto, then both ends as (address high word, low word, port) in ascending order.
FlowKey = tuple[int, tuple[int, int, int], tuple[int, int, int]]


@dataclass(frozen=True)
class Truth:
    """What is known of one flow: its label, how far to trust it (0 = leave out), and whether its packets dispute it."""

    label: Label
    weight: float
    is_disputed: bool = False


@dataclass(frozen=True)
class Capture:
    """One capture file, the group it belongs to, its labelled flows, and the year it was recorded in (0 = unknown)."""

    name: str
    path: Path
    group: str
    flows: dict[FlowKey, Truth]
    year: int = 0


@lru_cache(maxsize=65_536)
def words_of(address: str) -> tuple[int, int]:
    number = int(ipaddress.ip_address(address))
    if ":" not in address:
        return 0, IPV4_MAPPED | number
    return number >> 64, number & (1 << 64) - 1


def flow_key(proto: int, left: tuple[int, int, int], right: tuple[int, int, int]) -> FlowKey:
    """Return the key of a biflow, the same for both directions; ports count only where the protocol has them."""
    if proto not in WITH_PORTS:
        left, right = (*left[:2], 0), (*right[:2], 0)
    return (proto, left, right) if left <= right else (proto, right, left)


def key_of(flow: np.void) -> FlowKey:
    """Return the key of a FLOW record."""
    left = (int(flow["src_hi"]), int(flow["src_lo"]), int(flow["sport"]))
    right = (int(flow["dst_hi"]), int(flow["dst_lo"]), int(flow["dport"]))
    return flow_key(int(flow["proto"]), left, right)


def label_of(app: str, kind: str) -> Label | None:
    """Return our label of the corpus' names, or None for a flow to leave out."""
    if kind not in KINDS:
        return None
    ours = KINDS[kind]
    if ours == Kind.NOT_VOIP:
        return OTHER
    known = RENAMED.get(app)
    if known is None:
        known = App(APP_NAMES.index(app)) if app in APP_NAMES else App.OTHER
    if known in (App.OTHER, App.UNKNOWN):
        # Media of an application outside the vocabulary is still a call of somebody's.
        return Label(App.RTP, ours) if ours == Kind.CALL_MEDIA else None if ours == Kind.CALL_SIGNALLING else OTHER
    return Label(known, ours, LOOKALIKES.get(app, App.UNKNOWN))


#: Columns of a list of flows that have no default.
NEEDED = ("capture", "proto", "src", "sport", "dst", "dport", "app", "kind")


def captures_of(corpus: Path) -> Iterator[Capture]:
    """Yield the captures of a corpus in the order of their names.

    Parameters
    ----------
    corpus : a folder with ``index.csv``, ``flows.csv`` and ``captures/``; or a CSV file of flows in the form of
        ``flows.csv``, whose captures are named relative to it. In such a file ``confidence`` is high and ``group`` the
        capture's own name unless there are columns that say otherwise.

    Raises
    ------
    UsageError
        When it is neither, or when a line cannot be understood; the message names file and line.
    """
    if corpus.is_file():
        yield from _captures_of_list(corpus)
        return
    for name in ("index.csv", "flows.csv"):
        if not (corpus / name).is_file():
            raise UsageError(f"{corpus}: no corpus, {name} is missing; set FLOWCLASS_CORPUS or give its folder")
    flows, _ = _read_flows(corpus / "flows.csv")
    with (corpus / "index.csv").open(newline="") as lines:
        for row in sorted(csv.DictReader(lines), key=lambda row: row["path"]):
            year = int(row["year"]) if row.get("year", "").isdigit() else 0
            yield Capture(row["path"], corpus / "captures" / row["path"], row["group"], flows[row["path"]], year)


def _captures_of_list(path: Path) -> Iterator[Capture]:
    flows, groups = _read_flows(path)
    for name in sorted(groups):
        file = path.parent / name
        if not file.is_file():
            raise UsageError(f"{path}: names the capture {name}, which is not in {path.parent}")
        yield Capture(name, file, groups[name], flows[name])


def _read_flows(path: Path) -> tuple[dict[str, dict[FlowKey, Truth]], dict[str, str]]:
    """Return the labelled flows of each capture, and the group of each capture."""
    flows: dict[str, dict[FlowKey, Truth]] = defaultdict(dict)
    groups: dict[str, str] = {}
    with path.open(newline="", encoding="utf-8", errors="replace") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(f"{path}: no list of flows, the column {missing[0]} is missing")
        for row in reader:
            capture = row["capture"]
            groups[capture] = row.get("group") or capture
            confidence = row.get("confidence") or "high"
            try:
                label = label_of(row["app"], row["kind"])
                weight = WEIGHTS[confidence]
                left, right = ((*words_of(row[a]), int(row[p] or 0)) for a, p in (("src", "sport"), ("dst", "dport")))
                key = flow_key(int(row["proto"]), left, right)
            except (ValueError, TypeError, KeyError) as error:
                raise UsageError(f"{path}:{reader.line_num}: cannot be understood: {error}") from None
            if label is not None and weight > 0.0:
                flows[capture][key] = Truth(label, weight, is_disputed(capture, key))
    return flows, groups


def corpus_digest(corpus: Path) -> str:
    """Return the sha256 of the corpus' lists; its index names every capture by its own hash."""
    digest = hashlib.sha256()
    for path in [corpus] if corpus.is_file() else [corpus / "index.csv", corpus / "flows.csv"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()
