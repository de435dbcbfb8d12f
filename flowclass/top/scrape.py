"""Host module: Scrape, a service's metrics at one moment, and what changed since the one before."""

from __future__ import annotations

import time
import urllib.error
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from flowclass.errors import FlowclassError, UsageError
from flowclass.top.access import Access

#: Seconds a service may take to answer, and bytes of its answer at most.
PATIENCE_S, LONGEST_ANSWER = 5.0, 8 << 20


class ScrapeError(FlowclassError):
    """The service did not answer, or not with metrics."""


@dataclass(frozen=True)
class Scrape:
    """Metrics of one moment.

    Attributes
    ----------
    at_s : monotonic clock
    samples : (labels, value) by the sample's name, such as ``flowclass_read_packets_total``
    """

    at_s: float
    samples: dict[str, list[tuple[dict[str, str], float]]]

    @classmethod
    def parse(cls, text: str, at_s: float) -> Scrape:
        """Return the metrics of a text in Prometheus' format; ScrapeError when it is none."""
        samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        try:
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    samples[sample.name].append((sample.labels, sample.value))
        except (ValueError, KeyError, IndexError) as error:
            raise ScrapeError(f"these are no metrics: {error}") from error
        return cls(at_s, samples)

    def total(self, name: str, **labels: str) -> float | None:
        """Return the sum of a metric over all series with these labels, None when there is no such metric."""
        found = [value for held, value in self.samples.get(name, ()) if labels.items() <= held.items()]
        return sum(found) if found else None

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Return the sums of a metric by the values of one label."""
        sums: dict[str, float] = defaultdict(float)
        for held, value in self.samples.get(name, ()):
            if label in held and labels.items() <= held.items():
                sums[held[label]] += value
        return dict(sums)

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of all series of a metric: for facts, which are in labels."""
        return [held for held, _ in self.samples.get(name, ())]

    def mean(self, name: str, **labels: str) -> float | None:
        """Return the mean of a histogram, None when nothing was observed."""
        count = self.total(f"{name}_count", **labels)
        return (self.total(f"{name}_sum", **labels) or 0.0) / count if count else None


def rate(before: Scrape | None, now: Scrape, name: str, **labels: str) -> float | None:
    """Return a counter's growth per second, None without two scrapes of it; a service that began anew counts from 0."""
    if before is None or now.at_s <= before.at_s:
        return None
    end, begin = now.total(name, **labels), before.total(name, **labels)
    if end is None:
        return None
    grown = end - (begin or 0.0)
    return (grown if grown >= 0 else end) / (now.at_s - before.at_s)


def rates_by(before: Scrape | None, now: Scrape, name: str, label: str) -> dict[str, float]:
    """Return a counter's growth per second by the values of one label."""
    found: Iterable[str] = now.by(name, label)
    return {value: rate(before, now, name, **{label: value}) or 0.0 for value in found}


def fetch(url: str, access: Access | None = None) -> Scrape:
    """Return the metrics that a service gives at an address.

    Parameters
    ----------
    access : what to show it, None for nothing

    Raises
    ------
    UsageError
        It is no web address.
    ScrapeError
        Nobody answers there, or not with metrics.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"{url} is no address of a service: write http://HOST:PORT")
    try:
        with (access or Access()).open(url, PATIENCE_S) as answer:
            text = answer.read(LONGEST_ANSWER).decode("utf-8", "replace")
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ScrapeError(f"no metrics from {url}: {reason}") from error
    return Scrape.parse(text, time.monotonic())
