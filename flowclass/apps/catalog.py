"""Host module: the list of applications, in order of precedence.

Where two applications leave evidence of the same strength on one flow the earlier decides: named applications first,
then SIP, tunnels, WebRTC of no nameable application, what is surely no call, and last RTP that nothing else explains.
The order of look-alikes matters only where their evidence is common, and then ``Reason.also`` names the other.
"""

from __future__ import annotations

#: Modules of ``flowclass.apps``; the position is the index of the application's word in FLOW["reasons"].
MODULES: tuple[str, ...] = (
    "skype",
    "teams",
    "messenger",
    "whatsapp",
    "viber",
    "telegram",
    "signal",
    "zoom",
    "discord",
    "meet",
    "line",
    "kakaotalk",
    "imo",
    "snapchat",
    "webex",
    "wechat",
    "facetime",
    "sip",
    "tunnels",
    "webrtc",
    "services",
    "other",
    "other_stream",
    "rtp",
)
