"""Uploads: virus scan on every route, hostile files, file names."""

import re
from dataclasses import replace
from io import BytesIO, RawIOBase
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder

from app.core.settings import Settings
from app.core.vocabulary import Role
from app.db.session import db, read_only
from app.files.inspect import FileRefused, inspect
from app.files.spreadsheets import SheetLimits, SheetRefused, read
from app.models import CertificateMeasure, Paper, Parameter, SheetImport
from tests import foreign_ofd, hostile_files, hostile_sheets, make
from tests.clamd import EICAR, clamd
from tests.database import others_can_write
from tests.files.spreadsheets.conftest import TABLE
from tests.web.form_steps import save, tickets

CLERK, ADMIN, REVIEWER = Role.ENTERPRISE_CLERK, Role.ADMIN, Role.REVIEWER
ON_SQLITE = pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # no statement is what is tested

PERSON = {"name": "李雷", "id_number": make.id_number(), "education": "bachelor", "position": "safety_officer"}
GRADE = {"number": "D343000009", "kind_and_grade": "市政二级", "valid_from": "2024-01-01", "valid_to": "2029-01-01"}
BOOK = hostile_sheets.workbook()
MEASURE = {"ground": "deceit", "facts": "伪造学历", "document_number": "湘建罚〔2026〕7号"}
OPTIONAL = {"name": "measure_document", "value": "0", "changed_at": make.NOON, "changed_by": "x"}
HELD = 4711  # a certificate
# path -> (role, file field, other fields, file name, valid file)
UPLOADS = {
    "/people/add": (CLERK, "paper_id_card", PERSON, "身份证.pdf", hostile_files.pdf()),
    "/qualifications/add": (CLERK, "paper_qualification", GRADE, "资质.pdf", hostile_files.pdf()),
    "/enterprise/": (CLERK, "paper_pledge", {"address": "芙蓉路"}, "承诺书.pdf", hostile_files.pdf()),
    "/people/import/": (CLERK, "sheet", {}, "人员.xlsx", BOOK),
    "/calendar/sheet": (ADMIN, "sheet", {}, "节假日.xlsx", BOOK),
    "/standing-sheet/": (REVIEWER, "sheet", {}, "名单.xlsx", BOOK),
    f"/standing/{HELD}/revoked": (REVIEWER, "document", MEASURE, "决定.pdf", hostile_files.pdf()),
    "/legacy/hand-in/passes": (ADMIN, "sheet", {}, "旧.xlsx", BOOK),
    "/verify-file": (None, "paper", {}, "证书.pdf", hostile_files.pdf()),
    "/lookup/list/": (None, "sheet", {}, "名单.csv", b"x"),
}


@pytest.fixture
def guarded(app):
    """The application with a ClamAV daemon."""
    usual: Settings = app.extensions["anguan"]
    with clamd() as daemon:
        app.extensions["anguan"] = replace(usual, clamd=daemon.address)
        yield daemon
    app.extensions["anguan"] = usual


@pytest.fixture
def browsers(app, session, signed_in, holder):
    session.add_all([make.certificate(make.person(make.enterprise()), id=HELD), Parameter(**OPTIONAL)])
    session.commit()
    found = {role: signed_in(holder(role)) for role in (CLERK, ADMIN, REVIEWER)} | {None: app.test_client()}
    for browser in found.values():
        with browser.session_transaction() as cookie:
            cookie["locale"] = "en"
    return found


def kept(session) -> int:
    session.rollback()
    count = sum(session.scalar(select(func.count()).select_from(model)) for model in (Paper, SheetImport))
    session.rollback()
    return count


@ON_SQLITE
@pytest.mark.parametrize("path", UPLOADS)
def test_every_upload_is_scanned_for_viruses(session, guarded, browsers, path):
    role, field, typed, name, data = UPLOADS[path]

    def sent(data: bytes):
        return save(browsers[role], path, {**typed, field: (BytesIO(data), name)})

    for wrong, sentence in ((data + EICAR, "found Eicar-Signature"), (data, "checked for viruses at the moment")):
        guarded.reply = b"stream: OOM ERROR\0" if wrong == data else None
        answer = sent(wrong)
        assert (answer.status_code, sentence in answer.text, kept(session)) == (422, True, 0)
        assert all(value in answer.text for value in typed.values() if value.isascii() and "_" not in value)
    assert guarded.asked == [data + EICAR, data]  # whole, as it was sent
    guarded.reply = None
    assert "virus" not in sent(data).text
    assert len(guarded.asked) == 3


# --- nobody waits for a slow line or a heavy picture -----------------------------------------------------------------
class SlowBody(RawIOBase):
    """A body that asks, each time more of it is waited for, whether others can write."""

    def __init__(self, body: bytes, system) -> None:
        self.body, self.system, self.seen = BytesIO(body), system, []

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.seen.append(others_can_write(self.system))
        return self.body.readinto(memoryview(buffer)[:4096])


@pytest.mark.parametrize("path", [*UPLOADS, "/people/reveal/1"])
def test_others_can_write_while_a_body_is_on_its_way(session, system, browsers, path):
    role, field, typed, name, data = UPLOADS.get(path, (CLERK, "", {"purpose": "x" * 9000}, "", b""))
    files = {field: (BytesIO(data), name)} if field else {}
    made = EnvironBuilder(path, method="POST", data={**typed, **files}).get_environ()
    body = SlowBody(made["wsgi.input"].read(), system)
    sent = {"wsgi.input": body, "CONTENT_LENGTH": made["CONTENT_LENGTH"]}
    session.rollback()
    browsers[role].post(path, content_type=made["CONTENT_TYPE"], environ_overrides=sent)
    assert body.seen
    assert all(body.seen)


@pytest.mark.parametrize("path", UPLOADS)
def test_others_can_write_while_a_file_is_checked(session, system, guarded, browsers, path):
    role, field, typed, name, data = UPLOADS[path]
    free = []
    guarded.before = lambda: free.append(others_can_write(system))
    session.rollback()
    answer = save(browsers[role], path, {**typed, field: (BytesIO(data), name)})
    assert (answer.status_code in (200, 302, 303, 422), free) == (True, [True])


@ON_SQLITE
def test_a_form_that_writes_without_having_begun_to_fails_always(app):
    with app.test_request_context(method="POST"), read_only(), pytest.raises(OperationalError, match="readonly"):
        db.session.execute(update(Parameter).values(value="1"))


@ON_SQLITE
def test_a_silent_virus_scanner_is_waited_for_once_per_form(session, guarded, browsers):
    guarded.reply = b""
    files = {f"paper_{kind}": (BytesIO(hostile_files.pdf()), f"{kind}.pdf") for kind in ("id_card", "title", "education")}
    answer = browsers[CLERK].post("/people/add", data={**PERSON, **files})
    assert answer.text.count("checked for viruses at the moment") >= 3
    assert len(guarded.asked) == 1


def test_no_view_reads_an_upload_without_the_virus_check(root):
    """Scans go through ``keep_scan``, which checks; everything else through ``request_context.uploaded_bytes``."""
    web = root / "app" / "web"
    read = {path.relative_to(web): path.read_text() for path in web.rglob("*.py") if "stream.read()" in path.read_text()}
    sheets = Path("base/imports/receiving.py")  # ``sheet_imports.receive`` checks with its store
    scans, notices = Path("scan_upload.py"), Path("exams/notice_changes.py")  # handed to an operation that keeps them
    piles = {Path("enterprise/bulk_scans.py"), Path("enterprise/phone_scans.py")}  # handed to ``scan_pile.take``
    assert read.keys() == {scans, notices, Path("request_context.py"), sheets} | piles
    assert "keep_scan(" in read[scans]
    assert "keep_scan(" in (web / "enterprise/scan_pile.py").read_text()
    assert "keep_scan(" in (root / "app/exams/notice_files.py").read_text()
    assert "store.screen(" in (root / "app/files/storage.py").read_text()
    assert "store.screen(" in (root / "app/applications/sheet_imports/batches.py").read_text()


# --- what was accepted is not asked for twice ------------------------------------------------------------------------
def kinds(session) -> list[str]:
    session.rollback()
    found = [kind.value for kind in session.scalars(select(Paper.kind).where(Paper.replaced_at.is_(None)).order_by(Paper.id))]
    session.rollback()
    return found


def test_scans_that_were_accepted_stay_when_something_else_fails(session, browsers):
    """A bad file, then a missing field, then all is well: each good file was sent once; a tick drops one again."""
    clerk, good, bad = browsers[CLERK], hostile_files.jpeg(413, 579), b"MZ not a picture"
    files = {f"paper_{kind}": (BytesIO(good), f"{kind}.jpg") for kind in ("photo", "id_card", "title")}
    answer = clerk.post("/people/add", data=PERSON | {"name": ""} | files | {"paper_education": (BytesIO(bad), "毕业证.jpg")})
    first = tickets(answer.text)
    assert answer.text.count("毕业证.jpg: this is a EXE file") == 2  # in the summary and at the card, beside the empty name
    assert (answer.status_code, sorted(first)) == (422, ["paper_id_card-kept", "paper_photo-kept", "paper_title-kept"])
    assert answer.text.count("received; it counts once you save") == 3
    more = {"paper_education": (BytesIO(good), "毕业证.jpg"), "paper_title-remove": "1"}
    answer = clerk.post("/people/add", data=PERSON | {"name": ""} | first | more)
    second = tickets(answer.text)
    assert (answer.status_code, sorted(second)) == (422, ["paper_education-kept", "paper_id_card-kept", "paper_photo-kept"])
    assert second["paper_photo-kept"] == first["paper_photo-kept"]  # not renewed: it ends before the bytes are swept away
    assert kinds(session) == []
    assert clerk.post("/people/add", data=PERSON | second).status_code == 302
    assert kinds(session) == ["photo", "id_card", "education"]


def test_the_document_of_a_measure_stays_when_something_else_fails(session, browsers):
    """Of one measure, and of a sheet of them."""
    reviewer, document = browsers[REVIEWER], ("document", "决定.pdf")
    one, many = f"/standing/{HELD}/revoked", "/standing-sheet/"
    for path, wrong in ((one, MEASURE | {"facts": ""}), (many, {})):
        scan = {document[0]: (BytesIO(hostile_files.pdf()), document[1])}
        answer = reviewer.post(path, data=wrong | scan)
        assert (list(tickets(answer.text)), document[1] in answer.text) == (["document-kept"], True), path
        if path == one:
            assert reviewer.post(path, data=MEASURE | tickets(answer.text)).status_code == 302
            assert session.scalars(select(CertificateMeasure.document_name)).one() == document[1]
            session.rollback()


def test_a_ticket_of_a_scan_counts_for_its_account_its_form_and_its_kind_only(session, browsers, signed_in, holder):
    bad = {"paper_title": (BytesIO(b"MZ"), "职称.jpg")}
    scan = {"paper_id_card": (BytesIO(hostile_files.pdf()), "身份证.pdf")}
    answer = browsers[CLERK].post("/people/add", data=PERSON | scan | bad)
    ticket = tickets(answer.text)["paper_id_card-kept"]
    stranger = signed_in(holder(CLERK))
    for client, path, typed, field in (
        (stranger, "/people/add", PERSON, "paper_id_card"),
        (browsers[CLERK], "/qualifications/add", GRADE, "paper_qualification"),
        (browsers[CLERK], "/people/add", PERSON, "paper_photo"),  # checked as a scan, not as a portrait
    ):
        answer = client.post(path, data=typed | {f"{field}-kept": ticket})
        assert (answer.status_code, tickets(answer.text), kinds(session)) == (422, {}, []), (path, field)


# --- what counts is the content --------------------------------------------------------------------------------------
MISNAMED = {  # content, its name, what is stored
    "jpegbytes.png": (hostile_files.jpeg(), "image/jpeg"),
    "photo.jfif": (hostile_files.jpeg(), "image/jpeg"),
    "IMG_0001.HEIC": (hostile_files.heic(), "image/jpeg"),
    "扫描.tif": (hostile_files.tiff(hostile_files.picture(300, 400), hostile_files.picture(300, 400)), "application/pdf"),
    "文件": (hostile_files.pdf(), "application/pdf"),
    "证明.zip": (foreign_ofd.ofd(), "application/ofd"),
}


@ON_SQLITE
def test_every_form_takes_a_paper_by_its_content(session, browsers):
    paths = [path for path, upload in UPLOADS.items() if upload[3].endswith(".pdf") and path != "/verify-file"]
    assert len(paths) == 4
    for path in paths:
        role, field, typed, _name, _data = UPLOADS[path]
        for at, (name, (data, mime)) in enumerate(MISNAMED.items()):
            new = (
                {"id_number": make.id_number()}
                if "id_number" in typed
                else {"number": f"D34300010{at}"}
                if "number" in typed
                else {}
            )
            given = typed | new | {field: (BytesIO(data), name)}
            answer = save(browsers[role], path, given)
            assert answer.status_code in (302, 303), (path, name)
            stored = session.scalars(select(Paper.mime).order_by(Paper.id.desc())).first()
            if field == "document":  # one measure of a certificate at a time
                stored = session.scalars(select(CertificateMeasure.document_mime)).one()
                session.execute(delete(CertificateMeasure))
            session.commit()
            assert stored == mime, (path, name)
    for name in ("jpegbytes.png", "IMG_0001.HEIC"):
        photo = {"paper_photo": (BytesIO(hostile_files.heic(600, 800) if name.endswith("HEIC") else MISNAMED[name][0]), name)}
        answer = browsers[CLERK].post("/people/add", data=PERSON | {"id_number": make.id_number()} | photo)
        assert answer.status_code == 302, name


# --- hostile files that other tests do not hold -------------------------------------------------------------------
SHARED = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + "<si/>" * 2_000_000 + "</sst>"
PARAMETER = '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://10.0.0.1/x.dtd">%a;]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY a "{"x" * 50_000}">]>'
SHEETS = {
    2: ("unpacks-too-large", lambda: hostile_sheets.zip_bomb(64 << 20)),
    8: ("xml-doctype", lambda: hostile_sheets.workbook(prolog=QUADRATIC)),
    10: ("xml-doctype", lambda: hostile_sheets.workbook(prolog=PARAMETER)),
    12: ("unpacks-too-large", lambda: hostile_sheets.with_part("xl/sharedStrings.xml", SHARED)),
    18: ("macros", lambda: hostile_sheets.with_part("xl/activeX/activeX1.xml")),
    19: ("external-links", lambda: hostile_sheets.with_part("xl/connections.xml")),
    20: ("not-xlsx", lambda: hostile_sheets.pack({"EncryptionInfo": "x", "EncryptedPackage": "y"})),
    58: ("not-text", lambda: EICAR),
}
PAPERS = {
    46: ("file-two-in-one", lambda: hostile_files.jpeg() + BOOK, "x.jpg"),
    48: ("file-kind", lambda: hostile_files.other_formats()["GIF"] * 1000, "x.gif"),
    58: ("file-unknown", lambda: EICAR, "x.jpg"),
    63: ("file-kind", lambda: hostile_files.HTML + hostile_files.pdf(), "x.pdf"),
    64: ("pdf-", lambda: hostile_files.pdf_bomb(60, 2), "x.pdf"),
}


@pytest.mark.parametrize("number", SHEETS)
def test_a_hostile_spreadsheet_is_refused_with_its_reason(number):
    code, made = SHEETS[number]
    with pytest.raises(SheetRefused) as error:
        read(made(), TABLE, limits=SheetLimits(part=8 << 20))
    assert error.value.code == code


@ON_SQLITE
@pytest.mark.parametrize("number", PAPERS)
def test_a_hostile_scan_is_refused_with_its_reason(app, number):
    code, made, name = PAPERS[number]
    with app.app_context(), pytest.raises(FileRefused) as error:
        inspect(made(), name, photo=False)
    assert error.value.code.startswith(code)


# --- names and disks ------------------------------------------------------------------------------------------------
NAMES = (
    *(
        "../../x.pdf", "C:\\windows\\x.pdf", "x\0.pdf", "湘" * 300 + ".pdf", "CON.pdf", "\u202efdp.exe.pdf",
        "a\r\nX-Evil: 1.pdf",
    ),
    *("x.png.exe.pdf", ".pdf", "'\"><script>alert(1)</script>.pdf", "%2e%2e%2fx.pdf", "=cmd|' /C calc'!A0.pdf", "ｘ／ｙ.pdf"),
    *("x;filename=y.exe.pdf", "{{7*7}}.pdf", "x.pdf ", "~root.pdf", "-rf.pdf"),
)  # fmt: skip


@ON_SQLITE
@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_is_accepted_and_offered_sanitized(session, browsers, name):
    clerk, given = browsers[CLERK], {**PERSON, "paper_id_card": (BytesIO(hostile_files.pdf()), name)}
    answer = clerk.post("/people/add", data=given)
    paper = session.scalars(select(Paper)).one_or_none()
    session.rollback()
    if answer.status_code == 422:  # the browser's own cut left no ending: a sentence, no fault
        assert paper is None
        return
    assert answer.status_code == 302
    if "\r\n" in name:  # the second line is none of the file's: the part has lost its name
        assert paper is None
        return
    assert re.fullmatch(r'[^/\\<>:"|?*\x00-\x1f\u202e]{1,96}\.pdf', paper.filename)
    offered = clerk.get(f"/papers/{paper.id}?download=1")
    assert (offered.status_code, "X-Evil" in offered.headers) == (200, False)
    assert offered.headers["Content-Disposition"].startswith("attachment;")
    page = clerk.get(f"/people/show/{paper.person_id}").text
    assert "<script>alert" not in page
    assert ">49.pdf" not in page
