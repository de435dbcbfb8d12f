"""Capture script: what a network says to itself: DHCP, NTP, SNMP, SSDP, mDNS, and DNS that fails."""

from __future__ import annotations

import struct

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.snmp import SNMP, SNMPget, SNMPresponse, SNMPvarbind

from pcaps.craft import EPOCH_US, Scene
from pcaps.ordinary.parts import RESOLVER

SERVER = "192.0.2.53"
#: Seconds from 1900 to 1970 (RFC 5905 §6).
NTP_EPOCH = 2_208_988_800


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.31") -> None:
    """Play one round of each service."""
    dhcp(scene, at, client)
    ntp(scene, at + 0.5, client)
    snmp(scene, at + 0.7, client)
    ssdp(scene, at + 1.0, client)
    mdns(scene, at + 1.5, client)
    number = scene.random.randrange(1 << 16)
    missing = scene.udp((client, 30777), RESOLVER, "dns", "not-voip")
    question = DNSQR(qname="nowhere.example", qtype="AAAA")
    missing.up(at + 2.0, bytes(DNS(id=number, rd=1, qd=question)))
    missing.down(at + 2.02, bytes(DNS(id=number, qr=1, rd=1, ra=1, rcode=3, qd=question)))


def dhcp(scene: Scene, at: float, client: str) -> None:
    """Renew a lease (RFC 2131)."""
    flow = scene.udp((client, 68), (SERVER, 67), "dhcp", "not-voip")
    number, hardware = scene.random.randrange(1 << 32), scene.noise(6)
    for send, op, kind, when in ((flow.up, 1, "request", at), (flow.down, 2, "ack", at + 0.01)):
        options = [("message-type", kind), ("lease_time", 3600), ("server_id", SERVER), "end"]
        send(when, bytes(BOOTP(op=op, xid=number, ciaddr=client, chaddr=hardware) / DHCP(options=options)))


def ntp(scene: Scene, at: float, client: str) -> None:
    """Ask for the time four times (RFC 5905)."""
    flow = scene.udp((client, 123), ("192.0.2.123", 123), "ntp", "not-voip")
    for k in range(4):
        seconds = NTP_EPOCH + EPOCH_US // 1_000_000 + int(at) + k
        stamp = struct.pack("!I", seconds) + scene.noise(4)
        flow.up(at + k, b"\x23\x00\x06\xec" + bytes(36) + stamp)
        flow.down(at + k + 0.02, b"\x24\x01\x06\xec" + bytes(8) + b"GPS\x00" + stamp + stamp + stamp + stamp)


def snmp(scene: Scene, at: float, client: str) -> None:
    """Read the uptime of three devices (RFC 3416); the messages of many requests look alike."""
    for host in (1, 2, 3):
        flow = scene.udp((client, 50161), (f"10.20.1.{host}", 161), "snmp", "not-voip")
        for k in range(3):
            number = scene.random.randrange(1 << 31)
            binding = [SNMPvarbind(oid="1.3.6.1.2.1.1.3.0")]
            flow.up(at + k, bytes(SNMP(community="public", PDU=SNMPget(id=number, varbindlist=binding))))
            value = [SNMPvarbind(oid="1.3.6.1.2.1.1.3.0", value=1000 + k)]
            flow.down(at + k + 0.004, bytes(SNMP(community="public", PDU=SNMPresponse(id=number, varbindlist=value))))


def ssdp(scene: Scene, at: float, client: str) -> None:
    """Search for devices (UPnP)."""
    flow = scene.udp((client, 51900), ("239.255.255.250", 1900), "ssdp", "not-voip")
    search = (
        b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\n'
        b"ST: urn:dial-multiscreen-org:service:dial:1\r\n\r\n"
    )
    for k in range(4):
        flow.up(at + k, search)


def mdns(scene: Scene, at: float, client: str) -> None:
    """Announce a host (RFC 6762)."""
    flow = scene.udp((client, 5353), ("224.0.0.251", 5353), "mdns", "not-voip")
    for k in range(3):
        flow.up(at + k, bytes(DNS(qd=DNSQR(qname="_http._tcp.local", qtype="PTR"))))
        answer = DNSRR(rrname="printer.local", type="A", ttl=120, rdata=client)
        flow.up(at + k + 0.3, bytes(DNS(qr=1, aa=1, an=answer)))
