"""Host module: pieces of ordinary traffic that several scripts use: name look-ups and TLS connections."""

from __future__ import annotations

from scapy.layers.dns import DNS, DNSQR, DNSRR

from pcaps import wire
from pcaps.craft import Connection, Scene

RESOLVER = ("192.0.2.53", 53)


def look_up(scene: Scene, at: float, client: str, name: str, address: str) -> None:
    """Ask the resolver for a name and get one address (RFC 1035)."""
    number = scene.random.randrange(1 << 16)
    flow = scene.udp((client, 30000 + number % 30000), RESOLVER, "dns", "not-voip")
    question = DNSQR(qname=name, qtype="A")
    flow.up(at, bytes(DNS(id=number, rd=1, qd=question)))
    answer = DNSRR(rrname=name, type="A", ttl=300, rdata=address)
    flow.down(at + 0.012 + scene.jitter(5), bytes(DNS(id=number, qr=1, rd=1, ra=1, qd=question, an=answer)))


def tls(
    scene: Scene, at: float, client: tuple[str, int], server: str, name: str, replies: int = 12,
    label: tuple[str, str] = ("tls", "not-voip"),
) -> Connection:  # fmt: skip
    """Open a TLS connection to ``name`` and fetch something; return the flow, still open."""
    flow = scene.tcp(client, (server, 443), *label)
    now = flow.open(at)
    now = flow.say(now, wire.client_hello(name, scene.noise(96)))
    flight = wire.tls_record(22, b"\x02\x00\x00\x76" + b"\x03\x03" + scene.noise(116)) + wire.tls_record(20, b"\x01")
    now = flow.say(now + 0.01, flight + wire.tls_record(23, scene.noise(1100)), outward=False)
    now = flow.say(now, wire.tls_record(20, b"\x01") + wire.tls_record(23, scene.noise(53)))
    now = flow.say(now, wire.tls_record(23, scene.noise(scene.random.randint(120, 420))))
    for _ in range(replies):
        now += 0.004 + scene.jitter(20)
        now = flow.say(now, wire.tls_record(23, scene.noise(scene.random.randint(200, 1350))), outward=False)
    flow.close(now + 0.2)
    return flow
