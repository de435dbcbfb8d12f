"""The Debian package: installed into a Debian of its own, its service started by systemd, removed without a trace.

It makes a Debian root (debootstrap), builds the package (minutes, some hundred megabytes) and boots the root
(systemd-nspawn), so it runs only when asked for: ``FLOWCLASS_TEST_DEB=1 pytest tests/deploy/test_deb.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MIRROR = os.environ.get("FLOWCLASS_TEST_MIRROR", "http://deb.debian.org/debian")
PACKAGES = "systemd,systemd-sysv,dbus,python3,libpcap0.8,procps"
#: Folders whose content is made by the running system, not by a package.
LIVE = ("proc", "sys", "dev", "run", "tmp", "var/log", "var/lib/systemd", "var/lib/dpkg", "var/tmp")
#: Longest the container may take: a cold start compiles the kernels.
BOOT_S = 900
#: What is done inside, once the system is up; each answer is a line of the log.
PROBE = """#!/bin/bash
exec > /var/log/probe.log 2>&1
for _ in $(seq 300); do
    [ "$(systemctl is-active flowclass)" = active ] && break
    sleep 2
done
ask() { echo "$1=$(systemctl show -p "$1" --value flowclass)"; }
ask ActiveState; ask Type; ask StatusText; ask NRestarts
pid=$(systemctl show -p MainPID --value flowclass)
grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/$pid/status
/usr/bin/python3 -c "
import urllib.request
print(urllib.request.urlopen('http://127.0.0.1:9799/metrics').read().decode())" | grep '^flowclass_capture_up'
systemctl reload flowclass && sleep 3 && echo "reloaded=$(systemctl is-active flowclass)"
/usr/bin/python3 -c "
import urllib.request
print(urllib.request.urlopen('http://127.0.0.1:9799/metrics').read().decode())" | grep '^flowclass_config_reloads_total'
systemctl stop flowclass; ask Result; ask ExecMainStatus
dpkg --purge flowclass && echo purged
echo "units=$(systemctl list-unit-files | grep -c flowclass)"
systemctl poweroff
"""
UNIT = """[Unit]
After=multi-user.target
[Service]
ExecStart=/usr/local/bin/probe
[Install]
WantedBy=multi-user.target
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("FLOWCLASS_TEST_DEB"), reason="takes minutes: set FLOWCLASS_TEST_DEB=1"),
    pytest.mark.skipif(os.geteuid() != 0, reason="making and booting a Debian root needs root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
    pytest.mark.skipif(shutil.which("systemd-nspawn") is None, reason="systemd-nspawn (systemd-container) is missing"),
]


def files_of(root: Path) -> set[str]:
    """Return all files but those of LIVE folders and of the probe."""
    found = set()
    for folder, names, files in os.walk(root):
        at = Path(folder).relative_to(root).as_posix()
        names[:] = [name for name in names if f"{at}/{name}".removeprefix("./") not in LIVE]
        found |= {f"{at}/{name}" for name in (*names, *files)}
    return {name for name in found if "probe" not in name}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a Debian root with the package installed, and the list of its files before that."""
    folder = tmp_path_factory.mktemp("deb")
    subprocess.run(["sh", "deploy/deb/build.sh", str(folder)], cwd=REPOSITORY, check=True, timeout=1800)
    package = next(folder.glob("*.deb"))
    root = folder / "root"
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root), MIRROR],
        check=True, timeout=1200, capture_output=True,
    )  # fmt: skip
    (folder / "before").write_text("\n".join(sorted(files_of(root))))
    shutil.copy(package, root / "tmp" / "flowclass.deb")
    shutil.copy(REPOSITORY / "pcaps" / "showcase.pcap", root / "tmp")
    subprocess.run(["chroot", str(root), "dpkg", "-i", "/tmp/flowclass.deb"], check=True, timeout=600)  # noqa: S108
    yield root
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def first_run(root: Path) -> subprocess.CompletedProcess[str]:
    """Label a capture with the program as it was installed: before the service has run, and before it is purged."""
    command = ["chroot", str(root), "env", "HOME=/tmp", "flowclass", "analyze", "--quiet", "/tmp/showcase.pcap"]  # noqa: S108
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope="module")
def booted(root: Path, first_run: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Boot the root, let the probe ask and purge; return its answers."""
    settings = root / "etc" / "flowclass" / "flowclass.toml"
    settings.write_text('[capture]\ninterface = "lo"\n')
    probe = root / "usr" / "local" / "bin" / "probe"
    probe.write_text(PROBE)
    probe.chmod(0o755)
    (root / "etc" / "systemd" / "system" / "probe.service").write_text(UNIT)
    enable = ["chroot", str(root), "systemctl", "enable", "probe.service", "flowclass.service"]
    subprocess.run(enable, check=True, capture_output=True)
    # nspawn wants a terminal for the container's console; script gives it one.
    nspawn = f"systemd-nspawn --boot -D {root} --private-network --register=no --keep-unit --machine=fcdeb{os.getpid()}"
    subprocess.run(
        ["script", "-qc", nspawn, "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_S
    )
    log = root / "var" / "log" / "probe.log"
    if not log.is_file():
        pytest.skip("no container can be booted here")
    lines = [line.replace(":\t", "=").partition("=") for line in log.read_text().splitlines()]
    return {name: value for name, _, value in lines} | {"log": log.read_text()}


def test_program__labels_a_capture(first_run: subprocess.CompletedProcess[str]) -> None:
    assert first_run.returncode == 0, first_run.stderr
    assert {"viber", "whatsapp", "teams", "skype"} <= {line.split()[0] for line in first_run.stdout.splitlines()}


def test_service__starts_with_one_capability(booted: dict[str, str]) -> None:
    expected = {"ActiveState": "active", "Type": "notify", "NRestarts": "0", "CapEff": "0000000000002000",
                "NoNewPrivs": "1", "Seccomp": "2"}  # fmt: skip
    assert {name: booted.get(name) for name in expected} == expected, booted["log"]
    # What is said at the start gives way to counts within seconds.
    assert re.match(r"capturing from lo|\d+ packets read, \d+ dropped", booted["StatusText"]), booted["log"]
    assert 'flowclass_capture_up{interface="lo"} 1.0' in booted["log"]


def test_service__reloads_and_stops_in_order(booted: dict[str, str]) -> None:
    assert booted.get("reloaded") == "active", booted["log"]
    assert "flowclass_config_reloads_total 1.0" in booted["log"]
    assert (booted["Result"], booted["ExecMainStatus"]) == ("success", "0")


def test_package__leaves_nothing_behind(root: Path, booted: dict[str, str]) -> None:
    assert "purged" in booted["log"]
    assert booted["units"] == "0", booted["log"]
    before = set((root.parent / "before").read_text().split("\n"))
    assert {name for name in files_of(root) - before if "flowclass" in name} == set()
