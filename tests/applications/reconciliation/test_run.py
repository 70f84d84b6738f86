"""What the comparison of the book finds, at the boundary of each rule, and what it does when it is run again."""

import subprocess
import sys
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from app.applications.reconciliation import decide, run
from app.core.discrepancy_vocabulary import DiscrepancyState
from app.core.vocabulary import Category, CertificateStatus, ImportKind, ImportPhase, PassSource, Role, RowOutcome
from app.models import Certificate, Discrepancy, ImportedRow, SheetImport
from tests import make

DAY = timedelta(days=1)
OPEN, RIGHT, GONE = DiscrepancyState.OPEN, DiscrepancyState.RIGHT, DiscrepancyState.GONE


@pytest.fixture
def held(session):
    """``held(name, …)`` stores a certificate of a new person of this name, or of ``of``."""
    firm = make.enterprise()

    def one(name: str, *, of=None, **facts) -> Certificate:
        person = of or make.person(firm, name=name)
        certificate = make.certificate(person, **facts)
        session.add(certificate)
        session.flush()
        return certificate

    return one


def days(first: date, last: date, issued: date | None = None) -> dict[str, date]:
    return {"first_issued_on": first, "valid_from": issued or first, "issued_on": issued or first, "valid_to": last}


def test_each_rule_finds_what_is_wrong_and_nothing_at_its_boundary(session, held, compared):
    other = make.enterprise(name="湖南他人公司")
    session.add(other)
    begun = date(2024, 5, 1)
    held("平安", **days(begun, date(2027, 5, 1)))  # the same day three years later: many offices write that
    held("久", **days(begun, date(2027, 5, 2)))
    held("续", **days(begun, date(2027, 8, 1) + 2 * DAY, begun + 2 * DAY))  # renewed as early as can be
    held("续久", **days(begun, date(2027, 8, 9), begun + 2 * DAY))
    held("倒", valid_from=date(2023, 1, 1), valid_to=date(2024, 4, 30))
    held("字母", number="湘建安B(2024)0000777")
    held("年份", number="湘建安C1(2025)0000778")
    young = make.id_number(date(2007, 5, 2), sequence=3)
    held("年幼", of=make.person(other, name="年幼", id_number=young), **days(date(2025, 5, 1), date(2028, 4, 30)))
    adult = make.id_number(date(2007, 5, 2), sequence=4)
    held("成年", of=make.person(other, name="成年", id_number=adult), **days(date(2025, 5, 2), date(2028, 5, 1)))
    two = held("重类", category=Category.C3).person
    held("重类", of=two, category=Category.C1)
    calm = held("不重", category=Category.C1).person
    held("不重", of=calm, category=Category.C2)
    held("不重", of=calm, category=Category.C1, status=CertificateStatus.CANCELLED)
    held("不重", of=calm, number="湘建安C1(2020)0000007", **days(date(2020, 5, 1), date(2023, 4, 30)))  # expired
    for category, name in ((Category.A, "多企A"), (Category.B, "多企B")):
        person = held(name, category=category).person
        held(name, of=person, category=Category.A if category is Category.A else Category.C2, enterprise=other)
    held("改名", holder="旧名")
    person = held("考生").person
    session.add(make.exam_pass(person, identity={"name": "别人", "id_number": person.id_number}))
    session.add(make.exam_pass(calm, passed_on=date(2002, 1, 1), source=PassSource.LEGACY))
    twin = held("同号", number="湘建安C1(2024)0000123").person
    held("同号", of=twin, number="湘建安C1〔2024〕第123号", status=CertificateStatus.CANCELLED)
    held("争号", number="湘建安A(2024)0000555", category=Category.A)
    held("争号者", number="湘建安A-2024-555", category=Category.A)
    assert set(compared()) == {
        *(("term", "久"), ("term", "续久"), ("ends_first", "倒"), ("category_number", "字母"), ("year_number", "年份")),
        *(("too_young", "年幼"), ("too_young", "不重"), ("category_twice", "重类"), ("enterprises", "多企B")),
        *(("names", "改名"), ("names", "考生"), ("number_twice", "同号"), ("number_shared", "争号")),
    }


def refused(session, **cells) -> ImportedRow:
    """A row that an import refused."""
    imported = SheetImport(
        kind=ImportKind.CERTIFICATES, phase=ImportPhase.DONE, filename="证书.xlsx", sha256="0" * 64, received_at=make.NOON,
        by="x", expires_at=make.NOON, report_object="0" * 64,
    )  # fmt: skip
    session.add(imported)
    session.flush()
    content = {"shown": cells | {"valid_from": ""}, "stored": {"valid_from": "2024-05-01"}}
    row = ImportedRow(import_id=imported.id, position=4, number=6, outcome=RowOutcome.REFUSED, content=content)
    session.add(row)
    session.flush()
    return row


def test_refused_rows_are_compared_with_the_books_and_asked_about_once(session, held, compared):
    mine = held("李雷", number="湘建安C1(2024)0000123")
    who = {"name": "韩梅", "id_number": make.id_number()}
    for _again in range(2):
        last = refused(session, number="湘建安C1（2024）0000123", valid_to="2027-04-30", **who)
    refused(session, number="湘建安C1(2024)0000123", valid_to="2027-05-31", name="李雷", id_number=mine.person.id_number)
    refused(session, number="湘建安C1(2024)0000124", valid_to="2024-01-01", name="李蕾", id_number=mine.person.id_number)
    refused(session, number="湘建安C1(2024)0000125", valid_to="2027-04-30", name="无号", id_number="43")
    stray = make.id_number()
    refused(session, number=stray, valid_to="2024-01-01", name=stray, id_number=mine.person.id_number)  # columns out of place
    found = compared()
    assert not [row for row in found.values() if stray in f"{row.holder}{row.number}{row.subject}"]
    found = {key: row for key, row in found.items() if "*" not in row.holder}
    assert set(found) == {("number_shared", "韩梅"), ("number_twice", "李雷"), ("names", "李蕾"), ("ends_first", "李蕾")}
    shared = found["number_shared", "韩梅"]
    assert shared.sides == [f"row:{last.import_id}:4", f"certificate:{mine.id}"]


def test_what_was_decided_is_not_asked_again_until_the_values_change(session, held, compared):
    person = held("重", category=Category.C3).person
    more = held("重", of=person, category=Category.C1)
    found = compared()["category_twice", "重"]
    decide(session, found.id, RIGHT, "一年内办理注销", 0, make.officer(Role.ADMIN), at=make.NOON)
    assert (compared(1)["category_twice", "重"].state, found.revision) == (RIGHT, 0)
    session.execute(update(Certificate).where(Certificate.id == more.id).values(valid_to=more.valid_to - DAY))
    again = compared(2)["category_twice", "重"]
    assert (again.state, again.revision, again.decision, again.reason) == (OPEN, 1, RIGHT, "一年内办理注销")
    session.execute(update(Certificate).where(Certificate.id == more.id).values(status=CertificateStatus.CANCELLED))
    assert compared(3)["category_twice", "重"].state is GONE
    session.execute(update(Certificate).where(Certificate.id == more.id).values(status=CertificateStatus.VALID))
    assert (compared(4)["category_twice", "重"].state, again.revision) == (OPEN, 2)


def test_portions_find_what_one_portion_finds(session, held, compared, monkeypatch):
    for n in range(5):
        person = held(f"重{n}", category=Category.C3).person
        held(f"重{n}", of=person, category=Category.C2, number=f"湘建安C2-2024-{n + 1}")
        held(f"同{n}", number=f"湘建安C2(2024){n + 1:07d}", category=Category.C2)
    whole = {key: (row.sides, row.values_key) for key, row in compared().items()}
    assert len(whole) == 10
    monkeypatch.setattr(run, "PEOPLE", 2)
    monkeypatch.setattr(run, "ROWS", 1)
    assert {key: (row.sides, row.values_key) for key, row in compared(1).items()} == whole
    assert set(session.scalars(select(Discrepancy.revision))) == {0}


def test_no_process_that_serves_pages_loads_pandas():
    """Decision 0035: only the job that compares does."""
    code = "import sys, app.views, app.worker.process; print({'pandas', 'numpy'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "set()"
