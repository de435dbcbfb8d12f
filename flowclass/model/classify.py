"""Host module: Classifier, a bundle ready to judge batches of flows.

Called once per batch by ``flowclass.pipeline``; all loops over flows are in ``model.decision``.
"""

from __future__ import annotations

import numpy as np

from flowclass.features.row import FEATURE_COUNT
from flowclass.flow.record import FLOW
from flowclass.model.bundle import ModelBundle
from flowclass.model.continued import Continued
from flowclass.model.decision import classify_flows
from flowclass.model.forest import predict
from flowclass.model.norms import weigh_flows
from flowclass.model.verdict import VERDICT


class Classifier:
    """Judges flows by evidence first, by the model second.

    Parameters
    ----------
    bundle : a loaded model
    words : fill ``VERDICT["signs"]``, of which records tell in words why the model decided; totals need none
    """

    def __init__(self, bundle: ModelBundle, words: bool = True) -> None:
        self.bundle = bundle
        self._verdicts = np.zeros(0, VERDICT)
        self._probabilities = np.zeros((0, len(bundle.labels)), np.float32)
        self._weights = np.zeros(FEATURE_COUNT, np.float32)
        self._words = words
        self._continued = Continued()

    def classify(self, flows: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Return VERDICT[n], one row a flow, valid until the next call.

        Parameters
        ----------
        flows : FLOW[n]
        features : float32[m, FEATURE_COUNT], rows named by ``flows["features_row"]``
        """
        if flows.size > self._verdicts.size:
            self._verdicts = np.zeros(flows.size, VERDICT)
        if len(features) > len(self._probabilities):
            self._probabilities = np.zeros((len(features), len(self.bundle.labels)), np.float32)
        verdicts = self._verdicts[: flows.size]
        probabilities = self._probabilities[: len(features)]
        forest, rules, norms = self.bundle.forest, self.bundle.rules, self.bundle.norms
        classify_flows(forest, rules, flows, features, probabilities, verdicts)
        if self._words:
            weigh_flows(forest, rules, norms, flows, features, probabilities, self._weights, verdicts)
        self._continued.settle(flows, verdicts)
        return verdicts

    def warm(self) -> np.ndarray:
        """Load or compile the kernels now; return VERDICT[0]."""
        return self.classify(np.zeros(0, FLOW), np.zeros((0, FEATURE_COUNT), np.float32))

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return float32[m, classes], the forest's own class probabilities before gates and calibration."""
        matrix = np.ascontiguousarray(features, np.float32).reshape(-1, FEATURE_COUNT)
        out = np.zeros((len(matrix), len(self.bundle.labels)), np.float32)
        predict(self.bundle.forest, matrix, out)
        return out
