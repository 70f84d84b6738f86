"""The manual is current: its labels, sentences, commands, settings, findings, pictures and links are those of the system."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from urllib.parse import unquote

import click
import pytest
from babel.messages.pofile import read_po
from flask_babel import force_locale
from PIL import Image

from app.cli.app import anguan
from app.cli.common import speaking
from app.core import i18n
from app.core.errors import NotAllowed, NotFound
from app.core.vocabulary import ADMINISTRATORS, Role
from app.web.public.manual_pages import (
    FOLDER,
    LONGEST_QUERY,
    MOST_HITS,
    OFFICE,
    PAGES,
    PICTURE_SIZE,
    PICTURES,
    RUNBOOK,
    drawn,
    page_for,
    page_of_picture,
    parts_of,
    picture_file,
    readable,
    search,
)
from app.worker.findings.kinds import KINDS
from tests.source_guards import ROOT

BLANK = re.compile(r"%\([a-z_]+\)[sd]")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
SETTINGS = set(re.findall(r"`(ANGUAN_[A-Z0-9_]+)`", (FOLDER / "SETTINGS.md").read_text()))  # held to the code by its own test
TEXTS = {name: (FOLDER / page.file).read_text() for name, page in PAGES.items()}
OF_ROLES = {role.value: TEXTS[role.value] for role in Role}
ALL = (*TEXTS.items(), ("README", (ROOT / "README.md").read_text()))


@pytest.fixture(autouse=True)
def _in_chinese() -> Iterator[None]:
    with speaking("zh"):
        yield


@cache
def sentences() -> list[str]:
    """All that the system says in Chinese."""
    with (i18n.FOLDER / "zh/LC_MESSAGES/messages.po").open("rb") as file:
        found = [message.string for message in read_po(file) if message.id]
    return [text for string in found for text in ([string] if isinstance(string, str) else string)]


# --- what it says is so -----------------------------------------------------------------------------------------


def test_every_role_has_a_page_that_is_named_as_the_role_is():
    assert {role.value: drawn(PAGES[role.value]).title for role in Role} == {role.value: str(role.label) for role in Role}


def test_every_label_in_the_pages_of_roles_is_one_of_the_system():
    prose = {name: re.sub(r"^>.*$|^!\[.*$|【】", "", text, flags=re.MULTILINE) for name, text in OF_ROLES.items()}
    named = [(name, *pair) for name, text in prose.items() for pair in re.findall(r"【([^】]+)】|“([^”]+)”", text)]
    assert len(named) > 100
    labels = set(sentences())
    assert not [(name, screen or button) for name, screen, button in named if (screen or button) not in labels]


def test_every_refusal_that_is_quoted_is_one_of_the_system():
    known = [re.compile("(.+)".join(map(re.escape, BLANK.split(text))).replace("%%", "%")) for text in sentences()]
    quoted = [(name, line) for name, text in OF_ROLES.items() for line in re.findall(r"^> (.*)$", text, re.MULTILINE)]
    assert len(quoted) > 20
    assert not [(name, line) for name, line in quoted if not any(sentence.fullmatch(line) for sentence in known)]


def test_the_runbook_has_a_chapter_for_each_finding_and_no_other():
    chapters = re.findall(r"^### (.+)$", TEXTS[RUNBOOK], re.MULTILINE)
    assert sorted(chapters) == sorted(KINDS)
    text = drawn(PAGES[RUNBOOK])
    for section in text.sections:
        if kind := KINDS.get(section.title):
            assert BLANK.sub("…", str(kind.remedy)) in section.paragraphs
            assert len(section.paragraphs) > 2, section.title
    with force_locale("en"):
        assert "Nobody is told when something breaks." in drawn(PAGES[RUNBOOK]).body


def commands(text: str) -> Iterator[str]:
    """Every call of ``anguan`` in code, a line of a block or a span, from its name on."""
    fenced = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    lines = "".join(fenced.findall(text)).splitlines()
    for code in (*lines, *re.findall(r"`([^`\n]+)`", fenced.sub("", text))):
        if found := re.search(r"(?:^|bin/)anguan(?: +([a-z-].*))?$", code.strip()):
            yield found[1] or ""


def faults(words: list[str], command: click.Command = anguan, path: str = "anguan") -> Iterator[str]:
    """What click would refuse in this call, but for values that only a system can judge."""
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        name = words[0] if words else ""
        if inner := command.get_command(context, name):
            yield from faults(words[1:], inner, f"{path} {name}")
        elif name and not name.startswith("-"):
            yield f"{path} has no {name}"
        return
    try:
        given, rest, _order = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        yield f"{path}: {error.format_message()}"
        return
    if rest:
        yield f"{path} takes no {rest}"
    for parameter in command.params:
        value = given.get(parameter.name)
        if words and parameter.required and not value:  # a bare name only speaks of it
            yield f"{path} needs {parameter.name}"
        if isinstance(parameter.type, click.Choice) and value is not None and value not in parameter.type.choices:
            yield f"{path}: {parameter.name} is none of its words"


def test_every_command_in_it_can_be_given_so():
    called = [(name, call) for name, text in ALL for call in commands(text)]
    assert len(called) > 120
    assert not [(name, call, fault) for name, call in called for fault in faults(shlex.split(call, comments=True))]
    wrong = ("restore --keys x", "doctor --language de", "seal renew 1", "ukey trust a b", "nonsense", "backup list --chek")
    assert not [call for call in wrong if not list(faults(call.split()))]


def test_every_target_of_make_and_every_setting_in_it_exists():
    asked = {target for _name, text in ALL for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    assert not asked - TARGETS
    named = {(name, one) for name, text in ALL for one in re.findall(r"ANGUAN_[A-Z0-9_]*[A-Z0-9](?!\w|_…)", text)}
    assert not {(name, one) for name, one in named if one not in SETTINGS}
    assert len(named) > 100


def test_every_address_for_machines_is_in_the_page_on_interfaces():
    described = re.findall(r"^  (/\S+):$", (FOLDER / "openapi.yaml").read_text(), re.MULTILINE)
    assert len(described) > 6
    assert not [path for path in described if f"`{path}`" not in TEXTS["interfaces"]]


# --- pictures and links ------------------------------------------------------------------------------------------


def test_pictures_are_there_named_by_their_page_and_light():
    shown = {(name, file) for name, text in TEXTS.items() for file in re.findall(r"!\[.+?\]\((.+?)\)", text)}
    folder = FOLDER / "manual" / PICTURES
    files = sorted(path.name for path in folder.glob("*.webp"))
    assert sorted(file for _name, file in shown) == [f"{PICTURES}/{file}" for file in files]
    assert {page_of_picture(file.partition("/")[2]) for _name, file in shown} == set(OF_ROLES)
    assert not [file for name, file in shown if page_of_picture(file.partition("/")[2]) != name]
    assert {Image.open(folder / file).size for file in files} == {PICTURE_SIZE}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000
    assert sorted(json.loads((folder / "labels.json").read_text())) == [file.removesuffix(".webp") for file in files]


@pytest.mark.parametrize("suffix", ["", ".html"])
def test_every_link_leads_to_a_page_and_place_of_the_manual_or_out_of_it(suffix):
    places = {f"{page.name}{suffix}": {section.anchor for section in drawn(page).sections} for page in PAGES.values()}
    links = [(name, link) for name, page in PAGES.items() for link in re.findall(r'href="(.+?)"', drawn(page, suffix).body)]
    inside = [(name, *unquote(link).split("#")) for name, link in links if not link.startswith(("https:", f"{PICTURES}/"))]
    assert len(inside) > 20
    for name, to, *anchor in inside:
        place = to or f"{name}{suffix}"
        assert place in places, (name, to)
        assert {*anchor} <= places[place], (name, to, anchor)


def test_what_browsers_must_not_get_is_not_in_it():
    for page in PAGES.values():
        body = drawn(page).body
        assert not re.search(r"<th></th>|<script|<style| style=| on\w+=|\]\(", body), page.name
        anchors = re.findall(r'id="(.+?)"', body)
        assert len(anchors) == len(set(anchors)), page.name


# --- who may read what -------------------------------------------------------------------------------------------


def test_enterprises_read_their_page_the_office_the_pages_of_roles_and_administrators_all():
    nobody, clerk = frozenset(), frozenset({Role.ENTERPRISE_CLERK})
    assert [page.name for page in PAGES.values() if page.opens_to(nobody)] == ["enterprise_clerk"]
    assert [page.name for page in PAGES.values() if page.opens_to(clerk)] == ["enterprise_clerk"]
    for role in OFFICE.difference(ADMINISTRATORS):
        assert {name for name, page in PAGES.items() if page.opens_to(frozenset({role}))} == set(OF_ROLES)
    for role in ADMINISTRATORS:
        assert all(page.opens_to(frozenset({role})) for page in PAGES.values())
    with pytest.raises(NotAllowed):
        page_for("runbook", frozenset({Role.APPROVER}))
    with pytest.raises(NotFound):
        page_for("domain", frozenset(Role))


def test_the_readers_own_page_stands_first():
    (_heading, pages), *more = readable(frozenset({Role.REVIEWER}))
    assert pages[0].name == "reviewer"
    assert not more


@pytest.mark.parametrize("name", ["../SETTINGS.md", "labels.json", "reviewer-none.webp", "x.webp"])
def test_no_other_file_is_given_as_a_picture(name):
    with pytest.raises(NotFound):
        picture_file(name)


# --- search ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "page", "title"),
    [
        ("old-backup", "runbook", "old-backup"),
        ("导入成绩怎么办", "exam_clerk", "成绩"),
        ("密码忘了", "enterprise_clerk", "登录和注册"),
        ("ａｎｇｕａｎ＿ｓｍｓ＿ｔｏｋｅｎ", "runbook", "sms-refused"),
        ("时钟 存疑", "runbook", "doubted-clock"),
    ],
)
def test_the_search_finds_words_questions_codes_and_settings(query, page, title):
    assert (page, title) in [(hit.page.name, hit.section.title) for hit in search(query, PAGES.values())[:5]]


def test_the_search_looks_into_the_given_pages_only_and_stays_small():
    clerks = [PAGES["enterprise_clerk"]]
    assert {hit.page.name for hit in search("备份", clerks)} <= {"enterprise_clerk"}
    assert not search("old-backup", clerks)
    assert not search("", PAGES.values())
    assert not search("，。 ", PAGES.values())
    assert len(search("的", PAGES.values())) <= MOST_HITS
    assert len("".join(parts_of("证书" * 500))) <= 2 * LONGEST_QUERY
