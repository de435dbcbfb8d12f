"""Host module: which bundle is used when none is named, and where bundles are looked for.

The choice is one line of text, a bundle's name or folder: ``$XDG_CONFIG_HOME/flowclass/model`` for a user,
``/etc/flowclass/model`` for a machine and its service. A name and not a link, so that it outlives an upgrade that moves
the shipped bundles. ``FLOWCLASS_MODEL`` goes before both, and what a command or a settings file names before all.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowclass.errors import ModelError

MANIFEST = "model.json"
#: The bundle used when nobody has chosen, and the variable that names another.
DEFAULT_NAME = "voip-2026"
VARIABLE = "FLOWCLASS_MODEL"
#: The machine's choice.
SITE_CHOICE = Path("/etc/flowclass/model")
#: Longer than any path: a choice is one short line.
LONGEST_CHOICE = 4096


def user_choice() -> Path | None:
    """Return the file of the user's choice (XDG base directory specification), None for a user without a home: the
    service's."""
    base = os.environ.get("XDG_CONFIG_HOME")
    if base:
        return Path(base) / "flowclass" / "model"
    try:
        return Path.home() / ".config" / "flowclass" / "model"
    except RuntimeError:
        return None


def shipped_folders() -> list[Path]:
    """Return the folders that may hold shipped bundles: of a checkout, of an installed wheel, of the system."""
    package = Path(__file__).parents[1]
    return [package.parent / "models", package / "models", Path(sys.prefix) / "share" / "flowclass" / "models"]


def shipped_bundles() -> list[Path]:
    """Return the folders of all shipped bundles, each name once, sorted."""
    found: dict[str, Path] = {}
    for folder in shipped_folders():
        for manifest in folder.glob(f"*/{MANIFEST}"):
            found.setdefault(manifest.parent.name, manifest.parent)
    return [found[name] for name in sorted(found)]


def find_bundle(name: str | Path) -> Path:
    """Return the folder of a bundle: a folder as it is, else a shipped bundle's name.

    Raises
    ------
    ModelError
        When there is none; the message names every place looked at.
    """
    here = Path(name)
    places = [here]
    if len(here.parts) == 1:
        places += [folder / here for folder in shipped_folders()]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise ModelError(f"no model bundle {name} (looked in {looked}); `flowclass model list` names those at hand")


def choice() -> tuple[str, str]:
    """Return the bundle used when none is named, and who chose it.

    Raises
    ------
    ModelError
        When a file of a choice cannot be read.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return named, VARIABLE
    for file in (user_choice(), SITE_CHOICE):
        text = _read(file) if file is not None else ""
        if text:
            return text, str(file)
    return DEFAULT_NAME, "nobody: the default"


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.read(LONGEST_CHOICE).strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read: {error}") from None


def choose(name: str | None, *, site: bool) -> Path:
    """Write the user's or the machine's choice, or take it back when ``name`` is None; return the file.

    Raises
    ------
    ModelError
        When there is no such bundle, or the file cannot be written.
    """
    file = SITE_CHOICE if site else user_choice()
    if file is None:
        raise ModelError(f"this user has no home folder to keep a choice in: use --site, or set {VARIABLE}")
    if name is not None:
        found = find_bundle(name)
        shipped = found.parent in shipped_folders()
    try:
        if name is None:
            file.unlink(missing_ok=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{found.name if shipped else found.resolve()}\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{file}: cannot be written: {error.strerror or error}") from None
    return file


def default_folder() -> Path:
    """Return the folder of the bundle used when none is named.

    Raises
    ------
    ModelError
        When there is none; the message says who chose it and names every place looked at.
    """
    name, by = choice()
    try:
        return find_bundle(name)
    except ModelError as error:
        raise ModelError(f"{error} (chosen by {by}; {VARIABLE} names another)") from None
