"""Host module: whether settings can be used, all but the interfaces: what ``flowclass check-config`` tries.

The service finds out the same at its start, and then it is not running.
"""

from __future__ import annotations

from pathlib import Path

from flowclass.capture.ringsocket import program_of
from flowclass.daemon.settings import ServiceSettings
from flowclass.daemon.tap import LIBPCAP
from flowclass.metrics.http import parse_listen
from flowclass.metrics.webconfig import WebConfig
from flowclass.model.bundle import ModelBundle
from flowclass.privacy.policy import RecordPolicy
from flowclass.sinks.arrow import require_pyarrow
from flowclass.sinks.sink import ENDINGS

#: Filters are tried on Ethernet: the interface may not be there yet.
ETHERNET = 1


def ensure_usable(settings: ServiceSettings) -> None:
    """Try the filter, the model, the files that settings name, and the packages that they need.

    Raises
    ------
    FlowclassError
        One of them cannot be used.
    """
    if settings.listen:
        parse_listen(settings.listen)
    if settings.web_config:
        WebConfig(settings.web_config)
    for capture in settings.captures:
        # libpcap's own way knows expressions that the ring's does not.
        if settings.method != LIBPCAP:
            program_of(capture, ETHERNET)
    if settings.model is not None:
        ModelBundle.load(Path(settings.model))
    RecordPolicy(settings.policy)
    if any(ENDINGS.get(Path(pattern).suffix.lower()) == "parquet" for pattern in (*settings.flows, *settings.calls)):
        require_pyarrow()
