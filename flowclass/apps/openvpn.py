"""Kernel module: what OpenVPN's packets look like: one byte of opcode and key id, then a session or a counter.

Shared memory with the other tunnels (``flowclass.apps.tunnels``): ``spi`` holds the session id, or the first word of
data packets; ``last`` their number; ``seen`` how many came in a row; ``steps`` which resets were seen.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be32
from flowclass.jit import int64, kernel

#: Opcodes in the high five bits: hard resets of client, server and of the client's third form (tls-crypt-v2), control,
#: acknowledgement, each with key id 0 (FACTS §5.1; OpenVPN's doc_protocol_overview.h).
CLIENT_RESET, SERVER_RESET, CLIENT_RESET_3, CONTROL, ACKNOWLEDGEMENT = 0x38, 0x40, 0x50, 0x20, 0x28
OPCODES = (CLIENT_RESET, SERVER_RESET, CLIENT_RESET_3, CONTROL, ACKNOWLEDGEMENT)
#: Lengths of resets: plain, or with HMACs of the digests in use (FACTS §5.1), or behind tls-crypt.
RESET_BYTES = (14, 26, 42, 54, 62, 66, 74, 86, 98)
#: Steps of a handshake in ``steps``, beside those of other tunnels.
ASKED, ANSWERED = 4, 8
#: Data of version 2: opcode 9, any key id; then the peer's number, and with AEAD ciphers a counter (Linux drivers/net/
#: ovpn/proto.h). Shortest: that, the authentication tag and the keep-alive's 16 bytes.
DATA_2_FIRST, DATA_2_LAST = 0x48, 0x4F
LEAST_DATA_BYTES = 4 + 4 + 16 + 16
#: Data packets in a row, both ways together, that are evidence; the counter may miss a few.
LEAST_DATA, LARGEST_STEP = 5, 16
#: A TCP segment that begins with a packet's length (FACTS §5.1).
LENGTH_BYTES = 2
OPCODE_AT_LEAST_BYTES = 9
WORD_MASK = 0xFFFFFFFF


@kernel
def note_reset(opcode: int, session: int, direction: int, state: Any) -> bool:
    """Note a reset of the right length; return whether both sides have sent theirs."""
    state["steps"] = int64(state["steps"]) | (ANSWERED if opcode == SERVER_RESET else ASKED)
    state["spi"][direction] = session
    return bool(state["steps"] & (ASKED | ANSWERED) == ASKED | ANSWERED)


@kernel
def is_openvpn(data: Any, pkt: Any, word0: int, direction: int, state: Any) -> bool:
    """Whether a datagram completes OpenVPN's handshake, or continues one."""
    lo = int64(pkt["payload_lo"])
    size = int64(pkt["payload_bytes"])
    if size < RESET_BYTES[0] or int64(pkt["payload_hi"]) - lo < OPCODE_AT_LEAST_BYTES:
        return False
    opcode = word0 >> 24
    session = be32(data, lo + 1)
    if opcode in (CLIENT_RESET, SERVER_RESET, CLIENT_RESET_3) and size in RESET_BYTES:
        return note_reset(opcode, session, direction, state)
    is_next = opcode == CONTROL or opcode == ACKNOWLEDGEMENT
    return bool(is_next and state["steps"] & (ASKED | ANSWERED) and state["spi"][direction] == session)


@kernel
def is_openvpn_stream(data: Any, pkt: Any, word0: int, direction: int, state: Any) -> bool:
    """Whether a TCP segment completes OpenVPN's handshake: a length, then the reset, and nothing behind it."""
    lo = int64(pkt["payload_lo"])
    length = word0 >> 16
    fits = length + LENGTH_BYTES == pkt["payload_bytes"] and length in RESET_BYTES
    if not fits or int64(pkt["payload_hi"]) - lo < LENGTH_BYTES + OPCODE_AT_LEAST_BYTES:
        return False
    opcode = word0 >> 8 & 0xFF
    if opcode not in (CLIENT_RESET, SERVER_RESET, CLIENT_RESET_3):
        return False
    return note_reset(opcode, be32(data, lo + LENGTH_BYTES + 1), direction, state)


@kernel
def is_openvpn_data(data: Any, pkt: Any, word0: int, direction: int, state: Any) -> bool:
    """Whether a datagram is one of several of a tunnel joined half-way: one first word, and a counter that rises."""
    lo = int64(pkt["payload_lo"])
    first = word0 >> 24
    if not DATA_2_FIRST <= first <= DATA_2_LAST or pkt["payload_bytes"] < LEAST_DATA_BYTES:
        return False
    if int64(pkt["payload_hi"]) - lo < 8:
        return False
    number = be32(data, lo + 4)
    step = (number - int64(state["last"][direction])) & WORD_MASK
    known = int64(state["spi"][direction])
    state["spi"][direction] = word0
    state["last"][direction] = number
    if known != word0:
        return False
    follows = 1 <= step <= LARGEST_STEP
    state["seen"] = min(int64(state["seen"]) + 1, 255) if follows else 0
    return bool(state["seen"] >= LEAST_DATA)
