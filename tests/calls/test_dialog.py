"""SIP dialogs: what they say of calls with media, and calls of which no media was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from flowclass.calls.assembler import Assembler
from flowclass.calls.joining import MAX_LEGS
from flowclass.calls.record import Call
from flowclass.flow.record import FLOW, MEDIA
from flowclass.flow.sdp import CODECS, FIRST_DYNAMIC
from flowclass.flow.sipevents import SIP_EVENT, Method, ToTag
from flowclass.model.verdict import VERDICT
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import App, Kind
from tests.calls.flows import CLIENT, PEER, RELAY, Rows, S, assembler_of, drained, flow

TWO_WAY = flow(0, 900, app=App.OTHER, kind=Kind.NOT_VOIP, sent=(9, 9), sport=9)
INVITE, RINGING, OK = (0.0, Method.INVITE, 0), (1.0, Method.INVITE, 180), (5.0, Method.INVITE, 200)
Said = tuple[float, Method, int]


def events(
    said: Sequence[Said], *, dialog: int = 7, ports: tuple[int, int] = (20000, 0), at_s: float = 100
) -> np.ndarray:
    """Return SIP_EVENT rows: (seconds after ``at_s``, method, status) each; requests are the caller's."""
    rows = np.zeros(len(said), SIP_EVENT)
    for row, (after, method, code) in zip(rows, said, strict=True):
        row["dialog"], row["flow_id"], row["ts_ns"] = dialog, 0xF10, int((at_s + after) * S)
        row["src_lo"] = IPV4_MAPPED | (PEER if code else CLIENT)
        row["method"], row["code"] = method, code
        if method == Method.INVITE and code in (0, 200):
            row["ports"] = ports if not code else (30000, 0)
    return rows


def calls(said: np.ndarray, *flows: Rows, end_s: float = 10_000) -> list[Call]:
    """Return the calls of some messages and flows."""
    assembler: Assembler = assembler_of([TWO_WAY])
    assembler.add(np.zeros(0, FLOW), np.zeros(0, VERDICT), np.zeros(0, MEDIA), said)
    for one in flows:
        assembler.add(*one)
    return drained(assembler, end_s)


def media(**more: int) -> Rows:
    """Return the RTP of the dialog above."""
    return flow(105, 165, app=App.RTP, dst=PEER, **{"sport": 20000, "dport": 30000, **more})


def test_streams_have_the_codec_that_sdp_gave_their_payload_type() -> None:
    said = events([INVITE, RINGING, OK])
    said["codecs"][0, 98 - FIRST_DYNAMIC] = CODECS.index("iLBC") + 1
    said["codecs"][2, 98 - FIRST_DYNAMIC] = CODECS.index("AMR") + 1
    flows, verdicts, streams = media()
    streams["payload_type"] = 98
    (call,) = calls(said, (flows, verdicts, streams))
    assert {stream["codec_guess"] for stream in call.streams} == {"iLBC"}


@pytest.mark.parametrize(
    ("said", "outcome", "ended_by"),
    [
        ([INVITE, RINGING, (4, Method.INVITE, 486)], "declined-or-missed", "bye"),
        ([INVITE, RINGING, (61, Method.CANCEL, 0), (61.1, Method.INVITE, 487)], "unanswered", "bye"),
        ([INVITE, RINGING, (9, Method.CANCEL, 0), (9.1, Method.INVITE, 487)], "declined-or-missed", "bye"),
        ([INVITE, (0.1, Method.INVITE, 404)], "failed-setup", "bye"),
        ([INVITE, (0.5, Method.INVITE, 0), (1.5, Method.INVITE, 0)], "failed-setup", "silence"),
        ([INVITE, (0.1, Method.INVITE, 401), (0.2, Method.INVITE, 0), RINGING, OK], "answered", "silence"),
        ([INVITE, RINGING], "unknown", "silence"),
    ],
)
def test_dialog_without_media_is_a_call(said: list[Said], outcome: str, ended_by: str) -> None:
    (call,) = calls(events(said))
    assert (call.app, call.client, call.outcome, call.ended_by) == ("sip", "10.0.0.1", outcome, ended_by)
    assert (call.talk_s, call.media_flows) == (0, 0)


@pytest.mark.parametrize(
    ("to_tag", "cut_start", "setup_s"),
    [(ToTag.UNSEEN, True, None), (ToTag.NONE, False, 0.5), (ToTag.THERE, True, None)],
)
def test_invite_tells_whether_the_capture_began_inside_the_call(
    to_tag: ToTag, cut_start: bool, setup_s: float | None
) -> None:
    said = events([INVITE, (0.1, Method.INVITE, 180), (0.4, Method.INVITE, 200)], at_s=0)
    said["to_tag"][0] = to_tag
    (call,) = calls(said, flow(0.5, 60, app=App.RTP, dst=PEER, sport=20000, dport=30000))
    assert (call.cut_start, call.setup_s) == (cut_start, setup_s)


@pytest.mark.parametrize("code", [200, 488, 491])
def test_change_of_a_call_that_went_on_is_no_attempt(code: int) -> None:
    said = events([(0, Method.INVITE, 0), (0.2, Method.INVITE, code), (60, Method.BYE, 0)])
    said["to_tag"][0] = ToTag.THERE
    (call,) = calls(said)
    assert (call.outcome, call.ended_by, call.cut_start, call.ring_s) == ("answered", "bye", True, None)


def begun(said: Sequence[Said], **more: int) -> np.ndarray:
    """Return the events of a dialog whose first INVITE has no tag in its To."""
    rows = events(said, **more)
    rows["to_tag"] = np.where((rows["method"] == Method.INVITE) & (rows["code"] == 0), ToTag.NONE, ToTag.UNSEEN)
    return rows


@pytest.mark.parametrize(
    ("end", "outcome", "ring_s"),
    [
        ([(70, Method.INVITE, 486)], "unanswered", 69),
        ([(20, Method.INVITE, 486)], "declined-or-missed", 19),
        ([(20, Method.CANCEL, 0), (20.1, Method.INVITE, 487)], "declined-or-missed", 19),
        ([(20, Method.INVITE, 404)], "failed-setup", 19),
    ],
)
@pytest.mark.parametrize("sent", [(100, 100), (0, 100)], ids=["both ways", "tone"])
def test_media_before_an_answer_that_never_came_is_no_conversation(
    sent: tuple[int, int], end: list[Said], outcome: str, ring_s: float
) -> None:
    tone = flow(101, 119, app=App.RTP, dst=PEER, sport=20000, dport=30000, sent=sent)
    (call,) = calls(begun([INVITE, RINGING, *end]), tone)
    assert (call.outcome, call.ring_s, call.talk_s, call.talk_start) == (outcome, ring_s, 0, None)


def test_media_that_goes_on_after_a_refusal_is_a_conversation() -> None:
    (call,) = calls(begun([INVITE, RINGING, (7, Method.INVITE, 486)]), media())
    assert (call.outcome, call.talk_s) == ("answered", 60)


def test_refusal_of_a_change_says_that_the_call_was_answered() -> None:
    said = begun([INVITE, RINGING, (60, Method.INVITE, 0), (60.1, Method.INVITE, 488), (65.5, Method.BYE, 0)])
    said["to_tag"][2] = ToTag.THERE
    (call,) = calls(said, media())
    assert (call.outcome, call.talk_s, call.cut_start) == ("answered", 60, False)


def test_conversation_begins_with_the_answer() -> None:
    (call,) = calls(begun([INVITE, RINGING, (20, Method.INVITE, 200), (65.5, Method.BYE, 0)]), media())
    assert (call.outcome, call.talk_start, call.talk_s, call.setup_s, call.ring_s) == ("answered", 120, 45, 20, 19)


def test_refusal_that_is_tried_again_is_not_the_end() -> None:
    said = [INVITE, (0.1, Method.INVITE, 302), (0.2, Method.INVITE, 0), (1, Method.INVITE, 180), (60, Method.CANCEL, 0)]
    (call,) = calls(begun(said))
    assert (call.outcome, call.ring_s) == ("unanswered", 59)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([INVITE, RINGING, (2, Method.INVITE, 486), OK], id="one branch is busy"),
        pytest.param(
            [INVITE, RINGING, (4.9, Method.CANCEL, 0), OK, (5.1, Method.INVITE, 487)], id="a branch is cancelled"
        ),
        pytest.param([INVITE, OK, (20, Method.CANCEL, 0), (20.1, Method.INVITE, 487)], id="a change is cancelled"),
    ],
)
def test_once_answered_only_bye_ends_a_call(said: list[Said]) -> None:
    (call,) = calls(begun(said), media(), end_s=165)
    assert (call.outcome, call.ended_by, call.cut_end) == ("answered", "capture", True)
    (call,) = calls(begun([*said, (65.5, Method.BYE, 0)]), media(), end_s=165)
    assert (call.outcome, call.ended_by, call.cut_end) == ("answered", "bye", False)


def test_answered_call_with_little_media_is_answered() -> None:
    brief = flow(105, 105.8, app=App.RTP, dst=PEER, sport=20000, dport=30000, sent=(40, 40), expected=(40, 40))
    (call,) = calls(begun([INVITE, OK, (6, Method.BYE, 0)]), brief)
    assert (call.outcome, call.reasons[-2:]) == ("answered", ["outcome.sip-answered", "outcome.little-media"])


def test_call_on_hold_is_one_call() -> None:
    said = begun([INVITE, OK, (65, Method.INVITE, 0), (65.1, Method.INVITE, 200), (250, Method.INVITE, 0)])
    assembler = assembler_of([])
    nothing = np.zeros(0, FLOW), np.zeros(0, VERDICT), np.zeros(0, MEDIA)
    assembler.add(*nothing, said)
    assembler.add(*media())
    assert not assembler.sweep(400 * S)
    assembler.add(*nothing, begun([(290, Method.BYE, 0)]))
    assert not assembler.sweep(420 * S)
    assembler.add(*flow(350, 390, app=App.RTP, dst=PEER, sport=20000, dport=30000))
    (call,) = assembler.sweep(1000 * S)
    assert (call.start, call.end, call.ended_by, call.media_flows) == (100, 390, "bye", 2)


def test_dialog_takes_no_more_flows_than_a_call_may_have() -> None:
    flows = [media(dport=30000 + 2 * n, flow_id=n + 1) for n in range(MAX_LEGS + 8)]
    assert max(call.media_flows for call in calls(events([INVITE, OK]), *flows)) == MAX_LEGS


def test_messages_that_are_no_invite_are_no_call() -> None:
    assert calls(events([(0, Method.OTHER, 0), (1, Method.OTHER, 200), (2, Method.BYE, 0)])) == []


def test_dialog_names_its_media_and_times_the_ringing() -> None:
    (call,) = calls(events([INVITE, RINGING, OK, (65.5, Method.BYE, 0)]), media())
    assert (call.app, call.start, call.ring_s, call.talk_s, call.ended_by) == ("sip", 100, 4, 60, "bye")
    assert call.setup_s == 5


def test_audio_and_video_of_a_dialog_are_one_call() -> None:
    said = events([INVITE, RINGING, OK], ports=(20000, 20002))
    (call,) = calls(said, media(), media(sport=20002, dport=30002, clock_hz=90_000))
    assert (call.media_flows, call.media) == (2, "audio+video")


def test_dialogs_of_one_trunk_are_calls_of_their_own() -> None:
    said = np.concatenate([events([INVITE, RINGING, OK], dialog=n, ports=(20000 + 2 * n, 0)) for n in range(4)])
    said["ports"][said["code"] == 200] = 0
    found = calls(said, *(media(sport=20000 + 2 * n, dport=30000 + 2 * n) for n in range(4)))
    assert [call.media_flows for call in found] == [1] * 4
    assert len({call.call_id for call in found}) == 4


def test_dialog_waits_for_media_while_people_talk() -> None:
    assembler = assembler_of([])
    assembler.add(np.zeros(0, FLOW), np.zeros(0, VERDICT), np.zeros(0, MEDIA), events([INVITE, RINGING, OK]))
    assert not assembler.sweep(400 * S)
    assembler.add(*media())
    # No BYE was seen: it may be on hold.
    assert not assembler.sweep(500 * S)
    assert [call.app for call in assembler.sweep(700 * S)] == ["sip"]


def test_dialog_is_told_when_it_is_over() -> None:
    assembler = assembler_of([])
    said = events([INVITE, RINGING, (4, Method.INVITE, 486)])
    assembler.add(np.zeros(0, FLOW), np.zeros(0, VERDICT), np.zeros(0, MEDIA), said)
    assert not assembler.sweep(200 * S)
    assert [call.outcome for call in assembler.sweep(300 * S)] == ["declined-or-missed"]


def test_rest_of_a_message_names_sockets_and_is_no_message_of_its_own() -> None:
    said = events([INVITE, (0.0, Method.INVITE, 0), RINGING, OK], ports=(0, 0))
    said["is_rest"][1], said["ports"][1] = 1, (20000, 0)
    said["ports"][3] = 0
    (call,) = calls(said, media())
    assert (call.app, call.ring_s, call.media_flows) == ("sip", 4, 1)
    unanswered = events([INVITE, (0.0, Method.INVITE, 0)])
    unanswered["is_rest"][1] = 1
    (call,) = calls(unanswered)
    assert call.outcome == calls(events([INVITE]))[0].outcome


def test_legs_of_a_proxied_call_may_come_in_any_order() -> None:
    near = events([INVITE, (1.1, Method.INVITE, 180), (5.1, Method.INVITE, 200), (65.5, Method.BYE, 0)])
    far = events([(0.1, Method.INVITE, 0), RINGING, OK, (65.6, Method.BYE, 0)])
    far["src_lo"][far["code"] == 0] = IPV4_MAPPED | RELAY
    in_time = np.sort(np.concatenate([near, far]), order="ts_ns")
    told = [calls(rows) for rows in (in_time, np.concatenate([near, far]), np.concatenate([far, near]))]
    assert told[0] == told[1] == told[2]
    assert [(call.client, call.start, call.ring_s) for call in told[0]] == [("10.0.0.1", 100, 4)]
