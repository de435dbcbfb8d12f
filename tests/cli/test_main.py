"""The command itself: start-up, usage, exit codes."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from flowclass.cli.main import VERBS, build_parser, main
from flowclass.errors import FlowclassError

HEAVY = ("numba", "llvmlite", "numpy", "sklearn", "scipy", "rich", "pyarrow")
#: The promise is 0.2 s. What is measured is processor time: the machine that tests may be busy, and the best of several
#: runs counts.
HELP_SECONDS = 0.2


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowclass", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help__loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom flowclass.cli.main import build_parser, main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert not end.code\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help__is_quick() -> None:
    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < HELP_SECONDS


@pytest.mark.parametrize(
    "arguments", [[], ["analyse"], ["analyze"], ["analyze", "--quite", "x"], ["analyze", "--format", "xml", "x"]]
)
def test_usage__exits_2_with_one_line(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("flowclass: ")
    assert len(done.stderr.splitlines()) == 1


def test_options__are_not_abbreviated() -> None:
    assert run("analyze", "--quie", "x").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["explain", "a.pcap", "--call", "name"], {"input": "a.pcap", "flow": "name", "call": True}),
        (["explain", "--call", "a.pcap"], {"input": "a.pcap", "flow": None, "call": True}),
        (
            ["analyze", "a", "--stats", "b", "--flows", "x", "c"],
            {"input": ["a", "b", "c"], "flows": "x"},
        ),
        (["analyze", "--stats", "--", "-a", "b"], {"input": ["-a", "b"], "stats": True}),
        (["corpus", "verify", "--manifest", "m", "a"], {"action": "verify", "name": ["a"]}),
    ],
)
def test_options__stand_anywhere(arguments: list[str], expected: dict[str, object]) -> None:
    parsed = vars(build_parser().parse_args(arguments))
    assert {name: parsed[name] for name in expected} == expected


def test_version() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("flowclass ")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (FlowclassError("the disk is gone"), 1, "flowclass: the disk is gone\n"),
        (KeyboardInterrupt(), 130, "flowclass: interrupted\n"),
        (MemoryError(), 1, "flowclass: out of memory: choose a smaller --max-flows\n"),
    ],
)
def test_main__failures_become_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, said: str
) -> None:
    def fail(_: object) -> int:
        raise raised

    monkeypatch.setattr(VERBS["features"], "run", fail)
    assert main(["features"]) == code
    assert capsys.readouterr().err == said


def test_broken_pipe__is_quiet() -> None:
    command = f"{sys.executable} -m flowclass features | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("# ")
    assert done.stderr == ""


def test_features__lists_the_registry() -> None:
    from flowclass.features.row import FEATURES

    lines = run("features").stdout.splitlines()
    assert len(lines) == len(FEATURES) + 1
    assert lines[1].startswith(FEATURES[0].name)


def test_verbs__have_a_summary() -> None:
    assert all(module.SUMMARY and module.DESCRIPTION.endswith(".") for module in VERBS.values())
