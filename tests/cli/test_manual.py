"""The manual as files, for a browser that reads them while the system does not run."""

import re
from urllib.parse import unquote

import pytest

from app.cli.app import main
from app.web.public.manual_pages import PAGES


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Written without keys, database or any setting that could be read."""
    monkeypatch.setenv("ANGUAN_ENV", "nonsense")
    assert main(["manual", str(tmp_path / "manual")]) == 0
    return tmp_path / "manual"


def test_every_page_is_there_and_every_link_leads_to_a_file(folder):
    pages = {path.stem: path.read_text() for path in folder.glob("*.html")}
    assert pages.keys() == PAGES.keys() | {"index"}
    for name, text in pages.items():
        for link in re.findall(r'(?:href|src)="(.+?)"', text):
            file, _hash, anchor = unquote(link).partition("#")
            if file.startswith("https:"):
                continue
            assert not file or (folder / file).is_file(), (name, link)
            if anchor:
                assert f'id="{anchor}"' in (pages[file.removesuffix(".html")] if file else text), (name, link)
    assert "最近一次备份是在" in pages["runbook"]
    assert "<script" not in "".join(pages.values())


def test_it_may_be_written_again(folder):
    assert main(["manual", str(folder), "--language", "en"]) == 0
    assert "Nobody is told when something breaks." in (folder / "runbook.html").read_text()
