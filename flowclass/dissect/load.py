"""Kernel module: bytes become integers here and nowhere else.

Called by every dissector. Reads exactly the bytes named; callers have checked ``index + width <= end``.
Results are int64 (never negative) except ``be64`` (uint64): NumPy 2 would keep ``uint8 << 8`` in 8 bits without
the JIT, and mixing int64 with uint64 silently gives float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import RAW_LOADS, int64, kernel, swapped_load

if RAW_LOADS:
    _load8, _load16, _load32, _load64 = (swapped_load(bits) for bits in (8, 16, 32, 64))

    @kernel
    def u8(data: Any, index: int) -> int:
        """Return the byte at ``index``."""
        return _load8(data, index)

    @kernel
    def be16(data: Any, index: int) -> int:
        """Return the big-endian 16-bit integer at ``index``."""
        return _load16(data, index)

    @kernel
    def be32(data: Any, index: int) -> int:
        """Return the big-endian 32-bit integer at ``index``."""
        return _load32(data, index)

    @kernel
    def be64(data: Any, index: int) -> np.uint64:
        """Return the big-endian 64-bit integer at ``index`` as uint64."""
        return _load64(data, index)  # type: ignore[return-value]

else:

    @kernel
    def u8(data: Any, index: int) -> int:
        """Return the byte at ``index``."""
        return int64(data[index])

    @kernel
    def be16(data: Any, index: int) -> int:
        """Return the big-endian 16-bit integer at ``index``."""
        return (int64(data[index]) << 8) | int64(data[index + 1])

    @kernel
    def be32(data: Any, index: int) -> int:
        """Return the big-endian 32-bit integer at ``index``."""
        return (be16(data, index) << 16) | be16(data, index + 2)

    @kernel
    def be64(data: Any, index: int) -> np.uint64:
        """Return the big-endian 64-bit integer at ``index`` as uint64."""
        return (np.uint64(be32(data, index)) << np.uint64(32)) | np.uint64(be32(data, index + 4))


@kernel
def le16(data: Any, index: int) -> int:
    """Return the little-endian 16-bit integer at ``index``."""
    return u8(data, index) | (u8(data, index + 1) << 8)


@kernel
def le32(data: Any, index: int) -> int:
    """Return the little-endian 32-bit integer at ``index``."""
    return le16(data, index) | (le16(data, index + 2) << 16)


@kernel
def be24(data: Any, index: int) -> int:
    """Return the big-endian 24-bit integer at ``index``."""
    return (be16(data, index) << 8) | u8(data, index + 2)
