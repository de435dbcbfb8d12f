"""Kernel module: what is surely no call, in TCP streams: names the protocol by its first bytes."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.ports import port_set, service_port
from flowclass.dissect.dns import dns_shape
from flowclass.dissect.load import be16, be24, be32, u8
from flowclass.jit import int64, kernel
from flowclass.record.message import HEAD_BYTES, MessageKind, Text
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.OTHER,
    "traffic of no application that calls, over TCP",
    names=(),
)
LISTENS = (
    MessageKind.TLS_HELLO,
    MessageKind.HTTP,
    MessageKind.TCP_START,
)

REASONS = (
    Reason(
        "tls-name",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "TLS server name of no application here",
        "RFC 6066 §3; the suffix lists of the catalog",
    ),
    Reason(
        "http",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "HTTP request or status line",
        "RFC 9112 §2",
    ),
    Reason(
        "rtsp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "RTSP request or status line",
        "RFC 2326 §6",
    ),
    Reason(
        "ssh",
        Strength.CERTAIN,
        Kind.NOT_VOIP,
        "SSH version line",
        "RFC 4253 §4.2",
    ),
    Reason(
        "plain-text",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "a TCP stream that starts with twelve printable bytes: mail, FTP, chat, databases in text",
        "form; captures SMTP, POP, IMAP, FTP, IRC, Redis",
    ),
    Reason(
        "smb",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "SMB or NetBIOS session",
        "MS-SMB2 §2.1; RFC 1002 §4.3",
    ),
    Reason(
        "rdp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "X.224 connection request or confirm in TPKT: remote desktop",
        "MS-RDPBCGR §2.2.1; ITU-T X.224",
    ),
    Reason(
        "mqtt",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "MQTT CONNECT",
        "MQTT 3.1.1 §3.1",
    ),
    Reason(
        "ldap",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "BER sequence with a message id: LDAP",
        "RFC 4511 §4.1",
    ),
    Reason(
        "database",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "greeting or first request of MySQL, PostgreSQL, MongoDB, Redis, Cassandra, TDS",
        "their protocol documents",
    ),
    Reason(
        "routing",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "BGP or LDP",
        "RFC 4271 §4.1; RFC 5036",
    ),
    Reason(
        "industrial",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "Modbus, DNP3, EtherNet/IP, OPC UA or S7 on its port",
        "IEC 61158; IEEE 1815; OPC 10000-6",
    ),
    Reason(
        "telnet",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "telnet options",
        "RFC 854",
    ),
    Reason(
        "bittorrent",
        Strength.CERTAIN,
        Kind.NOT_VOIP,
        "BitTorrent handshake",
        "BEP 3",
    ),
    Reason(
        "dns",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "DNS over TCP: a length that fits and a DNS header",
        "RFC 7766 §8",
    ),
    Reason(
        "kerberos",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "Kerberos over TCP 88",
        "RFC 4120 §7.2.2",
    ),
    Reason(
        "dce-rpc",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "DCE RPC bind or request",
        "DCE 1.1 RPC §12.6",
    ),
    Reason(
        "service-port",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "a well-known service port of TCP that no application here uses",
        "IANA service names",
    ),
    Reason(
        "tls-mail-or-other",
        Strength.WEAK,
        Kind.NOT_VOIP,
        "TLS without a server name",
        "RFC 8446",
    ),
)
(
    TLS_NAME,
    HTTP,
    RTSP,
    SSH,
    PLAIN_TEXT,
    SMB,
    RDP,
    MQTT,
    LDAP,
    DATABASE,
    ROUTING,
    INDUSTRIAL,
    TELNET,
    BITTORRENT,
    DNS,
    KERBEROS,
    DCE_RPC,
    SERVICE_PORT,
    TLS_MAIL_OR_OTHER,
) = bits(REASONS)
STATE = ()

TLS_HELLO, HTTP_KIND = int(MessageKind.TLS_HELLO), int(MessageKind.HTTP)
RTSP_TEXT = int(Text.RTSP)
TCP = 6
#: TCP ports of services that no application of the catalog uses.
SERVICE = port_set(
    {20, 21, 22, 23, 25, 43, 53, 88, 109, 110, 111, 113, 119, 135, 139, 143, 179, 389, 445, 465, 502, 513, 514, 515},
    {548, 554, 563, 587, 631, 636, 853, 873, 902, 989, 990, 993, 995, 1080, 1352, 1433, 1494, 1521, 1883, 2049, 2404},
    {3128, 3260, 3306, 3389, 4840, 5432, 5672, 5900, 5984, 6379, 6667, 8009, 8883, 9042, 9200, 11211, 20000, 27017},
    {44818},
)
#: "SSH-", the second word of NetBIOS-framed SMB 1 and 2, "Bit".
SSH_WORD, SMB_1, SMB_2, BIT = 0x5353482D, 0xFF534D42, 0xFE534D42, 0x426974
TEXT_BYTES = 12


@kernel
def _is_plain_text(head: Any, length: int) -> bool:
    """Whether at least TEXT_BYTES of the stream's head are known and all are printable or white space."""
    if length < TEXT_BYTES:
        return False
    for at in range(length):
        byte = u8(head, at)
        if byte > 0x7E or (byte < 0x20 and byte != 9 and byte != 10 and byte != 13):
            return False
    return True


@kernel
def _head(pkt: Any, msg: Any) -> int:  # noqa: C901
    """Name a stream by its first bytes; return its bit or 0."""
    head = msg["head"]
    length = int64(msg["head_bytes"])
    if length < 4:
        return 0
    port = service_port(pkt, SERVICE)
    word0 = be32(head, 0)
    word1 = be32(head, 4) if length >= 8 else 0
    if word0 == SSH_WORD:
        return SSH
    if word1 == SMB_1 or word1 == SMB_2 or (word0 >> 24 == 0x81 and port == 139):
        return SMB
    if word0 >> 24 == 0x13 and word0 & 0xFFFFFF == BIT:
        return BITTORRENT
    if _is_plain_text(head, length):
        return PLAIN_TEXT
    # TPKT, then an X.224 connection request E0 or confirm D0.
    if word0 >> 16 == 0x0300 and length >= 6 and u8(head, 5) & 0xCF == 0xC0:
        return RDP
    if word0 >> 24 == 0x10 and (word1 == 0x4D515454 or be24(head, 2) == 0x00044D or be24(head, 2) == 0x00064D):
        return MQTT
    if word0 >> 24 == 0x30 and length >= 8 and (be16(head, 2) == 0x0201 or port == 389):
        return LDAP
    if length >= 8 and word0 <= 0xFFFF and (word1 == 0x00030000 or word1 == 0x04D2162F):
        return DATABASE
    if (port == 3306 and length >= 5 and u8(head, 3) <= 1) or (
        port == 1433 and (word0 >> 24 == 0x12 or word0 >> 24 == 0x10 or word0 >> 24 == 0x04)
    ):
        return DATABASE
    if word0 == 0xFFFFFFFF and length >= 16 and be32(head, 12) == 0xFFFFFFFF:
        return ROUTING
    if port == 502 and word0 & 0xFFFF == 0:
        return INDUSTRIAL
    if word0 >> 16 == 0x0564 and length >= 10:
        return INDUSTRIAL
    if word0 >> 24 == 0xFF and 0xFA <= (word0 >> 16) & 0xFF <= 0xFE and port == 23:
        return TELNET
    if length >= 14 and port == 53 and dns_shape(head, 2, HEAD_BYTES):
        return DNS
    if port == 88 and length >= 5 and u8(head, 4) & 0xE0 == 0x60:
        return KERBEROS
    if (
        word0 >> 16 == 0x0500
        and (word0 >> 8) & 0xFF <= 19
        and length >= 8
        and (word1 >> 24 == 0x10 or word1 >> 24 == 0)
    ):
        return DCE_RPC
    return 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        has_name = msg["sni_hi"] > msg["sni_lo"]
        if msg["name_app"]:
            return 0
        return TLS_NAME if has_name else TLS_MAIL_OR_OTHER
    if kind == HTTP_KIND:
        if pkt["proto"] != TCP:
            return 0
        return RTSP if msg["text"] == RTSP_TEXT else HTTP
    found = _head(pkt, msg)
    if not found and service_port(pkt, SERVICE):
        found = SERVICE_PORT
    return found
