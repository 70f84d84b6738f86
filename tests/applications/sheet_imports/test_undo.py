"""Undoing an import: all of it, or nothing with the reason."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.applications import sheet_imports
from app.core.errors import NotFound, Stale
from app.core.vocabulary import OLD_SYSTEM, ImportPhase, Role
from app.models import Account, AuditEntry, Certificate, CertificateEvent, Enterprise, ExamPass, LegacyRecord, Person
from tests import make
from tests.applications.sheet_imports.conftest import ADMIN, count, outcomes, take, undo
from tests.applications.sheet_imports.sheets import ACCOUNTS, OTHER, PASSES, row

TABLES = (Account, Certificate, CertificateEvent, Enterprise, ExamPass, LegacyRecord, Person)


def everything(session) -> list[int]:
    return [count(session, model) for model in TABLES]


def test_what_an_import_added_is_gone_and_can_come_again(session, means, app):
    for kind in OLD_SYSTEM:
        before, given = everything(session), [row(kind)] if kind is ACCOUNTS else [row(kind), row(kind)]
        import_id = take(means, kind, *given)
        assert everything(session) != before
        assert undo(means, import_id).phase is ImportPhase.UNDONE
        assert everything(session) == before, kind
        assert set(outcomes(means, again := take(means, kind, *given))) == {"added"}
        assert undo(means, again).phase is ImportPhase.UNDONE
    assert {"phase": ["undoing", "undone"], "removed": 2, "changed": 0} in [line.change for line in session.query(AuditEntry)]


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
        assert (found.phase, reason in found.fault) == (ImportPhase.DONE, True), found.fault
        assert everything(session) == before


def test_nobody_else_undoes_and_nothing_is_undone_twice_or_too_late(session, means):
    import_id = take(means, PASSES, row(PASSES))
    with means.sessions() as other, pytest.raises(NotFound):
        sheet_imports.ask_undo(other, import_id, make.officer(Role.APPROVER), at=make.NOON)
    kept = take(means, PASSES, row(PASSES, uscc=OTHER))
    undo(means, import_id)
    with means.sessions.begin() as other:
        sheet_imports.expire(other, at=make.NOON + timedelta(days=400))
    for number in (import_id, kept):
        with means.sessions() as other, pytest.raises(Stale):
            sheet_imports.ask_undo(other, number, ADMIN, at=make.NOON)
    assert session.scalar(select(func.count(ExamPass.id))) == 1
