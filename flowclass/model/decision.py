"""Kernel module: from class probabilities and evidence to VERDICT rows.

Evidence of an application decides first, then that of another flow of its socket or host. For the rest, two questions
in turn: *is it a call* (the probabilities of all call classes together pass the gate of the likeliest one), then
*whose* (the classes of that application hold enough of them). A call of no clear owner is called ``rtp`` or
``webrtc``; what passes no gate is ``unknown``. The candidates of a model's verdict are a conformal set: every class
whose share of the call probability is not below what all but a few held-out flows of it have (``training.conformal``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowclass.jit import entry, int64, kernel
from flowclass.model.forest import fill_probabilities
from flowclass.record.verdict import App, DecidedBy, Kind, Link

#: Points of a calibration curve, evenly from 0 to 1.
CALIBRATION_POINTS = 33
#: Entries of ``Rules.evidence``, and where those of Link stand.
TRUSTS, TRUST_LINK = 5, 2
#: Stream packets that make a flow media; fewer are a probe.
STREAM_PACKETS = 3
#: Unanswered packets that are still a search for a way to the peer (FACTS §1.3: 12 to 20 checks).
PROBE_PACKETS = 20

_UNKNOWN, _OTHER = int(App.UNKNOWN), int(App.OTHER)
_RTP, _WEBRTC = int(App.RTP), int(App.WEBRTC)
_MEDIA, _SIGNALLING, _NOT_VOIP = int(Kind.CALL_MEDIA), int(Kind.CALL_SIGNALLING), int(Kind.NOT_VOIP)
_KIND_UNKNOWN, _MESSAGING = int(Kind.UNKNOWN), int(Kind.MESSAGING)
_NOTHING, _EVIDENCE, _MODEL = int(DecidedBy.NOTHING), int(DecidedBy.EVIDENCE), int(DecidedBy.MODEL)
_CORRELATION = int(DecidedBy.CORRELATION)
HOST, SOCKET = int(Link.HOST), int(Link.SOCKET)


class Rules(NamedTuple):
    """What turns probabilities into verdicts; arrays of a bundle, one entry a class unless said otherwise."""

    app: Any  #: uint8[classes]
    kind: Any  #: uint8[classes]
    also: Any  #: uint8[classes], look-alike or UNKNOWN
    gate: Any  #: float32[classes], least probability of being a call (of being no call for the class other)
    share: Any  #: float32[classes], least share of the call probability that its application needs to be named
    calibration: Any  #: float32[classes + 1, CALIBRATION_POINTS]; the last row is for calls without a name
    evidence: Any  #: float32[TRUSTS], confidence by Strength, then of correlation by Link (HOST, SOCKET)
    possible: Any  #: float32[classes], least share of the call probability at which a class stays a candidate
    prefer: Any  #: uint8[apps], by App: the look-alike to say in its place where both are candidates, UNKNOWN for none


@kernel
def app_bit(app: int) -> np.uint64:
    """Return the candidates bit of an App, none for UNKNOWN."""
    return np.uint64(1) << np.uint64(app) if app > 0 else np.uint64(0)


@kernel
def calibrated(curve: Any, value: float) -> float:
    """Return the curve's value at ``value`` (0 to 1), straight between its points."""
    place = min(max(value, 0.0), 1.0) * (CALIBRATION_POINTS - 1)
    below = min(int64(place), CALIBRATION_POINTS - 2)
    rest = place - below
    return float(curve[below]) * (1.0 - rest) + float(curve[below + 1]) * rest


@kernel
def _say(verdict: Any, app: int, kind: int, confidence: float, decided_by: int, packet: int) -> None:
    verdict["app"] = app
    verdict["kind"] = kind
    verdict["confidence"] = confidence
    verdict["decided_by"] = decided_by
    verdict["decided_at_packet"] = packet
    verdict["candidates"] = app_bit(app)


@kernel
def is_call_class(rules: Any, c: int) -> Any:
    """Whether a class is part of a call."""
    kind = int64(rules.kind[c])
    return kind == _MEDIA or kind == _SIGNALLING


@kernel
def app_probability(rules: Any, probabilities: Any, app: int) -> float:
    """Return the probability of an application: of its media and its signalling together."""
    total = 0.0
    for c in range(probabilities.shape[0]):
        if is_call_class(rules, c) and int64(rules.app[c]) == app:
            total += probabilities[c]
    return total


@kernel
def likeliest_call(rules: Any, probabilities: Any) -> int:
    """Return the likeliest class of the likeliest application, -1 when no class is a call."""
    best = -1
    best_app = 0.0
    for c in range(probabilities.shape[0]):
        if not is_call_class(rules, c):
            continue
        this_app = app_probability(rules, probabilities, int64(rules.app[c]))
        if best < 0 or this_app > best_app or (this_app == best_app and probabilities[c] > probabilities[best]):
            best = c
            best_app = this_app
    return best


@kernel
def _judge_call(rules: Any, probabilities: Any, best: int, calls: float, verdict: Any, packet: int) -> None:
    """Name the call whose likeliest class is ``best``, or say that it has no clear owner."""
    candidates = np.uint64(0)
    media = 0.0
    for c in range(probabilities.shape[0]):
        if not is_call_class(rules, c):
            continue
        if int64(rules.kind[c]) == _MEDIA:
            media += probabilities[c]
        if probabilities[c] >= rules.possible[c] * calls:
            candidates |= app_bit(int64(rules.app[c])) | app_bit(int64(rules.also[c]))
    held = app_probability(rules, probabilities, int64(rules.app[best]))
    if held >= rules.share[best] * calls:
        confidence = calibrated(rules.calibration[best], held)
        _say(verdict, int64(rules.app[best]), int64(rules.kind[best]), confidence, _MODEL, packet)
        candidates |= app_bit(int64(rules.also[best]))
    else:
        confidence = calibrated(rules.calibration[probabilities.shape[0]], calls)
        is_media = 2.0 * media >= calls
        _say(verdict, _RTP if is_media else _WEBRTC, _MEDIA if is_media else _SIGNALLING, confidence, _MODEL, packet)
    verdict["candidates"] |= candidates


@kernel
def judge_row(rules: Any, probabilities: Any, verdict: Any, packet: int) -> None:
    """Fill one verdict from one row of class probabilities.

    Parameters
    ----------
    rules : Rules
    probabilities : float32[classes]
    verdict : VERDICT record, overwritten
    packet : packets of the flow, recorded as the place of the decision
    """
    best_call = likeliest_call(rules, probabilities)
    best_other = -1
    calls = 0.0
    for c in range(probabilities.shape[0]):
        if is_call_class(rules, c):
            calls += probabilities[c]
        elif best_other < 0 or probabilities[c] > probabilities[best_other]:
            best_other = c
    if best_call >= 0 and calls >= rules.gate[best_call]:
        _judge_call(rules, probabilities, best_call, calls, verdict, packet)
    elif best_other >= 0 and probabilities[best_other] >= rules.gate[best_other]:
        confidence = calibrated(rules.calibration[best_other], probabilities[best_other])
        _say(verdict, int64(rules.app[best_other]), int64(rules.kind[best_other]), confidence, _MODEL, packet)
    else:
        _say(verdict, _UNKNOWN, _KIND_UNKNOWN, 0.0, _NOTHING, 0)


@kernel
def is_name(app: int) -> Any:
    """Whether an App is an application's own name."""
    return app != _UNKNOWN and app != _OTHER and app != _RTP and app != _WEBRTC


@kernel
def _prefer_resolved(flow: Any, verdict: Any) -> None:
    """Of look-alikes the model cannot part, take the one whose name had been resolved to the address.

    What the model calls a call of nobody's is none where the name belongs to what only looks like one (a game played
    from afar).
    """
    resolved = int64(flow["resolved_app"])
    if resolved == _UNKNOWN or resolved == int64(verdict["app"]):
        return
    kind = int64(verdict["kind"])
    if kind != _MEDIA and kind != _SIGNALLING:
        return
    if resolved == _OTHER:
        if not is_name(int64(verdict["app"])):
            _say(verdict, _OTHER, _NOT_VOIP, verdict["confidence"], _MODEL, int64(verdict["decided_at_packet"]))
    elif verdict["candidates"] & app_bit(resolved):
        verdict["app"] = resolved


@kernel
def _prefer_of_its_time(rules: Any, flow: Any, verdict: Any) -> None:
    """Say the look-alike that the bundle prefers: an archive's Skype is no Teams. A resolved name goes before it."""
    app = int64(verdict["app"])
    preferred = int64(rules.prefer[app]) if app < rules.prefer.shape[0] else _UNKNOWN
    if preferred != _UNKNOWN and int64(flow["resolved_app"]) != app and verdict["candidates"] & app_bit(preferred):
        verdict["app"] = preferred


@kernel
def _say_evidence(rules: Any, flow: Any, verdict: Any) -> None:
    confidence = rules.evidence[min(int64(flow["strength"]), 2)]
    _say(verdict, int64(flow["app"]), int64(flow["kind"]), confidence, _EVIDENCE, int64(flow["decided_at_packet"]))
    verdict["candidates"] |= app_bit(int64(flow["also"]))


@kernel
def _say_correlation(rules: Any, flow: Any, verdict: Any, packet: int) -> None:
    """Take the name from another flow of the socket or host; ``verdict`` holds what the model says of this one.

    A few packets that nobody answers and that show nothing of a call themselves are the application's other traffic:
    it probes every address its peer may have.
    """
    is_media = verdict["kind"] == _MEDIA or flow["kind"] == _MEDIA
    is_media = is_media or flow["stream_packets"][0] + flow["stream_packets"][1] >= STREAM_PACKETS
    is_call = is_media or verdict["kind"] == _SIGNALLING or flow["kind"] == _SIGNALLING
    is_answered = flow["packets"][0] > 0 and flow["packets"][1] > 0
    kind = _MEDIA if is_media else _SIGNALLING
    if not is_call and not is_answered and packet < PROBE_PACKETS:
        kind = _MESSAGING
    link = min(int64(flow["link"]), SOCKET)
    _say(verdict, int64(flow["linked_app"]), kind, rules.evidence[TRUST_LINK + link], _CORRELATION, packet)
    verdict["candidates"] |= app_bit(int64(flow["linked_also"]))


@kernel
def judge_flow(rules: Any, flow: Any, probabilities: Any, verdict: Any) -> None:
    """Fill the verdict of one FLOW record; ``probabilities[flow["features_row"]]`` are its own.

    An application's own evidence decides; else that of another flow of the same socket; else, for what RTP, WebRTC or
    the model shows to be a call, that of another flow of the same host; else the model, and evidence of RTP or WebRTC
    where the model has no name for it.
    """
    app = int64(flow["app"])
    if app != _UNKNOWN and app != _RTP and app != _WEBRTC:
        _say_evidence(rules, flow, verdict)
        _prefer_of_its_time(rules, flow, verdict)
        return
    row = int64(flow["features_row"])
    packet = int64(flow["packets"][0]) + int64(flow["packets"][1])
    if 0 <= row < probabilities.shape[0]:
        judge_row(rules, probabilities[row], verdict, packet)
        _prefer_resolved(flow, verdict)
    else:
        _say(verdict, _UNKNOWN, _KIND_UNKNOWN, 0.0, _NOTHING, 0)
    said = int64(verdict["kind"])
    is_call = app != _UNKNOWN or said == _MEDIA or said == _SIGNALLING
    if flow["link"] == SOCKET or (flow["link"] == HOST and is_call):
        _say_correlation(rules, flow, verdict, packet)
    elif app != _UNKNOWN and not is_name(int64(verdict["app"])):
        _say_evidence(rules, flow, verdict)
    _prefer_of_its_time(rules, flow, verdict)


@entry
def judge_flows(rules: Any, flows: Any, probabilities: Any, verdicts: Any) -> None:
    """Fill verdicts from class probabilities made elsewhere: held-out scoring uses it; see `classify_flows`."""
    for i in range(flows.shape[0]):
        judge_flow(rules, flows[i], probabilities, verdicts[i])


@entry
def classify_flows(forest: Any, rules: Any, flows: Any, X: Any, probabilities: Any, verdicts: Any) -> None:
    """Fill a verdict for every flow.

    Parameters
    ----------
    forest, rules : Forest, Rules
    flows : FLOW[n]
    X : float32[m, features]; ``flows["features_row"]`` points into it, -1 for none
    probabilities : float32[m, classes], scratch
    verdicts : VERDICT[n], overwritten

    Notes
    -----
    A flow without a feature row costs some nanoseconds: a flood of single packets must not be slowed by its label.
    """
    fill_probabilities(forest, X, probabilities)
    for i in range(flows.shape[0]):
        judge_flow(rules, flows[i], probabilities, verdicts[i])
