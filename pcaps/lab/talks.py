"""Host module: what the laboratory records, each a Talk: who talks, for how long, and what its flows are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pcaps.lab import other, sip, webrtc
from pcaps.lab.anyconnect import anyconnect
from pcaps.lab.ipsec import CHARON, ipsec
from pcaps.lab.net import Wire
from pcaps.lab.vpn import INNER_FAR, INNER_NEAR, L2TP_PORT, OpenVpn, l2tp, openvpn, wireguard

#: (application, kind) as ``pcaps/labels.csv`` names them.
Label = tuple[str, str]
Labels = dict[tuple[int, int], Label]
NOT_VOIP = "not-voip"
CALL_S = 3.0
#: ``voice_like_s`` needs most of ten seconds.
TUNNEL_CALL_S = 13.0


@dataclass(frozen=True)
class Talk:
    """One recording.

    Attributes
    ----------
    play : lets software talk over a wire
    labels : what flows are by (protocol, a port of either end); 0 for any other port
    programs : what must be installed
    snap_bytes : frames are cut to this, 0 for whole ones
    voice : whether a tunnel carries speech: None where there is no tunnel
    """

    play: Callable[[Wire], None]
    labels: Labels
    programs: tuple[str, ...] = ()
    snap_bytes: int = 0
    voice: bool | None = None


TCP, UDP = 6, 17
#: Bytes of a frame that say all but contents, and those that a DTLS hello's session takes more.
SNAP, HELLO_SNAP = 80, 108


def _sip(codec: str) -> Talk:
    labels: Labels = {(UDP, sip.SIP_PORT): ("sip", "call-signalling"), (UDP, 0): ("sip", "call-media")}
    return Talk(lambda wire: sip.call(wire.near, wire.far, codec, CALL_S), labels, ("baresip",))


def _webrtc(media: str, *, relayed: bool = False) -> Talk:
    programs = ("turnserver", "nft") if relayed else ()
    labels: Labels = {(UDP, 0): ("webrtc", "call-media")}
    return Talk(lambda wire: webrtc.call(wire, CALL_S, media, relayed=relayed), labels, programs)


def _call_inside(lay: Callable[[Wire], None], labels: Labels, programs: tuple[str, ...]) -> Talk:
    def play(wire: Wire) -> None:
        lay(wire)
        sip.call(wire.near, wire.far, "gsm", TUNNEL_CALL_S, INNER_NEAR, INNER_FAR)

    return Talk(play, labels, ("baresip", *programs), SNAP, voice=True)


def _openvpn(proto: str, wrap: str) -> Callable[[Wire], None]:
    return partial(openvpn, setup=OpenVpn(proto, OVPN_PORT, wrap))


def _anyconnect(wire: Wire) -> None:
    sip.call(wire.near, wire.far, "gsm", TUNNEL_CALL_S, *anyconnect(wire))


def _download_inside(lay: Callable[[Wire], None], labels: Labels, programs: tuple[str, ...]) -> Talk:
    def play(wire: Wire) -> None:
        lay(wire)
        other.download(wire, INNER_FAR)

    return Talk(play, labels, ("curl", *programs), SNAP, voice=False)


WG_PROGRAMS, OVPN_PROGRAMS, IKE_PROGRAMS = ("wireguard-go", "wg"), ("openvpn", "openssl"), (CHARON, "swanctl")
OC_PROGRAMS = ("ocserv", "ocpasswd", "openconnect", "openssl", "baresip")
#: Ports that are another service's, so that no port can help.
WG_PORT, OVPN_PORT = 3478, 443

MUMBLE: Labels = {(TCP, other.MUMBLE_PORT): ("mumble", NOT_VOIP)}
IPERF: Labels = {(proto, other.IPERF_PORT): ("iperf3", NOT_VOIP) for proto in (TCP, UDP)}
BITTORRENT: Labels = {(UDP, other.TORRENT_PORT): ("bittorrent", NOT_VOIP)}
HTTP3: Labels = {(UDP, other.HTTPS_PORT): ("http3", NOT_VOIP)}
WIREGUARD: Labels = {(UDP, WG_PORT): ("wireguard", "tunnel")}
OPENVPN: Labels = {(proto, OVPN_PORT): ("openvpn", "tunnel") for proto in (TCP, UDP)}
L2TP: Labels = {(UDP, L2TP_PORT): ("l2tp", "tunnel")}
#: A tunnel too, but nothing in it says so: calling it none is all that can be asked.
SHADOWSOCKS: Labels = {(TCP, other.SHADOWSOCKS_PORT): ("shadowsocks", NOT_VOIP)}
IPSEC: Labels = {(UDP, port): ("ipsec", "tunnel") for port in (500, 4500)}
#: Its control connection is TLS like any other.
ANYCONNECT: Labels = {(UDP, 443): ("anyconnect", "tunnel"), (TCP, 443): ("anyconnect", NOT_VOIP)}

WG = partial(wireguard, port=WG_PORT)

TALKS: dict[str, Talk] = {
    **{f"sip-{codec}": _sip(codec) for codec in sip.CODECS},
    "webrtc-audio": _webrtc("audio"),
    "webrtc-video": _webrtc("video"),
    "webrtc-turn": _webrtc("audio", relayed=True),
    "mumble": Talk(partial(other.mumble, seconds=CALL_S), MUMBLE, ("murmurd",)),
    "iperf3-udp": Talk(lambda wire: other.iperf(wire, CALL_S, *other.STEADY), IPERF, ("iperf3",)),
    "bittorrent-utp": Talk(partial(other.utp, seconds=CALL_S), BITTORRENT, snap_bytes=96),
    "http3": Talk(other.http3, HTTP3, ("openssl",), 256),
    "wireguard-call": _call_inside(WG, WIREGUARD, WG_PROGRAMS),
    "wireguard-download": _download_inside(WG, WIREGUARD, WG_PROGRAMS),
    "openvpn-call": _call_inside(_openvpn("udp", "tls-crypt"), OPENVPN, OVPN_PROGRAMS),
    "openvpn-download": _download_inside(_openvpn("udp", "tls-auth"), OPENVPN, OVPN_PROGRAMS),
    "openvpn-tcp-call": _call_inside(_openvpn("tcp", "tls-crypt"), OPENVPN, OVPN_PROGRAMS),
    "l2tp": Talk(partial(l2tp, seconds=CALL_S), L2TP, ("xl2tpd",), voice=False),
    "shadowsocks": Talk(other.shadowsocks, SHADOWSOCKS, ("ss-server", "ss-local", "curl"), SNAP),
    "ipsec-call": _call_inside(ipsec, IPSEC, IKE_PROGRAMS),
    "anyconnect-call": Talk(_anyconnect, ANYCONNECT, OC_PROGRAMS, HELLO_SNAP, voice=True),
}
