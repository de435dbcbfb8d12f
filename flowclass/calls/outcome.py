"""Host module: how a call went and what ended it, as far as its traffic tells (FACTS §3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowclass.calls.columns import Runs
from flowclass.calls.dialog import Dialog
from flowclass.calls.endedcall import EndedCalls
from flowclass.calls.record import EndedBy, Outcome
from flowclass.calls.signalling import Signalling
from flowclass.record.verdict import App, EndMark

NS_PER_S = 1_000_000_000
#: Both ways at least this long: a call that was answered.
TALK_LEAST_NS = NS_PER_S
#: One way for at least this long, and never the other (FACTS §3.2).
ONE_WAY_LEAST_NS = 5 * NS_PER_S
#: An attempt that rang for this long was left ringing: the apps give up after 45 to 60 s (FACTS §3.2).
RANG_OUT_NS = 40 * NS_PER_S
#: One side sends for this long to a peer that has fallen silent before it gives up: media time-outs are 5 to 10 s.
DROP_NS = 5 * NS_PER_S
#: Packets a second that such a side sends at least; fewer are keepalives.
DROP_LEAST_RATE = 5
#: Applications whose calls end by a message that the probe can read; without one the call broke off.
SAYS_END = frozenset({App.WHATSAPP, App.MESSENGER, App.VIBER, App.SIGNAL, App.TELEGRAM})
#: Final answers of SIP: nobody took it in time; the callee, or the caller, did not want it (RFC 3261 §21.4, §21.6).
REQUEST_TIMEOUT = 408
GIVEN_UP = frozenset({480, 486, 487, 600, 603})
#: A message that ends the call comes this long before the last media packet at most: packets on their way.
END_SLACK_NS = 2 * NS_PER_S


class Verdict(NamedTuple):
    """An outcome, and what it rests on as ``outcome.reason``."""

    outcome: Outcome
    reasons: tuple[str, ...]


#: Outcomes of calls with media, by number.
_OF_MEDIA = (
    Verdict(Outcome.UNKNOWN, ("outcome.little-media",)),
    Verdict(Outcome.ONE_WAY, ("outcome.media-up-only",)),
    Verdict(Outcome.ONE_WAY, ("outcome.media-down-only",)),
    Verdict(Outcome.ANSWERED, ("outcome.media-both-ways",)),
    Verdict(Outcome.DROPPED, ("outcome.media-both-ways", "outcome.one-side-went-on")),
)
_LITTLE, _UP_ONLY, _DOWN_ONLY, _ANSWERED, _DROPPED = range(len(_OF_MEDIA))
_SAYS_END = np.isin(range(len(App)), list(SAYS_END))


def ended_by(marks: Iterable[tuple[int, int]], end_ns: int, *, cut_end: bool) -> EndedBy:
    """Return what showed the end of a call whose last packet came at ``end_ns``.

    Parameters
    ----------
    marks : (EndMark, ns) of its flows
    """
    # A relay released, or a source that said goodbye, while other media went on is not the end.
    return end_of(max([mark for mark, at in marks if at >= end_ns - END_SLACK_NS], default=0), cut_end=cut_end)


def end_of(mark: int, *, cut_end: bool) -> EndedBy:
    """Return what an EndMark says of the end of a call, or its absence."""
    return _MARKED.get(mark, EndedBy.CAPTURE if cut_end else EndedBy.SILENCE)


_MARKED: dict[int, EndedBy] = {
    EndMark.TERMINATE: EndedBy.TERMINATE,
    EndMark.GOODBYE: EndedBy.BYE,
    EndMark.RELEASE: EndedBy.RELEASE,
}


def outcomes_of_media(calls: EndedCalls, is_silence: Any) -> list[Verdict]:
    """Return the outcomes of calls with media.

    Parameters
    ----------
    is_silence : bool[calls]: whether nothing but silence ended them
    """
    first, last = calls.first_ns, calls.last_ns
    has_media = first <= last
    talk_first, talk_last = calls.talk_ns
    is_answered = has_media.all(axis=1) & (talk_last - talk_first >= TALK_LEAST_NS)
    alone_ns = last[:, 0] - last[:, 1]
    may_be_dropped = is_answered & is_silence & (np.abs(alone_ns) >= DROP_NS)
    is_dropped = may_be_dropped & _goes_on_alone(calls.legs, calls.of, np.where(alone_ns > 0, 0, 1))
    is_long = (last - first >= ONE_WAY_LEAST_NS) & has_media
    only_up, only_down = is_long[:, 0] & ~has_media[:, 1], is_long[:, 1] & ~has_media[:, 0]
    numbers = np.select(
        [is_dropped, is_answered, only_up, only_down], [_DROPPED, _ANSWERED, _UP_ONLY, _DOWN_ONLY], _LITTLE
    )
    return [_OF_MEDIA[number] for number in numbers.tolist()]


def _goes_on_alone(legs: Any, of: Runs, way: Any) -> Any:
    """Return bool[calls]: whether the last leg kept up the rate of media this way, in a call that would say its end.

    Parameters
    ----------
    way : int64[calls], 0 for up
    """
    order = np.lexsort((legs["flow_id"], legs["last_ns"], of.owner))
    last = legs[order[of.begins + of.counts - 1]]
    each = np.arange(len(last))
    first_ns, last_ns, packets = (last[name][each, way] for name in ("media_first_ns", "media_last_ns", "packets"))
    # Without media this way the first comes after the last (NEVER), whose difference may not be taken.
    has_media = first_ns <= last_ns
    length_ns = np.where(has_media, last_ns, 0) - np.where(has_media, first_ns, 0)
    return has_media & _SAYS_END[last["app"]] & (packets * NS_PER_S >= DROP_LEAST_RATE * length_ns)


def outcome_of_dialog(dialog: Dialog, *, both_ways: bool, cut_end: bool) -> Verdict:
    """Return the outcome of a SIP call of which no media was seen, by what the messages said (RFC 3261 §21)."""
    if dialog.answered_ns:
        return Verdict(Outcome.ANSWERED, ("outcome.sip-answered", "outcome.no-media"))
    if not dialog.has_replies:
        if both_ways and dialog.requests > 1:
            return Verdict(Outcome.FAILED_SETUP, ("outcome.sip-no-reply",))
        return Verdict(Outcome.UNKNOWN, ("outcome.sip-no-reply",))
    rang = dialog.ringing_ns and (dialog.ended_ns or dialog.last_ns) - dialog.ringing_ns >= RANG_OUT_NS
    if rang or dialog.code == REQUEST_TIMEOUT:
        return Verdict(Outcome.UNANSWERED, ("outcome.sip-refused" if dialog.code else "outcome.rang-out",))
    if dialog.code in GIVEN_UP or (dialog.ended_ns and not dialog.code):
        return Verdict(Outcome.DECLINED_OR_MISSED, ("outcome.given-up",))
    if dialog.code:
        return Verdict(Outcome.FAILED_SETUP, ("outcome.sip-refused",))
    return Verdict(Outcome.UNKNOWN, ("outcome.cut-off" if cut_end else "outcome.sip-no-final-reply",))


def outcome_with_dialog(verdict: Verdict, dialog: Dialog, *, is_refused: bool) -> Verdict:
    """Return the outcome of a call with media, ``verdict`` by that alone, of which SIP tells, too."""
    if is_refused:
        # Tones and announcements come before the answer (RFC 3960).
        return outcome_of_dialog(dialog, both_ways=True, cut_end=False)
    if verdict is _OF_MEDIA[_LITTLE] and dialog.answered_ns:
        return Verdict(Outcome.ANSWERED, ("outcome.sip-answered", *verdict.reasons))
    return verdict


def outcome_of_attempt(units: Sequence[Signalling], ended: EndedBy, *, cut_start: bool, both_ways: bool) -> Verdict:
    """Return the outcome of a call without media.

    Unanswered checks to peers are normal and say nothing; relays that were asked and never answered do, where the
    capture shows the way back at all.
    """
    servers = [answered for one in units for answered in one.servers.values()]
    if not servers:
        return Verdict(Outcome.UNKNOWN, ("outcome.no-relay-seen",))
    if not any(servers):
        if both_ways:
            return Verdict(Outcome.FAILED_SETUP, ("outcome.no-relay-answered",))
        return Verdict(Outcome.UNKNOWN, ("outcome.one-direction-seen",))
    rang_ns = max(one.last_ns for one in units) - min(one.first_ns for one in units)
    reasons = ("outcome.relay-answered", "outcome.no-media")
    if rang_ns >= RANG_OUT_NS:
        return Verdict(Outcome.UNANSWERED, (*reasons, "outcome.rang-out"))
    if cut_start or ended == EndedBy.CAPTURE:
        return Verdict(Outcome.UNKNOWN, (*reasons, "outcome.cut-off"))
    return Verdict(Outcome.DECLINED_OR_MISSED, (*reasons, "outcome.given-up"))
