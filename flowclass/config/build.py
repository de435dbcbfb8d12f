"""Host module: what this copy of flowclass was built from: for ``flowclass_build_info``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: Written beside the package when a wheel is built from a checkout (setup.py).
REVISION_FILE = Path(__file__).parents[1] / "REVISION"
UNKNOWN = "unknown"


@cache
def build() -> tuple[str, str]:
    """Return version and revision of the source; of a checkout, which may have changed, the latter is ``unknown``."""
    try:
        number = version("flowclass")
    except PackageNotFoundError:
        number = UNKNOWN
    try:
        revision = REVISION_FILE.read_text().strip()
    except OSError:
        revision = UNKNOWN
    return number, revision
