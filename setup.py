"""Builds the wheel: it carries the migrations, the documents of the manual, and the translations compiled, so that nothing
is written where code lies.

All else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithFolders(build_py):
    """Adds ``app/docs``, ``app/migrations``, ``app/translations``; an editable install uses the folders of the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        from babel.messages.mofile import write_mo  # noqa: PLC0415 - an editable install needs no Babel yet
        from babel.messages.pofile import read_po  # noqa: PLC0415

        built = Path(self.build_lib) / "app"
        versions = built / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "migrations" / "env.py", versions.parent)
        for file in (ROOT / "migrations" / "versions").glob("*.py"):
            shutil.copy(file, versions)
        shutil.copytree(ROOT / "docs" / "manual", built / "docs" / "manual", dirs_exist_ok=True)
        for file in (ROOT / "docs").glob("*.md"):
            shutil.copy(file, built / "docs")
        for source in (ROOT / "translations").glob("*/LC_MESSAGES/*.po"):
            target = (built / source.relative_to(ROOT)).with_suffix(".mo")
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as catalogue, target.open("wb") as file:
                write_mo(file, read_po(catalogue, locale=source.parts[-3]))


setup(cmdclass={"build_py": BuildWithFolders})
