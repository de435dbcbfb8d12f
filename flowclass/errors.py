"""Host module: the exceptions raised at the rim, each with the exit code the command line gives it.

Kernels never raise: they return status codes (``flowclass.record.status``).
"""


class FlowclassError(Exception):
    """Something the user can mend; the message says what, where and what to do."""

    exit_code = 1


class UsageError(FlowclassError):
    """The request itself is wrong: a bad option, filter or setting."""

    exit_code = 2


class CaptureError(FlowclassError):
    """A capture cannot be opened or is no capture at all."""


class ModelError(FlowclassError):
    """A model bundle is missing, damaged or made for another feature schema."""


class SinkError(FlowclassError):
    """A record sink cannot be opened or written."""
