"""What is carried out of the house: each sheet, archive and certificate is one line in the diary, or it does not go out.

The doors that send files are found in the source, whichever way they go about it; a new one is on one of two lists, or red.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from flask_babel import force_locale
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import event, func, select

import app as house_of_code
from app.certificates.bulk_status_changes import COLUMNS
from app.certificates.pdf import zip_download
from app.core.clock import now
from app.core.office import Office
from app.core.vocabulary import AuditAction, Role
from app.db.session import db
from app.files import spreadsheets
from app.files.storage import Store
from app.models import Account, AuditEntry, CertificateVersion, Enterprise, LegacyImport
from tests import make
from tests.test_attacks import ACCEPTANCE, ADMIN, AUDITOR, EXAM, REVIEWER, VIEWER, Town, changsha, everybody  # noqa: F401

FOLDER = Path(house_of_code.__file__).parent

# Every door that hands out a file without a line of its own, and why that is right.
EMPTY = "an empty form to fill in: nothing of anybody is in it"
NO_LINE: Mapping[str, str] = {
    "CalendarView.template": EMPTY,
    "MeasuresView.template": EMPTY,
    "RosterView.template": EMPTY,
    "LegacyView.template": EMPTY,
    "ListCheckView.template": EMPTY,
    "ListCheckView.answer": "public: no account asks, so the line could name nobody; it says what the asker typed and the "
    "public lookup says of it, no ID number, and the lookups themselves are counted and limited",
    "PaperView.small": "a picture too small to be read, beside a link that is noted; a page of a case shows a dozen",
    "PictureView.drawn": "a picture code: characters drawn for whoever is at the gate",
    "SealView.part": "public: our root certificate and the lists of revoked seals",
    "VerifyView.worker": "public: a script",
    "VerifyView.keys": "public: the keys that check a code",
    "VerifyView.status_list": "public: bits without names",
}


# --- the doors that send files, found in the source ---------------------------------------------------------------

SENDS = {"send_file", "send_from_directory", "response_class", "stream_with_context"}
HEADER = re.compile(r"^\s*attachment\b|^content-disposition$", re.IGNORECASE)
Function = tuple[str, str]  # module, name


@dataclass
class Room:
    """A module: its functions (methods by their bare name, too), where its names come from, and its doors."""

    name: str
    functions: dict[str, list[ast.FunctionDef]]
    imported: dict[str, Function]
    doors: dict[str, ast.FunctionDef]


def room_of(name: str, tree: ast.Module) -> Room:
    room = Room(name, {}, {}, {})
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            room.functions.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.ImportFrom) and node.module:
            room.imported |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            room.doors |= {f"{node.name}.{one.name}": one for one in methods if any(map(is_door, one.decorator_list))}
    return room


def is_door(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] in {"door", "expose"}


@cache
def rooms() -> Mapping[str, Room]:
    found = {}
    for file in sorted(FOLDER.rglob("*.py")):
        name = ".".join(["app", *file.relative_to(FOLDER).with_suffix("").parts]).removesuffix(".__init__")
        found[name] = room_of(name, ast.parse(file.read_text()))
    return found


def sends(function: ast.FunctionDef) -> bool:
    """Whether this very function makes an answer that is no page: by Flask's senders, a header or a kind of its own."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            kinds = [key.value for key in node.keywords if key.arg in {"mimetype", "content_type"}]
            if called in SENDS or any(ast.unparse(kind) != "'text/html'" for kind in kinds):
                return True
        if isinstance(node, ast.Assign) and re.search(r"\.(mimetype|content_type)$", ast.unparse(node.targets[0])):
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and HEADER.match(node.value):
            return True
    return False


def called_by(room: Room, function: ast.FunctionDef, known: Mapping[str, Room]) -> Iterator[tuple[Room, ast.FunctionDef]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            whole = ast.unparse(node.func).split(".")
            for module, name in ways(room, whole, known):
                yield from ((known[module], one) for one in known[module].functions.get(name, ()))


def ways(room: Room, whole: list[str], known: Mapping[str, Room]) -> Iterator[Function]:
    """Where a called name may be defined: here, or wherever it was imported from, through the fronts of packages."""
    name = whole[-1]
    if len(whole) == 1 or whole[0] in {"self", "cls"}:
        yield room.name, name
    module = room.imported.get(whole[0])
    while module:
        inside = f"{module[0]}.{module[1]}"
        if len(whole) > 1 and inside in known:
            module = (inside, name)  # a module was imported, and something in it is called
            whole = [name]
        elif module[0] in known:
            yield module
            module = known[module[0]].imported.get(module[1])
        else:
            return


def reaches(room: Room, function: ast.FunctionDef, goal, known: Mapping[str, Room]) -> bool:
    seen, waiting = set(), [(room, function)]
    while waiting:
        here, one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            if goal(here, one):
                return True
            waiting += called_by(here, one, known)
    return False


def doors_that_send(known: Mapping[str, Room]) -> set[str]:
    """Pages that only render are answered by furniture of their own, which sends nothing."""
    return {
        name
        for room in known.values()
        for name, function in room.doors.items()
        if reaches(room, function, lambda _room, one: sends(one), known)
    }


def test_every_door_that_hands_out_a_file_is_noted_or_says_why_not(app):
    found = doors_that_send(rooms())
    assert found <= {rule.endpoint for rule in app.url_map.iter_rules()}
    assert found == {*LOGGED, *NO_LINE}, "a file leaves the house here: have it noted and tried below, or say why not"
    assert not LOGGED.keys() & NO_LINE.keys()


@pytest.mark.parametrize(
    "body",
    [
        "return send_file(data)",
        "return self._given(data)",
        "return helper(data)",
        "answer.mimetype = 'text/csv'\n        return answer",
        "return Response(data, mimetype=CSV)",
        "return Response(data, headers={'Content-Disposition': kept_as})",
        "return shipping.send(data)",
        "return counter.send(data)",
    ],
)
def test_the_search_finds_a_new_door_whichever_way_it_sends(body):
    told = f"""
from flask import send_file
from app import shipping
import app.shipping as counter
from app.front import counter
def helper(data): return inner(data)
def inner(data): return send_file(data)
class NewView:
    @door("/new.csv")
    def out(self):
        {body}
    @expose("/page")
    def page(self):
        return Response(page, 200, mimetype="text/html")
    def _given(self, data): return send_file(data)
"""
    ship = "from flask import send_file\ndef send(data): return send_file(data)"
    front = "from app import shipping as counter"
    sources = {"app.new": told, "app.shipping": ship, "app.front": front, "app": ""}
    assert doors_that_send({name: room_of(name, ast.parse(text)) for name, text in sources.items()}) == {"NewView.out"}


# --- each of them leaves one line, and no file goes out without it --------------------------------------------------


@dataclass(frozen=True)
class Export:
    """One door tried: who asks, how, and what the line says."""

    role: Role
    method: str
    address: str
    deed: AuditAction
    table: str
    said: Mapping[str, object]
    form: Mapping[str, object] | None = None


def measures(place: Town, world: "World") -> Export:
    columns, browser = [spreadsheets.Column(column.key, column.title) for column in COLUMNS], world.browsers[ADMIN]
    given = {"name": "李雷", "number": "湘建安C1(2020)0000001", "deed": "暂扣", "reason": "发生事故", "evidence": "一号"}
    with browser.application.test_request_context(), force_locale("zh"):
        data = spreadsheets.write(columns, [given, given | {"number": "湘建安C1(2020)0000002"}], sheet_title="x")
    page = browser.post("/standing-sheet/", data={"sheet": (BytesIO(data), "x.xlsx")}).text
    ticket = re.search(r'action="/standing-sheet/result.xlsx"[^>]*>.*?name="ticket" value="([^"]+)"', page, re.DOTALL)[1]
    said = {"list": "measures", "rows": 2}
    return Export(ADMIN, "POST", "/standing-sheet/result.xlsx", AuditAction.EXPORT, "certificate", said, {"ticket": ticket})


def score_errors(place: Town, world: "World") -> Export:
    told = ["errors", world.store.put(b"bad cells"), 3, place.notice, world.account(EXAM)]
    ticket = URLSafeTimedSerializer(world.settings.keys.session, salt="scores").dumps(told)
    said = {"list": "score errors", "rows": 3}
    address = f"/exam/notices/{place.notice}/scores/errors"
    return Export(EXAM, "POST", address, AuditAction.EXPORT, "exam_notice", said, {"ticket": ticket})


def legacy(place: Town, world: "World", what: str, said: Mapping[str, object]) -> Export:
    course = world.session.get_one(LegacyImport, place.legacy)
    course.report_object = world.store.put(b"a report")
    course.passwords_object = world.store.put(b"passwords")
    course.total = 4
    world.session.commit()
    return Export(ADMIN, "POST", f"/legacy/{place.legacy}/{what}.xlsx", AuditAction.EXPORT, "legacy_import", said)


def fetched(place: Town, world: "World") -> Export:
    viewer = make.officer(VIEWER, region="430100", account_id=world.account(VIEWER))
    held = list(world.session.scalars(select(CertificateVersion.certificate_id)))
    leaves = zip_download.gather(world.session, held, viewer, Office())
    number = zip_download.prepare(world.session, leaves, viewer, at=now())
    world.session.commit()
    return Export(VIEWER, "GET", f"/bundles/{number}.zip", AuditAction.READ, "job", {"certificates": 1})


def packed(place: Town, world: "World") -> Export:
    said = {"certificates": 1, "versions": [place.certificate]}
    return Export(VIEWER, "POST", "/certificates/pack?every=1", AuditAction.EXPORT, "certificate", said)


def licence(place: Town, world: "World") -> Export:
    firm = world.session.get_one(Enterprise, place.enterprise)
    firm.licence_digest, firm.licence_mime = world.store.put(b"a licence"), "image/jpeg"
    world.session.commit()
    return Export(
        ADMIN, "GET", f"/enterprises/licence/{place.enterprise}", AuditAction.READ, "enterprise", {"what": "licence"}
    )


def calendar(place: Town, world: "World") -> Export:
    said = {"list": "holidays", "year": 2026, "rows": 0}
    return Export(ADMIN, "GET", "/calendar/export.xlsx?year=2026", AuditAction.EXPORT, "calendar_day", said)


def asked(role: Role, address: str, deed: AuditAction, table: str, method: str = "GET", **said: object):
    """A door that needs nothing but a row of the town."""
    return lambda place, _world: Export(role, method, address.format(of=place), deed, table, said)


VERSION = {"deed": AuditAction.READ, "table": "certificate_version", "shown": "certificate"}
LOGGED = {
    "ArchiveView.letter": asked(VIEWER, "/archive/{of.closed}/form.pdf", AuditAction.READ, "application", shown="form"),
    "ArchiveView.bundle": asked(VIEWER, "/archive/{of.closed}.zip", AuditAction.EXPORT, "application", shown="archive"),
    "CertificateFileView.open": asked(VIEWER, "/certificates/{of.certificate}.pdf", **VERSION),
    "CertificateFileView.ofd": asked(VIEWER, "/certificates/{of.certificate}.ofd", **VERSION),
    "CertificateScreen.pack": packed,
    "BundleView.fetch": fetched,
    "DueScreen.export": asked(REVIEWER, "/due/export", AuditAction.EXPORT, "application", "POST", list="due", rows=0),
    "DiaryScreen.export": asked(AUDITOR, "/diary/export", AuditAction.EXPORT, "entry", "POST", list="diary"),
    "CalendarView.export": calendar,
    "EnterpriseAdminScreen.licence": licence,
    "NoticeScreen.export": asked(EXAM, "/exam/notices/{of.notice}/export", AuditAction.EXPORT, "exam_notice", "POST", rows=2),
    "ScoreView.errors": score_errors,
    "MeasuresView.result": measures,
    "LegacyView.report": lambda place, world: legacy(place, world, "report", {"rows": 4}),
    "LegacyView.passwords": lambda place, world: legacy(place, world, "passwords", {"passwords": "fetched"}),
    "PaperView.open": asked(ACCEPTANCE, "/papers/{of.paper}", AuditAction.READ, "paper", kind="photo"),
}


@dataclass
class World:
    session: object
    settings: object
    store: Store
    browsers: Mapping[Role, object]

    def account(self, role: Role) -> int:
        found = self.session.scalars(select(Account.id).where(Account.username == f"the-{role.value}")).one()
        self.session.rollback()
        return found


@pytest.fixture
def world(app, session, system, everybody) -> World:  # noqa: F811
    return World(session, system.settings, Store(system.settings.blobs), everybody)


def lines(session, after: int) -> list[AuditEntry]:
    taken = AuditEntry.deed.in_([AuditAction.EXPORT, AuditAction.READ])
    found = list(session.scalars(select(AuditEntry).where(AuditEntry.id > after, taken).order_by(AuditEntry.id)))
    session.expunge_all()
    session.rollback()  # SQLite has one writer
    return found


def newest(session) -> int:
    found = session.scalar(select(func.max(AuditEntry.id))) or 0
    session.rollback()
    return found


def test_each_export_is_one_line_that_says_what_and_how_many(session, world, changsha):  # noqa: F811
    for endpoint, make_ready in LOGGED.items():
        one = make_ready(changsha, world)
        session.rollback()
        last = newest(session)
        answer = world.browsers[one.role].open(one.address, method=one.method, data=one.form)
        assert (answer.status_code, bool(answer.data)) == (200, True), endpoint
        assert answer.mimetype != "text/html", endpoint
        [line] = lines(session, last)
        assert (line.actor, line.deed, line.table) == (f"the-{one.role.value}", one.deed, one.table), endpoint
        assert line.change.items() >= one.said.items(), (endpoint, line.change)


def test_what_cannot_be_written_down_does_not_go_out(app, session, world, changsha):  # noqa: F811
    with app.app_context():
        engine = db.engine

    def full(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT INTO entry"):
            raise OSError("the diary is full")

    for endpoint, make_ready in LOGGED.items():
        one = make_ready(changsha, world)
        session.rollback()
        last = newest(session)
        event.listen(engine, "before_cursor_execute", full)
        try:
            answer = world.browsers[one.role].open(one.address, method=one.method, data=one.form)
        finally:
            event.remove(engine, "before_cursor_execute", full)
        assert (answer.status_code, answer.mimetype) == (500, "text/html"), endpoint
        assert "Content-Disposition" not in answer.headers, endpoint
        assert lines(session, last) == [], endpoint


def test_an_enterprise_that_fetches_its_own_certificate_is_written_down_too(session, world, changsha):  # noqa: F811
    last = newest(session)
    answer = world.browsers[Role.ENTERPRISE_CLERK].get(f"/certificates/{changsha.certificate}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    [line] = lines(session, last)
    assert (line.deed, line.table, line.row) == (AuditAction.READ, "certificate_version", str(changsha.certificate))
