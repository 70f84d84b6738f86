"""The help page: open to everybody, and in step with the procedure, buttons and keys it describes."""

import ast
import html
import re

import pytest

from app.core.vocabulary import PaperKind, Role, State
from app.db.session import db
from app.web.public import help as guide
from app.workflow import MOVES
from tests.query_counter import queries
from tests.source_guards import APP


@pytest.fixture
def page(client):
    client.post("/preference", data={"locale": "en", "next": "/help"})
    answer = client.get("/help")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def table_of(page: str) -> list[list[str]]:
    """The rows of the procedure as text."""
    body = re.search(r'aria-labelledby="table">\s*<table.*?<tbody[^>]*>(.*?)</tbody>', page, re.DOTALL)[1]
    cells = (re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL))
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_an_anonymous_visitor_reads_it_without_a_menu(client):
    answer = client.get("/help")
    assert answer.status_code == 200
    assert 'id="side"' not in answer.text


@pytest.mark.parametrize("role", Role)
def test_everybody_finds_it_at_the_end_of_the_menu_with_their_own_chapter_first(signed_in, holder, role):
    text = signed_in(holder(role)).get("/help").text
    menu = re.findall(r'<a href="([^"]+)"', text[text.index('class="nav"') : text.index("</nav>")])
    assert menu[-1] == "/help"
    assert re.findall(r'<h2 id="([a-z_]+)">', text)[1] == role.value


def test_the_procedure_is_the_table_of_moves(page):
    with_words = [[str(m.source), str(m.action), str(m.by), str(m.target)] for m in MOVES]
    assert [row[:4] for row in table_of(page)] == with_words


def test_where_a_reason_is_demanded_it_says_so(page):
    told = ["reason required" in row[4] for row in table_of(page)]
    assert told == [move.reason for move in MOVES]


def test_every_role_has_a_chapter_and_every_state_is_explained(page):
    assert {chapter.role for chapter in guide.CHAPTERS} == set(Role)
    assert {state for state in State if str(state) not in page} == set()


def test_every_screen_it_leads_to_exists(app):
    named = {endpoint for chapter in guide.CHAPTERS for _label, endpoint in chapter.screens}
    assert not {endpoint for endpoint in named if endpoint not in app.view_functions}


def test_everybody_may_open_the_screens_their_chapter_leads_to(app, signed_in, holder):
    shut = []
    for chapter in guide.CHAPTERS:
        client = signed_in(holder(chapter.role))
        with app.test_request_context():
            ways = [app.url_for(endpoint) for _label, endpoint in chapter.screens]
        shut += [f"{chapter.role.name} {way}" for way in ways if client.get(way).status_code != 200]
    assert not shut


def is_label(keyword: ast.keyword) -> bool:
    return keyword.arg != "label" and isinstance(keyword.value, ast.Call) and ast.unparse(keyword.value.func) == "_"


def test_every_button_it_names_exists():
    """Labels are compared by their English text."""
    said_elsewhere = "\n".join(
        path.read_text()
        for path in [*APP.rglob("*.py"), *APP.rglob("*.html")]
        if "help" not in path.relative_to(APP).as_posix()
    )
    calls = (
        node for node in ast.walk(ast.parse((APP / "web" / "public" / "help.py").read_text())) if isinstance(node, ast.Call)
    )
    named = {keyword.value.args[0].value for call in calls for keyword in call.keywords if is_label(keyword)}
    assert len(named) > 20
    assert not {label for label in named if not re.search(rf"(_|gettext)\(\s*['\"]{re.escape(label)}['\"]", said_elsewhere)}


def test_no_sentence_has_a_blank_left_open(page):
    assert not re.findall(r"%\(\w+\)s", page)
    assert str(PaperKind.PLEDGE) in page


def test_the_keys_are_those_of_the_dialog():
    dialog = (APP / "web" / "templates" / "base" / "dialogs.html").read_text()
    assert re.findall(r"<kbd>(.+?)</kbd>", dialog) == [key for pressed, _action in guide.KEYS for key in pressed]


def test_the_periods_are_the_offices_own(app, page):
    office = app.extensions["anguan"].office
    assert f"within {office.accept_days} working days after submission" in page
    assert f"valid for {office.validity_years} years" in page


def test_the_only_query_is_for_the_office(app, client):
    """It contains no data, so none can leak, and many readers cost little."""
    with app.app_context():
        engine = db.engine
    with queries(engine) as asked:
        client.get("/help")
    assert ["FROM parameter" in asked[0], "FROM calendar_day" in asked[1], len(asked)] == [True, True, 2]
