"""Rules that no single module can keep. Each failure says what to do about it.

Style, imports and types are checked by ``make lint`` and ``make types``.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, event, select

from app import models
from app.db.derived import derived_columns
from app.db.session import db
from app.models import Model
from app.web.auth.permissions import ANONYMOUS, held_by_nobody
from app.web.base import ModelScreen
from tests.source_guards import APP, ROOT, calls, many_set, modules, outside, state_writes, transactions_ended
from tests.web.form_steps import asks_for_json

TABLES = [mapper.class_ for mapper in Model.registry.mappers if mapper.class_.__module__.startswith("app.db.tables.")]
ENTRY_POINTS = ("web/", "cli/", "views.py", "__init__.py")  # where a request or a command comes in


# --- one owner for each dangerous thing -------------------------------------------------------------
STATE_OWNERS = {
    "workflow.py": "moves applications", "applications/drafts/common.py": "makes drafts", "exams/": "moves sign-ups",
    "certificates/status_changes.py": "decides measures", "certificates/impossible_proposals.py": "closes proposals",
    "applications/decision_batches/": "its own table", "applications/reconciliation/": "its own table",
    "outbox/jobs.py": "its own table", "worker/runner.py": "the same table", "outbox/sms.py": "its own table",
    "outbox/notifications.py": "its own table",
    "accounts/challenges.py": "its own table", "accounts/identity_corrections.py": "its own table",
    "accounts/privileged_changes.py": "its own table",
    "cli/demo_data/": "sets every stage",
}  # fmt: skip


def test_only_its_owner_writes_a_state():
    writes = {name: lines for name, tree in outside(*STATE_OWNERS).items() if (lines := state_writes(tree))}
    assert not writes, "call workflow.carry_out, exams or the owner of the table instead, or spell out the columns"


MAY_END_TRANSACTIONS = {
    "accounts/rate_limit.py": "a count outlives the rollback of what was counted",
    "accounts/registration.py": "a savepoint, so that a race is answered in the caller's transaction",
    "applications/clock_check.py": "a doubt of the clock is stored whatever the process does",
    "applications/checks.py": "a job: each slice of results is a transaction",
    "applications/decision_batches/planning.py": "a savepoint that is taken back: a plan writes nothing",
    "applications/decision_batches/running.py": "a job: each portion of a batch is a transaction",
    "applications/statistics/counting.py": "a job: each month is stored in a transaction",
    "applications/sheet_imports/": "a job: each chunk of rows is a transaction",
    "applications/legacy_import/first_passwords.py": "a job: the passwords of an import are one transaction",
    "applications/reconciliation/run.py": "a job: each portion of people is a transaction",
    "backup/restoring.py": "what it restores into is nobody else's yet",
    "db/migrate.py": "migrations are transactions of their own",
    "db/move.py": "what it moves into is nobody else's yet",
    "db/session.py": "opens the connection beside the session",
    "outbox/sms.py": "a job: each message is marked in a transaction of its own",
    "workflow.py": "a savepoint, so that one member of a batch cannot spoil the others",
    "worker/": "a job has no caller who could commit",
}


def test_no_update_gives_one_value_to_many_rows_that_others_are_computed_from():
    sources = {model.__name__: {name for _key, kind in derived_columns(model) for name in kind.sources} for model in TABLES}
    assert sources["Person"] == {"name"}
    writes = {name: lines for name, tree in modules().items() if (lines := many_set(tree, sources))}
    assert not writes, "update row by row (a list of dictionaries): db.derived then computes search text and sort key"


def test_only_entry_points_end_a_transaction():
    ends = {
        name: at for name, tree in outside(*ENTRY_POINTS, *MAY_END_TRANSACTIONS).items() if (at := transactions_ended(tree))
    }
    assert not ends, "flush, and let the caller decide"


CLOCK = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|clock\.now|time\.(time|monotonic)|localtime)$")
# core/redaction.py asks only whether a date may be somebody's birth: a day more or less decides nothing.
MAY_READ_THE_CLOCK = ("core/clock.py", "core/redaction.py", "db/audit/log.py", "files/storage.py", "worker/process.py")


def test_only_entry_points_read_the_clock():
    reads = [
        f"{name}:{call.lineno}"
        for name, tree in outside(*ENTRY_POINTS, *MAY_READ_THE_CLOCK).items()
        for call, called in calls(tree)
        if CLOCK.search(called)
    ]
    assert not reads, "take at= (a moment) or on= (a day)"


def test_only_settings_and_commands_read_the_environment():
    reads = [
        f"{name}:{node.lineno}"
        for name, tree in outside("core/settings.py", "core/office.py", "cli/").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}
    ]
    assert not reads, "add a setting to core/settings.py"


def test_only_commands_print():
    """``files/pdf_check.py`` is a program of its own, whose answer is what it prints."""
    prints = [
        name for name, tree in outside("cli/", "files/pdf_check.py").items() if any(c == "print" for _, c in calls(tree))
    ]
    assert not prints, "log it, or return it"


MAY_SIGN_IN = {"login_user": ("web/auth/sign_in.py",), "open_session": ("web/auth/",), "admit": ("web/auth/",)}


def test_sessions_are_opened_by_sign_in_only():
    opened = [
        f"{name}: {called}"
        for name, tree in modules().items()
        for _call, called in calls(tree)
        if not name.startswith(MAY_SIGN_IN.get(called.rpartition(".")[2], ("",)))
    ]
    assert not opened


# --- tests ------------------------------------------------------------------------------------------
UNTESTED = {  # neither a test file of their name nor a test that imports them
    "cli/__main__.py": "one call of app.cli.app",
    "db/tables/": "tables are data: test_migrate compares them with the migrations, test_tables asks the database",
    "views.py": "the menu: test_permission_matrix and test_translations ask every page of it",
    "web/admin/legacy_import/": "journeys/test_old_system and cli/test_legacy drive its pages and its command",
    "web/base/imports/": "web/exams/test_scores, web/enterprise/test_people_import, journeys/test_old_system drive it",
    "web/applications/review/presentation.py": "part of the case page: test_case_page, test_matter_details",
    "web/applications/review/progress.py": "part of the case page: test_case_page, filing/test_correction_form",
    "web/base/fab.py": "types for the framework",
    "web/base/layout.py": "on every page: test_model_view",
    "web/base/setup.py": "installs the others: test_model_view",
    "web/base/workbook.py": "one call of the framework: test_export_audit",
    "web/certificates/filing_links.py": "part of the page of a certificate: filing/test_certificate_lists",
}


def test_every_module_has_a_test_of_its_name_or_is_imported_by_one():
    tests = {str(path.relative_to(ROOT / "tests")): ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("*.py")}
    imported = {
        f"{node.module}.{alias.name}" if whole else node.module
        for tree in tests.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        for whole in (True, False)
    }
    missing = {
        name
        for name in modules()
        if not name.endswith("__init__.py")
        and str(Path(name).with_name(f"test_{Path(name).name}")) not in tests
        and "app." + name.removesuffix(".py").replace("/", ".") not in imported
    }
    assert not {name for name in missing if not name.startswith(tuple(UNTESTED))}, (
        "test it in tests/<package>/test_<module>.py"
    )
    assert not [place for place in UNTESTED if not any(name.startswith(place) for name in missing)], "take it off the list"


# --- size and names -----------------------------------------------------------------------------------
def test_every_module_says_what_it_is():
    silent = [name for name, tree in modules().items() if tree.body and not ast.get_docstring(tree)]
    assert not silent


def test_no_module_is_longer_than_600_lines():
    long = {name: lines for name in modules() if (lines := len((APP / name).read_text().splitlines())) > 600}
    assert not long, "split it by subject"


def test_no_function_is_longer_than_a_page():
    functions = [
        (name, node) for name, tree in modules().items() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    ]
    assert not [f"{name}: {node.name}" for name, node in functions if node.end_lineno - node.lineno >= 50]


def test_no_class_name_stands_for_two_things():
    """Two modules may each have a private class of one name; a public one is told apart by its name alone."""
    seen: dict[str, list[str]] = {}
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                seen.setdefault(node.name, []).append(name)
    assert not {kind: places for kind, places in seen.items() if len(places) > 1}


# --- tables -----------------------------------------------------------------------------------------
def test_no_misspelt_dunder_silences_a_constraint():
    known = {"__tablename__", "__table_args__", "__mapper_args__", "__table__", "__mapper__"}
    odd = {(table.__name__, key) for table in TABLES for key in vars(table) if key.startswith(("__table", "__mapper"))}
    assert not {(table, key) for table, key in odd if key not in known}


def test_every_check_is_named_after_its_table():
    checks = [
        (table.__tablename__, str(check.name or ""))
        for table in TABLES
        for check in table.__table__.constraints
        if isinstance(check, CheckConstraint) and table is not models.Account
    ]
    assert not [name for table, name in checks if not name.startswith(f"ck_{table}")]


# --- files ------------------------------------------------------------------------------------------
LEAKS = re.compile(r"pypi\.org|pythonhosted|npmjs|index-url|/simple/|deb\.debian|(?<![\w.])/(?:root|home|work|Users)/\w")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_names_a_registry_host_or_an_absolute_path():
    found = []
    for path in tracked():
        if path != Path(__file__) and path.suffix not in {".ttf", ".png", ".jpg", ".webp", ".woff2"}:
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in LEAKS.finditer(path.read_text(errors="replace"))]
    assert not found


def test_the_pins_are_exact():
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert len(pins) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", pin) for pin in pins)


# --- routes -----------------------------------------------------------------------------------------
NEEDS_NO_PERMISSION = {endpoint.partition(".")[0] for endpoint in ANONYMOUS} | {"OwnPasswordView", "SessionsView"}


def addresses(app, method: str) -> Iterator[tuple[str, str]]:
    """(endpoint, path) of every route that takes a method, its parameters filled in."""
    blanks = {"IntegerConverter": 1, "UnicodeConverter": "1", "PathConverter": "1", "FloatConverter": 1.0}
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if method in rule.methods:
                given = {key: blanks.get(type(value).__name__, "1") for key, value in rule._converters.items()}
                yield rule.endpoint, adapter.build(rule.endpoint, given, method=method)


def test_every_list_says_what_comes_there_when_it_is_empty(app):
    screens = [view for view in app.extensions["appbuilder"].baseviews if isinstance(view, ModelScreen)]
    silent = [view for view in screens if "can_list" in view.base_permissions and not view.empty_text
              and type(view).empty is ModelScreen.empty]  # fmt: skip
    assert not silent


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_route_is_locked(app, client, method):
    unlocked = []
    for endpoint, address in addresses(app, method):
        if endpoint not in ANONYMOUS:
            answer = client.open(address, method=method)
            to_sign_in = answer.status_code == 302 and "/login/" in answer.headers["Location"]
            if not (to_sign_in or answer.status_code in (401, 403)):
                unlocked.append(f"{method} {address} ({endpoint}): {answer.status_code}")
    assert not unlocked


def test_every_anonymous_route_exists_and_has_its_reason(app):
    assert ANONYMOUS.keys() <= {rule.endpoint for rule in app.url_map.iter_rules()}, "the route is gone: take it off the list"
    assert all(len(reason) > 5 for reason in ANONYMOUS.values())


WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
# Limits are counted, readings in full are logged, certificates drawn and letters issued when first asked for, activity of a
# session noted.
GET_MAY_WRITE = re.compile(
    r"INSERT INTO (bucket|entry|link|letter)\b|INSERT INTO series \(key, last\)|UPDATE visit SET seen_at="
    r"|UPDATE certificate_version SET (digest|ofd)=|UPDATE letter SET "
)


def test_opening_an_address_changes_nothing_and_breaks_nothing(app, demo, signed_in):
    """Every page, as everybody, over the demonstration data, where every table has a row number one."""
    with app.app_context():
        engine = db.engine
    written, broken, asked = [], [], [""]

    def watch(_connection, _cursor, statement, *_):
        if WRITES.match(statement) and not GET_MAY_WRITE.match(statement):
            written.append(f"{asked[-1]}: {statement[:80]}")

    event.listen(engine, "before_cursor_execute", watch)
    accounts = demo.scalars(select(models.Account)).all()
    demo.commit()  # SQLite has one writer, and our own question would be it
    for account in accounts:
        client = asks_for_json(signed_in(account))
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
    assert not held_by_nobody(app.extensions["appbuilder"]), "declare it in auth/permissions.py: nobody can open it"


def test_no_stock_route_of_the_framework_is_open(app):
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
