"""Host module: RecentFlows, the features of the latest flows that the model was asked about, beside its reference.

The service's packet loops fill one each; what is far from the reference shows that traffic has changed since training.
"""

from __future__ import annotations

import numpy as np

from flowclass.features.row import FEATURE_COUNT
from flowclass.model.norms import DRIFTED, Norms, stability_index

#: Flows that are kept: with ten bins a feature, chance alone moves the index of so many by 0.005.
WINDOW_FLOWS = 2048
#: Flows taken of a batch: a flood must not fill the window at once, nor cost much.
FLOWS_A_BATCH = 64


class RecentFlows:
    """A bounded window of feature rows, the oldest of which make room.

    Attributes
    ----------
    count : flows in the window
    """

    def __init__(self) -> None:
        self._rows = np.zeros((WINDOW_FLOWS, FEATURE_COUNT), np.float32)
        self._place = 0
        self.count = 0

    def add(self, features: np.ndarray) -> None:
        """Take some of float32[n, FEATURE_COUNT], evenly spread."""
        step = -(-len(features) // FLOWS_A_BATCH) or 1
        fresh = features[::step]
        places = (self._place + np.arange(len(fresh))) % WINDOW_FLOWS
        self._rows[places] = fresh
        self._place = int(self._place + len(fresh)) % WINDOW_FLOWS
        self.count = min(self.count + len(fresh), WINDOW_FLOWS)

    def drift(self, norms: Norms) -> tuple[float, int]:
        """Return the mean population stability index over the features, and how many features have moved much."""
        index = stability_index(norms, self._rows[: self.count])
        return float(index.mean()), int((index > DRIFTED).sum())
