"""Host module: Scene, what the capture around a call was like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flowclass.calls.emodel import QualitySettings
from flowclass.calls.leg import Span


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

    def cuts(self, when: Span, end_ns: int | None, slack_ns: int) -> tuple[bool, bool]:
        """Return whether the capture began after, or ended before, what lasted for ``when``."""
        begins = self.first_ns is not None and when[0] - self.first_ns < slack_ns
        return begins, end_ns is not None and end_ns - when[1] < slack_ns
