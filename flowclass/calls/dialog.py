"""Host module: Dialogs, what SIP messages say of calls: when they rang, who ended them, by which codecs and where
their media went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowclass.calls.ties import SOCKET, Tie, tie
from flowclass.flow.sdp import CODECS, FIRST_DYNAMIC
from flowclass.flow.sipevents import Method, ToTag

NS_PER_S = 1_000_000_000
#: Dialogs remembered at once; beyond it new ones are shed, and counted.
MAX_DIALOGS = 65_536
#: Media sockets remembered of one dialog: two parties, two media, a change of each.
MAX_SOCKETS = 16
#: A dialog is over when nothing was heard of it for this long: transaction timers of RFC 3261 §17 end within 32 s, a
#: phone rings for three minutes at most (§16.6, timer C).
SILENT_NS = 180 * NS_PER_S
#: Answers that ask the caller to try again with a password: no end (RFC 3261 §22).
CHALLENGES = frozenset({401, 407})
RINGING = (180, 199)
FIRST_FINAL, FIRST_REFUSAL = 200, 300


@dataclass(eq=False, slots=True)
class Dialog:
    """One INVITE and what came of it; times in ns, 0 for never.

    Attributes
    ----------
    caller : words of the address of the sender of the first INVITE seen
    to_tag : of that INVITE, a ToTag: whether it began the dialog, or changed one that went on
    sockets : where SDP said that media would be received, by the address it names and by its sender's, as ties
    code : final refusal, 0 for none
    given_up_ns, bye_ns : CANCEL or the refusal, and BYE
    requests : INVITEs seen, repeats included
    has_replies : whether anything answered
    is_used : whether media of it was seen
    codecs : by payload type, as SDP named it first
    """

    number: int
    caller: tuple[int, int]
    first_ns: int
    last_ns: int
    to_tag: int = ToTag.UNSEEN
    ringing_ns: int = 0
    answered_ns: int = 0
    given_up_ns: int = 0
    bye_ns: int = 0
    code: int = 0
    requests: int = 0
    has_replies: bool = False
    is_used: bool = False
    flow_ids: set[int] = field(default_factory=set)
    sockets: set[Tie] = field(default_factory=set)
    codecs: dict[int, str] = field(default_factory=dict)

    @property
    def ended_ns(self) -> int:
        """When it ended: once one branch of it has answered, nothing but BYE ends a call (RFC 3261 §13.2.2.4, §15)."""
        return self.bye_ns or (0 if self.answered_ns else self.given_up_ns)

    @property
    def conversation_ns(self) -> int:
        """Since when its media is a conversation: what comes before the answer is the network's (RFC 3960).

        0 where that cannot be told.
        """
        return self.answered_ns if self.to_tag == ToTag.NONE else 0

    @property
    def refused_ns(self) -> int:
        """When it was given up, or refused, before anybody answered; 0 where it was not."""
        return 0 if self.answered_ns or self.bye_ns else self.given_up_ns

    def begins_before(self, *, is_near: bool) -> bool:
        """Whether the capture began inside the call; ``is_near`` says whether it began shortly before what is seen."""
        return is_near if self.to_tag == ToTag.UNSEEN else self.to_tag == ToTag.THERE


def _earlier(one_ns: int, other_ns: int) -> int:
    """Return the earlier of two times, of which the first may be 0 for never."""
    return min(one_ns, other_ns) if one_ns else other_ns


class Dialogs:
    """SIP dialogs that are going on or have ended just now.

    Attributes
    ----------
    shed : dialogs that found no room
    """

    def __init__(self) -> None:
        self._by_number: dict[int, Dialog] = {}
        self._by_socket: dict[Tie, list[Dialog]] = {}
        self.shed = 0

    def __len__(self) -> int:
        return len(self._by_number)

    def add(self, events: Any) -> None:
        """Take SIP_EVENT[n]: of one worker in the order in which they were seen, of several in any."""
        names = (
            "dialog",
            "flow_id",
            "ts_ns",
            "src_hi",
            "src_lo",
            "media_hi",
            "media_lo",
            "ports",
            "code",
            "method",
            "to_tag",
            "is_rest",
            "codecs",
        )
        columns = [events[name].tolist() for name in names]
        for (
            number,
            flow,
            ts_ns,
            src_hi,
            src_lo,
            media_hi,
            media_lo,
            ports,
            code,
            method,
            to_tag,
            is_rest,
            codecs,
        ) in zip(*columns, strict=True):
            dialog = self._by_number.get(number)
            if dialog is None:
                if method != Method.INVITE or code:
                    continue
                if len(self._by_number) >= MAX_DIALOGS:
                    self.shed += 1
                    continue
                dialog = self._by_number[number] = Dialog(number, (src_hi, src_lo), ts_ns, ts_ns, to_tag)
            if method == Method.INVITE and not code and ts_ns < dialog.first_ns:
                # Another worker saw the call on its way to the proxy.
                dialog.first_ns, dialog.caller, dialog.to_tag = ts_ns, (src_hi, src_lo), to_tag
            dialog.last_ns = max(dialog.last_ns, ts_ns)
            dialog.flow_ids.add(flow)
            for place in [place for place, codec in enumerate(codecs) if codec] if any(codecs) else ():
                dialog.codecs.setdefault(FIRST_DYNAMIC + place, CODECS[codecs[place] - 1])
            if not is_rest:
                self._note(dialog, method, code, to_tag, ts_ns)
            for port in ports:
                if port and len(dialog.sockets) < MAX_SOCKETS:
                    told = (media_hi, media_lo) if media_hi or media_lo else (src_hi, src_lo)
                    both = {tie(SOCKET, port, *told), tie(SOCKET, port, src_hi, src_lo)}
                    for socket in both - dialog.sockets:
                        dialog.sockets.add(socket)
                        self._by_socket.setdefault(socket, []).append(dialog)

    @staticmethod
    def _note(dialog: Dialog, method: int, code: int, to_tag: int, ts_ns: int) -> None:
        """Follow what one message changes: the earliest of its sort counts."""
        if code:
            dialog.has_replies = True
        if method == Method.INVITE and not code:
            dialog.requests += 1
            if to_tag == ToTag.THERE and not dialog.answered_ns:
                # Whoever changes a call has been talking: it was answered, and the probe has not seen when.
                dialog.answered_ns = dialog.ringing_ns or dialog.first_ns
            if 0 < dialog.given_up_ns < ts_ns and not dialog.answered_ns:
                # Tried again: elsewhere, or as the refusal has asked for (RFC 3261 §8.1.3.4, RFC 4028 §7.3).
                dialog.code = dialog.given_up_ns = dialog.ringing_ns = 0
        elif method == Method.INVITE and not 0 < dialog.answered_ns <= ts_ns:
            if RINGING[0] <= code <= RINGING[1]:
                dialog.ringing_ns = _earlier(dialog.ringing_ns, ts_ns)
            elif FIRST_FINAL <= code < FIRST_REFUSAL:
                dialog.answered_ns = ts_ns
            elif code >= FIRST_REFUSAL and code not in CHALLENGES:
                dialog.code, dialog.given_up_ns = code, _earlier(dialog.given_up_ns, ts_ns)
        elif method == Method.CANCEL and not code:
            dialog.given_up_ns = _earlier(dialog.given_up_ns, ts_ns)
        elif method == Method.BYE and not code:
            dialog.bye_ns = _earlier(dialog.bye_ns, ts_ns)

    def at(self, sockets: Sequence[Tie], when: tuple[int, int]) -> Dialog | None:
        """Return, and mark as used, the dialog whose media went between sockets, one of which it named."""
        dialog = self.find(sockets, when[0]) or self.find(sockets, when[1])
        if dialog is not None:
            dialog.is_used = True
        return dialog

    def find(self, sockets: Sequence[Tie], at_ns: int) -> Dialog | None:
        """Return the latest dialog begun at a time that named one of the sockets, the first of them that any named."""
        for socket in sockets:
            begun = [dialog for dialog in self._by_socket.get(socket, ()) if dialog.first_ns <= at_ns]
            if begun:
                return max(begun, key=lambda dialog: (dialog.first_ns, dialog.number))
        return None

    def only(self, sockets: Sequence[Tie]) -> Dialog | None:
        """Return the dialog that named some of the sockets, None where none has or several have."""
        if self._by_socket.keys().isdisjoint(sockets):
            return None
        found = {dialog for socket in sockets for dialog in self._by_socket.get(socket, ())}
        return found.pop() if len(found) == 1 else None

    def knows(self, sockets: Sequence[Tie]) -> bool:
        """Whether a dialog has named one of the sockets."""
        return not self._by_socket.keys().isdisjoint(sockets)

    def get(self, number: int) -> Dialog | None:
        """Return a dialog by the hash of its Call-ID."""
        return self._by_number.get(number)

    def over(self, now_ns: int, talk_ns: int) -> Iterator[Dialog]:
        """Yield dialogs without media that are over at ``now_ns``.

        Nothing is said in a dialog while people talk, and their media is told of after ``talk_ns`` at the latest.
        """
        for dialog in self.unused():
            is_talking = dialog.answered_ns and not dialog.ended_ns
            wait_ns = max(SILENT_NS, talk_ns) if is_talking else SILENT_NS
            if dialog.last_ns + wait_ns <= now_ns:
                yield dialog

    def unused(self) -> list[Dialog]:
        """Return the dialogs of which no media was seen."""
        return [dialog for dialog in self._by_number.values() if not dialog.is_used]

    def remove(self, dialog: Dialog) -> None:
        """Forget a dialog."""
        self._by_number.pop(dialog.number, None)
        for socket in dialog.sockets:
            named = self._by_socket.get(socket, [])
            if dialog in named:
                named.remove(dialog)
                if not named:
                    del self._by_socket[socket]
