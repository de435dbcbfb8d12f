"""Host module: where the product keeps and finds files of its own."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def manifest_file() -> Path:
    """Return the manifest of public captures: inside an installed wheel, or beside the package in a checkout."""
    inside = PACKAGE / "pcaps" / "manifest.csv"
    return inside if inside.is_file() else PACKAGE.parent / "pcaps" / "manifest.csv"


def cache_folder() -> Path:
    """Return the user's cache folder of the product (XDG base directory specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowclass"
