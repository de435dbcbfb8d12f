"""Put the model bundles and the manifest of captures, which lie beside the package in the repository, into wheels.

The commit is written down as well, for ``flowclass_build_info`` (``flowclass.config.build``).

Everything else about the build is said in pyproject.toml. A checkout (and an editable install) finds both where they
lie: ``flowclass.model.choice.default_folder``, ``flowclass.config.paths.manifest_file``.
"""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
#: What a bundle needs at run time; the tables it was trained from stay in the repository.
BUNDLE_FILES = ("model.npz", "model.json", "MODEL_CARD.md")


class BuildWithData(build_py):
    """``build_py``, and then the data."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "flowclass"
        for source in sorted(ROOT.glob("models/*/*")):
            if source.name in BUNDLE_FILES:
                self._copy(source, package / source.relative_to(ROOT))
        revision = self._revision()
        if revision:
            (package / "REVISION").write_text(f"{revision}\n")
        manifest = ROOT / "pcaps" / "manifest.csv"
        if manifest.is_file():
            self._copy(manifest, package / "pcaps" / manifest.name)

    @staticmethod
    def _revision() -> str:
        """Return what FLOWCLASS_REVISION says, else the commit of the checkout, else nothing."""
        if told := os.environ.get("FLOWCLASS_REVISION"):
            return told
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
        try:
            # Not of a repository that happens to lie further up.
            return subprocess.check_output(command, text=True).strip() if (ROOT / ".git").exists() else ""
        except (OSError, subprocess.CalledProcessError):
            return ""

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithData})
