"""Host module: reason bits in words."""

from __future__ import annotations

from collections.abc import Sequence

from flowclass.apps._fused import APPS, REASONS
from flowclass.apps.app import Reason
from flowclass.record.verdict import App


def reasons_of(words: Sequence[int]) -> list[tuple[App, Reason]]:
    """Return the (App, Reason) pairs of FLOW["reasons"], in catalog order.

    Parameters
    ----------
    words : sequence of int
        One bit set an application, as ``collect_reasons`` writes them.
    """
    return [
        (reason.app or application.label, reason)
        for application, reasons, word in zip(APPS, REASONS, words, strict=True)
        for position, reason in enumerate(reasons)
        if int(word) >> position & 1
    ]
