"""Host module: what a network device itself lost before any program could see it, as the kernel tells in sysfs."""

from __future__ import annotations

from pathlib import Path

#: One folder an interface.
INTERFACES = Path("/sys/class/net")
#: Packets for which the device had no buffer left (kernel, Documentation/ABI/testing/sysfs-class-net-statistics).
#: ``rx_dropped`` is not among them: it also counts what the kernel understood and did not want.
COUNTERS = ("rx_missed_errors", "rx_fifo_errors")


def device_losses(interface: str, interfaces: Path = INTERFACES) -> int:
    """Return the packets that an interface's device has lost since it came up; 0 where the kernel does not tell."""
    lost = 0
    for counter in COUNTERS:
        try:
            lost += int((interfaces / interface / "statistics" / counter).read_text())
        except (OSError, ValueError):
            continue
    return lost
