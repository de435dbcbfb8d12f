"""What settings mean to the service: where they come from, what is refused, what a reload takes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.daemon.settings import ServiceSettings
from flowclass.errors import UsageError


def read(folder: Path, text: str, environment: dict[str, str] | None = None, **chosen: str) -> ServiceSettings:
    path = folder / "flowclass.toml"
    path.write_text(text)
    return ServiceSettings.read(str(path), environment or {}, **chosen)


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    environment = {"FLOWCLASS_CAPTURE_INTERFACE": "eth1", "FLOWCLASS_METRICS_LISTEN": "127.0.0.1:1"}
    text = '[capture]\ninterface = "eth0"\nworkers = 3\n'
    settings = read(tmp_path, text, environment, listen="127.0.0.1:2")
    assert (settings.interfaces, settings.workers, settings.listen) == (("eth1",), 3, "127.0.0.1:2")


def test_environment_alone_is_enough() -> None:
    assert ServiceSettings.read(None, {"FLOWCLASS_CAPTURE_INTERFACE": "eth1,eth2"}).interfaces == ("eth1", "eth2")


def test_records_go_to_any_number_of_places(tmp_path: Path) -> None:
    output = 'flows = ["a.jsonl", "b-%H.parquet"]\ncalls = "c.csv"\nipfix = ["udp://a", "tcp://b:1"]\n'
    settings = read(tmp_path, f'[capture]\ninterface = "eth0"\n[output]\n{output}')
    assert settings.flows == ("a.jsonl", "b-%H.parquet")
    assert (settings.calls, settings.ipfix) == (("c.csv",), ("udp://a", "tcp://b:1"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[output]\nflows = "flows.txt"', "'flows.txt': its ending must be one of .jsonl"),
        ('[output]\nflows = "x.csv"\ncalls = "x.csv"', "'x.csv' is named twice"),
        ('[output]\nipfix = ["udp://a", "http://b"]', "http://b is no collector"),
        ("[capture]\nsnap_bytes = 0", "capture.snap_bytes is 0; it must lie between 42 and 65535"),
        ("[capture]\nring_mb = 4096", "capture.ring_mb is 4096; it must lie between 1 and 4095"),
        ("[capture]\nworkers = 65", "capture.workers is 65; it must lie between 1 and 64"),
        ('[capture]\nmethod = "xdp"', "capture.method is 'xdp'; it must be one of auto, ring, libpcap"),
    ],
)
def test_value_that_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, text, interface="eth0")


def test_places_move_at_a_reload_and_neither_come_nor_go(tmp_path: Path) -> None:
    old = read(tmp_path, '[output]\nflows = ["a.csv", "b.csv"]\ncalls = "c.csv"', interface="eth0")
    fresh = read(tmp_path, '[output]\nflows = ["d.csv", "b.csv"]\ncalls = ["c.csv", "e.csv"]', interface="eth0")
    taken = old.taking_over(fresh)
    assert (taken.flows, taken.calls) == (("d.csv", "b.csv"), ("c.csv",))
