"""What code, tests and documents cite stands in docs/: requirements, sections of documents, names of tests."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
DOCS = ROOT / "docs"
CITING = ("app", "benchmarks", "docs", "migrations", "tests", "tools")
LISTS = {"R": "requirements.md", "Q": "domain.md", "T": "security.md"}  # a letter and a number alone: where it is explained
NUMBER = r"[A-Z]?\d+(?:\.\d+)*"
DOCUMENT = re.compile(rf"([\w-]+\.md)\b\)?(?:,? (?:section )?({NUMBER}(?:, {NUMBER})*)(?![\w-]))?")


@cache
def texts() -> dict[str, str]:
    """Every text that may cite something, by its path."""
    found = [
        path for folder in CITING for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md", ".html", ".js"}
    ]
    found += [*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "Makefile"]
    return {str(path.relative_to(ROOT)): path.read_text() for path in found}


def cited(pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Each place of the pattern as ``path:line``, with what was found there."""
    for path, text in texts().items():
        for number, line in enumerate(text.splitlines(), 1):
            said, _comment, _code = line.partition("# noqa")
            yield from ((f"{path}:{number}", found) for found in pattern.finditer(said))


@cache
def documents() -> dict[str, str]:
    """The documents that can be cited, by their file name."""
    return {path.name: path.read_text() for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"))}


@cache
def numbers_in(document: str) -> frozenset[str]:
    """The numbers that head a section or a row of a table."""
    return frozenset(re.findall(rf"^(?:#+|\|) ({NUMBER})(?= )", documents()[document], re.MULTILINE))


def requirements() -> dict[str, str]:
    """What each line of the list says it is shown by."""
    rows = re.findall(r"^\| (R\d+) \|.*\| ([^|]+) \|$", documents()["requirements.md"], re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a number stands twice"
    return dict(rows)


def names_of_tests() -> set[str]:
    """The test functions, and the files they stand in, which documents name, too."""
    files = list((ROOT / "tests").rglob("*.py"))
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text())))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)} | {path.stem for path in files}


def test_the_requirements_of_the_manual_are_listed_without_a_gap():
    assert list(requirements()) == [f"R{n}" for n in range(1, 134)]


def test_each_requirement_names_a_test_or_says_that_there_is_none():
    assert not [number for number, shown in requirements().items() if not re.search(r"`test_\w+`|^no test", shown)]


def test_every_test_that_a_document_names_exists():
    known = names_of_tests()
    named = [(place, found[1]) for place, found in cited(re.compile(r"`(test_\w+)`")) if place.split(":")[0].endswith(".md")]
    assert len(named) > 133
    assert not [(place, name) for place, name in named if name not in known]


@pytest.mark.parametrize("letter", LISTS)
def test_a_letter_with_a_number_is_explained_in_its_document(letter):
    pattern, known = re.compile(rf"\b{letter}\d{{1,3}}\b"), numbers_in(LISTS[letter])
    found = [(place, number[0]) for place, number in cited(pattern) if re.search(r"\.(py|md):", place)]
    assert found
    assert not [(place, number) for place, number in found if number not in known]


def test_every_document_that_is_cited_exists():
    found = list(cited(DOCUMENT))
    assert len(found) > 20
    assert not [(place, name[1]) for place, name in found if name[1] not in documents()]


def test_every_section_that_is_cited_exists_in_its_document():
    found = [(place, name[1], section) for place, name in cited(DOCUMENT) if name[2] for section in name[2].split(", ")]
    assert len(found) > 20
    assert not [one for one in found if one[1] in documents() and one[2] not in numbers_in(one[1])]
