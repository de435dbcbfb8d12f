"""Kernel module: the closed vocabularies of a verdict: App, Kind, DecidedBy, Link, EndMark, Strength.

Values are stable: they are written into records, metrics and model bundles by name, and into arrays by number.
"""

from __future__ import annotations

from enum import IntEnum


class App(IntEnum):
    """Whose traffic a flow is (schema version 1). RTP and WEBRTC: media of no nameable application."""

    UNKNOWN = 0  #: nobody can say
    OTHER = 1  #: surely, or most probably, not an application that calls
    SKYPE = 2
    TEAMS = 3
    WHATSAPP = 4
    VIBER = 5
    TELEGRAM = 6
    SIGNAL = 7
    MESSENGER = 8
    ZOOM = 9
    MEET = 10
    DISCORD = 11
    LINE = 12
    KAKAOTALK = 13
    IMO = 14
    SNAPCHAT = 15
    FACETIME = 16
    WECHAT = 17
    WEBEX = 18
    SIP = 19
    WEBRTC = 20
    RTP = 21
    WIREGUARD = 22
    OPENVPN = 23
    IPSEC = 24
    L2TP = 25
    PPTP = 26
    ANYCONNECT = 27
    TAILSCALE = 28
    SOFTETHER = 29


class Kind(IntEnum):
    """What a flow is for."""

    UNKNOWN = 0
    CALL_MEDIA = 1
    CALL_SIGNALLING = 2
    MESSAGING = 3  #: chat, files, presence, the application's other traffic
    TUNNEL = 4
    NOT_VOIP = 5


class DecidedBy(IntEnum):
    """What a verdict rests on."""

    NOTHING = 0
    EVIDENCE = 1
    MODEL = 2
    CORRELATION = 3


class Link(IntEnum):
    """What a flow shares with the one whose evidence names it."""

    NONE = 0
    HOST = 1  #: an address
    SOCKET = 2  #: an address and a UDP port


class EndMark(IntEnum):
    """A message that says that a call, or a relay of it, is over; the higher carries further."""

    NONE = 0
    RELEASE = 1  #: TURN Refresh with lifetime 0: that relay is no longer wanted
    GOODBYE = 2  #: RTCP BYE: a source of the call falls silent for good (RFC 3550 §6.6)
    TERMINATE = 3  #: the application's own: WhatsApp type 0x0800, Viber type 05


class Strength(IntEnum):
    """How far a Reason carries. CERTAIN decides alone; STRONG decides when no other application has as much;
    WEAK never decides and is a feature for the model."""

    WEAK = 0
    STRONG = 1
    CERTAIN = 2


APP_NAMES = tuple(app.name.lower() for app in App)
KIND_NAMES = tuple(kind.name.lower().replace("_", "-") for kind in Kind)
DECIDED_BY_NAMES = tuple(way.name.lower() for way in DecidedBy)
