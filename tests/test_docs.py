"""The documents are held to the code: the plan names every room, the glossary every code, and no link leads nowhere."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from app.core import i18n
from app.core.vocabulary import Action, Category, MatterKind, Role, State
from tests.source_guards import APP as HOUSE, ROOT

PLAN = (ROOT / "docs" / "HOUSE.md").read_text()
GLOSSARY = (ROOT / "docs" / "GLOSSARY.md").read_text()
README = (ROOT / "README.md").read_text()
PAPERS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

ROOMS = {path.stem for path in HOUSE.glob("*.py") if path.stem != "__init__"} | {
    path.parent.name for path in HOUSE.glob("*/__init__.py")
}


def plan_of_rooms() -> set[str]:
    """What the plan's table says stands directly under app/."""
    return set(re.findall(r"^\| `(\w+)(?:\.py|/)` \|", PLAN, re.MULTILINE))


def chinese() -> dict[str, str]:
    with (i18n.FOLDER / "zh/LC_MESSAGES/messages.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id}


def test_the_plan_names_every_room_and_none_that_is_not_there():
    assert plan_of_rooms() == ROOMS, "docs/HOUSE.md: one row per room, with what its docstring says"


def test_the_plan_says_rightly_what_is_a_package():
    wrong = [name for name in re.findall(r"^\| `(\w+)/` \|", PLAN, re.MULTILINE) if not (HOUSE / name).is_dir()]
    wrong += [name for name in re.findall(r"^\| `(\w+)\.py` \|", PLAN, re.MULTILINE) if not (HOUSE / f"{name}.py").is_file()]
    assert not wrong


def test_the_floors_in_the_plan_are_those_of_the_import_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    drawn = re.search(r"```floors\n(.*?)\n```", PLAN, re.DOTALL)[1].split("\n")
    assert drawn == floors


def test_every_floor_holds_only_rooms_of_the_table():
    drawn = re.search(r"```floors\n(.*?)\n```", PLAN, re.DOTALL)[1]
    assert set(re.findall(r"\w+", drawn)) == ROOMS


@pytest.mark.parametrize("kind", [MatterKind, State, Action, Role, Category], ids=lambda kind: kind.__name__)
def test_the_glossary_has_every_code_with_the_label_that_is_shown(kind):
    table = GLOSSARY.split(f"`{kind.__name__}`\n", 1)[1].split("\n#", 1)[0]
    rows = {code: (zh, en) for zh, code, en in re.findall(r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", table, re.MULTILINE)}
    said = chinese()
    assert rows == {word.value: (said[str(word)], str(word)) for word in kind}


def test_the_readme_names_every_demonstration_account_and_its_role():
    tree = ast.parse((HOUSE / "demo" / "cast.py").read_text())
    accounts = next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ACCOUNTS"
    )
    said = chinese()
    for entry in accounts.elts:
        name, role = entry.elts[0].value, Role[entry.elts[2].attr]
        assert re.search(rf"^\| `{name}` \|.*{said[str(role)]}", README, re.MULTILINE), name


def test_every_command_in_the_readme_exists():
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(re.findall(r'add\(\s*"([\w-]+)"', "".join(room.read_text() for room in (HOUSE / "cli").glob("*.py"))))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= targets
    assert set(re.findall(r"(?:^|`|/)anguan ([a-z][a-z-]*)", README, re.MULTILINE)) <= commands


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_in_the_documents_leads_to_a_file(paper):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", paper.read_text())
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert not [link for link in inside if not (paper.parent / link).exists()]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_the_documents_speak_of_exists(paper):
    """A path in backticks, like ``app/eligibility/rules.py``, is looked up from the root; ``…`` stands for any name."""
    spoken = re.findall(r"`((?:app|tests|docs|translations|migrations|benchmarks|\.ci)/[\w./…*-]*)`", paper.read_text())
    gone = [path for path in spoken if not list(ROOT.glob(path.replace("…", "*").rstrip("/")))]
    assert not gone


def test_the_pictures_are_light_enough_to_be_looked_at():
    assert not [path.name for path in Path(ROOT / "docs" / "pictures").glob("*") if path.stat().st_size > 300_000]


def test_decisions_are_numbered_without_a_gap_and_say_why():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    assert all(re.match(rf"# {path.name[:4]} \S", path.read_text()) for path in records)
