"""Host module: Scene, what the capture around a call was like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flowclass.calls.emodel import QualitySettings


def _no_name(_: int) -> None:
    """Name no network: there is no prefix file."""


@dataclass
class Scene:
    """What the capture was like.

    Attributes
    ----------
    first_ns : its first packet
    dropped_ns : when packets were last lost before the meter, -1 for never
    both_ways : whether any flow had packets both ways: otherwise half of the link is not seen
    quality : what a MOS assumes
    network_name : gives the name of a network by its number, None where there is no prefix file
    """

    name: str
    first_ns: int | None = None
    dropped_ns: int = -1
    both_ways: bool = False
    quality: QualitySettings = field(default_factory=QualitySettings)
    network_name: Callable[[int], str | None] = _no_name

    def note(self, flows: Any) -> None:
        """Look at FLOW[n]."""
        first = int(flows["first_ns"].min())
        self.first_ns = first if self.first_ns is None else min(self.first_ns, first)
        if not self.both_ways:
            self.both_ways = bool((flows["packets"].min(axis=1) > 0).any())

    def cuts(self, when: tuple[Any, Any], end_ns: int | None, slack_ns: int) -> tuple[Any, Any]:
        """Return whether the capture began after, or ended before, what lasted for ``when``: a span, or columns."""
        # Without a begin, or an end, nothing is near it.
        first_ns = when[0] - slack_ns if self.first_ns is None else self.first_ns
        last_ns = when[1] + slack_ns if end_ns is None else end_ns
        return when[0] - first_ns < slack_ns, last_ns - when[1] < slack_ns
