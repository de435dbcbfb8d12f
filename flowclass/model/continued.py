"""Host module: Continued, what the model said of flows that go on, so that a flow's next record says the same.

A flow longer than the active timeout gives several records under one ``flow_id``. Evidence stays with the flow; a
model's verdict is made anew for each record and could change with nothing but sizes. A name once given stays until
evidence or another flow contradicts it. Called by `Classifier`; only flows at an active timeout cost anything.
"""

from __future__ import annotations

import numpy as np

from flowclass.model.decision import is_name
from flowclass.record.status import EndReason
from flowclass.record.verdict import DecidedBy

#: Flows remembered at most, the oldest forgotten first: as many as the flow table holds by default.
MOST_FLOWS = 262_144
#: Verdicts that weigh no more than what the model said before.
WEAKER = (int(DecidedBy.MODEL), int(DecidedBy.NOTHING))


class Continued:
    """Remembers verdicts of the model for flows whose record ended with the active timeout."""

    def __init__(self, most: int = MOST_FLOWS) -> None:
        self._most = most
        self._said: dict[int, np.ndarray] = {}

    def settle(self, flows: np.ndarray, verdicts: np.ndarray) -> None:
        """Put earlier verdicts in the place of later ones that weigh no more, and remember those of flows that go on.

        Parameters
        ----------
        flows : FLOW[n]
        verdicts : VERDICT[n], changed in place
        """
        goes_on = flows["end_reason"] == EndReason.ACTIVE_TIMEOUT
        for row in np.flatnonzero(goes_on | (flows["piece"] > 0)):
            self._settle_one(int(flows["flow_id"][row]), verdicts[row : row + 1], goes_on=bool(goes_on[row]))

    def _settle_one(self, flow_id: int, verdict: np.ndarray, *, goes_on: bool) -> None:
        said = self._said.pop(flow_id, None)
        if int(verdict["decided_by"][0]) in WEAKER:
            # What had no name may get one; a name stays.
            if said is not None and (is_name(int(said["app"][0])) or verdict["decided_by"][0] == DecidedBy.NOTHING):
                verdict[:] = said
            if goes_on and verdict["decided_by"][0] == DecidedBy.MODEL:
                self._said[flow_id] = verdict.copy()
                if len(self._said) > self._most:
                    del self._said[next(iter(self._said))]
