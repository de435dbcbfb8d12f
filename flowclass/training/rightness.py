"""Host module: when a verdict on a labelled flow is right, and when it gives it another application's name."""

from __future__ import annotations

import numpy as np

from flowclass.model.labels import Label
from flowclass.record.verdict import App, Kind
from flowclass.training.classes import MICROSOFT

#: Names of media that no application can be read from; right for SIP's media too (corpus README).
NAMELESS = (App.RTP, App.WEBRTC)
#: Look-alikes beside Skype and Teams: right under either name when both are candidates (FACTS §1.4).
PAIRS = {App.WHATSAPP: App.MESSENGER, App.MESSENGER: App.WHATSAPP}


def _as_one(apps: np.ndarray) -> np.ndarray:
    """Return apps with Skype written as Teams: their media are one stack."""
    return np.where(np.isin(apps, [int(one) for one in MICROSOFT]), int(App.TEAMS), apps)


def right_of(label: Label, app: np.ndarray, kind: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return which verdicts on flows of one label name the right application.

    The kind is another question: the first packets of a relay are signalling to anybody. A flow that is no call is
    right when it is not said to be part of one.
    """
    if not label.is_call:
        return ~is_call(kind)
    said = _as_one(app)
    right = said == int(_as_one(np.array([label.app]))[0])
    pair = label.also or PAIRS.get(label.app)
    if pair:
        bits = (1 << int(label.app)) | (1 << int(pair))
        right |= (app == int(pair)) & ((candidates & np.uint64(bits)) == bits)
    if label.app in (App.SIP, App.RTP) and label.kind == Kind.CALL_MEDIA:
        right |= np.isin(app, [int(one) for one in (*NAMELESS, App.SIP)])
    return np.asarray(right)


def is_call(kind: np.ndarray) -> np.ndarray:
    """Return which kinds are part of a call."""
    return np.asarray((kind == int(Kind.CALL_MEDIA)) | (kind == int(Kind.CALL_SIGNALLING)))


def is_wrong_name(right: np.ndarray, app: np.ndarray) -> np.ndarray:
    """Return which verdicts give a call another application's name."""
    said_none = np.isin(app, [int(one) for one in (App.UNKNOWN, App.OTHER, *NAMELESS)])
    return np.asarray(~right & ~said_none)
