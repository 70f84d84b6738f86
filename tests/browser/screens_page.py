"""The tables of docs/screens.md, which the browser tests hold the screens to."""

from itertools import takewhile

from tests.source_guards import ROOT

PAGE = ROOT / "docs" / "screens.md"


def table(title: str) -> list[list[str]]:
    """The rows of the table under this heading, without its head; code marks are taken off."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    assert f"## {title}" in lines, title
    rows = [line for line in takewhile(lambda line: not line.startswith("## "), lines) if line.startswith("|")]
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows[2:]]
