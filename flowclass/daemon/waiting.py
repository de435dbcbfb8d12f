"""Host module: WaitingRoom, a queue bounded by the records in it: whoever brings some need not wait for room."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class WaitingRoom(Generic[T]):
    """A queue between threads.

    Parameters
    ----------
    most : records that fit; an item that brings none always does
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._records = 0
        self._items: deque[tuple[int, T]] = deque()
        self._changed = threading.Condition()

    @property
    def records(self) -> int:
        """Records that wait."""
        return self._records

    def put(self, count: int, item: T, wait_s: float = 0.0) -> bool:
        """Add an item of so many records; return False when there was no room for it, not even ``wait_s`` later."""
        with self._changed:
            if not self._has_room(count) and not self._changed.wait_for(lambda: self._has_room(count), wait_s):
                return False
            self._records += count
            self._items.append((count, item))
            self._changed.notify_all()
        return True

    def _has_room(self, count: int) -> bool:
        # More records than ever fit may enter an empty room.
        return not count or not self._records or self._records + count <= self._most

    def get(self, wait_s: float | None = None) -> tuple[int, T] | None:
        """Return the oldest item with its records, None when there is none, not even ``wait_s`` (None: ever) later."""
        with self._changed:
            if not self._items and not self._changed.wait_for(lambda: bool(self._items), wait_s):
                return None
            count, item = self._items.popleft()
            self._records -= count
            self._changed.notify_all()
            return count, item
