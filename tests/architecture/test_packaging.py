"""What a wheel and the repository hold."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
#: Written so that this file does not hold what it looks for.
INDEX_HOSTS = re.compile("py" + r"pi\.org|pythonhosted\." + "org|index-" + "url")


def test_requirements__have_lower_bounds_only() -> None:
    extras = [need for needs in PROJECT["optional-dependencies"].values() for need in needs]
    for need in [*PROJECT["dependencies"], *extras]:
        assert re.fullmatch(r"flowclass\[[a-z,]+\]|[a-z0-9-]+>=[0-9.]+", need)


def test_no_file_names_a_package_index() -> None:
    texts = [
        path for name in ("deploy", "docs", ".ci", "tests", "flowclass") for path in (REPOSITORY / name).rglob("*")
    ]
    texts += [path for path in REPOSITORY.iterdir() if path.suffix in (".toml", ".md", ".py", ".in")]
    readable = [path for path in texts if path.is_file() and path.suffix in (".toml", ".md", ".py", ".in", ".sh", "")]
    assert readable
    assert [
        path.name for path in readable if INDEX_HOSTS.search(path.read_text(encoding="utf-8", errors="replace"))
    ] == []


@pytest.mark.slow
def test_wheel__carries_bundles_and_no_tests(tmp_path: Path) -> None:
    # From a copy: a build leaves a folder behind whose stale files the next one would pack.
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("flowclass", "models", "pcaps"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(copy)]
    built = subprocess.run(pip, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"no wheel can be built here: {built.stderr.splitlines()[-1:]}")
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "flowclass/py.typed" in names
    for bundle in (REPOSITORY / "models").glob("*/model.npz"):
        assert f"flowclass/models/{bundle.parent.name}/model.npz" in names
    if (REPOSITORY / "pcaps" / "manifest.csv").is_file():
        assert "flowclass/pcaps/manifest.csv" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"flowclass"}
