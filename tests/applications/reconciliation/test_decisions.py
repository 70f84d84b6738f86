"""Deciding about a discrepancy: who may, what is needed, what is kept; and the rows that are shown for it."""

import pytest
from sqlalchemy import select

from app.applications.reconciliation import after_import, ask, decide
from app.applications.reconciliation.sides import DAYS, sides_of
from app.core.discrepancy_vocabulary import DiscrepancyKind, DiscrepancyState
from app.core.errors import AppError, NotAllowed, NotFound, Stale
from app.core.vocabulary import ImportKind, ImportPhase, JobState, Role, RowOutcome
from app.models import AuditEntry, Discrepancy, ImportedRow, Job, SheetImport
from tests import make

RIGHT, POSTPONED, OPEN, GONE = (DiscrepancyState(code) for code in ("right", "postponed", "open", "gone"))
ADMIN = make.officer(Role.ADMIN)
WHY = "变更手续办理中"


@pytest.fixture
def found(session) -> Discrepancy:
    item = make.discrepancy()
    session.add(item)
    session.commit()
    return item


def test_only_the_administrator_decides_and_the_decision_is_kept_with_its_reason(session, found):
    for role in set(Role) - {Role.ADMIN}:
        with pytest.raises(NotAllowed):
            decide(session, found.id, RIGHT, WHY, 0, make.officer(role), at=make.NOON)
        with pytest.raises(NotAllowed):
            ask(session, make.officer(role), at=make.NOON)
    decide(session, found.id, RIGHT, f" {WHY}\n", 0, ADMIN, at=make.NOON)
    assert (found.state, found.decision, found.reason, found.decided_by) == (RIGHT, RIGHT, WHY, ADMIN.name)
    [entry] = session.scalars(select(AuditEntry).where(AuditEntry.table == "discrepancy", AuditEntry.deed == "change"))
    assert entry.change["state"] == ["open", "right"]


def test_a_decision_without_reason_or_of_what_was_not_shown_is_refused(session, found):
    for state, reason, revision, refusal in (
        (RIGHT, " ", 0, AppError),
        (RIGHT, f"已核身份证 {make.id_number()}", 0, AppError),
        (RIGHT, WHY, 1, Stale),  # opened again since it was shown
        (OPEN, WHY, 0, Stale),
        (GONE, WHY, 0, Stale),
    ):
        with pytest.raises(refusal):
            decide(session, found.id, state, reason, revision, ADMIN, at=make.NOON)
    with pytest.raises(NotFound):
        decide(session, found.id + 1, RIGHT, WHY, 0, ADMIN, at=make.NOON)
    decide(session, found.id, POSTPONED, "", 0, ADMIN, at=make.NOON)
    assert found.state is POSTPONED


def test_a_comparison_is_asked_for_once_while_one_waits_and_after_imports_of_certificates(session):
    for _time in range(2):
        ask(session, ADMIN, at=make.NOON)
    for n, kind in enumerate(ImportKind):
        course = SheetImport(id=n + 1, kind=kind, phase=ImportPhase.DONE, filename="x", sha256="0" * 64,
                              received_at=make.NOON, by="x", expires_at=make.NOON)  # fmt: skip
        session.add(course)
        session.flush()
        after_import(session, course.id, "import", at=make.NOON)
    keys = select(Job.key).where(Job.kind == "reconcile", Job.state == JobState.READY).order_by(Job.id)
    assert session.scalars(keys).all() == ["reconcile:2026-03-02T04:00", "reconcile:import:2", "reconcile:import:3"]


def test_the_rows_are_shown_as_they_are_now_with_masked_numbers(session):
    person = make.person(make.enterprise(), name="李雷")
    held, passed = make.certificate(person, holder="李蕾"), make.exam_pass(person)
    session.add_all([held, passed])
    session.flush()
    compared = [f"person:{person.id}", f"certificate:{held.id}", f"pass:{passed.id}", "certificate:999999", "row:7:0"]
    item = make.discrepancy(DiscrepancyKind.NAMES, sides=compared)
    shown = sides_of(session, item, make.TODAY)
    assert [(side.kind, side.name) for side in shown] == [("person", "李雷"), ("certificate", "李蕾"), ("pass", "李雷")]
    assert {side.id_number for side in shown} == {person.masked_id_number}
    assert (shown[1].enterprise_id, shown[1].valid_to) == (held.enterprise_id, "2027-04-30")


def test_a_refused_row_shows_no_number_whichever_column_it_stands_in(session):
    stray, keys = make.id_number(), ("name", "number", "category", "enterprise", "status", *DAYS, "passed_on")
    imported = SheetImport(kind=ImportKind.CERTIFICATES, phase=ImportPhase.DONE, filename="x", sha256="0" * 64,
                            received_at=make.NOON, by="x", expires_at=make.NOON)  # fmt: skip
    session.add(imported)
    session.flush()
    for n, left_out in enumerate(("passed_on", "issued_on")):
        content = {"shown": {key: stray for key in keys if key != left_out}}
        session.add(ImportedRow(import_id=imported.id, position=n, number=2, outcome=RowOutcome.REFUSED, content=content))
    item = make.discrepancy(DiscrepancyKind.NAMES, sides=[f"row:{imported.id}:{n}" for n in (0, 1)])
    shown = sides_of(session, item, make.TODAY)
    assert (len(shown), stray in str(shown)) == (2, False)
