"""The rules of the house that no single room can keep. Each failure says what to do about it.

Style, floors and types are the business of ``make lint`` and ``make types``.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, event, select

from app import models
from app import models as models_
from app.cli.app import fill_regions
from app.cli.demo_data.fill import fill
from app.core import clock
from app.db.session import db
from app.models import Model
from app.web.auth.permissions import ANONYMOUS, held_by_nobody

NOW = clock.now()  # demonstration data is made for the day it is shown on
HOUSE = Path(models.__file__).parent
ROOT = HOUSE.parent
ROOMS = sorted(HOUSE.rglob("*.py"))
TREES = {room: ast.parse(room.read_text()) for room in ROOMS}
MAPPED = {mapper.class_.__name__: mapper.class_ for mapper in Model.registry.mappers}
BOOKS = {models_.__name__, models.__name__, models_.__name__}
TABLES = [table for _, table in sorted(MAPPED.items()) if table.__module__ in BOOKS]

# Where a request or a command comes in. Only here is the clock read, and only here is a transaction ended.
DOORS = {
    "__init__", "administration", "adjustment", "almanac", "authority", "basics", "casework", "cli", "desk", "diary",
    "enrolment", "examwork", "help", "listcheck", "login", "ops", "phone", "public", "screens", "simulator", "takeover",
    "threshold", "verification", "views", "workbench", "worker",
}  # fmt: skip


def floor(room: Path) -> str:
    """The room's name as the floors know it: ``app/exams/scores.py`` belongs to ``exams``."""
    return room.relative_to(HOUSE).parts[0].removesuffix(".py")


def name(room: Path) -> str:
    return str(room.relative_to(ROOT))


def below_the_doors() -> list[Path]:
    return [room for room in ROOMS if floor(room) not in DOORS]


def calls(tree: ast.AST) -> Iterator[tuple[int, str, ast.Call]]:
    """Every call as ``what.it.calls``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func), node


# --- one owner for each dangerous thing -------------------------------------------------------------

STATE_OWNERS = {
    "workflow": "moves applications",
    "exams": "moves sign-ups",
    "jobs": "its own table",
    "challenges": "its own table",
    "messages": "its own outbox",
    "demo": "sets a stage",
}


def state_writes(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Attribute) and target.attr == "state" for target in targets):
            yield node.lineno
    for line, called, call in calls(tree):
        by_statement = called.endswith(".values") and any(keyword.arg == "state" for keyword in call.keywords)
        by_name = called == "setattr" and any(isinstance(arg, ast.Constant) and arg.value == "state" for arg in call.args)
        if by_statement or by_name:
            yield line


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_only_its_owner_writes_a_state(room):
    if floor(room) not in STATE_OWNERS:
        assert not list(state_writes(TREES[room])), f"{name(room)} writes .state: call workflow.carry_out or exams instead"


MAY_COMMIT = {
    "throttle": "a charge outlives the rollback of what it was charged for",
    "messages": "the courier: a job with short transactions of its own",
    "schema": "migrations are a transaction of their own",
    "demo": "fills an empty house, on command",
    "jobs": "a job is a door that nobody waits at",
}


@pytest.mark.parametrize("room", below_the_doors(), ids=name)
def test_nobody_below_the_doors_ends_a_transaction(room):
    if floor(room) not in MAY_COMMIT:
        lines = [line for line, called, _ in calls(TREES[room]) if called.endswith((".commit", ".begin_nested"))]
        assert not lines, f"{name(room)}:{lines} commits: the door that called it decides when"


CLOCK = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|clock\.now|time\.(time|monotonic)|localtime)$")
MAY_READ_THE_CLOCK = {
    "clock": "it is the clock",
    "audit": "an undated line would be worse",
    "storage": "the age of files on disk",
    "demo": "",
}


@pytest.mark.parametrize("room", below_the_doors(), ids=name)
def test_nobody_below_the_doors_reads_the_wall_clock(room):
    if floor(room) not in MAY_READ_THE_CLOCK:
        lines = [line for line, called, _ in calls(TREES[room]) if CLOCK.search(called)]
        assert not lines, f"{name(room)}:{lines} reads the clock: take at= or on="


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_only_the_settings_read_the_environment(room):
    if floor(room) not in {"config", "cli"}:
        reads = [
            node.lineno
            for node in ast.walk(TREES[room])
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ"
        ]
        assert not reads, f"{name(room)}:{reads} reads the environment: add a setting to config.py"


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_only_the_command_line_speaks_on_paper(room):
    # pdf.py is a program of its own, whose answer is what it prints.
    if floor(room) not in {"cli", "pdf"}:
        assert not [line for line, called, _ in calls(TREES[room]) if called == "print"], (
            f"{name(room)}: log it, or return it"
        )


# --- taste that can be counted ----------------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_every_room_says_what_it_is_and_what_its_law_is(room):
    opening = ast.get_docstring(TREES[room]) or ""
    if room.stem != "__init__" or len(TREES[room].body) > 1:
        assert opening, f"{name(room)} has no opening sentence"
        assert room.parent != HOUSE or "Law:" in opening or room.stem == "models", f"{name(room)} does not say its law"


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_no_room_outgrows_its_walls(room):
    limit = {"models": 900, "document": 700}.get(room.stem, 600)
    assert len(room.read_text().splitlines()) <= limit, f"{name(room)} needs a wall moved: make it a package of the same name"


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_no_function_is_longer_than_a_page(room):
    functions = (node for node in ast.walk(TREES[room]) if isinstance(node, ast.FunctionDef))
    long = [f"{node.name}: {node.end_lineno - node.lineno + 1}" for node in functions if node.end_lineno - node.lineno >= 50]
    assert not long, f"{name(room)}: {long}"


# --- tables -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_no_misspelt_dunder_silences_a_constraint(table):
    known = {"__tablename__", "__table_args__", "__mapper_args__", "__table__", "__mapper__"}
    assert not {name for name in vars(table) if name.startswith(("__table", "__mapper"))} - known


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_check_is_named_for_its_promise(table):
    checks = [check for check in table.__table__.constraints if isinstance(check, CheckConstraint)]
    assert all(str(check.name or "").startswith(f"ck_{table.__tablename__}") or table is models.Account for check in checks)


# --- files ------------------------------------------------------------------------------------------

LEAKS = re.compile(r"pypi\.org|pythonhosted|npmjs|index-url|/simple/|deb\.debian|(?<![\w.])/(?:root|home|work|Users)/\w")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_names_a_registry_host_or_a_place_on_somebodys_disk():
    found = []
    for path in tracked():
        if path != Path(__file__) and path.suffix not in {".ttf", ".png", ".jpg", ".woff2"}:
            found += [f"{name(path)}: {match[0]}" for match in LEAKS.finditer(path.read_text(errors="replace"))]
    assert not found


def test_the_pins_are_exact():
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert len(pins) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", pin) for pin in pins)


# --- routes -----------------------------------------------------------------------------------------

NEEDS_NO_PERMISSION = {endpoint.partition(".")[0] for endpoint in ANONYMOUS} | {"OwnPasswordView", "SessionsView"}


def addresses(app, method: str) -> Iterator[tuple[str, str]]:
    """(endpoint, address) of every route that takes a method, blanks filled in."""
    blanks = {"IntegerConverter": 1, "UnicodeConverter": "1", "PathConverter": "1", "FloatConverter": 1.0}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if method in rule.methods:
                given = {key: blanks.get(type(value).__name__, "1") for key, value in rule._converters.items()}
                yield rule.endpoint, adapter.build(rule.endpoint, given, method=method)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_door_has_a_lock(app, client, method):
    unlocked = []
    for endpoint, address in addresses(app, method):
        if endpoint not in ANONYMOUS:
            answer = client.open(address, method=method)
            to_the_gate = answer.status_code == 302 and "/login/" in answer.headers["Location"]
            if not (to_the_gate or answer.status_code in (401, 403)):
                unlocked.append(f"{method} {address} ({endpoint}): {answer.status_code}")
    assert not unlocked


def test_what_is_open_to_passers_by_is_there_and_has_its_reason(app):
    assert ANONYMOUS.keys() <= {rule.endpoint for rule in app.url_map.iter_rules()}, "the door is gone: take it off the list"
    assert all(len(reason) > 5 for reason in ANONYMOUS.values())


MAY_LET_IN = {"login_user": {"app/web/auth/sign_in.py"}, "open_session": set(), "admit": set()}


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_sessions_are_opened_at_the_gate_only(room):
    for _line, called, _call in calls(TREES[room]):
        if (deed := called.rpartition(".")[2]) in MAY_LET_IN:
            assert name(room) in MAY_LET_IN[deed] or (deed != "login_user" and floor(room) == "login"), (
                f"{called} in {name(room)}"
            )


WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
# A limit is counted; a reading in full is noted down; a certificate is drawn when it is first asked for; who is here is seen.
GET_MAY_WRITE = re.compile(
    r"INSERT INTO (bucket|entry|link)\b|UPDATE certificate_version SET (digest|ofd)=|UPDATE visit SET seen_at="
)


def test_opening_an_address_changes_nothing_and_breaks_nothing(app, session, house, signed_in):
    """Every page, as everybody, over a house in which there is a row number one of everything."""
    with app.app_context():
        fill_regions(db.session(), house.settings)
        fill(db.session(), house.settings, NOW)
        engine = db.engine
    written, broken, asked = [], [], [""]

    def watch(_connection, _cursor, statement, *_):
        if WRITES.match(statement) and not GET_MAY_WRITE.match(statement):
            written.append(f"{asked[-1]}: {statement[:80]}")

    event.listen(engine, "before_cursor_execute", watch)
    accounts = session.scalars(select(models.Account)).all()
    session.commit()  # SQLite has one writer, and our own question would be it
    for account in accounts:
        client = signed_in(account)
        for endpoint, address in addresses(app, "GET"):
            asked.append(f"{account.username} {address}")
            if "static" not in endpoint and client.get(address).status_code >= 500:
                broken.append(asked[-1])
    event.remove(engine, "before_cursor_execute", watch)
    assert not broken
    assert not written


# --- views ------------------------------------------------------------------------------------------


def test_every_view_names_its_permission_itself(app):
    unnamed = [
        type(view).__name__
        for view in app.extensions["appbuilder"].baseviews
        if not any("class_permission_name" in vars(kind) for kind in type(view).__mro__ if kind.__module__.startswith("app."))
        and type(view).__name__ not in NEEDS_NO_PERMISSION
    ]
    assert not unnamed, "a permission is stored under this name: it must not change with the class"


def test_every_permission_that_is_asked_for_is_held_by_somebody(app):
    assert not held_by_nobody(app.extensions["appbuilder"]), "declare it in login/roles.py: nobody can open this page"


def test_no_view_opens_the_stock_doors(app):
    stock = {
        rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.endswith((".action", ".action_post", ".download"))
    }
    assert not stock - ANONYMOUS.keys()
    assert not [rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/api/", "/lang/", "/back"))]


def test_no_search_lists_every_row_of_another_table(app):
    for view in app.extensions["appbuilder"].baseviews:
        columns = getattr(view, "search_columns", None) or ()
        relations = [column for column in columns if view.datamodel.is_relation(column)]
        assert not relations, f"{type(view).__name__}: {relations}"
