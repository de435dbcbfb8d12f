"""House rules that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "flowclass"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Longest module: 300 lines are meant, and some drawings of headers are long; generated files have no limit.
LONGEST_LINES = 400
GENERATED = {"apps/_fused.py"}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports_of(path: Path) -> set[str]:
    """Return the top-level names of all modules a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_only_jit_imports_numba() -> None:
    assert {name_of(path) for path in MODULES if imports_of(path) & {"numba", "llvmlite"}} == {"jit.py"}


def test_only_training_imports_scikit_learn() -> None:
    users = {name_of(path).split("/")[0] for path in MODULES if imports_of(path) & {"sklearn", "joblib", "scipy"}}
    assert users <= {"training"}


def test_the_product_imports_no_test_tools() -> None:
    tools = {"scapy", "dpkt", "communityid", "pcapng", "pytest", "hypothesis", "pickle"}
    assert not {name_of(path): imports_of(path) & tools for path in MODULES if imports_of(path) & tools}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module__says_what_it_is(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if path.name == "__init__.py":
        return
    assert doc
    assert re.match(r"(Kernel|Host) module: ", doc)


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path) not in GENERATED], ids=name_of)
def test_module__is_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_LINES


def test_kernel_sources__hold_every_kernel() -> None:
    """A kernel outside the digest would be served stale from the cache."""
    from flowclass.jit import KERNEL_SOURCES

    users = {
        name_of(path).split("/")[0]
        for path in MODULES
        if re.search(r"^from flowclass\.jit import .*\b(kernel|entry)\b", path.read_text(encoding="utf-8"), re.M)
    }
    assert users <= set(KERNEL_SOURCES)
