"""Pages name what exists, and generated pages are current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_pages_are_current() -> None:
    assert generator().stale() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"])
def test_files_named_in_text_exist(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:flowclass|docs|tests|deploy|bench)/[\w./-]+)`", text)
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_every_room_is_in_the_architecture_page() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (REPOSITORY / "flowclass").glob("*/__init__.py")}
    assert {room for room in rooms if f"flowclass/{room}/" not in text} == set()


def test_every_status_has_a_meaning() -> None:
    module = generator()
    path = REPOSITORY / "flowclass" / "record" / "status.py"
    for kind in (module.Status, module.Anomaly):
        meanings = dict(module.meanings(kind, path))
        assert [name for name, meaning in meanings.items() if not meaning and name != "`ok`"] == []


def test_cited_facts_are_on_their_page() -> None:
    page = (REPOSITORY / "docs" / "protocols.md").read_text(encoding="utf-8")
    sections = {match.rstrip(".") for match in re.findall(r"(?m)^(?:#+ )?(\d(?:\.\d+)?)\.? ", page)}
    code = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "flowclass").rglob("*.py"))
    cited = {
        section
        for list_ in re.findall(r"FACTS ((?:§[\d.]+\d|§\d|, |-)+)", code)
        for section in re.findall(r"§(\d(?:\.\d+)?)", list_)
    }
    assert {"1.3", "2.2"} <= cited
    assert cited - sections == set()


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_readme__names_every_exit_code() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert all(f"| {code} |" in text for code in (0, 1, 2, 3, 130))
