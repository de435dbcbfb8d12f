"""Host module: LibpcapSource, live packets by libpcap: the portable way, for interfaces that a ring cannot serve.

libpcap copies each packet, but none passes through Python: ``pcap_dispatch`` is given libpcap's own ``pcap_dump`` as
its callback, and the dump is a stretch of our memory (fmemopen(3)), which then holds a pcap file of some packets.
"""

from __future__ import annotations

import ctypes
import select
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from flowclass.capture.block import LiveClock, PacketBlock
from flowclass.capture.bpf import Program, system_libpcap
from flowclass.capture.index_pcap import index_pcap
from flowclass.capture.ringsocket import RingSettings
from flowclass.capture.walk import WALK
from flowclass.errors import CaptureError, UsageError
from flowclass.record.packet import PACKET_REF

#: Memory that holds the packets of one block.
BUFFER_BYTES = 32 << 20
FILE_HEADER_BYTES, RECORD_BYTES = 24, 16
#: pcap.h: precision of time stamps, and ``pcap_dispatch`` when the interface has gone.
PRECISION_NANO = 1
BREAK = -2
#: libpcap hands packets over after this long at the latest; without any the clock moves this often.
TIMEOUT_MS, IDLE_MS = 50, 250
MS_PER_S = 1000
NETMASK_UNKNOWN = 0xFFFFFFFF
ERRBUF_BYTES = 256
#: DLT_ numbers that differ from LINKTYPE_ on Linux (libpcap's pcap-common.c).
_LINKTYPES = {12: 101, 11: 100, 15: 102, 16: 103, 19: 106}
SEEK_SET = 0


class _Stat(ctypes.Structure):
    _fields_ = (("received", ctypes.c_uint), ("dropped", ctypes.c_uint), ("card", ctypes.c_uint))


class LibpcapSource:
    """Packets of an interface, as they come; see ``block.Source`` and ``ring.RingSource`` for the attributes.

    Raises
    ------
    CaptureError
        There is no libpcap, no such interface, or no permission.
    UsageError
        The filter is wrong.
    """

    filtered_packets = 0
    filtered_bytes = 0
    #: There are no blocks that somebody else could go on reading.
    sequence = 0
    #: libpcap does not tell.
    freezes = 0

    def __init__(self, settings: RingSettings) -> None:
        library = system_libpcap()
        if library is None:
            raise CaptureError(f"{settings.interface}: there is no libpcap: install it (Debian: libpcap0.8)")
        self.settings = settings
        self.name = settings.interface
        self.problems: list[str] = []
        self.partial = False
        self.seen = self.dropped = 0
        self._counted = (0, 0)
        self._stopped = False
        self._library = _declared(library)
        self._handle = self._activated()
        try:
            self._filter(settings.filter)
            self._file = self._memory_file()
        except BaseException:
            self._library.pcap_close(self._handle)
            raise
        self._walk: Any = np.zeros(1, WALK)
        row = self._walk[0]
        row["header_bytes"], row["tick_ns"], row["big_endian"] = RECORD_BYTES, 1, sys.byteorder == "big"
        number = library.pcap_datalink(self._handle)
        row["linktype"] = _LINKTYPES.get(number, number)
        self._most = max(1, (BUFFER_BYTES - FILE_HEADER_BYTES) // (settings.snap_bytes + RECORD_BYTES))
        self._refs = np.zeros(self._most, PACKET_REF)
        index_pcap(self._data, self._refs[:0], self._walk)

    def _activated(self) -> int:
        library, chosen = self._library, self.settings
        errors = ctypes.create_string_buffer(ERRBUF_BYTES)
        handle = library.pcap_create(chosen.interface.encode(), errors)
        if not handle:
            raise CaptureError(f"{self.name}: {errors.value.decode(errors='replace')}")
        library.pcap_set_snaplen(handle, chosen.snap_bytes)
        library.pcap_set_promisc(handle, int(chosen.promiscuous))
        library.pcap_set_timeout(handle, TIMEOUT_MS)
        library.pcap_set_buffer_size(handle, chosen.ring_bytes)
        library.pcap_set_tstamp_precision(handle, PRECISION_NANO)
        # A warning is positive, such as "promiscuous mode not supported" of the device `any`.
        status = library.pcap_activate(handle)
        if status < 0:
            words = library.pcap_geterr(handle) or library.pcap_statustostr(status)
            library.pcap_close(handle)
            raise CaptureError(f"{self.name}: cannot capture: {words.decode(errors='replace')}")
        library.pcap_setnonblock(handle, 1, errors)
        return int(handle)

    def _filter(self, text: str | None) -> None:
        if text is None:
            return
        library, program = self._library, Program()
        if library.pcap_compile(self._handle, ctypes.byref(program), text.encode(), 1, NETMASK_UNKNOWN):
            words = library.pcap_geterr(self._handle).decode(errors="replace")
            raise UsageError(f"filter {text!r}: {words}; see pcap-filter(7) for its language")
        library.pcap_setfilter(self._handle, ctypes.byref(program))
        library.pcap_freecode(ctypes.byref(program))

    def _memory_file(self) -> int:
        """Return a C FILE over the buffer, with the header of a pcap file in it."""
        self._data = np.zeros(BUFFER_BYTES, np.uint8)
        self._libc = ctypes.CDLL(None)
        self._libc.fmemopen.restype = ctypes.c_void_p
        self._libc.fmemopen.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
        self._libc.ftell.restype = ctypes.c_long
        self._libc.ftell.argtypes = self._libc.fflush.argtypes = (ctypes.c_void_p,)
        self._libc.fseek.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_int)
        file = self._libc.fmemopen(self._data.ctypes.data, BUFFER_BYTES, b"w")
        if not file or not self._library.pcap_dump_fopen(self._handle, file):
            raise CaptureError(f"{self.name}: no memory for packets")
        return int(file)

    def blocks(self) -> Iterator[PacketBlock]:
        """Give packets as they come, and an empty block now and then while none do."""
        descriptor = self._library.pcap_get_selectable_fd(self._handle)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        frame, clock, told_s = 1, LiveClock(), time.monotonic()
        while not self._stopped:
            count = self._dispatch()
            if count < 0:
                words = self._library.pcap_geterr(self._handle).decode(errors="replace")
                self.partial = True
                self.problems.append(f"{self.name}: capture ended: {words or 'the interface is gone'}")
                return
            refs = self._refs[:count]
            if not count and poll.poll(IDLE_MS) and time.monotonic() - told_s < IDLE_MS / MS_PER_S:
                continue
            told_s = time.monotonic()
            yield PacketBlock(self._data, refs, clock.at(refs), frame)
            frame += count

    def _dispatch(self) -> int:
        """Fill the buffer with what has come; return the packets, or a negative number when it is over."""
        self._libc.fseek(self._file, FILE_HEADER_BYTES, SEEK_SET)
        status = int(
            self._library.pcap_dispatch(self._handle, self._most, self._library.pcap_dump, ctypes.c_void_p(self._file))
        )
        if status <= 0:
            return status
        self._libc.fflush(self._file)
        row = self._walk[0]
        row["position"], row["end"] = FILE_HEADER_BYTES, self._libc.ftell(self._file)
        index_pcap(self._data, self._refs, self._walk)
        return int(row["packets"])

    def count(self) -> None:
        """Bring ``seen`` and ``dropped`` up to date with libpcap's counters, which wrap at 2^32."""
        stat = _Stat()
        if self._library.pcap_stats(self._handle, ctypes.byref(stat)):
            return
        received, dropped = stat.received, stat.dropped + stat.card
        self.seen += (received - self._counted[0]) & 0xFFFFFFFF
        self.dropped += (dropped - self._counted[1]) & 0xFFFFFFFF
        self._counted = received, dropped

    def stop(self) -> None:
        """End ``blocks`` after the block in hand; safe in a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Stop capturing; may be called twice."""
        if self._handle:
            self._library.pcap_dump_close(ctypes.c_void_p(self._file))
            self._library.pcap_close(self._handle)
            self._handle = 0


def _declared(library: Any) -> Any:
    """Return the library with the signatures of what is used here."""
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    library.pcap_create.restype = handle
    library.pcap_create.argtypes = (text, text)
    for name in ("snaplen", "promisc", "timeout", "buffer_size", "tstamp_precision"):
        getattr(library, f"pcap_set_{name}").argtypes = (handle, ctypes.c_int)
    library.pcap_setnonblock.argtypes = (handle, ctypes.c_int, text)
    for name in ("activate", "datalink", "get_selectable_fd"):
        getattr(library, f"pcap_{name}").argtypes = (handle,)
    library.pcap_statustostr.restype = text
    library.pcap_setfilter.argtypes = (handle, ctypes.POINTER(Program))
    library.pcap_stats.argtypes = (handle, ctypes.c_void_p)
    library.pcap_dump_fopen.restype = handle
    library.pcap_dump_fopen.argtypes = (handle, handle)
    library.pcap_dump_close.argtypes = (handle,)
    library.pcap_dispatch.argtypes = (handle, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    return library
