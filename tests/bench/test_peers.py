"""The comparison reads what contenders print, sums whole process trees, and calls wrong results wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.peers import contenders, report
from bench.peers.measure import Cost, run
from bench.workloads.catalog import Workload

CORE = min(os.sched_getaffinity(0))
WORKLOAD = Workload("calls", Path("a"), 1000, 9, 10, Path("b"), 100)
ACCOUNT = """\
                                         packets     bytes on the wire
read                                       1,000               547,455
  metered                                    990               540,000
  ignored: not-ip                             10                 7,455
balance: exact
flows: 10 opened; records: end-of-flow 14
"""
NDPI = "\tIP packets:            990           of 1000 packets total\n\tUnique flows:          10\n"


def test_read_flowclass() -> None:
    assert contenders.read_flowclass(ACCOUNT) == contenders.Seen(1000, 10)


def test_read_flowclass__an_account_that_does_not_add_up_is_a_fault() -> None:
    seen = contenders.read_flowclass(ACCOUNT.replace("990", "980"))
    assert seen.faults == ("1,000 read are not 980 + 10",)


def test_read_ndpi() -> None:
    assert contenders.read_ndpi(NDPI) == contenders.Seen(990, 10)


def test_output_without_numbers_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing matches"):
        contenders.read_ndpi("cannot open file")


def test_faults__flowclass_has_to_see_every_packet() -> None:
    ours, _, ndpi = contenders.ALL
    assert ours.faults(contenders.Seen(990, 10), WORKLOAD) == ["saw 990 of 1,000 packets"]
    assert ndpi.faults(contenders.Seen(990, 10), WORKLOAD) == []
    assert ndpi.faults(contenders.Seen(1000, 12), WORKLOAD) == ["made 12 flows of 10"]


def test_run__adds_up_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    parent = (
        f"import subprocess, sys; [subprocess.run([sys.executable, '-c', {burn!r}]) for _ in range(2)]; print('ok')"
    )
    cost = run([sys.executable, "-c", parent], CORE, keep_output=True)
    assert (cost.code, cost.stdout) == (0, "ok\n")
    assert cost.cpu_s > 0.55


def test_run__gives_code_and_errors() -> None:
    cost = run([sys.executable, "-c", "import sys; print('out'); sys.exit('no')"], CORE, keep_output=False)
    assert (cost.code, cost.stdout, cost.stderr) == (1, "", "no\n")


def test_rates__net_of_start_up() -> None:
    runs = report.Runs("flowclass", WORKLOAD)
    runs.whole = [Cost(9.0, seconds, 0, 0, "", "") for seconds in (2.0, 1.9, 7.0)]
    runs.start = [Cost(1.0, 1.0, 0, 0, "", "")]
    assert runs.rate("cpu_s", net=False) == 500
    assert runs.rate("cpu_s", net=True) == 900
    assert runs.rate("wall_s", net=True) == 900 / 8
