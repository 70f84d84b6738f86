"""The documents are held to the code: packages, the way of a case, the glossary, commands, links."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from app.cli.app import anguan
from app.core import i18n
from app.core.vocabulary import Action, Category, MatterKind, Role, State
from tests.source_guards import APP, ROOT

ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
GLOSSARY = (ROOT / "docs" / "GLOSSARY.md").read_text()
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@cache
def chinese() -> dict[str, str]:
    with (i18n.FOLDER / "zh/LC_MESSAGES/messages.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id}


def defined_in(path: Path) -> set[str]:
    """Functions and classes of a module, and the methods as ``Class.method``."""
    tree = ast.parse(path.read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef):
            names |= {f"{kind.name}.{node.name}" for node in kind.body if isinstance(node, ast.FunctionDef)}
    return names


def test_the_picture_of_the_packages_is_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    drawn = re.findall(r'\b(\w+)\["', ARCHITECTURE)
    assert set(drawn) == set(re.findall(r"\w+", " ".join(layers)))
    assert drawn == sorted(drawn, key=lambda name: next(n for n, layer in enumerate(layers) if name in layer.split(" | ")))


def test_every_function_that_the_architecture_names_exists():
    named = re.findall(r"`(app/[\w/]+\.py):([\w.]+)`", ARCHITECTURE)
    assert len(named) > 20
    assert not [f"{path}:{name}" for path, name in named if name not in defined_in(ROOT / path)]


@pytest.mark.parametrize("kind", [MatterKind, State, Action, Role, Category], ids=lambda kind: kind.__name__)
def test_the_glossary_has_every_code_with_the_label_that_is_shown(kind):
    table = GLOSSARY.split(f"`{kind.__name__}`\n", 1)[1].split("\n#", 1)[0]
    rows = {code: (zh, en) for zh, code, en in re.findall(r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", table, re.MULTILINE)}
    texts = chinese()
    assert rows == {word.value: (texts[str(word)], str(word)) for word in kind}


def test_the_readme_names_every_demonstration_account_and_its_role():
    tree = ast.parse((APP / "cli" / "demo_data" / "people.py").read_text())
    accounts = next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ACCOUNTS"
    )
    texts = chinese()
    for entry in accounts.elts:
        name, role = entry.elts[0].value, Role[entry.elts[2].attr]
        assert re.search(rf"^\| `{name}` \|.*{texts[str(role)]}", README, re.MULTILINE), name


def test_every_command_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(anguan.commands)
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= targets
    assert set(re.findall(r"(?:^|`|/)anguan ([a-z][a-z-]*)", README, re.MULTILINE)) <= commands


def test_every_link_in_the_documents_leads_to_a_file():
    links = [(path, link) for path in DOCUMENTS for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text())]
    inside = [(path, link) for path, link in links if not re.match(r"[a-z]+:", link)]
    assert not [f"{path.name}: {link}" for path, link in inside if not (path.parent / link).exists()]


def test_every_file_that_a_document_names_exists():
    """A path in backticks, like ``app/eligibility/rules.py``, is looked up from the root; ``…`` stands for any name."""
    pattern = re.compile(r"`((?:app|tests|docs|translations|migrations|benchmarks|\.ci)/[\w./…*-]*)`")
    named = [(path.name, name) for path in DOCUMENTS for name in pattern.findall(path.read_text())]
    assert not [(path, name) for path, name in named if not list(ROOT.glob(name.replace("…", "*").rstrip("/")))]


def test_the_pictures_are_light_enough_to_be_looked_at():
    assert not [path.name for path in Path(ROOT / "docs" / "pictures").glob("*") if path.stat().st_size > 300_000]


def test_decisions_are_numbered_without_a_gap_and_say_why():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    assert all(re.match(rf"# {path.name[:4]} \S", path.read_text()) for path in records)
