"""Losses of a network device, from files like sysfs' and from this machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.capture.device import INTERFACES, device_losses


def made_interface(folder: Path, **counters: str) -> Path:
    """Make the statistics of interface ``wire``; return the folder of interfaces."""
    statistics = folder / "wire" / "statistics"
    statistics.mkdir(parents=True)
    for name, text in counters.items():
        (statistics / name).write_text(text)
    return folder


def test_missed_and_overrun_packets_are_lost_and_unwanted_ones_are_not(tmp_path: Path) -> None:
    folder = made_interface(tmp_path, rx_missed_errors="5\n", rx_fifo_errors="2\n", rx_dropped="900\n")
    assert device_losses("wire", folder) == 7


@pytest.mark.parametrize("text", ["", "many\n"])
def test_counter_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    assert device_losses("wire", made_interface(tmp_path, rx_missed_errors=text, rx_fifo_errors="3\n")) == 3


def test_interface_that_is_gone_has_lost_nothing(tmp_path: Path) -> None:
    assert device_losses("gone", tmp_path) == 0


def test_kernel_has_the_counters() -> None:
    if not (INTERFACES / "lo").exists():
        pytest.skip("no sysfs with a loopback interface here")
    assert (INTERFACES / "lo" / "statistics" / "rx_missed_errors").read_text().strip().isdigit()
    assert device_losses("lo") >= 0
