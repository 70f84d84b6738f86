# ruff: noqa: S608 - numbers of our own making
"""Checkpoints after a restore: an older database continues its chain, and what was signed of the lost lines binds no more."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.core.vocabulary import AuditAction, ChainFault
from app.db import audit
from app.db.audit import checkpoints, hash_chain
from app.db.audit.hash_chain import ChainBreak
from app.models import AuditCheckpoint, AuditEntry, Person
from tests import make
from tests.raw_sql import tampering

LATER = make.NOON + timedelta(days=1)
BACKUP = {"backup": "20260302T040000Z", "made": "2026-03-02T04:00:00+00:00"}


@pytest.fixture
def sessions(system, session) -> sessionmaker[Session]:
    session.commit()
    return sessionmaker(system.engine, expire_on_commit=False)


def write(session: Session, lines: int, *, at=make.NOON, who: str = "李四") -> None:
    for _line in range(lines):
        audit.log(session, who, AuditAction.READ, Person, at=at)
    session.commit()


def sign(session: Session, *, at=make.NOON) -> checkpoints.Statement:
    made = checkpoints.create(session, at=at)
    session.commit()
    return checkpoints.Statement.of(made)


def turn_back(session: Session, system, seq: int) -> None:
    """What a backup from when the chain ended at ``seq`` holds."""
    session.rollback()
    session.expunge_all()
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM checkpoint WHERE seq > {seq}")
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id IN (SELECT entry_id FROM link WHERE seq > {seq})")
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq > {seq}")


def resume(session: Session, outside, *, at=LATER) -> checkpoints.Resumption:
    resumed = checkpoints.resume(session, outside, BACKUP, by="anguan restore", at=at)
    session.commit()
    return resumed


def test_a_restored_chain_holds_against_checkpoints_of_the_lines_that_were_lost(session, sessions, system):
    write(session, 10)
    kept = sign(session)
    backup = hash_chain.head(session).seq
    write(session, 5)
    lost = sign(session)
    turn_back(session, system, backup)
    outside = [kept, lost]
    assert checkpoints.verify(sessions, outside).broken.fault is ChainFault.CUT

    assert resume(session, outside) == checkpoints.Resumption(backup, lost.seq)
    write(session, 20, at=LATER, who="王五")  # past the lines that were lost
    later = sign(session, at=LATER)
    found = checkpoints.verify(sessions, [*outside, later])
    assert found.broken is None
    assert [(one.seq, one.restored) for one in found.restores] == [(backup, "2026-03-03T04:00:00.000000+00:00")]
    told = session.scalars(select(AuditEntry).where(AuditEntry.table == "restore")).one()
    assert told.change == {**BACKUP, "line": backup, "lost": [backup + 1, lost.seq]}


def test_what_was_signed_before_the_backup_and_after_the_restore_still_binds(session, sessions, system):
    write(session, 10)
    kept = sign(session)
    write(session, 2)
    turn_back(session, system, kept.seq)
    resume(session, [kept])
    write(session, 10, at=LATER)
    later = sign(session, at=LATER)
    turn_back(session, system, later.seq - 1)
    assert checkpoints.verify(sessions, [kept, later]).broken == ChainBreak(ChainFault.CUT, later.seq, None, later.seq)


def test_an_older_database_beside_a_file_that_knows_of_a_restore_is_a_cut(session, sessions, system):
    write(session, 10)
    first = sign(session)
    resume(session, [first])
    sign(session, at=LATER)
    outside = [checkpoints.Statement.of(row) for row in session.scalars(select(AuditCheckpoint))]
    turn_back(session, system, first.seq)
    with tampering(system) as connection:
        connection.exec_driver_sql("DELETE FROM checkpoint WHERE restored <> ''")
    assert checkpoints.verify(sessions, outside).broken.fault is ChainFault.CUT


def test_a_second_restore_to_before_the_first_or_beside_it_gives_up_that_one_too(session, sessions, system):
    write(session, 10)
    old = sign(session)
    write(session, 10)
    middle = sign(session)
    turn_back(session, system, old.seq)
    outside = [old, middle]
    resume(session, outside)
    write(session, 5, at=LATER, who="王五")
    outside += [sign(session, at=LATER), *map(checkpoints.Statement.of, session.scalars(select(AuditCheckpoint)))]
    # A backup from the first branch, of a line between the two: none of the second branch is in it.
    turn_back(session, system, old.seq - 4)
    resumed = resume(session, outside)  # by a clock that has not moved since the first
    assert resumed == checkpoints.Resumption(old.seq - 4, max(one.seq for one in outside))
    write(session, 40, at=LATER, who="赵六")
    outside.append(sign(session, at=LATER))
    found = checkpoints.verify(sessions, outside)
    assert found.broken is None
    assert len(found.restores) == 1


def test_a_restore_that_lost_nothing_is_told_all_the_same(session, sessions):
    write(session, 3)
    made = sign(session)
    assert resume(session, [made]) == checkpoints.Resumption(made.seq, made.seq)
    assert len(checkpoints.verify(sessions, [made]).restores) == 1
    told = session.scalars(select(AuditEntry).where(AuditEntry.table == "restore")).one()
    assert told.change == {**BACKUP, "line": made.seq}


def test_a_broken_chain_is_not_resumed(session, system):
    write(session, 3)
    made = sign(session)
    other = checkpoints.Statement(1, made.seq, "f" * 64, made.at, made.kid, made.signature)
    with pytest.raises(checkpoints.AuditLogFault, match="not signed"):
        checkpoints.resume(session, [other], BACKUP, by="anguan restore", at=LATER)
