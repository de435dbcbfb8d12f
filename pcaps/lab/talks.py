"""Host module: what the laboratory records, each a Talk: who talks, for how long, and what its flows are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pcaps.lab import other, sip, webrtc
from pcaps.lab.net import Wire
from pcaps.lab.vpn import INNER_FAR, INNER_NEAR, OpenVpn, openvpn, wireguard

#: (application, kind) as ``pcaps/labels.csv`` names them.
Label = tuple[str, str]
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
    labels: dict[tuple[int, int], Label]
    programs: tuple[str, ...] = ()
    snap_bytes: int = 0
    voice: bool | None = None


TCP, UDP = 6, 17
SNAP = 80


def _sip(codec: str) -> Talk:
    labels = {(UDP, sip.SIP_PORT): ("sip", "call-signalling"), (UDP, 0): ("sip", "call-media")}
    return Talk(lambda wire: sip.call(wire.near, wire.far, codec, CALL_S), labels, ("baresip",))


def _webrtc(media: str, *, relayed: bool = False) -> Talk:
    programs = ("turnserver", "nft") if relayed else ()
    labels = {(UDP, 0): ("webrtc", "call-media")}
    return Talk(lambda wire: webrtc.call(wire, CALL_S, media, relayed=relayed), labels, programs)


def _call_inside(lay: Callable[[Wire], None], label: Label, port: int, programs: tuple[str, ...], proto: int) -> Talk:
    def play(wire: Wire) -> None:
        lay(wire)
        sip.call(wire.near, wire.far, "gsm", TUNNEL_CALL_S, INNER_NEAR, INNER_FAR)

    return Talk(play, {(proto, port): label}, ("baresip", *programs), SNAP, voice=True)


def _download_inside(lay: Callable[[Wire], None], label: Label, port: int, programs: tuple[str, ...]) -> Talk:
    def play(wire: Wire) -> None:
        lay(wire)
        other.download(wire, INNER_FAR)

    return Talk(play, {(UDP, port): label}, ("curl", *programs), SNAP, voice=False)


WIREGUARD, OPENVPN = ("wireguard", "tunnel"), ("openvpn", "tunnel")
WG_PROGRAMS, OVPN_PROGRAMS = ("wireguard-go", "wg"), ("openvpn", "openssl")
#: Ports that are another service's, so that no port can help.
WG_PORT, OVPN_PORT = 3478, 443

MUMBLE: dict[tuple[int, int], Label] = {(TCP, other.MUMBLE_PORT): ("mumble", NOT_VOIP)}
BITTORRENT: dict[tuple[int, int], Label] = {(UDP, other.TORRENT_PORT): ("bittorrent", NOT_VOIP)}

TALKS: dict[str, Talk] = {
    **{f"sip-{codec}": _sip(codec) for codec in sip.CODECS},
    "webrtc-audio": _webrtc("audio"),
    "webrtc-video": _webrtc("video"),
    "webrtc-turn": _webrtc("audio", relayed=True),
    "mumble": Talk(partial(other.mumble, seconds=CALL_S), MUMBLE, ("murmurd",)),
    "iperf3-udp": Talk(
        lambda wire: other.iperf(wire, CALL_S, *other.STEADY),
        {(UDP, other.IPERF_PORT): ("iperf3", NOT_VOIP), (TCP, other.IPERF_PORT): ("iperf3", NOT_VOIP)},
        ("iperf3",),
    ),
    "bittorrent-utp": Talk(partial(other.utp, seconds=CALL_S), BITTORRENT, snap_bytes=96),
    "http3": Talk(other.http3, {(UDP, other.HTTPS_PORT): ("http3", NOT_VOIP)}, ("openssl",), 256),
    "wireguard-call": _call_inside(partial(wireguard, port=WG_PORT), WIREGUARD, WG_PORT, WG_PROGRAMS, UDP),
    "wireguard-download": _download_inside(partial(wireguard, port=WG_PORT), WIREGUARD, WG_PORT, WG_PROGRAMS),
    "openvpn-call": _call_inside(
        partial(openvpn, setup=OpenVpn(port=OVPN_PORT, wrap="tls-crypt")), OPENVPN, OVPN_PORT, OVPN_PROGRAMS, UDP
    ),
    "openvpn-download": _download_inside(
        partial(openvpn, setup=OpenVpn(port=OVPN_PORT, wrap="tls-auth")), OPENVPN, OVPN_PORT, OVPN_PROGRAMS
    ),
    "openvpn-tcp-call": _call_inside(
        partial(openvpn, setup=OpenVpn("tcp", OVPN_PORT, "tls-crypt")), OPENVPN, OVPN_PORT, OVPN_PROGRAMS, TCP
    ),
}
