"""Scripts and style sheets: within what the oldest browser understands; each import leads somewhere. Style is Biome's."""

import json
import re

import pytest

from tests.source_guards import APP

STATIC = next(APP.rglob("static/js")).parent.resolve()
SCRIPTS = sorted(STATIC.glob("js/**/*.js"))
IMPORT = re.compile(r"^import [^;]*?'(\.[^']+)'", re.MULTILINE)
# Chromium 86 does not know these, or knows them by name only.
TOO_NEW = re.compile(
    r"\?\?=|\|\|=|&&=|\.at\(|Object\.hasOwn\b|structuredClone|\.findLast|\.toSorted|\.toReversed|this\.#|^await |\bstatic \{"
    r"|\.replaceChildren|AbortSignal\.(?:timeout|any)|importmap",
    re.MULTILINE,
)


def bare(path):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_is_newer_than_the_oldest_browser(path):
    assert not TOO_NEW.findall(bare(path))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_import_leads_to_a_file(path):
    assert not [name for name in IMPORT.findall(path.read_text()) if not (path.parent / name).is_file()]


def test_every_module_is_loaded_by_a_page_or_by_another():
    templates = "".join(page.read_text() for page in APP.rglob("templates/**/*.html"))
    named = {STATIC / name for name in re.findall(r"asset\('(js/[^']+)'\)", templates)}
    imported = {(path.parent / name).resolve() for path in SCRIPTS for name in IMPORT.findall(path.read_text())}
    assert named | imported == set(SCRIPTS)


def test_the_off_line_page_is_kept_with_its_style_and_scripts(client):
    files = json.loads(client.get("/verify-worker.js").text.partition("FILES = ")[2].partition(";")[0])
    assert {*re.findall(r'(?:src|href)="(/static/[^"#]+)', client.get("/verify").text)} <= {*files}
    assert all(client.get(file).status_code == 200 for file in files)


def test_dark_is_the_same_whether_chosen_or_as_the_system_has_it():
    blocks = re.findall(r"  html(?:\[data-theme|:not\(\[data-theme)[^{]*\{([^}]*)\}", (STATIC / "ag.css").read_text())
    assert len(blocks) == 2
    assert blocks[0] == blocks[1]
    assert "color-scheme: dark" in blocks[0]
