"""Host module: packet filters: libpcap compiles them, ``bpf_vm`` runs them over the blocks.

The system's libpcap is asked first (it is newer and knows more link types), then the one that pcapy-ng carries.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from flowclass.capture.block import PacketBlock, Source
from flowclass.capture.bpf_vm import MEMORY_WORDS, UNDECIDED, decide_packets
from flowclass.capture.walk import MAXIMUM_CAPLEN
from flowclass.errors import UsageError

#: Names under which systems install libpcap: Debian's, upstream's, the development link.
_LIBRARIES = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so")
#: LINKTYPE_ values whose DLT_ number differs on Linux (libpcap's pcap-common.c).
_DLT = {100: 11, 101: 12, 102: 15, 103: 16, 106: 19}
#: A filter that compiles for one of these is well formed: Ethernet, raw IP, radiotap, SLL.
_TRIAL_LINKTYPES = (1, 101, 127, 113)
_NETMASK_UNKNOWN = 0xFFFFFFFF
#: Refuse everything: RET 0.
_REFUSE_ALL = ((6, 0, 0, 0),)

Instructions = tuple[tuple[int, int, int, int], ...]


class FilterError(Exception):
    """libpcap's words about a filter that does not compile for a link type."""


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction)))


@lru_cache(maxsize=1)
def system_libpcap() -> Any:
    """Return the system's libpcap with its signatures declared, or None."""
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_open_dead.argtypes = (ctypes.c_int, ctypes.c_int)
        library.pcap_compile.argtypes = (
            ctypes.c_void_p,
            ctypes.POINTER(Program),
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint32,
        )
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_geterr.argtypes = (ctypes.c_void_p,)
        library.pcap_freecode.argtypes = (ctypes.POINTER(Program),)
        library.pcap_close.argtypes = (ctypes.c_void_p,)
        return library
    return None


def compile_system(library: Any, text: str, linktype: int) -> Instructions:
    """Compile by a libpcap loaded with ctypes.

    Raises
    ------
    FilterError
        With libpcap's message.
    """
    handle = library.pcap_open_dead(_DLT.get(linktype, linktype), MAXIMUM_CAPLEN)
    program = Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, _NETMASK_UNKNOWN):
            raise FilterError(library.pcap_geterr(handle).decode(errors="replace"))
        rows = program.instructions[: program.length]
        instructions = tuple((row.code, row.jt, row.jf, row.k) for row in rows)
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    return instructions


def compile_pcapy(text: str, linktype: int) -> Instructions:
    """Compile by the libpcap inside pcapy-ng.

    Raises
    ------
    FilterError
        With libpcap's message.
    ImportError
        When pcapy-ng is not installed.
    """
    import pcapy

    try:
        program = pcapy.compile(_DLT.get(linktype, linktype), MAXIMUM_CAPLEN, text, 1, _NETMASK_UNKNOWN)
    except (pcapy.PcapError, pcapy.BPFError) as error:
        raise FilterError(str(error)) from error
    return tuple(tuple(row) for row in program.get_bpf())


def compile_filter(text: str, linktype: int) -> Instructions:
    """Compile a filter for one link type.

    Raises
    ------
    FilterError
        With libpcap's message.
    UsageError
        When there is no libpcap.
    """
    if "\0" in text:
        raise FilterError("it holds a NUL character")
    library = system_libpcap()
    if library is not None:
        return compile_system(library, text, linktype)
    try:
        return compile_pcapy(text, linktype)
    except ImportError as error:
        raise UsageError(
            "a filter needs libpcap: install it (Debian: apt install libpcap0.8) or pip install pcapy-ng"
        ) from error


class PacketFilter:
    """A filter's text and its programs, one a link type, compiled when first met.

    Raises
    ------
    UsageError
        When the text does not compile for any usual link type; the message is libpcap's.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[str] = []
        self._programs: dict[int, Any] = {}
        errors = []
        for linktype in _TRIAL_LINKTYPES:
            try:
                compile_filter(text, linktype)
                return
            except FilterError as error:
                errors.append(error)
        raise UsageError(f"filter {text!r}: {errors[0]}; see pcap-filter(7) for its language")

    def program(self, linktype: int) -> Any:
        """Return the program for a link type as int64[n, 4]; one that refuses all when it does not compile."""
        if linktype not in self._programs:
            try:
                instructions = compile_filter(self.text, linktype)
            except FilterError as error:
                instructions = _REFUSE_ALL
                self.problems.append(
                    f"filter {self.text!r} cannot be used on link type {linktype} ({error}): "
                    "packets of this type count as filtered"
                )
            self._programs[linktype] = np.array(instructions, np.int64).reshape(-1, 4)
        return self._programs[linktype]


class FilteredSource:
    """A source without the packets its filter refuses; see ``block.Source`` for the attributes."""

    def __init__(self, source: Source, packet_filter: PacketFilter) -> None:
        self._source = source
        self._filter = packet_filter
        self._memory: Any = np.zeros(MEMORY_WORDS, np.int64)
        self.name = source.name
        self.filtered_packets = 0
        self.filtered_bytes = 0

    @property
    def problems(self) -> list[str]:
        """What was wrong with the inputs, and link types the filter does not fit."""
        return [*self._source.problems, *(f"{self.name}: {text}" for text in self._filter.problems)]

    @property
    def partial(self) -> bool:
        """Whether packets may be missing."""
        return self._source.partial

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the accepted packets; a block of none moves the clock all the same."""
        frame = 1
        for block in self._source.blocks():
            refs = block.refs[self._accepted(block)]
            self.filtered_packets += len(block.refs) - len(refs)
            self.filtered_bytes += int(block.refs["wirelen"].sum(dtype=np.int64) - refs["wirelen"].sum(dtype=np.int64))
            yield PacketBlock(block.data, refs, block.now_ns, frame)
            frame += len(refs)

    def _accepted(self, block: PacketBlock) -> Any:
        """Return bool[n], which packets the filter accepts."""
        accepted = np.full(len(block.refs), UNDECIDED, np.uint8)
        linktype = int(block.refs["linktype"][0]) if len(block.refs) else -1
        while linktype >= 0:
            program = self._filter.program(linktype)
            linktype = decide_packets(block.data, block.refs, linktype, program, self._memory, accepted)
        return accepted == 1

    def close(self) -> None:
        """Close the source."""
        self._source.close()
