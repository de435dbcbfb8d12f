"""Host module: the two ends of flows: their addresses as text, which is the client's, whether the other is a relay.

The first packet does not tell: in a capture that begins inside a call it is the relay's as often as not.
"""

from __future__ import annotations

import ipaddress
from socket import inet_ntoa
from typing import Any

import numpy as np

from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import App

#: Well-known relay and server ports of calls (FACTS §1): STUN/TURN, HTTPS, WhatsApp, Google, SIP.
SERVER_PORTS = frozenset({80, 443, 1400, 3478, 3479, 3480, 3481, 5060, 5061, 5222, 19302, 19305, 40003, 50318, 7985})
#: Applications whose media always goes through servers of theirs (FACTS §1.8, §1.10, §1.15).
SERVED = frozenset({App.DISCORD, App.MEET, App.SNAPCHAT, App.KAKAOTALK, App.WEBEX})
_TURN = frozenset({80, 443, 3478, 3479, 3480, 3481})
#: Ports on which the relays of the others listen (FACTS §1.2-1.9); media to any other port goes to the peer.
RELAY_PORTS = {
    App.TEAMS: _TURN,
    App.SKYPE: _TURN,
    App.WHATSAPP: _TURN,
    App.MESSENGER: _TURN | {40003},
    App.SIGNAL: _TURN,
    App.VIBER: _TURN | {5243, 7985, 7987, 9785},
    App.TELEGRAM: frozenset(range(500, 601)) | {1400},
    App.ZOOM: frozenset(range(8801, 8811)),
}
#: Networks that are not of the public Internet (IANA's registries of special-purpose addresses, RFC 6890), and those
#: between customers and their carrier's NAT (RFC 6598), where mobile clients are.
PRIVATE = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/29",
    "192.0.0.170/31",
    "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
    "::/127", "100::/64", "2001::/23", "2001:db8::/32", "fc00::/7", "fe80::/10",
)  # fmt: skip
LOW_WORD = (1 << 64) - 1
IPV4_BITS, IPV4_BYTES, IPV6_BITS = 32, 4, 128
PORTS = 1 << 16
#: Which end of a flow is the client's, by number.
SOURCE, TARGET, NOBODY_KNOWS = 0, 1, -1

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(hi: int, lo: int) -> Address:
    """Return an address from the two words of a flow's key."""
    if hi == 0 and lo & ~0xFFFFFFFF == IPV4_MAPPED:
        return ipaddress.IPv4Address(lo & 0xFFFFFFFF)
    return ipaddress.IPv6Address(hi << 64 | lo)


def text_of(words: bytes) -> str:
    """Return an address as text from its bytes in a host or a tie: two words, each little-endian."""
    return str(address(int.from_bytes(words[:8], "little"), int.from_bytes(words[8:], "little")))


def is_mapped(hi: Any, lo: Any) -> Any:
    """Return bool[n]: which addresses, uint64[n] of words, are IPv4."""
    return (hi == 0) & (lo >> np.uint64(IPV4_BITS) == np.uint64(IPV4_MAPPED >> IPV4_BITS))


def texts(hi: Any, lo: Any) -> list[str]:
    """Return addresses, uint64[n] of words, as text."""
    data = lo.astype(">u4").tobytes()
    found = [inet_ntoa(data[at : at + IPV4_BYTES]) for at in range(0, len(data), IPV4_BYTES)]
    for place in np.flatnonzero(~is_mapped(hi, lo)):
        found[place] = str(address(int(hi[place]), int(lo[place])))
    return found


def _words(network: str) -> tuple[int, int, int, int]:
    """Return the two words of a network and of its mask, IPv4 as IPv4-mapped IPv6."""
    one = ipaddress.ip_network(network)
    number = (IPV4_MAPPED if one.version == 4 else 0) | int(one.network_address)
    mask = (1 << IPV6_BITS) - (1 << one.max_prefixlen - one.prefixlen)
    return number >> 64, number & LOW_WORD, mask >> 64, mask & LOW_WORD


#: Words of PRIVATE and of their masks: uint64[networks, 1].
_NETWORK_HI, _NETWORK_LO, _MASK_HI, _MASK_LO = np.array([*map(_words, PRIVATE)], np.uint64).T[:, :, None]


def is_private(hi: Any, lo: Any) -> Any:
    """Return bool[n]: which addresses, uint64[n] of words, are of no public network."""
    return ((hi & _MASK_HI == _NETWORK_HI) & (lo & _MASK_LO == _NETWORK_LO)).any(axis=0)


def _port_sets() -> Any:
    """Return bool[apps, PORTS]: where relays of an application, or for one without ports of its own servers, listen."""
    found = np.zeros((len(App), PORTS), bool)
    for app in App:
        found[app, list(RELAY_PORTS.get(app, SERVER_PORTS))] = True
    return found


_RELAY_LISTENS = _port_sets()
_SERVER_LISTENS = _RELAY_LISTENS[App.UNKNOWN]
_IS_SERVED = np.isin(range(len(App)), list(SERVED))
_SHOWS_RELAYS = _IS_SERVED | np.isin(range(len(App)), list(RELAY_PORTS))


def relay_flags(apps: Any, ports: Any) -> Any:
    """Return int8[n]: whether media with these ports of the other end goes through relays; -1 where nothing shows it.

    Parameters
    ----------
    apps, ports : integers[n]
    """
    return np.where(_SHOWS_RELAYS[apps], _IS_SERVED[apps] | _RELAY_LISTENS[apps, ports], np.int8(-1))


def relayed(apps: Any, ports: Any) -> list[bool | None]:
    """Return what `relay_flags` says as truth, None where nothing shows it."""
    return [None if flag < 0 else bool(flag) for flag in relay_flags(apps, ports).tolist()]


def client_ends(apps: Any, flows: Any) -> Any:
    """Return int64[n]: which end of flows is the client: the private one, else the one that is no server's port.

    NOBODY_KNOWS where nothing tells. Of an application without paths between peers the first packet is better than
    nothing.

    Parameters
    ----------
    apps : integers[n]
    flows : rows with the key of a flow
    """
    # The first rule that tells the two ends apart decides; a rule says for each end whether it speaks for the client.
    src_private, dst_private = (is_private(flows[f"{end}_hi"], flows[f"{end}_lo"]) for end in ("src", "dst"))
    src_relay, dst_relay = (_RELAY_LISTENS[apps, flows[port]] for port in ("sport", "dport"))
    src_server, dst_server = (_SERVER_LISTENS[flows[port]] for port in ("sport", "dport"))
    found = np.where(_IS_SERVED[apps], SOURCE, NOBODY_KNOWS)
    found = np.where(src_server != dst_server, np.where(dst_server, SOURCE, TARGET), found)
    found = np.where(src_relay != dst_relay, np.where(dst_relay, SOURCE, TARGET), found)
    return np.where(src_private != dst_private, np.where(src_private, SOURCE, TARGET), found)


def ends_of_clients(apps: Any, flows: Any) -> Any:
    """Return int64[n]: which end of flows is the client's."""
    has_network = flows["network"] > 0
    # The prefix file knows one side: that is whose calls are counted, whatever ports look like.
    is_one_known = has_network[:, 0] != has_network[:, 1]
    return np.where(is_one_known, np.where(has_network[:, 0], SOURCE, TARGET), client_ends(apps, flows))


def is_target_lesser(flows: Any) -> Any:
    """Return int64[n]: 1 where the target's address and port come before the source's, else 0."""
    lesser = flows["dport"] < flows["sport"]
    for word in ("lo", "hi"):
        source, target = flows[f"src_{word}"], flows[f"dst_{word}"]
        lesser = (target < source) | ((target == source) & lesser)
    return lesser.astype(np.int64)
