"""Undoing an import: all of it, or nothing with the reason."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.applications import legacy_import
from app.core.errors import NotAllowed, Stale
from app.core.vocabulary import LegacyKind, LegacyPhase, Role
from app.models import Account, AuditEntry, Certificate, CertificateEvent, Enterprise, ExamPass, LegacyRecord, Person
from tests import make
from tests.applications.legacy_import.conftest import ADMIN, count, course, let_go, only, outcomes, take
from tests.applications.legacy_import.sheets import ACCOUNTS, CERTIFICATES, OTHER, PASSES, row

TABLES = (Account, Certificate, CertificateEvent, Enterprise, ExamPass, LegacyRecord, Person)


def undo(means, import_id):
    """The import afterwards."""
    let_go()
    with means.sessions.begin() as session:
        legacy_import.ask_undo(session, import_id, ADMIN, at=make.NOON)
    for _time in range(2):  # a job may run twice
        legacy_import.undo(means, import_id, at=make.NOON)
    return course(means, import_id)


def everything(session) -> list[int]:
    return [count(session, model) for model in TABLES]


def test_what_an_import_added_is_gone_and_can_come_again(session, means, app):
    for kind in LegacyKind:
        before, given = everything(session), [row(kind)] if kind is ACCOUNTS else [row(kind), row(kind)]
        import_id = take(means, kind, *given)
        assert everything(session) != before
        assert undo(means, import_id).phase is LegacyPhase.UNDONE
        assert everything(session) == before, kind
        assert set(outcomes(means, again := take(means, kind, *given))) == {"added"}
        assert undo(means, again).phase is LegacyPhase.UNDONE
    assert {"phase": ["undoing", "undone"], "removed": 2, "changed": 0} in [line.change for line in session.query(AuditEntry)]


def test_what_an_import_changed_is_set_back_and_a_later_sheet_changes_it_again(session, means, app):
    old = (
        row(CERTIFICATES, category="C1"),
        row(PASSES, passed_on="2025-03-01"),
        row(ACCOUNTS, contact="周敏", mobile="13800000000"),
    )
    later = {"valid_to": "2027-12-31"}, {"passed_on": "2025-04-01"}, {"contact": "吴敏", "mobile": "13900000000"}
    for kind, given, changes in zip((CERTIFICATES, PASSES, ACCOUNTS), old, later, strict=True):
        take(means, kind, given)
        import_id = take(means, kind, given | changes)
        assert outcomes(means, import_id) == ["updated"]
        assert undo(means, import_id).phase is LegacyPhase.UNDONE
        assert outcomes(means, take(means, kind, given)) == ["unchanged"], kind
        assert outcomes(means, take(means, kind, given | changes)) == ["updated"], kind
    assert only(session, ExamPass).passed_on.isoformat() == "2025-04-01"
    assert only(session, Certificate).valid_to.isoformat() == "2027-12-31"


def test_what_something_depends_on_stays_with_the_reason(session, means, app):
    passes = take(means, PASSES, row(PASSES))
    session.execute(update(ExamPass).values(originals_verified_at=make.NOON, originals_verified_by="谭受理"))
    session.commit()
    accounts = take(means, ACCOUNTS, row(ACCOUNTS, uscc=OTHER))
    session.add(make.person(session.scalars(select(Enterprise).where(Enterprise.uscc == OTHER)).one()))
    session.commit()
    before = everything(session)
    for import_id, reason in ((passes, "used or changed since (rows 2)"), (accounts, "people depend on it (rows 2)")):
        found = undo(means, import_id)
        assert (found.phase, reason in found.fault) == (LegacyPhase.DONE, True), found.fault
        assert everything(session) == before


def test_what_was_changed_since_is_not_set_back(session, means):
    given = row(PASSES, passed_on="2025-03-01")
    take(means, PASSES, given)
    first, second = (take(means, PASSES, given | {"passed_on": day}) for day in ("2025-04-01", "2025-05-01"))
    assert "changed since" in undo(means, first).fault
    assert only(session, ExamPass).passed_on.isoformat() == "2025-05-01"
    assert undo(means, second).phase is LegacyPhase.UNDONE
    assert undo(means, first).phase is LegacyPhase.UNDONE
    assert only(session, ExamPass).passed_on.isoformat() == "2025-03-01"


def test_nobody_else_undoes_and_nothing_is_undone_twice_or_too_late(session, means):
    import_id = take(means, PASSES, row(PASSES))
    with means.sessions() as other, pytest.raises(NotAllowed):
        legacy_import.ask_undo(other, import_id, make.officer(Role.APPROVER), at=make.NOON)
    kept = take(means, PASSES, row(PASSES, uscc=OTHER))
    undo(means, import_id)
    with means.sessions.begin() as other:
        legacy_import.expire(other, at=make.NOON + timedelta(days=400))
    for number in (import_id, kept):
        with means.sessions() as other, pytest.raises(Stale):
            legacy_import.ask_undo(other, number, ADMIN, at=make.NOON)
    assert session.scalar(select(func.count(ExamPass.id))) == 1
