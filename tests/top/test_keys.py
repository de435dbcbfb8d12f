"""Keys: what waits on standard input, and interrupts that nobody could catch."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from flowclass.top.keys import QUIT, Keys


def test_an_interrupt_is_raised() -> None:
    with pytest.raises(KeyboardInterrupt), Keys():
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_that_was_dropped_ends_the_next_wait() -> None:
    with Keys() as keys:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert keys.wait(3600) == QUIT


def test_interrupts_are_afterwards_what_they_were() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Keys():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
