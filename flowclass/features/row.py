"""Kernel module: the feature row of one flow, family after family, and the schema it follows.

``fill_row`` is called by the meter when a flow ends without decisive evidence. FEATURES is the model's schema: a
bundle made for another list is refused (``model.bundle``).
"""

from __future__ import annotations

from typing import Any

from flowclass.features import content, evidence, media, sequence, size, timing
from flowclass.features.common import busy_direction
from flowclass.features.content import fill as fill_content
from flowclass.features.evidence import fill as fill_evidence
from flowclass.features.feature import schema_id
from flowclass.features.media import fill as fill_media
from flowclass.features.sequence import fill as fill_sequence
from flowclass.features.size import fill as fill_size
from flowclass.features.timing import fill as fill_timing
from flowclass.jit import entry, kernel

FEATURES = (
    *size.FEATURES,
    *timing.FEATURES,
    *sequence.FEATURES,
    *media.FEATURES,
    *content.FEATURES,
    *evidence.FEATURES,
)
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
FEATURE_COUNT = len(FEATURES)
#: Names this exact schema.
SCHEMA_ID = schema_id(FEATURES)

if len(set(FEATURE_NAMES)) != FEATURE_COUNT:
    raise ValueError("a feature is named twice")

_TIMING = len(size.FEATURES)
_SEQUENCE = _TIMING + len(timing.FEATURES)
_MEDIA = _SEQUENCE + len(sequence.FEATURES)
_CONTENT = _MEDIA + len(media.FEATURES)
_EVIDENCE = _CONTENT + len(content.FEATURES)
#: No feature lies beyond this; a broken clock or counter is cut to it, and NaN becomes 0.
LARGEST = 1e9


@kernel
def fill_row(hot: Any, body: Any, streams: Any, row: Any) -> None:
    """Write the features of a flow.

    Parameters
    ----------
    hot, body : HOT and BODY records of the flow
    streams : STREAM[:], all streams of the meter; the flow's chain starts at ``body["stream_head"]``
    row : float32[FEATURE_COUNT], overwritten whole; every value is finite

    Notes
    -----
    Swapping the two ends of the flow changes nothing.
    """
    busy = busy_direction(body)
    fill_size(body, busy, row, 0)
    fill_timing(body, busy, row, _TIMING)
    fill_sequence(body, row, _SEQUENCE)
    fill_media(body, streams, row, _MEDIA)
    fill_content(body, busy, row, _CONTENT)
    fill_evidence(hot, body, row, _EVIDENCE)
    for k in range(FEATURE_COUNT):
        value = row[k]
        # Every comparison with NaN is false: it ends as 0.
        if not (abs(value) <= LARGEST):
            row[k] = LARGEST if value > 0.0 else (-LARGEST if value < 0.0 else 0.0)


@entry
def fill_rows(hot: Any, body: Any, streams: Any, matrix: Any) -> None:
    """Write the features of flows ``hot[i]``, ``body[i]`` into ``matrix[i]`` for all rows of the matrix.

    For tests, benchmarks and tools; the meter calls `fill_row` where a flow ends.
    """
    for i in range(matrix.shape[0]):
        fill_row(hot[i], body[i], streams, matrix[i])
