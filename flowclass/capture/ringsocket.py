"""Host module: opening AF_PACKET rings (packet(7), packet_mmap.rst of Linux), one or a fanout group of them.

A ring is made with its gate shut: it is bound to its interface and takes nothing until `admit`, so that no packet of
before the start is in it. It lives as long as its socket, whoever reads it.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from flowclass.capture.bpf import FilterError, compile_filter
from flowclass.capture.device import INTERFACES
from flowclass.capture.index_ring import TAG_BYTES
from flowclass.capture.steer import Instruction, steering
from flowclass.errors import CaptureError, UsageError

# linux/if_packet.h, linux/if_ether.h, asm/socket.h, net/if_arp.h, linux/if.h
ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_RESERVE = 1, 5, 6, 10, 12
PACKET_FANOUT, PACKET_FANOUT_DATA = 18, 22
PACKET_FANOUT_CBPF, PACKET_FANOUT_FLAG_UNIQUEID = 6, 0x2000
TPACKET_V3 = 2
PACKET_MR_PROMISC = 1
SO_ATTACH_FILTER = 26
ARPHRD_LOOPBACK = 772
IFF_UP = 0x1
#: Link type of frames by the interface's ARPHRD number: Ethernet, loopback, tun (no header), 802.11 with radiotap.
LINKTYPES = {1: 1, ARPHRD_LOOPBACK: 1, 65534: 101, 512: 101, 803: 127}
#: Bytes of one ring block; PACKET_RX_RING wants a multiple of the page size. A block is used up when it is handed over,
#: full or not: the default ring of 128 bridges 12 s at RETIRE_MS, in which a dead worker is replaced.
BLOCK_BYTES = 1 << 19
#: A frame header's room in the ring; it bounds nothing in version 3, but must divide the block.
FRAME_BYTES = 2048
#: A block that is not full is handed over after this long.
RETIRE_MS = 100
#: Longest frame that is captured whole.
LONGEST_FRAME = 65_535
#: ``ret #n`` of classic BPF.
BPF_RET = 0x06
#: Accepts nothing.
SHUT: tuple[Instruction, ...] = ((BPF_RET, 0, 0, 0),)
_VLAN = re.compile(r"\bvlan\b")


@dataclass(frozen=True)
class RingSettings:
    """How to capture.

    Attributes
    ----------
    interface : name
    ring_bytes : memory shared with the kernel, split into blocks of BLOCK_BYTES
    snap_bytes : bytes of a frame that are captured
    promiscuous : see also what is not for this host, as a mirror port needs
    filter : libpcap expression, run by the kernel; None takes all
    """

    interface: str
    ring_bytes: int = 64 << 20
    snap_bytes: int = LONGEST_FRAME
    promiscuous: bool = True
    filter: str | None = None

    @property
    def blocks(self) -> int:
        """Blocks of the ring."""
        return max(2, self.ring_bytes // BLOCK_BYTES)


def open_rings(settings: RingSettings, members: int = 1, clients: Sequence[str] = ()) -> list[socket.socket]:
    """Return the sockets of so many rings that share an interface's packets (`steer`), shut until `admit`.

    Raises
    ------
    CaptureError
        No such interface, no permission (CAP_NET_RAW), or the rings do not fit into memory.
    UsageError
        The filter or a client network is wrong.
    """
    linktype_of(settings.interface)
    program_of(settings)
    rings: list[socket.socket] = []
    try:
        for _ in range(members):
            rings.append(_open(settings))
        if members > 1:
            _share(rings, steering(clients))
    except PermissionError as error:
        _close(rings)
        raise CaptureError(
            f"{settings.interface}: no permission to capture: run as root or with the capability CAP_NET_RAW"
        ) from error
    except OSError as error:
        _close(rings)
        raise CaptureError(f"{settings.interface}: cannot capture: {error.strerror or error}") from error
    except BaseException:
        _close(rings)
        raise
    return rings


def admit(ring: socket.socket, settings: RingSettings) -> None:
    """Let packets into a ring: those that the filter accepts, from now on."""
    attach(ring, program_of(settings))


def attach(ring: socket.socket, instructions: Sequence[Instruction]) -> None:
    """Give the kernel a filter program."""
    code, length = _packed(instructions)
    ring.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", length, ctypes.addressof(code)))


def is_up(interface: str) -> bool:
    """Whether an interface is there and up."""
    try:
        return bool(int((INTERFACES / interface / "flags").read_text(), 16) & IFF_UP)
    except (OSError, ValueError):
        return False


def hardware_type(interface: str) -> int:
    """Return the ARPHRD number of an interface.

    Raises
    ------
    CaptureError
        There is no such interface.
    """
    try:
        return int((INTERFACES / interface / "type").read_text())
    except (OSError, ValueError) as error:
        raise CaptureError(f"{interface}: no such network interface") from error


def linktype_of(interface: str) -> int:
    """Return the LINKTYPE of an interface's frames.

    Raises
    ------
    CaptureError
        There is no such interface, or its frames are of a kind that a ring does not give.
    """
    hardware = hardware_type(interface)
    if hardware not in LINKTYPES:
        raise CaptureError(f"{interface}: frames of hardware type {hardware} cannot be read from a ring")
    return LINKTYPES[hardware]


def program_of(settings: RingSettings, linktype: int | None = None) -> list[Instruction]:
    """Return BPF instructions that accept what the filter accepts, up to ``snap_bytes``.

    Parameters
    ----------
    linktype : LINKTYPE of the frames, None to ask the interface

    Raises
    ------
    UsageError
        The filter is wrong.
    """
    text, snap_bytes = settings.filter, settings.snap_bytes
    if text is None:
        return [(BPF_RET, 0, 0, snap_bytes)]
    if _VLAN.search(text):
        raise UsageError(
            f"filter {text!r}: the kernel takes VLAN tags off before it filters, so `vlan` finds nothing: leave it "
            "out, tagged frames are found without"
        )
    try:
        rows = compile_filter(text, linktype_of(settings.interface) if linktype is None else linktype)
    except FilterError as error:
        raise UsageError(f"filter {text!r}: {error}; see pcap-filter(7) for its language") from error
    return [(code, jt, jf, snap_bytes if code == BPF_RET and k else k) for code, jt, jf, k in rows]


def _open(settings: RingSettings) -> socket.socket:
    ring = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        attach(ring, SHUT)
        ring.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        ring.setsockopt(SOL_PACKET, PACKET_RESERVE, TAG_BYTES)
        # struct tpacket_req3: block size and number, frame size and number, time-out, private bytes, features
        frames = settings.blocks * (BLOCK_BYTES // FRAME_BYTES)
        request = struct.pack("@7I", BLOCK_BYTES, settings.blocks, FRAME_BYTES, frames, RETIRE_MS, 0, 0)
        ring.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        ring.bind((settings.interface, ETH_P_ALL))
        if settings.promiscuous:
            # struct packet_mreq: interface, kind, length of the address, address
            index = socket.if_nametoindex(settings.interface)
            member = struct.pack("@iHH8s", index, PACKET_MR_PROMISC, 0, b"")
            ring.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    except BaseException:
        ring.close()
        raise
    return ring


def _share(rings: Sequence[socket.socket], program: Sequence[Instruction]) -> None:
    """Join rings to a group of their own; the order of joining is the order of the program's results."""
    how = PACKET_FANOUT_CBPF
    group = 0
    for number, ring in enumerate(rings):
        # The kernel chooses a number that no other program uses, and tells it.
        unique = 0 if number else PACKET_FANOUT_FLAG_UNIQUEID
        ring.setsockopt(SOL_PACKET, PACKET_FANOUT, struct.pack("@HH", group, how | unique))
        group = ring.getsockopt(SOL_PACKET, PACKET_FANOUT) & 0xFFFF
    code, length = _packed(program)
    rings[0].setsockopt(SOL_PACKET, PACKET_FANOUT_DATA, struct.pack("@HP", length, ctypes.addressof(code)))


def _packed(instructions: Sequence[Instruction]) -> tuple[ctypes.Array[ctypes.c_char], int]:
    """Return a program as the kernel reads it (struct sock_filter), and its length; keep it until the call is over."""
    code = b"".join(struct.pack("@HBBI", *row) for row in instructions)
    return ctypes.create_string_buffer(code, len(code)), len(instructions)


def _close(rings: Sequence[socket.socket]) -> None:
    for ring in rings:
        ring.close()
