"""Host module: the classes a model tells apart, written ``app:kind`` or ``app+lookalike:kind``.

``teams+skype:call-media`` is one class whose members cannot be told apart by their packets: a flow of it takes the
first name as ``app`` and lists both as candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowclass.errors import ModelError
from flowclass.record.verdict import APP_NAMES, KIND_NAMES, App, Kind


@dataclass(frozen=True)
class Label:
    """One class: ``app``, the look-alike ``also`` (UNKNOWN for none) and ``kind``."""

    app: App
    kind: Kind
    also: App = App.UNKNOWN

    def __str__(self) -> str:
        also = f"+{APP_NAMES[self.also]}" if self.also else ""
        return f"{APP_NAMES[self.app]}{also}:{KIND_NAMES[self.kind]}"

    @property
    def is_call(self) -> bool:
        """Whether the flow belongs to a call."""
        return self.kind in (Kind.CALL_MEDIA, Kind.CALL_SIGNALLING)


#: Everything that is no call.
OTHER = Label(App.OTHER, Kind.NOT_VOIP)
#: Media and signalling of applications that have too few captures for a class of their own.
POOLED_MEDIA = Label(App.RTP, Kind.CALL_MEDIA)
POOLED_SIGNALLING = Label(App.WEBRTC, Kind.CALL_SIGNALLING)


def parse_label(text: str) -> Label:
    """Return the Label of ``app:kind`` or ``app+lookalike:kind``.

    Raises
    ------
    ModelError
        For a name that is not in the vocabulary of ``flowclass.record.verdict``.

    Examples
    --------
    >>> str(parse_label("teams+skype:call-media"))
    'teams+skype:call-media'
    """
    apps, _, kind = text.partition(":")
    app, _, also = apps.partition("+")
    if app not in APP_NAMES or kind not in KIND_NAMES or (also and also not in APP_NAMES):
        raise ModelError(f"the model speaks of {text!r}, which this version does not know as app:kind")
    return Label(App(APP_NAMES.index(app)), Kind(KIND_NAMES.index(kind)), App(APP_NAMES.index(also or "unknown")))
