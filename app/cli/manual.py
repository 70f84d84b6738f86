"""The command that writes the manual as files, to be read while the system does not run."""

import shutil
from pathlib import Path

import click
from flask import render_template

from app.cli.common import speaking
from app.web.public import manual_pages
from app.web.public.manual_pages import FOLDER, GROUPS, PAGES, PICTURES, drawn

SUFFIX = ".html"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Of the findings.")
def manual(folder: Path, language: str) -> None:
    """Write the whole manual into FOLDER, for a browser that reads files: the runbook is needed when nothing runs.

    \b
      anguan manual anguan-manual
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(
        FOLDER / "manual" / PICTURES, folder / PICTURES, ignore=shutil.ignore_patterns("*.json"), dirs_exist_ok=True
    )
    sheet = (Path(manual_pages.__file__).parents[1] / "static" / "manual.css").read_text(encoding="utf-8")
    with speaking(language):
        groups = [(heading, [(page.name, drawn(page).title) for page in pages]) for heading, pages in GROUPS]
        texts = {name: drawn(page, SUFFIX) for name, page in PAGES.items()}
        for name, text in (("index", None), *texts.items()):
            shown = {"here": name, "text": text, "groups": groups, "sheet": sheet, "language": language}
            (folder / f"{name}{SUFFIX}").write_text(render_template("public/manual_file.html", **shown), encoding="utf-8")
    click.echo(f"Written: {folder / 'index'}{SUFFIX}")
