"""Host module: records of calls of which no media was seen: attempts, and SIP dialogs that speak for themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flowclass.calls.dialog import Dialog
from flowclass.calls.ends import address, text_of
from flowclass.calls.figures import NOTHING_MEASURED
from flowclass.calls.leg import Span
from flowclass.calls.outcome import Verdict, ended_by, outcome_of_attempt, outcome_of_dialog
from flowclass.calls.quality import NO_QUALITY
from flowclass.calls.record import MAX_FLOWS, SCHEMA_VERSION, Call, EndedBy
from flowclass.calls.scene import Scene
from flowclass.calls.signalling import Signalling
from flowclass.calls.ties import ADDRESS
from flowclass.calls.traits import NO_ACCESS, access_network, app_names, evidence
from flowclass.record.verdict import APP_NAMES, App

NS_PER_S = 1_000_000_000
#: Messages this close to the first or last packet of the capture were cut off there: WhatsApp pings a relay every 3 s
#: (FACTS §1.3).
CUT_ATTEMPT_NS = 5 * NS_PER_S


def attempt_record(units: Sequence[Signalling], scene: Scene, end_ns: int | None) -> Call:
    """Return the record of a call that never had media."""
    first, last = min(one.first_ns for one in units), max(one.last_ns for one in units)
    cut_start, cut_end = scene.cuts((first, last), end_ns, CUT_ATTEMPT_NS)
    ended = ended_by([one.end for one in units], last, cut_end=cut_end)
    verdict = outcome_of_attempt(units, ended, cut_start=cut_start, both_ways=scene.both_ways)
    apps: Counter[int] = Counter()
    candidates = 0
    for one in units:
        apps.update(one.apps)
        candidates |= one.candidates
    app = min(apps, key=lambda app: (-apps[app], app))
    flows = sorted({flow for one in units for flow in one.flow_ids})
    speaks = min((one for one in units if one.apps), key=lambda one: (one.first_ns, text_of(one.host[ADDRESS])))
    return _without_media(
        scene,
        (first, last),
        (cut_start, cut_end),
        verdict,
        ended,
        call_id=f"{flows[0][1]:016x}",
        app=APP_NAMES[app],
        candidates=app_names(candidates),
        client=text_of(speaks.host[ADDRESS]),
        network=scene.network_name(speaks.network),
        ring_s=None if cut_start else round((last - first) / NS_PER_S, 6),
        access_hint=access_network(max(one.cost[0] for one in units)),
        access_hint_peer=access_network(max(one.cost[1] for one in units)),
        flows=[f"{flow:016x}" for _, flow in flows][:MAX_FLOWS],
        confidence=round(max(one.confidence for one in units), 4),
        reasons=[*evidence(one.reasons for one in units), *verdict.reasons],
    )


def dialog_record(dialog: Dialog, scene: Scene, end_ns: int | None) -> Call:
    """Return the record of a SIP call of which no media was seen."""
    when = dialog.first_ns, max(dialog.last_ns, dialog.ended_ns)
    is_near, cut_end = scene.cuts(when, end_ns, CUT_ATTEMPT_NS)
    cut_start, cut_end = dialog.begins_before(is_near=is_near), cut_end and not dialog.ended_ns
    ended = EndedBy.BYE if dialog.ended_ns else EndedBy.CAPTURE if cut_end else EndedBy.SILENCE
    verdict = outcome_of_dialog(dialog, both_ways=scene.both_ways, cut_end=cut_end)
    until = dialog.answered_ns or dialog.ended_ns or dialog.last_ns
    flows = sorted(dialog.flow_ids)
    return _without_media(
        scene,
        when,
        (cut_start, cut_end),
        verdict,
        ended,
        # Several calls go through one SIP flow: the dialog tells them apart.
        call_id=f"{flows[0] ^ dialog.number:016x}",
        app=APP_NAMES[App.SIP],
        candidates=[APP_NAMES[App.SIP]],
        client=str(address(*dialog.caller)),
        network=scene.network_name(0),
        ring_s=round(max(0, until - dialog.ringing_ns) / NS_PER_S, 6) if dialog.ringing_ns else None,
        access_hint=NO_ACCESS,
        access_hint_peer=NO_ACCESS,
        flows=[f"{flow:016x}" for flow in flows][:MAX_FLOWS],
        confidence=1.0,
        reasons=["sip.message", *verdict.reasons],
    )


def _without_media(
    scene: Scene, when: Span, cuts: tuple[bool, bool], verdict: Verdict, ended: EndedBy, **values: Any
) -> Call:
    """Return a record of a call whose media was not there."""
    return Call(
        schema=SCHEMA_VERSION,
        capture=scene.name,
        start=when[0] / NS_PER_S,
        setup_s=None,
        talk_start=None,
        end=when[1] / NS_PER_S,
        talk_s=0.0,
        outcome=str(verdict.outcome),
        ended_by=str(ended),
        cut_start=cuts[0],
        cut_end=cuts[1],
        group="",
        media="",
        media_up="",
        media_down="",
        path="",
        media_flows=0,
        packets_up=0,
        packets_down=0,
        bytes_up=0,
        bytes_down=0,
        bytes_relay=None,
        bytes_p2p=None,
        **NO_QUALITY,
        **NOTHING_MEASURED,
        streams=[],
        **values,
    )
