"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

#: The first example compiles or loads kernels, and machines that tests run on are busy: no example is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real labelled captures; skip where it is absent."""
    folder = Path(os.environ.get("FLOWCLASS_CORPUS") or REPOSITORY.parent / "shared" / "corpus")
    if not (folder / "index.csv").is_file():
        pytest.skip(f"no corpus at {folder}: set FLOWCLASS_CORPUS to run this test")
    return folder
