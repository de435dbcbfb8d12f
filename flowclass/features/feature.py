"""Host module: Feature, the unit the model's schema is declared in, and the schema's id.

Called by every family of features and by the model bundle. A feature never holds an address, a port or a time of
day: those are the shortcuts by which a classifier learns the capture instead of the application.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One column of the feature matrix.

    Attributes
    ----------
    name : lower-case, ``family_what``; stable, a model is bound to it
    unit : "" for pure numbers
    doc : what the value is, and its value where it does not apply
    source : why it tells applications apart (paper, FACTS section)
    """

    name: str
    unit: str
    doc: str
    source: str


def schema_id(features: Sequence[Feature]) -> str:
    """Return 64 hex digits naming this exact list: its names, units, meanings and order."""
    digest = hashlib.sha256()
    for feature in features:
        digest.update(f"{feature.name}\t{feature.unit}\t{feature.doc}\n".encode())
    return digest.hexdigest()


def both(prefix: str, what: str, unit: str, doc: str, source: str) -> tuple[Feature, Feature]:
    """Return the feature for the busy and for the quiet direction (see ``features.common.busy_direction``)."""
    return (
        Feature(f"{prefix}_busy_{what}", unit, f"{doc}, busy direction", source),
        Feature(f"{prefix}_quiet_{what}", unit, f"{doc}, quiet direction", source),
    )
