"""Host module: what the calls of a capture cost by stage: taking flows, giving calls, writing their records.

Called by ``bench.concurrent``, in a process of its own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

from flowclass.calls.batch import Calls
from flowclass.calls.summary import CallSummary
from flowclass.capture.source import open_source
from flowclass.cli.main import GARBAGE_EVERY
from flowclass.flow.state import MeterSettings
from flowclass.pipeline import Pipeline
from flowclass.sinks.callfile import CallFile

STAGES = ("add", "give", "write")


class Stopwatch:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose time counts for a stage."""

        def wrapped(*arguments: Any) -> Any:
            began = time.process_time()
            result = function(*arguments)
            self.seconds[stage] += time.process_time() - began
            return result

        return wrapped

    def drawn(self, stage: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Return a generator function whose items count for a stage."""

        def wrapped(*arguments: Any) -> Iterator[Any]:
            following = self.timed(stage, function(*arguments).__next__)
            while True:
                try:
                    item = following()
                except StopIteration:
                    return
                yield item

        return wrapped


def stages_of(path: str, records: str, settings: MeterSettings) -> dict[str, float]:
    """Return the CPU seconds of each stage, over all calls of a capture."""
    gc.set_threshold(GARBAGE_EVERY)
    watch = Stopwatch()
    file, summary = CallFile(records), CallSummary()

    def take(calls: Calls) -> None:
        file.write(calls)
        summary.add(calls)

    source = open_source([path])
    pipeline = Pipeline(source.name, lambda *_: None, settings=settings, on_calls=watch.timed("write", take))
    assembler: Any = pipeline.calls
    assembler.add = watch.timed("add", assembler.add)
    assembler.sweep = watch.timed("give", assembler.sweep)
    assembler.drain = watch.drawn("give", assembler.drain)
    for block in source.blocks():
        pipeline.add(block)
    pipeline.drain()
    watch.timed("write", file.close)()
    source.close()
    return watch.seconds
