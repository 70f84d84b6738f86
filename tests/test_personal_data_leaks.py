"""security.md T14: numbers of thirty people are entered by every view, and nothing stored holds them unencrypted.

A mark written into every searched place must be found there, so that a place the search misses fails. Numbers are searched
in every revealing spelling, unkeyed digests included: they can be reversed by trying all numbers (security.md, 8.1.4.8).
"""

import base64
import hashlib
import io
import logging
import re
import sqlite3
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from flask_babel import force_locale
from sqlalchemy import func, inspect, select, text
from sqlalchemy.orm import sessionmaker

from app.accounts.people_import import ROSTER_COLUMNS
from app.core.clock import now, office_day
from app.core.errors import Unmet
from app.core.logs import formatter
from app.core.office import Office
from app.core.vocabulary import Action, MessageState, PaperKind, Position, Role, State
from app.files.spreadsheets import write
from app.models import ExamSignup, Message, Paper, Person, RateLimitCounter
from app.outbox.sms import deliver
from app.worker.providers import gateway_of
from app.workflow import carry_out
from tests import make
from tests.hostile_files import jpeg
from tests.web.form_steps import save
from tests.workflow_fixture import Firm

MANY, TYPED = 30, 6  # people; of them entered by the form, the others by sheet
MARK = "written-here-on-purpose"
DAY = timedelta(days=1)


# --- the search -----------------------------------------------------------------------------------------------------
def spellings(value: str) -> Iterator[bytes]:
    plain = value.encode()
    for spelt in dict.fromkeys((plain, value.lower().encode(), value.encode("utf-16-le"), value.encode("utf-16-be"))):
        yield spelt
        yield spelt.hex().encode()
        yield base64.b64encode(spelt).rstrip(b"=")[:-1]  # its last character depends on what follows
    for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256):
        yield digest(plain).digest()
        yield digest(plain).hexdigest().encode()


def layers(data: bytes) -> Iterator[bytes]:
    """The bytes, and the members if they are a ZIP."""
    yield data
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            yield from (packed.read(name) for name in packed.namelist())


def found_in(data: bytes, planted: Mapping[str, list[bytes]]) -> set[str]:
    return {value for value, spelt in planted.items() for layer in layers(data) if any(one in layer for one in spelt)}


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            kind = "database" if path.name.startswith("anguan.db") else path.relative_to(folder).parts[0]
            # By another process: closing a file drops all locks that SQLite holds on it in this process, and the next
            # process could then delete the write-ahead log in use.
            yield kind, subprocess.check_output(["cat", path])


def rows(engine) -> Iterator[tuple[str, bytes]]:
    """Every value of every column as the database stores it, not decrypted."""
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():  # noqa: S608
                for column, value in row.items():
                    bare = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                    yield f"{table}.{column}", bare


def logged(records: list[logging.LogRecord]) -> Iterator[tuple[str, bytes]]:
    """As our processes write them (``cli.common``)."""
    for written in (formatter(as_json=False), formatter(as_json=True)):
        yield from (("log", written.format(record).encode()) for record in records)


@pytest.mark.parametrize("spelt", list(spellings("43010219850615001X")))
def test_the_search_finds_a_number_in_any_spelling(spelt):
    planted = {"43010219850615001X": list(spellings("43010219850615001X"))}
    assert found_in(b"before" + spelt + b"after", planted)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sheet.xml", b"<c>" + spelt + b"</c>")
    assert found_in(packed.getvalue(), planted)


def test_the_search_ignores_a_masked_number():
    planted = {"430102198506151234": list(spellings("430102198506151234"))}
    assert not found_in(b"4301**********1234 430102198506151235", planted)


# --- entering data ------------------------------------------------------------------------------------------------------
class Crowd:
    """Thirty people with their numbers, and requests that contain these."""

    def __init__(self, app, session, system, signed_in, holder) -> None:
        self.app, self.session, self.system, self.holder = app, session, system, holder
        self.ids = [make.id_number() for _ in range(MANY)]
        self.mobiles = [f"1597283{n:04}" for n in range(MANY)]
        self.spare = iter([(make.id_number(), f"1597284{n:04}") for n in range(20)])
        self.used: list[str] = [*self.ids, *self.mobiles]
        self.firm = Firm(session)
        self.firm.enterprise.contact_mobile = self.fresh()[1]
        session.commit()
        self.signed_in = signed_in
        self.clerk = signed_in(holder(Role.ENTERPRISE_CLERK, enterprise=self.firm.enterprise, mobile=self.fresh()[1]))
        self.exam = signed_in(holder(Role.EXAM_CLERK))
        self.anonymous = app.test_client()
        for browser in (self.clerk, self.exam, self.anonymous):
            with browser.session_transaction() as cookie:
                cookie["locale"] = "en"

    def fresh(self) -> tuple[str, str]:
        taken = next(self.spare)
        self.used += taken
        return taken

    def typed(self, number: str, mobile: str, **more: object) -> dict[str, object]:
        given = {"name": "李雷", "education": "bachelor", "position": "safety_officer", "id_number": number, "mobile": mobile}
        return {**given, **more}

    def are_entered(self) -> None:
        """By the form, by a sheet, and refused."""
        for number, mobile in zip(self.ids[:TYPED], self.mobiles[:TYPED], strict=True):
            scan = {"paper_photo": (io.BytesIO(jpeg()), f"{number} 照片.jpg")}
            answer = self.clerk.post("/people/add", data=self.typed(number, mobile, **scan))
            assert answer.status_code == 302
        typed_elsewhere = ({"major": f"土木工程{self.ids[0]}"}, {"major": self.mobiles[0]})
        for bad in ({"name": ""}, {"position": "king"}, *typed_elsewhere):
            assert self.clerk.post("/people/add", data=self.typed(*self.fresh(), **bad)).status_code == 422
        assert self.clerk.post("/people/add", data=self.typed(self.ids[0], self.mobiles[0])).status_code == 422  # twice
        given = zip(self.ids[TYPED:], self.mobiles[TYPED:], strict=True)
        page = self.sheet([(number, mobile) for number, mobile in given])
        digest = re.search(r'name="digest" value="([^"]+)"', page.text)[1]
        assert self.clerk.post(f"{page.request.path}/confirm", data={"digest": digest}).status_code == 302
        self.session.rollback()
        assert self.session.scalar(select(func.count()).select_from(Person)) == MANY
        self.session.rollback()
        assert self.sheet([self.fresh()]).status_code == 200  # checked, never confirmed
        assert "must be put right first" in self.sheet([self.fresh(), (self.ids[0][:-1] + "?", "1")]).text

    def are_typed_into_free_text(self) -> None:
        """Refused everywhere: what is typed about an enterprise, as reason of a request, and in cells of a sheet."""
        number, mobile = self.ids[0], self.mobiles[0]
        for name in ("address", "legal_representative", "contact"):
            answer = save(self.clerk, "/enterprise/", {"address": "长沙", name: f"转{number} {mobile}"})
            assert answer.status_code == 422
        for name in ("number", "kind_and_grade"):
            given = {"number": "D1", "kind_and_grade": "贰级", "valid_to": "2099-01-01", name: f"见{number}"}
            assert self.clerk.post("/qualifications/add", data=given).status_code == 422
        asked = {"name": "李蕾", "reason": f"原号{number}写错", "paper_id_card": (io.BytesIO(jpeg()), f"{number}.jpg")}
        assert self.clerk.post(f"/identity-requests/ask/{self.first()}", data=asked).status_code == 422
        notice = {"title": "考核", "body": f"联系{mobile}", "place": number, "categories": "C1", "pass_mark": "60"}
        assert self.exam.post("/exam/notices/add", data=notice).status_code == 422
        assert "must be put right first" in self.sheet([self.fresh()], major=f"土木{mobile}").text

    def sheet(self, people: list[tuple[str, str]], **more: str):
        fixed = more | {"name": "韩梅", "education": "Bachelor", "technical_title": "工程师"}
        with self.app.test_request_context(), force_locale("en"):
            fixed["position"] = Position.SAFETY_OFFICER.value
            cells = [fixed | {"id_number": number, "mobile": mobile} for number, mobile in people]
            data = write(ROSTER_COLUMNS, cells, sheet_title="人员")
        form = {"sheet": (io.BytesIO(data), f"{people[0][0]}.xlsx")}
        return self.clerk.post("/people/import/", data=form, follow_redirects=True)

    def sign_up(self) -> None:
        at = now()
        days = {"signup_start": at - DAY, "signup_end": at + DAY, "published_at": at - DAY}
        notice = make.notice(**days, exam_on=office_day(at) + 9 * DAY)
        people = list(self.session.scalars(select(Person).order_by(Person.id)))
        self.session.add(notice)
        for person in people:
            there = (PaperKind.PHOTO,) if person.id_number in self.ids[:TYPED] else ()
            self.session.add_all(make.complete_papers(person, without=there))
        self.session.commit()
        ids, number = [person.id for person in people], notice.id
        self.session.rollback()  # SQLite has one writer
        chosen = {f"category-{one}": "C1" for one in ids}
        page = f"/exam/notices/{number}/signup"
        assert self.clerk.post(page, data={"rowid": ids, "then": "submit", **chosen}).status_code == 302
        assert self.session.scalar(select(func.count()).select_from(ExamSignup)) == MANY
        self.session.rollback()
        sheet = self.exam.post(f"/exam/notices/{number}/export")
        assert found_in(sheet.data, {self.ids[0]: [self.ids[0].encode()]})  # the export holds the numbers
        self.exam.post(f"/exam/notices/{number}/scores", data={"sheet": (io.BytesIO(sheet.data), "成绩.xlsx")})

    def apply(self) -> None:
        """Filed, accepted, returned: snapshots, steps and messages; then the messages are sent."""
        clerk = make.clerk(self.firm.enterprise)
        officer = make.officer(Role.ACCEPTANCE_OFFICER)
        filed = []
        for _ in range(2):
            number, mobile = self.fresh()
            filed.append(self.firm.application(State.DRAFT, person={"id_number": number, "mobile": mobile}).id)
        self.session.flush()
        for ids, action, who in ((filed, Action.SUBMIT, clerk), (filed[:1], Action.ACCEPT, officer),
                                 (filed[1:], Action.RETURN, officer)):  # fmt: skip
            about = {"at": now(), "office": Office()}
            with pytest.raises(Unmet):
                carry_out(self.session, ids, action, who, reason=f"请核对{self.ids[1]}", **about)
            moved = carry_out(self.session, ids, action, who, reason=make.REASON, **about)
            assert moved.passes, moved.refused
        self.session.commit()
        deliver(sessionmaker(self.system.engine), gateway_of(self.system.settings), at=now())
        assert self.session.scalars(select(Message.state)).all().count(MessageState.SENT) >= 2
        self.session.rollback()

    def are_looked_for(self) -> None:
        """With the number as user name, in addresses, in searches, and on unknown pages."""
        number, mobile = self.fresh()
        for tried in (number, mobile, self.ids[0]):
            self.anonymous.post("/login/", data={"username": tried, "password": mobile})
            self.anonymous.post("/lookup", data={"name": "李雷", "number": tried})
        asked = [f"id_number={self.ids[0]}", f"name={self.ids[1]}", f"name={mobile}"]
        paths = [f"/nothing/{number}", f"/people/show/{number}", f"/lookup?number={number}", f"/archive/{number}.zip"]
        for path in (*paths, *(f"/people/list/?{query}" for query in asked)):
            for browser in (self.clerk, self.exam, self.anonymous):
                browser.get(path)
        self.clerk.post(f"/people/reveal/{self.first()}", data={"why": f"核对 {self.ids[0]}"})
        self.exam.post(f"/people/reveal/{self.first()}", data={"why": f"核对 {self.ids[0]}"})

    def first(self) -> int:
        found = self.session.scalar(select(func.min(Person.id)))
        self.session.rollback()
        return found

    def cause_an_error(self, monkeypatch) -> None:
        """An exception with the number in its message, as libraries raise them."""
        number, mobile = self.fresh()

        def broken(*_args, **_more):
            raise RuntimeError(f"cannot take {number} ({mobile})")

        monkeypatch.setitem(self.app.config, "PROPAGATE_EXCEPTIONS", False)
        monkeypatch.setitem(self.app.config, "TESTING", False)
        with monkeypatch.context() as patched:
            patched.setattr("app.files.storage.Store.read", broken)
            assert self.clerk.get(f"/papers/{self.paper()}?of={number}").status_code == 500

    def paper(self) -> int:
        found = self.session.scalar(select(func.min(Paper.id)))
        self.session.rollback()
        return found


@pytest.fixture
def crowd(app, session, system, signed_in, holder) -> Crowd:
    return Crowd(app, session, system, signed_in, holder)


def backed_up(system, folder: Path) -> Iterator[tuple[str, bytes]]:
    """A copy of the database as an operator makes it; of PostgreSQL its rows as they are dumped."""
    if system.kind == "sqlite":
        copy = folder / "backup.db"
        with closing(sqlite3.connect(system.engine.url.database)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        yield "backup", copy.read_bytes()
        return
    with system.engine.connect() as connection, connection.connection.cursor() as cursor:
        for table in inspect(system.engine).get_table_names():
            with cursor.copy(f'COPY "{table}" TO STDOUT') as dump:
                yield "backup", b"".join(map(bytes, dump))


def leave_marks(session, system, temporary: Path) -> None:
    """Write the mark into each place that is searched."""
    session.add(RateLimitCounter(key=MARK, window=1, count=1))
    session.commit()
    (system.settings.blobs / "mark").write_text(MARK)  # not through the store, which encrypts
    gateway_of(system.settings).send(1, "13800000000", MARK)
    (temporary / "left.tmp").write_text(MARK)
    logging.getLogger("app.tests").warning(MARK)


def test_no_number_is_stored_or_logged_unencrypted(crowd, session, system, caplog, tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sent = system.settings.home / "messages.jsonl"
    sent.unlink(missing_ok=True)
    caplog.set_level(logging.INFO, logger="app")

    crowd.are_entered()
    crowd.are_typed_into_free_text()
    crowd.sign_up()
    crowd.apply()
    crowd.are_looked_for()
    crowd.cause_an_error(monkeypatch)
    leave_marks(session, system, temporary)

    planted = {value: list(spellings(value)) for value in [*crowd.used, MARK]}
    places = [*files(system.settings.home), *rows(system.engine), *logged(caplog.records)]
    places += [("temporary", data) for _name, data in files(temporary)]
    places += backed_up(system, tmp_path)
    found = {(place, value) for place, data in places for value in found_in(data, planted)}
    expected = {"blobs", "messages.jsonl", "bucket.key", "log", "temporary", "backup"} | (
        {"database"} if system.kind == "sqlite" else set()
    )
    assert sorted({f"{place} {value}" for place, value in found if value != MARK}) == []
    assert {place for place, value in found if value == MARK} == expected
    assert any("RuntimeError" in str(record.exc_info) for record in caplog.records), "no error was logged"
    sent.unlink()
    (system.settings.blobs / "mark").unlink()
