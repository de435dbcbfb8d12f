"""Host module: what an application file declares, and helpers for its declarations.

An application is one module of ``flowclass.apps``. It declares

``APP``
    an `Application`: label, doc, host-name suffixes.
``LISTENS``
    the MessageKinds its ``observe`` wants to see.
``REASONS``
    a tuple of `Reason`; the position of a Reason is its bit in ``state["reasons"]``.
``STATE``
    Fields of its own per-flow memory (may be empty); a ``reasons`` bit set is put in front of them. Keep it small:
    it sits in every live flow.
``observe(data, pkt, msg, direction, state) -> int``
    a kernel: looks at one packet of a flow whose verdict is open and returns the bits of the Reasons it shows
    (0 most of the time), whether or not they were set before; the fused kernel notes them in ``state["reasons"]``.
    It reads ``data`` only within the packet's payload.
``HABITS``
    optional: a tuple of `flowclass.apps.habit.Habit`, what the application's RTP streams look like.
``CONTROLS``
    optional: a tuple of `flowclass.apps.habit.Control`, what its RTCP looks like.

``flowclass.apps.fuse`` writes ``_fused.py`` from the modules named in ``flowclass.apps.catalog``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowclass.record.message import StunAttribute
from flowclass.record.verdict import App, Kind, Strength

#: Bits of ``state["reasons"]``.
MAX_REASONS = 32


@dataclass(frozen=True)
class Reason:
    """A piece of evidence that an application leaves in its packets.

    Attributes
    ----------
    name : stable, lower-case, hyphenated; unique within the application
    strength : how far it carries
    kind : what a flow showing it is for; CALL_SIGNALLING also for relays that later carry media
    meaning : a sentence for people
    source : RFC section, capture or fact sheet it rests on
    false_alarms : flows of other applications on which it fired in the corpus (``python -m bench.reasons``)
    app : label it speaks for when that differs from the application's own
    also : a look-alike that leaves the same evidence; both are candidates then
    """

    name: str
    strength: Strength
    kind: Kind
    meaning: str
    source: str
    false_alarms: int = 0
    app: App | None = None
    also: App | None = None


@dataclass(frozen=True)
class Application:
    """An application's identity.

    ``names`` are host-name suffixes ("whatsapp.net") whose appearance in SNI, DNS or a DTLS certificate is evidence of
    the application; ``certificates`` are common names of such certificates that are no host names.
    """

    label: App
    doc: str
    names: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()


def bits(reasons: Sequence[Reason]) -> tuple[int, ...]:
    """Return the bit of each Reason, in order, to give them names in the kernel."""
    if len(reasons) > MAX_REASONS:
        raise ValueError(f"{len(reasons)} reasons do not fit {MAX_REASONS} bits")
    return tuple(1 << position for position in range(len(reasons)))


def decisive(reasons: Sequence[Reason]) -> int:
    """Return the bits of the Reasons that may decide: STRONG and CERTAIN."""
    return sum(1 << position for position, reason in enumerate(reasons) if reason.strength >= Strength.STRONG)


def mask(*attributes: StunAttribute) -> int:
    """Return the bit set of some STUN attributes."""
    return sum(1 << int(attribute) for attribute in attributes)
