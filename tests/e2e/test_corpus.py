"""Every account balances: a sample of the corpus here, all of it by ``python -m tests.e2e.corpus``."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.corpus import captures, check

#: Every so many-th capture: some 45 of them, all formats and link types that the corpus has many of.
EVERY = 32


def test_corpus__every_account_balances(corpus: Path) -> None:
    wrong = {}
    for path, packets in list(captures(corpus))[::EVERY]:
        found, _ = check(path, packets)
        if found:
            wrong[path.name] = found
    assert wrong == {}
