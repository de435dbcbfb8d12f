"""Host module: how a call went and what ended it, as far as its traffic tells (FACTS §3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flowclass.calls.dialog import Dialog
from flowclass.calls.leg import Leg, Span
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


def ended_by(marks: Iterable[tuple[int, int]], end_ns: int, *, cut_end: bool) -> EndedBy:
    """Return what showed the end of a call whose last packet came at ``end_ns``.

    Parameters
    ----------
    marks : (EndMark, ns) of its flows
    """
    # A relay released, or a source that said goodbye, while other media went on is not the end.
    timely = [mark for mark, at in marks if mark and at >= end_ns - END_SLACK_NS]
    if not timely:
        return EndedBy.CAPTURE if cut_end else EndedBy.SILENCE
    best = max(timely)
    if best == EndMark.TERMINATE:
        return EndedBy.TERMINATE
    if best == EndMark.GOODBYE:
        return EndedBy.BYE
    if best == EndMark.RELEASE:
        return EndedBy.RELEASE
    return EndedBy.CAPTURE if cut_end else EndedBy.SILENCE


def outcome_of_media(
    up: Span | None, down: Span | None, talk: Span | None, ended: EndedBy, legs: Sequence[Leg]
) -> Verdict:
    """Return the outcome of a call with media each way for the spans given."""
    if up is not None and down is not None and talk is not None and talk[1] - talk[0] >= TALK_LEAST_NS:
        if ended == EndedBy.SILENCE and abs(up[1] - down[1]) >= DROP_NS and _goes_on_alone(legs, up[1] > down[1]):
            return Verdict(Outcome.DROPPED, ("outcome.media-both-ways", "outcome.one-side-went-on"))
        return Verdict(Outcome.ANSWERED, ("outcome.media-both-ways",))
    one = up or down
    if one is not None and (up is None or down is None) and one[1] - one[0] >= ONE_WAY_LEAST_NS:
        return Verdict(Outcome.ONE_WAY, ("outcome.media-up-only" if down is None else "outcome.media-down-only",))
    return Verdict(Outcome.UNKNOWN, ("outcome.little-media",))


def _goes_on_alone(legs: Sequence[Leg], upward: bool) -> bool:
    """Whether the last leg kept up the rate of media this way, in a call of an application that says when it ends."""
    last = max(legs, key=lambda leg: (leg.last_ns, leg.flow_id))
    way = last.media[0 if upward else 1]
    if way is None or App(last.app) not in SAYS_END:
        return False
    return last.packets[0 if upward else 1] * NS_PER_S >= DROP_LEAST_RATE * (way[1] - way[0])


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
