"""Code, comments and documents speak plain technical English: the metaphors of the first version do not come back."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.source_guards import ROOT

# Retired word → what to say instead. Whole words, also as parts of snake_case and CamelCase names.
RETIRED = {
    "house": "system, application", "door": "view, route, endpoint", "room": "module",
    "desk": "request context, queue", "gate": "sign-in page", "gatehouse": "sign-in", "diary": "audit log",
    "deed": "action, operation, change", "errand": "job", "embrace": "deadlock", "furniture": "layout",
    "joinery": "generated screens", "sayings": "texts", "shelter": "encrypt", "almanac": "calendar",
    "foreman": "consumer", "siege": "too many failures", "lodge": "application of the test",
    "passerby": "anonymous visitor",
}  # fmt: skip
PHRASES = re.compile(r"back stairs|square code|passers?-by|whoever is inside|\bLaw: ", re.IGNORECASE)
# Names that are stored stay: a setting, a permission, the column ``entry.deed``.
STORED = re.compile(r"ANGUAN_DIARY_HEADS|diary[_-]heads|`Diary`|^deed$|run_twice_diary")
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
PROSE = {".md", ".yaml", ".toml", ".mako", ".css", ".js", ".conf", ".service"}


def spoken(path: Path) -> Iterator[tuple[int, str]]:
    """The names, comments and docstrings of a Python file, or every line of another one, with line numbers."""
    text = path.read_text()
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in {tokenize.NAME, tokenize.COMMENT}:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
            yield node.body[0].lineno, said


def retired(text: str) -> set[str]:
    text = STORED.sub("", text)
    words = {part.lower() for part in PARTS.findall(text)}
    return {word for word in RETIRED if word in words or f"{word}s" in words} | {*PHRASES.findall(text)}


# A file without any of them, even within a longer word, need not be taken apart.
ANYWHERE = re.compile("|".join((*RETIRED, PHRASES.pattern)), re.IGNORECASE)


def files() -> list[Path]:
    found = [path for folder in ("app", "benchmarks", "tests", "tools") for path in (ROOT / folder).rglob("*.py")]
    found += [path for folder in ("app", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in PROSE]
    found += [*(ROOT / "migrations").glob("*.py"), *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    return [path for path in found if path != Path(__file__)]


def test_no_retired_word_comes_back():
    used = [
        f"{path.relative_to(ROOT)}:{line}: {', '.join(sorted(words))}"
        for path in files()
        if ANYWHERE.search(path.read_text())
        for line, text in spoken(path)
        if (words := retired(text))
    ]
    assert not used, f"{len(used)} places; RETIRED says what to write instead"


def test_a_retired_word_is_found_in_names_of_every_style():
    assert retired("def open_door(): pass") == retired("OpenDoor") == retired("# two doors") == {"door"}
    assert not retired("indoor delegate gateway doorbell")
