"""Host module: open_source, the way in to captures; FileSource for one input, merge.MergedSource for several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowclass.capture.block import PacketBlock, Source
from flowclass.capture.formats import open_reader
from flowclass.capture.merge import MergedSource
from flowclass.capture.stream import Input
from flowclass.capture.window import BLOCK_BYTES
from flowclass.errors import UsageError

__all__ = ["FileSource", "Input", "PacketBlock", "Source", "open_source"]


class FileSource:
    """One input; see ``block.Source`` for the attributes.

    Parameters
    ----------
    item : path, ``-`` or binary file object
    block_bytes : most bytes read at once
    """

    filtered_packets = 0
    filtered_bytes = 0

    def __init__(self, item: Input, block_bytes: int = BLOCK_BYTES) -> None:
        self._reader = open_reader(item, 0, block_bytes)
        self.name = self._reader.name

    @property
    def problems(self) -> list[str]:
        """What was wrong with the input."""
        return self._reader.problems

    @property
    def partial(self) -> bool:
        """Whether packets may be missing."""
        return self._reader.partial

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the packets in the order of the file."""
        reader = self._reader
        while count := reader.read():
            first = reader.packets - count + 1
            yield PacketBlock(reader.data, reader.refs[:count], reader.clock_ns, first)

    def close(self) -> None:
        """Close the input."""
        self._reader.close()


def open_source(inputs: Sequence[Input], *, bpf: str | None = None, block_bytes: int = BLOCK_BYTES) -> Source:
    """Open capture files or streams as one capture in time order.

    Parameters
    ----------
    inputs : paths, ``-`` for stdin (once), binary file objects; pcap or pcapng, plain or gzip or zstd: the content
        decides
    bpf : filter in libpcap's language; packets it refuses are counted in ``filtered_packets``
    block_bytes : most bytes read at once from an input, at least 1; it changes nothing but speed and memory

    Returns
    -------
    Source; close it after use.

    Raises
    ------
    CaptureError
        When an input cannot be opened or is no capture.
    UsageError
        For a wrong filter, no input, or stdin named twice.
    """
    if isinstance(inputs, str) or not inputs:
        raise UsageError("name at least one capture: a list of paths, - for stdin")
    if block_bytes < 1:
        raise UsageError(f"block_bytes must be at least 1, not {block_bytes}")
    if sum(item == "-" for item in inputs) > 1:
        raise UsageError("stdin (-) can be named only once")
    if bpf is None:
        return _open(inputs, block_bytes)
    from flowclass.capture.bpf import FilteredSource, PacketFilter

    packet_filter = PacketFilter(bpf)
    return FilteredSource(_open(inputs, block_bytes), packet_filter)


def _open(inputs: Sequence[Input], block_bytes: int) -> Source:
    return FileSource(inputs[0], block_bytes) if len(inputs) == 1 else MergedSource(inputs, block_bytes)
