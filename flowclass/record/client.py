"""Kernel module: Client, which side of a flow is the subscriber's."""

from __future__ import annotations

from enum import IntEnum


class Client(IntEnum):
    """The side of a flow that belongs to a network of the prefix file."""

    UNKNOWN = 0  #: neither, or no prefix file
    SOURCE = 1
    DESTINATION = 2
