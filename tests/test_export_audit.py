"""Exports: each downloaded sheet, archive and certificate is one line in the audit log, or it is not sent.

The views that send files are found in the source, however they send; a new one must be on one of the two lists here.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from itsdangerous import URLSafeTimedSerializer
from reportlab.platypus import SimpleDocTemplate
from sqlalchemy import event, func, select
from xlsxwriter import Workbook

import app as package
from app.certificates.pdf import zip_download
from app.core.clock import now
from app.core.office import Office
from app.core.vocabulary import AuditAction, Role
from app.db.session import db
from app.files.folder_store import FolderStore
from app.files.spreadsheets import RowMark, SheetMarks
from app.files.storage import Store
from app.models import Account, AuditEntry, CertificateVersion, Enterprise, Person, SheetImport
from tests import make
from tests.database import others_can_write
from tests.test_attacks import ACCEPTANCE, ADMIN, APPROVER, AUDITOR, CLERK, EXAM, REVIEWER, VIEWER, Town, changsha, everybody  # noqa: F401

FOLDER = Path(package.__file__).parent

# Views that send a file without a line in the audit log, and why.
EMPTY = "an empty template without personal data"
NO_LINE: Mapping[str, str] = {
    "NoticeFileView.open": "an attachment is for everybody, as its notice",
    "NoticeView.exam_file": "as NoticeFileView.open",
    "CalendarView.template": EMPTY,
    "MeasuresView.template": EMPTY,
    "RosterView.template": EMPTY,
    "LegacyView.template": EMPTY,
    "ListCheckView.template": EMPTY,
    "ListCheckView.answer": "public: no account to log; it holds what the user typed and the results of the public "
    "lookup, no ID number, and the lookups are counted and limited",
    "PaperView.small": "a thumbnail too small to be read; opening the paper itself is logged",
    "CorrectionRequestScreen.open": "the enterprise's own scan, which it handed in itself; an officer's view is logged",
    "BulkScanView.open": "a file that the account itself has just sent, before it is anybody's paper",
    "BulkScanView.small": "as BulkScanView.open",
    "SignupScreen.receipt": "the enterprise's own sign-ups, ID numbers masked",
    "EnterpriseView.pledge_form": "the enterprise's own name and code, to be signed",
    "ManualView.picture": "of the manual, taken from invented data",
    "PictureView.drawn": "a CAPTCHA image",
    "SealView.part": "public: our root certificate and the lists of revoked seals",
    "VerifyView.worker": "public: a script",
    "VerifyView.keys": "public: the keys that check a code",
    "VerifyView.status_list": "public: bits without names",
}


# --- views that send files, found in the source ---------------------------------------------------------------
SENDS = {"send_file", "send_from_directory", "response_class", "stream_with_context"}
HEADER = re.compile(r"^\s*attachment\b|^content-disposition$", re.IGNORECASE)
Function = tuple[str, str]  # module, name


@dataclass
class Module:
    """A module: its functions (methods by their bare name, too), where its names are imported from, and its views."""

    name: str
    functions: dict[str, list[ast.FunctionDef]]
    imported: dict[str, Function]
    views: dict[str, ast.FunctionDef]


def parse_module(name: str, tree: ast.Module) -> Module:
    module = Module(name, {}, {}, {})
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            module.functions.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module.imported |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            module.views |= {f"{node.name}.{one.name}": one for one in methods if any(map(is_view, one.decorator_list))}
    return module


def is_view(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] in {"route", "expose"}


@cache
def modules() -> Mapping[str, Module]:
    found = {}
    for file in sorted(FOLDER.rglob("*.py")):
        name = ".".join(["app", *file.relative_to(FOLDER).with_suffix("").parts]).removesuffix(".__init__")
        found[name] = parse_module(name, ast.parse(file.read_text()))
    return found


def sends(function: ast.FunctionDef) -> bool:
    """Whether this function itself makes a response that is no page: by Flask's senders, a header or a MIME type."""
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


def called_by(
    module: Module, function: ast.FunctionDef, known: Mapping[str, Module]
) -> Iterator[tuple[Module, ast.FunctionDef]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            whole = ast.unparse(node.func).split(".")
            for source, name in definitions(module, whole, known):
                yield from ((known[source], one) for one in known[source].functions.get(name, ()))


def definitions(module: Module, whole: list[str], known: Mapping[str, Module]) -> Iterator[Function]:
    """Where a called name may be defined: here, or where it was imported from, through re-exports of packages."""
    name = whole[-1]
    if len(whole) == 1 or whole[0] in {"self", "cls"}:
        yield module.name, name
    source = module.imported.get(whole[0])
    while source:
        inside = f"{source[0]}.{source[1]}"
        if len(whole) > 1 and inside in known:
            source = (inside, name)  # a module was imported, and something in it is called
            whole = [name]
        elif source[0] in known:
            yield source
            source = known[source[0]].imported.get(source[1])
        else:
            return


def reaches(module: Module, function: ast.FunctionDef, goal, known: Mapping[str, Module]) -> bool:
    seen, waiting = set(), [(module, function)]
    while waiting:
        where, one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            if goal(where, one):
                return True
            waiting += called_by(where, one, known)
    return False


def views_that_send(known: Mapping[str, Module]) -> set[str]:
    """Endpoints whose view reaches a function that sends a file."""
    return {
        name
        for module in known.values()
        for name, function in module.views.items()
        if reaches(module, function, lambda _module, one: sends(one), known)
    }


def of_each_screen(app, views: set[str]) -> set[str]:
    """A view of a base class is an endpoint of each screen that inherits it."""
    found = set()
    for name in views:
        owner, _dot, method = name.partition(".")
        heirs = [type(view) for view in app.appbuilder.baseviews if owner in {base.__name__ for base in type(view).__mro__}]
        found |= {f"{heir.__name__}.{method}" for heir in heirs} or {name}
    return found


def test_every_view_that_sends_a_file_is_logged_or_listed_with_a_reason(app):
    found = of_each_screen(app, views_that_send(modules()))
    assert found <= {rule.endpoint for rule in app.url_map.iter_rules()}
    assert found == {*LOGGED, *NO_LINE}, "a file is sent here: log it and test it below, or list the reason"
    assert not LOGGED.keys() & NO_LINE.keys()


@pytest.mark.parametrize(
    "body",
    [
        "return send_file(data)",
        "return self._given(data)",
        "return helper(data)",
        "answer.mimetype = 'text/csv'\n        return answer",
        "return Response(data, mimetype=CSV)",
        "return Response(data, headers={'Content-Disposition': disposition})",
        "return shipping.send(data)",
        "return counter.send(data)",
    ],
)
def test_the_search_finds_a_new_view_however_it_sends(body):
    new = f"""
from flask import send_file
from app import shipping
import app.shipping as counter
from app.front import counter
def helper(data): return inner(data)
def inner(data): return send_file(data)
class NewView:
    @route("/new.csv")
    def out(self):
        {body}
    @expose("/page")
    def page(self):
        return Response(page, 200, mimetype="text/html")
    def _given(self, data): return send_file(data)
"""
    ship = "from flask import send_file\ndef send(data): return send_file(data)"
    front = "from app import shipping as counter"
    sources = {"app.new": new, "app.shipping": ship, "app.front": front, "app": ""}
    assert views_that_send({name: parse_module(name, ast.parse(text)) for name, text in sources.items()}) == {"NewView.out"}


TWO_ROWS = [RowMark(2, False, False, "新增", {}, {}), RowMark(3, False, True, "未导入", {1: "?"}, {})]


# --- each leaves one line, and without it no file is sent --------------------------------------------------
@dataclass(frozen=True)
class Export:
    """One request for a file: who sends it, and what the audit log says."""

    role: Role
    method: str
    address: str
    action: AuditAction
    table: str
    change: Mapping[str, object]
    form: Mapping[str, object] | None = None


def sheet_results(name: str, rows: int):
    """Of a sheet with one row of two that is refused."""

    def prepare(_place: Town, world: "World") -> Export:
        marks = SheetMarks("", 1, 0, 2, "检查结果", TWO_ROWS)
        file = [world.store.put(marks.with_sheet("姓名,证书编号\n李雷,1\n韩梅梅,2\n".encode())), "certificate"]
        stored = [file, world.account(REVIEWER), None, "430100"]  # see ``StagedUpload``
        ticket = URLSafeTimedSerializer(world.settings.keys.session, salt="sheet-results").dumps(stored)
        address, change = f"/sheet-results/{name}.xlsx", {"list": "import", "rows": rows}
        return Export(REVIEWER, "POST", address, AuditAction.EXPORT, "certificate", change, {"results": ticket})

    return prepare


def legacy(place: Town, world: "World", what: str, change: Mapping[str, object]) -> Export:
    batch = world.session.get_one(SheetImport, place.legacy)
    batch.report_object = world.store.put("姓名,身份证号码\n".encode())
    batch.passwords_object = world.store.put(b"passwords")
    batch.total = 4
    world.session.commit()
    return Export(ADMIN, "POST", f"/imports/{place.legacy}/{what}.xlsx", AuditAction.EXPORT, "legacy_import", change)


def bundle(place: Town, world: "World") -> Export:
    viewer = make.officer(VIEWER, region="430100", account_id=world.account(VIEWER))
    ids = list(world.session.scalars(select(CertificateVersion.certificate_id)))
    leaves = zip_download.current_entries(world.session, ids, viewer, on=make.TODAY, office=Office())
    number = zip_download.prepare(world.session, leaves, viewer, at=now())
    world.session.commit()
    return Export(VIEWER, "GET", f"/bundles/{number}.zip", AuditAction.READ, "job", {"certificates": 1})


def pack(place: Town, world: "World") -> Export:
    change = {"certificates": 1, "versions": [place.certificate]}
    return Export(VIEWER, "POST", "/certificates/pack?every=1", AuditAction.EXPORT, "certificate", change)


def licence(place: Town, world: "World") -> Export:
    firm = world.session.get_one(Enterprise, place.enterprise)
    firm.licence_digest, firm.licence_mime = world.store.put(b"a licence"), "image/jpeg"
    world.session.commit()
    return Export(
        ADMIN, "GET", f"/enterprises/licence/{place.enterprise}", AuditAction.READ, "enterprise", {"what": "licence"}
    )


def evidence(place: Town, world: "World") -> Export:
    person = world.session.scalars(select(Person).where(Person.enterprise_id == place.enterprise)).first()
    to = make.enterprise(name="新东家")
    world.session.add(to)
    world.session.flush()
    release = make.employment_release(person, to, digest=world.store.put(b"evidence"))
    world.session.add(release)
    world.session.commit()
    address = f"/employment-releases/{release.id}/evidence"
    return Export(ADMIN, "GET", address, AuditAction.READ, "employment_release", {"shown": "document"})


def calendar(place: Town, world: "World") -> Export:
    change = {"list": "holidays", "year": 2026, "rows": 0}
    return Export(ADMIN, "GET", "/calendar/export.xlsx?year=2026", AuditAction.EXPORT, "calendar_day", change)


def batch_sheet(place: Town, world: "World") -> Export:
    change = {"batch": place.batch, "rows": 0}
    return Export(APPROVER, "POST", f"/batches/{place.batch}/sheet", AuditAction.EXPORT, "decision_batch", change)


def simple(role: Role, address: str, action: AuditAction, table: str, method: str = "GET", **change: object):
    """A view that needs no more than a row of the town."""
    return lambda place, _world: Export(role, method, address.format(of=place), action, table, change)


def listed(role: Role, path: str, table: str, endpoint: str, **change: object):
    """A list as a sheet."""
    return simple(role, path, AuditAction.EXPORT, table, "POST", list=endpoint, **change)


VERSION = {"action": AuditAction.READ, "table": "certificate_version", "shown": "certificate"}
MEASURE = {"action": AuditAction.READ, "table": "certificate_measure"}
LOGGED = {
    "CertificateScreen.export": listed(VIEWER, "/certificates/export", "certificate", "CertificateScreen"),
    "PersonScreen.export": listed(CLERK, "/people/export?name=李雷", "person", "PersonScreen", query={"name": "李雷"}),
    "EnterpriseAdminScreen.export": listed(ADMIN, "/enterprises/export", "enterprise", "EnterpriseAdminScreen"),
    "MessageScreen.export": listed(ADMIN, "/messages/export", "message", "MessageScreen"),
    "SignupReviewScreen.export": listed(EXAM, "/exam/review/export", "exam_signup", "SignupReviewScreen"),
    "ExamPassScreen.export": listed(VIEWER, "/exam-passes/export?source=all", "exam_pass", "ExamPassScreen"),
    "PublicNoticeScreen.export": listed(VIEWER, "/published/export", "public_notice", "PublicNoticeScreen"),
    "DecisionBook.export": listed(
        VIEWER, "/books/decisions/export?period=2026", "application", "DecisionBook", query={"period": "2026"}
    ),
    "CertificateBook.export": listed(VIEWER, "/books/certificates/export", "application", "CertificateBook"),
    "MeasureBook.export": listed(REVIEWER, "/books/measures/export", "certificate_measure", "MeasureBook"),
    "ClosedScreen.export": listed(VIEWER, "/closed/export", "application", "ClosedScreen"),
    "ArchiveView.letter": simple(VIEWER, "/archive/{of.closed}/form.pdf", AuditAction.READ, "application", shown="form"),
    "ArchiveView.bundle": simple(VIEWER, "/archive/{of.closed}.zip", AuditAction.EXPORT, "application", shown="archive"),
    "CertificateFileView.open": simple(VIEWER, "/certificates/{of.certificate}.pdf", **VERSION),
    "CertificateFileView.ofd": simple(VIEWER, "/certificates/{of.certificate}.ofd", **VERSION),
    "CertificateScreen.pack": pack,
    "BundleView.fetch": bundle,
    "DueScreen.export": simple(REVIEWER, "/due/export", AuditAction.EXPORT, "application", "POST", list="due", rows=0),
    "StatisticsView.export": simple(
        VIEWER, "/statistics/export", AuditAction.EXPORT, "statistics_month", "POST", format="xlsx"
    ),
    "StatisticsView.report": simple(
        VIEWER, "/statistics/report", AuditAction.EXPORT, "statistics_month", "POST", format="pdf"
    ),
    "BatchScreen.sheet": batch_sheet,
    "AuditLogScreen.export": simple(AUDITOR, "/diary/export", AuditAction.EXPORT, "entry", "POST", list="diary"),
    "CalendarView.export": calendar,
    "EmploymentReleaseScreen.open": evidence,
    "EnterpriseAdminScreen.licence": licence,
    "NoticeScreen.export": simple(
        EXAM, "/exam/notices/{of.notice}/export", AuditAction.EXPORT, "exam_notice", "POST", rows=2
    ),
    "SheetResultView.book": sheet_results("book", 2),
    "SheetResultView.refused": sheet_results("refused", 1),
    "MeasurePaperView.open": simple(ACCEPTANCE, "/measure-papers/{of.taken}/document", **MEASURE, shown="document"),
    "MeasurePaperView.letter": simple(ACCEPTANCE, "/measure-papers/{of.taken}/letter.pdf", **MEASURE, shown="letter"),
    "ImportView.report": lambda place, world: legacy(place, world, "report", {"rows": 4}),
    "ImportView.refused": lambda place, world: legacy(place, world, "refused", {"rows": 0}),
    "ImportView.passwords": lambda place, world: legacy(place, world, "passwords", {"passwords": "fetched"}),
    "CorrectionReviewScreen.open": simple(
        ACCEPTANCE, "/identity-reviews/scan/{of.correction}", AuditAction.READ, "identity_correction", kind="id_card"
    ),
    "PaperView.open": simple(ACCEPTANCE, "/papers/{of.paper}", AuditAction.READ, "paper", kind="photo"),
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
    return World(session, system.settings, FolderStore(system.settings.blobs), everybody)


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
    for endpoint, prepare in LOGGED.items():
        one = prepare(changsha, world)
        session.rollback()
        last = newest(session)
        answer = world.browsers[one.role].open(one.address, method=one.method, data=one.form)
        assert (answer.status_code, bool(answer.data)) == (200, True), endpoint
        assert answer.mimetype != "text/html", endpoint
        [line] = lines(session, last)
        actor = "周" if one.role is CLERK else f"the-{one.role.value}"
        assert (line.actor, line.deed, line.table) == (actor, one.action, one.table), endpoint
        assert line.change.items() >= one.change.items(), (endpoint, line.change)


def test_what_cannot_be_logged_is_not_sent(app, session, world, changsha):  # noqa: F811
    with app.app_context():
        engine = db.engine

    def fail(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT INTO entry"):
            raise OSError("the audit log is full")

    for endpoint, prepare in LOGGED.items():
        one = prepare(changsha, world)
        session.rollback()
        last = newest(session)
        event.listen(engine, "before_cursor_execute", fail)
        try:
            answer = world.browsers[one.role].open(one.address, method=one.method, data=one.form)
        finally:
            event.remove(engine, "before_cursor_execute", fail)
        assert (answer.status_code, answer.mimetype) == (500, "application/json"), endpoint
        assert "Content-Disposition" not in answer.headers, endpoint
        assert lines(session, last) == [], endpoint


def test_no_export_holds_the_writer_while_its_bytes_are_read_or_drawn(session, system, world, changsha, monkeypatch):  # noqa: F811
    free = []

    def watch(kind, method):
        work = getattr(kind, method)

        def watching(*given, **more):
            free.append(others_can_write(system))
            return work(*given, **more)

        monkeypatch.setattr(kind, method, watching)

    watch(Workbook, "close")
    watch(Path, "open")  # of a stored object
    watch(SimpleDocTemplate, "build")
    made = {endpoint: prepare(changsha, world) for endpoint, prepare in LOGGED.items()}
    session.rollback()
    for endpoint, one in made.items():
        if one.method == "POST":
            free.clear()
            answer = world.browsers[one.role].open(one.address, method="POST", data=one.form)
            assert (answer.status_code, {*free}) == (200, {True}), endpoint


def test_a_download_of_an_enterprise_s_own_certificate_is_logged_too(session, world, changsha):  # noqa: F811
    last = newest(session)
    answer = world.browsers[Role.ENTERPRISE_CLERK].get(f"/certificates/{changsha.certificate}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    [line] = lines(session, last)
    assert (line.deed, line.table, line.row) == (AuditAction.READ, "certificate_version", str(changsha.certificate))
