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
    users = {name_of(path).split("/")[0] for path in MODULES if imports_of(path) & {"numba", "llvmlite"}}
    assert users == {"jit"}


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


def package_imports_of(path: Path) -> set[str]:
    """Return the files of this package that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("flowclass"):
            stem = node.module.removeprefix("flowclass").lstrip(".").replace(".", "/")
            names = {stem, *(f"{stem}/{alias.name}" for alias in node.names)}
            found |= {f"{name}.py" for name in names if (PACKAGE / f"{name}.py").is_file()}
    return found


def test_kernel_sources__hold_every_kernel_and_all_it_imports() -> None:
    """A kernel outside the digest, or one whose constants are, would be served stale from the cache."""
    from flowclass.jit import KERNEL_SOURCES

    reached: set[str] = set()
    to_follow = {
        name_of(path) for path in MODULES if re.search(r"^@(kernel|fused|entry)\b", path.read_text("utf-8"), re.M)
    }
    while to_follow:
        name = to_follow.pop()
        reached.add(name)
        # What a host module such as training/views.py imports for its Python part is not compiled.
        if name.split("/")[0] not in {"training"}:
            to_follow |= package_imports_of(PACKAGE / name) - reached
    missing = {name for name in reached if not any(name == s or name.startswith(f"{s}/") for s in KERNEL_SOURCES)}
    assert not missing
