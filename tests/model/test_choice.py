"""Which bundle is used when none is named: a variable, the user, the machine, the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.errors import ModelError
from flowclass.model import choice
from flowclass.model.choice import DEFAULT_NAME, VARIABLE, choose, default_folder, find_bundle, shipped_bundles
from tests.model.bundles import small_bundle


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep both files of a choice below the test's folder."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(choice, "SITE_CHOICE", tmp_path / "site" / "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a bundle of one's own."""
    small_bundle().save(tmp_path / "small", "card")
    return tmp_path / "small"


def test_nobody_chose__takes_the_present_pack() -> None:
    assert default_folder().name == DEFAULT_NAME


def test_shipped__are_found_by_name() -> None:
    names = [path.name for path in shipped_bundles()]
    assert DEFAULT_NAME in names
    assert find_bundle(DEFAULT_NAME) in shipped_bundles()


def test_user_goes_before_machine_and_variable_before_both(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    choose(DEFAULT_NAME, site=True)
    assert default_folder().name == DEFAULT_NAME
    choose(str(folder), site=False)
    assert default_folder() == folder
    monkeypatch.setenv(VARIABLE, DEFAULT_NAME)
    assert default_folder().name == DEFAULT_NAME


def test_shipped_choice__is_written_as_a_name_that_outlives_an_upgrade(folder: Path) -> None:
    assert choose(DEFAULT_NAME, site=False).read_text() == f"{DEFAULT_NAME}\n"
    assert choose(str(folder), site=False).read_text() == f"{folder}\n"


def test_choice__can_be_taken_back(folder: Path) -> None:
    choose(str(folder), site=False)
    choose(None, site=False)
    assert default_folder().name == DEFAULT_NAME


def test_bundle_that_is_none__is_not_chosen(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no-such-bundle"):
        choose("no-such-bundle", site=False)
    assert default_folder().name == DEFAULT_NAME


def test_choice_that_has_gone__is_named_with_who_chose_it(folder: Path, tmp_path: Path) -> None:
    file = choose(str(folder), site=False)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=str(file)):
        default_folder()


def homeless() -> Path:
    """Stand in for ``Path.home`` as a user without a home finds it: a service's under systemd's DynamicUser."""
    raise RuntimeError("Could not determine home directory.")


def test_user_without_a_home__has_the_machines_choice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert default_folder().name == DEFAULT_NAME
    choose(str(folder), site=True)
    assert default_folder() == folder


def test_user_without_a_home__is_told_where_to_choose(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ModelError, match="--site"):
        choose(str(folder), site=False)
