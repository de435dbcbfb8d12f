"""Kernel module: MESSAGE, what one transport payload says; a scratch row that lives for one packet.

``dissect.payload.inspect`` fills it, the applications' ``observe`` kernels and the media streams read it.
Offsets are positions in the block's bytes; ``media_lo == media_hi`` when the packet carries no RTP or RTCP.

Which fields are valid depends on ``kind``; the others keep what an earlier packet left there:

* always: ``kind word0 word1 media_lo media_hi media_bytes inner_kind name_app stream_framed``
* set by the meter before ``inspect``, for TCP: ``head head_bytes head_new``
* STUN, STUN_CLASSIC (and, when ``inner_kind`` is STUN, the relay's message): ``stun_* txid_*`` and the numbers below
  them, each only when its bit is set in ``stun_attributes`` or ``inner_attributes``
* TLS_HELLO: ``sni_* alpn tls_version`` · DNS: ``dns_*`` · QUIC: ``quic_version`` · SIP, HTTP: ``text``
"""

from __future__ import annotations

from enum import IntEnum

from flowclass.record.field import Field, dtype_of

#: Stream bytes of each direction that the meter keeps for signatures split over TCP segments.
HEAD_BYTES = 16
#: Addresses kept of one DNS answer.
DNS_ADDRESSES = 8
#: Media sources kept of one WhatsApp announcement (attribute 0x0022, FACTS §1.3).
ANNOUNCED_SOURCES = 4


class MessageKind(IntEnum):
    """The protocol a payload shows; one value a packet."""

    EMPTY = 0  #: no captured payload
    OTHER = 1  #: a datagram of no known kind
    STUN = 2  #: magic cookie and fitting length (RFC 8489)
    STUN_CLASSIC = 3  #: RFC 3489 form, no cookie
    CHANNEL_DATA = 4  #: TURN ChannelData (RFC 8656); media_lo/hi are its content
    MS_TURN = 5  #: Microsoft multiplexed TURN, FF 10
    RTP = 6  #: one packet that passes the header checks: a candidate only
    RTCP = 7
    DTLS = 8
    QUIC = 9  #: long header
    TLS_HELLO = 10  #: a ClientHello, whole or at least as far as its server name
    TLS = 11  #: another TLS record
    DNS = 12
    SIP = 13
    HTTP = 14  #: a request or status line, on TCP or UDP (SSDP)
    TCP_START = 15  #: early TCP bytes of no other kind: see ``head``
    TCP_MORE = 16  #: later TCP bytes of no other kind
    IP_OTHER = 17  #: payload of neither UDP nor TCP
    PREFIXED_RTP = 18  #: RTP or RTCP behind an application's own header (Viber, Zoom); media_lo/hi are the packet


class StunAttribute(IntEnum):
    """STUN attributes that tell something, by their bit in ``stun_attributes`` (FACTS §0, IANA, MS-TURN, MS-ICE2)."""

    UNKNOWN = 0  #: any attribute not listed here
    MAPPED_ADDRESS = 1
    CHANGE_REQUEST = 2
    SOURCE_ADDRESS = 3
    CHANGED_ADDRESS = 4
    USERNAME = 5
    MESSAGE_INTEGRITY = 6
    ERROR_CODE = 7
    UNKNOWN_ATTRIBUTES = 8
    CHANNEL_NUMBER = 9
    LIFETIME = 10
    MS_MAGIC_COOKIE = 11
    BANDWIDTH = 12
    XOR_PEER = 13
    DATA = 14
    REALM = 15
    NONCE = 16
    XOR_RELAYED = 17
    ADDRESS_FAMILY = 18
    EVEN_PORT = 19
    REQUESTED_TRANSPORT = 20
    INTEGRITY_SHA256 = 21
    XOR_MAPPED = 22
    META_STREAM = 23  #: 0x0022, RFC 8656 RESERVATION-TOKEN, which Meta uses for stream announcements
    PRIORITY = 24
    USE_CANDIDATE = 25
    ZOOM_101 = 26
    ZOOM_103 = 27
    META_TOKEN = 28  #: 0x4000
    META_TOKEN_ALT = 29  #: 0x4001
    META_CLOCK = 30  #: 0x4002, Unix milliseconds
    META_PROBE = 31  #: 0x4003, 0x4004, 0x4007
    MS_8006 = 32
    MS_VERSION = 33
    MS_XOR_MAPPED = 34
    MS_HOST_NAME = 35
    MS_8033 = 36
    MS_8036 = 37
    MS_APP_ID = 38
    MS_SECURE_TAG = 39
    MS_SEQUENCE = 40
    MS_CANDIDATE = 41
    MS_QUALITY = 42
    MS_BANDWIDTH = 43
    MS_IMPLEMENTATION = 44  #: 0x8070: 3 in Skype's time, 7 in Teams (FACTS §1.2)
    MS_ALT_MAPPED = 45
    MS_MULTIPLEXED = 46
    SOFTWARE = 47
    FINGERPRINT = 48
    ICE_CONTROLLED = 49
    ICE_CONTROLLING = 50
    RESPONSE_ORIGIN = 51
    OTHER_ADDRESS = 52
    ENF_FLOW = 53
    NETWORK_INFO = 54  #: 0xC057, any libwebrtc
    GOOG_OTHER = 55  #: 0xC058, 0xC059, 0xC05B-0xC060: libwebrtc
    GOOGLE_RELAY = 56  #: 0xFF03, 0xFF05
    EDGERAY = 57  #: 0xDAB9, 0xDABA
    SKYPE_OLD = 58  #: 0x24DF, 0x3802, 0x0800
    ICMP = 59


class Realm(IntEnum):
    """Known TURN realms (FACTS §1)."""

    NONE = 0
    OTHER = 1
    FACEBOOK = 2  #: turner.facebook
    VIBER = 3  #: viber.com
    TELEGRAM = 4  #: telegram.org
    SIGNAL = 5  #: signal.org, and whispersystems.org as it was called before
    MICROSOFT = 6  #: rtcmedia
    GOOGLE = 7  #: google.com


class Software(IntEnum):
    """Known STUN SOFTWARE texts."""

    NONE = 0
    OTHER = 1
    COTURN_HIDDEN = 2  #: "None": coturn as Signal and Telegram run it


class Text(IntEnum):
    """First word of a SIP or HTTP message."""

    NONE = 0
    SIP_REQUEST = 1
    SIP_RESPONSE = 2
    HTTP_REQUEST = 3
    HTTP_RESPONSE = 4
    SSDP = 5
    RTSP = 6


class Alpn(IntEnum):
    """Bits of ``alpn``: protocols a ClientHello offers."""

    H2 = 0
    HTTP11 = 1
    H3 = 2
    OTHER = 3


MESSAGE_FIELDS = (
    Field("kind", "u1", "a MessageKind"),
    Field("stream_framed", "u1", "1 when the message followed a 2-byte length on TCP (RFC 4571)"),
    Field("inner_kind", "u1", "MessageKind of what a relay message carries; EMPTY when it carries nothing"),
    Field("name_app", "u1", "App that a server name or DNS question belongs to; set by apps.names, else UNKNOWN"),
    Field("word0", "u4", "payload bytes 0-3, big-endian, 0 for bytes not captured"),
    Field("word1", "u4", "payload bytes 4-7, likewise"),
    Field("media_lo", "i8", "first byte of an RTP or RTCP candidate inside this payload"),
    Field("media_hi", "i8", "its end, captured"),
    Field("media_bytes", "i4", "its length on the wire", "byte"),
    Field("media_header", "u2", "length of its RTP header, 0 for RTCP", "byte"),
    Field("head_bytes", "u1", "valid bytes of head (TCP, this direction's stream)", "byte"),
    Field("head_new", "u1", "bytes of head that this packet brought; 0 once the head is full", "byte"),
    Field("head", "u1", "first bytes of this direction's TCP stream", shape=(HEAD_BYTES,)),
    Field("stun_type", "u2", "STUN message type"),
    Field("stun_bytes", "u2", "STUN length field", "byte"),
    Field("txid_hi", "u8", "first 8 bytes of the STUN transaction id"),
    Field("txid_lo", "u4", "its last 4 bytes"),
    Field("stun_attributes", "u8", "bit set of StunAttribute"),
    Field("inner_attributes", "u8", "bit set of StunAttribute of a STUN message inside a relay message"),
    Field("inner_stun_type", "u2", "its type"),
    Field("stun_count", "u1", "attributes walked"),
    Field("stun_whole", "u1", "1 when the walk ended exactly at the end of the message"),
    Field("username_bytes", "u2", "length of USERNAME", "byte"),
    Field("ufrag_bytes", "u1", "bytes of USERNAME before and after the colon, saturating", "byte", shape=(2,)),
    Field("ufrag", "u4", "FNV-1a hash of either part of USERNAME, 0 when not captured", shape=(2,)),
    Field("realm", "u1", "a Realm"),
    Field("software", "u1", "a Software"),
    Field("error_code", "u2", "ERROR-CODE"),
    Field("channel", "u2", "channel number of ChannelData or CHANNEL-NUMBER"),
    Field("lifetime_s", "u4", "LIFETIME", "s"),
    Field("token_bytes", "u2", "length of Meta's token, attribute 0x4000 or 0x4001", "byte"),
    Field("implementation", "u4", "Microsoft implementation version, attribute 0x8070"),
    Field("ms_version", "u4", "MS-VERSION, attribute 0x8008"),
    Field("network_cost", "u2", "network cost of 0xC057: 10 Wi-Fi, 500 4G, 900 cellular (FACTS §0)"),
    Field("relay_clock_ms", "u8", "clock of Meta's relay, attribute 0x4002", "ms"),
    Field("mapped_hi", "u8", "XOR-MAPPED-ADDRESS or MAPPED-ADDRESS, high word"),
    Field("mapped_lo", "u8", "its low word"),
    Field("peer_hi", "u8", "XOR-PEER-ADDRESS, high word"),
    Field("peer_lo", "u8", "its low word"),
    Field("relayed_hi", "u8", "XOR-RELAYED-ADDRESS, high word"),
    Field("relayed_lo", "u8", "its low word"),
    Field("mapped_port", "u2", "its port, 0 when absent"),
    Field("peer_port", "u2", "its port, 0 when absent"),
    Field("relayed_port", "u2", "its port, 0 when absent"),
    Field("announced", "u4", "media sources announced by attribute 0x0022", shape=(ANNOUNCED_SOURCES,)),
    Field("announced_count", "u1", "how many"),
    Field("quic_version", "u4", "QUIC version; of Google's QUIC its four letters"),
    Field("text", "u1", "a Text"),
    Field("alpn", "u1", "bit set of Alpn"),
    Field("tls_version", "u2", "version of a TLS or DTLS record, or of the ClientHello"),
    Field("sni_lo", "i8", "first byte of the server name"),
    Field("sni_hi", "i8", "its end; equal to sni_lo when there is none"),
    Field("dns_flags", "u2", "DNS flags word"),
    Field("dns_answers", "u1", "addresses in dns_hi, dns_lo"),
    Field("dns_name_lo", "i8", "first byte of the question's name, as labels"),
    Field("dns_hi", "u8", "answered address, high word", shape=(DNS_ADDRESSES,)),
    Field("dns_lo", "u8", "its low word", shape=(DNS_ADDRESSES,)),
)

MESSAGE = dtype_of(MESSAGE_FIELDS)
