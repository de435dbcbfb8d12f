"""Host module: ``flowclass explain``: why one flow has its label."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowclass.errors import FlowclassError, UsageError

if TYPE_CHECKING:
    from flowclass.cli.flowname import FlowName
    from flowclass.cli.flowtrace import Found
    from flowclass.model.bundle import ModelBundle
    from flowclass.model.explain import Contribution

SUMMARY = "say why a flow has its label, or what happened in a call"
DESCRIPTION = (
    "Show one flow's verdict, the evidence it rests on in words with the packets that carried it (frame numbers as "
    "Wireshark counts them), and the features that weighed in the model. With --call: the call of the flow, "
    "or all calls of the capture, with a timeline of set-up, media by path, loss and end."
)
NS_PER_S = 1_000_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", metavar="INPUT", help="capture file")
    parser.add_argument(
        "flow", metavar="FLOW", nargs="?", help="flow_id, or src:sport-dst:dport/proto in either direction"
    )
    parser.add_argument(
        "--call",
        action="store_true",
        help="explain the calls of this flow, or of this call_id; without FLOW every call",
    )
    parser.add_argument("--model", metavar="DIR", help="model bundle to use instead of the shipped one")


def run(arguments: argparse.Namespace) -> int:
    """Explain the flow or the calls; return the exit code."""
    from flowclass.cli.analyze import bundle_of
    from flowclass.cli.flowname import parse
    from flowclass.cli.progress import announce_compilation

    if arguments.flow is None and not arguments.call:
        raise UsageError("name a flow, or ask for --call")
    name = None if arguments.flow is None else parse(arguments.flow)
    if arguments.input == "-" or not Path(arguments.input).is_file():
        raise FlowclassError(f"{arguments.input} is no file: explain reads its capture twice")
    announce_compilation(quiet=False)
    from flowclass.cli.flowtrace import evidence_frames, find_flow
    from flowclass.model.bundle import load_default

    bundle = bundle_of(arguments.model) or load_default()
    if name is None or arguments.call:
        return _explain_calls(arguments, name, bundle)
    found, source = find_flow(arguments.input, name, bundle)
    for problem in source.problems:
        print(f"flowclass: {problem}", file=sys.stderr)
    if not found:
        raise FlowclassError(f"{arguments.input} has no flow {arguments.flow}")
    frames = evidence_frames(arguments.input, found)
    for piece in found:
        print(*describe(piece, frames, bundle), sep="\n")
    return 3 if source.partial else 0


def _explain_calls(arguments: argparse.Namespace, name: FlowName | None, bundle: ModelBundle) -> int:
    """Print the calls; return the exit code."""
    from flowclass.cli.calltrace import calls_of
    from flowclass.cli.timeline import describe_call

    traces, problems, partial = calls_of(arguments.input, name, bundle)
    for problem in problems:
        print(f"flowclass: {problem}", file=sys.stderr)
    if not traces:
        wanted = "calls" if name is None else f"call {arguments.flow}, nor one with a flow of that name"
        raise FlowclassError(f"{arguments.input} has no {wanted}")
    print("\n\n".join("\n".join(describe_call(trace)) for trace in traces))
    return 3 if partial else 0


def describe(piece: Found, frames: dict[tuple[int, int, int], int], bundle: Any) -> list[str]:
    """Return the lines about one record of the flow."""
    import json

    import numpy as np

    from flowclass.sinks.jsonl import jsonl_format
    from flowclass.sinks.values import values_of

    _, text = next(jsonl_format("").render(values_of(piece.flows, piece.verdicts)))
    record = json.loads(bytes(np.asarray(text)))
    first = int(piece.flows["first_frame"][0])
    lines = [
        f"flow {record['flow_id']}  {_endpoint(record, 'src', 'sport')} -> {_endpoint(record, 'dst', 'dport')}  "
        f"protocol {record['proto']}" + (f"  in {record['tunnel']}" if record["tunnel"] else ""),
        f"  {record['packets']:,} packets, {record['bytes']:,} bytes, {record['duration_s']:.3f} s, "
        f"first frame {first}, ended by {record['end_reason']}",
        f"  {record['app']} ({record['kind']}), confidence {record['confidence']:.2f}, "
        f"decided by {record['decided_by']}"
        + (f" at packet {record['decided_at_packet']}" if record["decided_at_packet"] else ""),
        f"  still possible: {', '.join(record['candidates']) or 'nothing named'}",
    ]
    if record["voice_like_s"] is not None:
        heard = record["voice_like_s"]
        lines.append(f"  like speech in {heard} s of it, by cadence and sizes; whose speech cannot be told")
    return lines + _reason_lines(piece, frames) + _link_lines(piece) + _feature_lines(piece, bundle)


def _endpoint(record: dict[str, Any], address: str, port: str) -> str:
    text = f"[{record[address]}]" if ":" in record[address] else record[address]
    return f"{text}:{record[port]}"


def _reason_lines(piece: Found, frames: dict[tuple[int, int, int], int]) -> list[str]:
    """Return the evidence in words, each with the frame that carried it first."""
    from flowclass.apps._fused import APPS, REASONS
    from flowclass.record.verdict import APP_NAMES

    lines = ["  evidence:"]
    words, first = piece.flows["reasons"][0], int(piece.flows["first_frame"][0])
    for index, (application, reasons) in enumerate(zip(APPS, REASONS, strict=True)):
        for bit, reason in enumerate(reasons):
            if int(words[index]) >> bit & 1:
                frame = frames.get((first, index, bit))
                where = f"frame {frame}" if frame else "in an earlier record of this flow"
                lines.append(
                    f"    {APP_NAMES[application.label]}.{reason.name} ({reason.strength.name.lower()}, {where}): "
                    f"{reason.meaning} [{reason.source}; false alarms on the corpus: {reason.false_alarms}]"
                )
    return lines if len(lines) > 1 else ["  evidence: none"]


def _link_lines(piece: Found) -> list[str]:
    """Return what another flow says of this one."""
    from flowclass.record.verdict import APP_NAMES, Link

    flow = piece.flows[0]
    if flow["link"] == Link.NONE:
        return []
    shared = "UDP socket" if flow["link"] == Link.SOCKET else "host"
    return [
        f"  correlation: flow {int(flow['linked_flow']):016x} of the same {shared} is {APP_NAMES[flow['linked_app']]}"
    ]


def _beside_usual(part: Contribution, label: str) -> str:
    """Return how a value stands beside what is usual for the class."""
    if part.value != part.value:
        return ""
    word = "low" if part.value < part.low else "high" if part.value > part.high else "usual"
    return f", {word} for {label}: {part.low:g} to {part.high:g}"


def _feature_lines(piece: Found, bundle: Any) -> list[str]:
    """Return the features that weighed most in the model's answer."""
    if piece.features is None:
        return ["  features: none were taken, the flow was too short"]
    from flowclass.features.row import FEATURES
    from flowclass.model.explain import explain_row

    units = {feature.name: feature.unit for feature in FEATURES}
    why = explain_row(bundle, piece.features)
    lines = [f"  the model alone says {why.label} with {why.probability:.2f} (any flow: {why.base:.2f}); what weighed:"]
    for part in why.contributions:
        value = "" if part.value != part.value else f" = {part.value:g} {units.get(part.feature, '')}".rstrip()
        lines.append(f"    {part.weight:+.3f}  {part.feature}{value}{_beside_usual(part, why.label)}")
    return lines
