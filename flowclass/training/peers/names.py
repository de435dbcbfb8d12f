"""Host module: what nDPI's names mean in our vocabulary; NFStream carries nDPI and uses the same names.

A name is ``master.sub`` (``STUN.WhatsAppCall``) or one part alone. The reading favours the peer: either part may be
the right one, an application's name counts whether it speaks of calls or of chat, and look-alikes that we must list
together are right under either name.
"""

from __future__ import annotations

from flowclass.model.labels import Label
from flowclass.record.verdict import App, Kind
from flowclass.training.classes import MICROSOFT
from flowclass.training.rightness import NAMELESS, PAIRS

#: Parts of nDPI's names (4.2 to 5.0, lower case, without ``_``) to applications of ours.
APPS: dict[str, tuple[App, ...]] = {
    **dict.fromkeys(("skypeteams", "skypeteamscall", "msteams", "teams", "teamscall"), MICROSOFT),
    **dict.fromkeys(("skype", "skypecall"), MICROSOFT),
    **dict.fromkeys(("whatsapp", "whatsappcall", "whatsappfiles"), (App.WHATSAPP,)),
    **dict.fromkeys(("viber", "vibercall"), (App.VIBER,)),
    **dict.fromkeys(("telegram", "telegramvoip"), (App.TELEGRAM,)),
    **dict.fromkeys(("signal", "signalvoip", "signalcall"), (App.SIGNAL,)),
    **dict.fromkeys(("messenger", "facebookmessenger", "facebookvoip"), (App.MESSENGER,)),
    **dict.fromkeys(("zoom",), (App.ZOOM,)),
    **dict.fromkeys(
        ("googlemeet", "googlehangout", "googlehangoutduo", "hangoutduo", "googleduo", "googlecall"), (App.MEET,)
    ),
    **dict.fromkeys(("discord",), (App.DISCORD,)),
    **dict.fromkeys(("line", "linecall"), (App.LINE,)),
    **dict.fromkeys(("kakaotalk", "kakaotalkvoice"), (App.KAKAOTALK,)),
    **dict.fromkeys(("imo",), (App.IMO,)),
    **dict.fromkeys(("snapchat", "snapchatcall"), (App.SNAPCHAT,)),
    **dict.fromkeys(("applefacetime", "facetime"), (App.FACETIME,)),
    **dict.fromkeys(("wechat",), (App.WECHAT,)),
    **dict.fromkeys(("webex",), (App.WEBEX,)),
    **dict.fromkeys(("sip", "h323", "mgcp", "megaco", "skinny", "ciscoskinny", "iax"), (App.SIP,)),
    **dict.fromkeys(("rtp", "srtp", "rtcp"), (App.RTP,)),
    **dict.fromkeys(("wireguard",), (App.WIREGUARD,)),
    **dict.fromkeys(("openvpn",), (App.OPENVPN,)),
    **dict.fromkeys(("ipsec",), (App.IPSEC,)),
    **dict.fromkeys(("l2tp",), (App.L2TP,)),
    **dict.fromkeys(("pptp",), (App.PPTP,)),
    **dict.fromkeys(("ciscovpn", "anyconnect"), (App.ANYCONNECT,)),
    **dict.fromkeys(("tailscale",), (App.TAILSCALE,)),
    **dict.fromkeys(("softether",), (App.SOFTETHER,)),
}
#: Names that say "a call" of flows which are none: those of calls and their media, not of an application's chat.
CALLS = frozenset(
    (
        "skypeteamscall",
        "teamscall",
        "skypecall",
        "whatsappcall",
        "vibercall",
        "telegramvoip",
        "signalvoip",
        "signalcall",
        "facebookvoip",
        "googlemeet",
        "googlehangout",
        "googlehangoutduo",
        "hangoutduo",
        "googleduo",
        "googlecall",
        "linecall",
        "kakaotalkvoice",
        "snapchatcall",
        "applefacetime",
        "facetime",
        "sip",
        "rtp",
        "srtp",
        "rtcp",
    )
)


def parts_of(name: str) -> list[str]:
    """Return the parts of a name as the tables above spell them."""
    return [part.lower().replace("_", "") for part in name.split(".")]


def apps_of(name: str) -> set[App]:
    """Return the applications that a name speaks of; empty for a carrier (TLS, STUN, QUIC) or anything else.

    Examples
    --------
    >>> apps_of("STUN.WhatsAppCall") == {App.WHATSAPP}
    True
    >>> apps_of("TLS")
    set()
    """
    return {app for part in parts_of(name) for app in APPS.get(part, ())}


def says_call(name: str) -> bool:
    """Return whether a name says that the flow is part of a call."""
    return any(part in CALLS for part in parts_of(name))


def right_apps(label: Label) -> set[App]:
    """Return every application under which a flow of this label counts as right for a peer."""
    right = {label.app, label.also, PAIRS.get(label.app, label.app)} - {App.UNKNOWN}
    if right & set(MICROSOFT):
        right |= set(MICROSOFT)
    if label.app in (App.SIP, App.RTP) and label.kind == Kind.CALL_MEDIA:
        right |= {App.SIP, *NAMELESS}
    return right


def is_right(name: str, label: Label) -> bool:
    """Return whether a peer's name is right for a call flow of this label."""
    return bool(apps_of(name) & right_apps(label))


def is_wrong(name: str, label: Label) -> bool:
    """Return whether a peer gives a call another application's name; RTP, STUN, TLS or Unknown is no name."""
    named = apps_of(name) - set(NAMELESS)
    return bool(named) and not is_right(name, label)
