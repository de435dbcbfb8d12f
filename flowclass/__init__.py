"""flowclass finds calls made over the Internet in network traffic: `analyze` and `Stream` are its face to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowclass.library import Analysis, Stream, analyze

__all__ = ["Analysis", "Stream", "analyze"]


def __dir__() -> list[str]:
    """Return what there is, the library's names included."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Load the library when it is first used: the command line prints its help without numba."""
    if name not in __all__:
        raise AttributeError(f"module 'flowclass' has no attribute {name!r}")
    from flowclass import library

    return getattr(library, name)
