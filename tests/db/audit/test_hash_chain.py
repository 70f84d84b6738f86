# ruff: noqa: S311, S608 - numbers of our own making, and chance that keeps no secret
"""The hash chain of the audit log: it grows with each transaction, and every tampering is found."""

import random
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.core import clock
from app.core.vocabulary import AuditAction, ChainFault
from app.db import audit
from app.db.audit import checkpoints, hash_chain
from app.db.audit.hash_chain import ChainBreak
from app.db.session import read_only
from app.models import AuditCheckpoint, AuditEntry, AuditLink, Person
from tests import make
from tests.at_once import at_once
from tests.query_counter import queries
from tests.raw_sql import tampering


@pytest.fixture
def sessions(system, session) -> sessionmaker[Session]:
    session.commit()
    return sessionmaker(system.engine, expire_on_commit=False)


def add_entries(session, n: int, *, at=make.NOON, **facts) -> None:
    line = {"at": at, "actor": "李四", "deed": AuditAction.CHANGE, "table": "person", "address": "203.0.113.7"}
    audit.log_many(session, [{**line, "row": f"{i}", "change": {"name": ["甲", f"乙{i}"]}, **facts} for i in range(n)])
    session.commit()


def first_break(sessions, outside=()) -> ChainBreak | None:
    return checkpoints.verify(sessions, outside).broken


def query(session, question) -> list:
    """In a separate session: on SQLite the session of the test would take the write lock."""
    with read_only(), Session(session.get_bind()) as reader:
        return list(reader.execute(question).all())


def linked(session) -> list[tuple[int, int]]:
    return [tuple(row) for row in query(session, select(AuditLink.seq, AuditLink.entry_id).order_by(AuditLink.seq))]


def newest(session) -> int:
    return query(session, select(func.max(AuditEntry.id)))[0][0]


def test_every_entry_is_linked_by_the_commit_that_writes_it(session, sessions):
    before = len(linked(session))
    session.add(make.person(make.enterprise()))
    audit.log(session, "王五", AuditAction.EXPORT, Person, at=make.NOON)
    add_entries(session, 3)
    entries = session.scalars(select(AuditEntry.id).order_by(AuditEntry.id)).all()
    assert [entry for _seq, entry in linked(session)] == entries
    assert [seq for seq, _entry in linked(session)] == list(range(1, len(entries) + 1))
    assert len(entries) == before + 6
    assert checkpoints.verify(sessions)[::2] == (len(entries), None)


def test_a_commit_without_entries_does_not_touch_the_chain(session, system):
    with queries(system.engine) as seen:
        session.commit()
        session.execute(text("SELECT 1"))
        session.commit()
    assert not [statement for statement in seen if "link" in statement]


def test_many_entries_take_as_many_statements_as_few(session, system):
    def cost(lines: int) -> int:
        with queries(system.engine) as seen:
            add_entries(session, lines)
        return len(seen)

    cost(1)
    assert cost(2) == cost(700) == (5 if system.kind == "postgresql" else 4)


def test_a_rollback_leaves_no_link(session, sessions):
    before = linked(session)
    audit.log(session, "王五", AuditAction.READ, Person, at=make.NOON)
    session.flush()
    session.rollback()
    add_entries(session, 1)
    assert len(linked(session)) == len(before) + 1
    assert first_break(sessions) is None


def test_entries_of_a_rolled_back_savepoint_are_not_linked_and_others_are(session, sessions):
    before = len(linked(session))
    audit.log(session, "甲", AuditAction.READ, Person, at=make.NOON)
    kept = session.begin_nested()
    audit.log(session, "乙", AuditAction.READ, Person, at=make.NOON)
    kept.commit()
    undone = session.begin_nested()
    audit.log(session, "丙", AuditAction.READ, Person, at=make.NOON)
    session.flush()
    undone.rollback()
    assert len(linked(session)) == before
    audit.log(session, "丁", AuditAction.READ, Person, at=make.NOON)
    session.commit()
    assert [
        entry.actor
        for entry in session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.READ).order_by(AuditEntry.id))
    ] == [*("甲", "乙", "丁")]
    assert len(linked(session)) == before + 3
    assert first_break(sessions) is None


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # SQLite has one writer
def test_entries_of_a_side_session_are_linked_by_its_own_commit(session, sessions, system):
    """As in ``request_context.side_session``, which copies ``session.info``."""
    audit.log(session, "外", AuditAction.READ, Person, at=make.NOON)
    session.flush()
    with Session(system.engine) as beside, beside.begin():
        beside.info.update(session.info)
        audit.log(beside, "内", AuditAction.READ, Person, at=make.NOON)
    session.commit()
    assert first_break(sessions) is None
    order = (
        select(AuditEntry.actor)
        .join(AuditLink, AuditLink.entry_id == AuditEntry.id)
        .where(AuditEntry.deed == AuditAction.READ)
        .order_by(AuditLink.seq)
    )
    assert session.scalars(order).all() == ["内", "外"]


def test_concurrent_writers_leave_no_gap_and_no_fork(session, sessions, system):
    writers, turns = 6, 12
    before = len(linked(session))
    session.commit()

    def write(who: int) -> None:
        for turn in range(turns):
            with sessions.begin() as own:
                own.info["actor"] = f"writer {who}"
                audit.log(own, "", AuditAction.READ, Person, turn, at=make.NOON)
                own.add(make.person(make.enterprise()))
                if turn % 4 == 3:
                    own.flush()
                    own.rollback()

    at_once(write, range(writers))
    numbers = [seq for seq, _entry in linked(session)]
    assert numbers == list(range(1, before + 3 * writers * turns * 3 // 4 + 1))
    assert first_break(sessions) is None


def test_a_change_is_rolled_back_if_its_entry_or_link_is_refused(session, system):
    for table in ("entry", "link"):
        with system.engine.begin() as connection:
            for statement in refusing(system, table):
                connection.exec_driver_sql(statement)
        session.add(make.enterprise(name=f"不成 {table}"))
        with pytest.raises(DBAPIError, match="refused"):
            session.commit()
        session.rollback()
        with system.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER refused{f' ON {table}' if system.kind == 'postgresql' else ''}")
    assert query(session, text("SELECT count(*) FROM enterprise")) == [(0,)]


def refusing(system, table: str) -> list[str]:
    if system.kind == "sqlite":
        return [f"CREATE TRIGGER refused BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
    return [
        "CREATE OR REPLACE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
        f"CREATE TRIGGER refused BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refused()",
    ]


def test_entries_from_before_the_chain_are_linked_once(session, sessions, system):
    add_entries(session, 4)
    with tampering(system) as connection:
        connection.execute(text("DELETE FROM link"))
    count = query(session, select(func.count()).select_from(AuditEntry))[0][0]
    assert hash_chain.link_existing(session) == count
    session.commit()
    assert first_break(sessions) is None
    add_unlinked(system)
    assert hash_chain.link_existing(session) == 0
    session.commit()
    assert first_break(sessions).fault is ChainFault.UNLINKED


def add_unlinked(system, at=make.NOON) -> None:
    line = {"at": at, "actor": "无名", "deed": AuditAction.CHANGE, "table": "person", "row": "1", "change": {}, "address": ""}
    with system.engine.begin() as connection:
        connection.execute(insert(AuditEntry), line)


def aged(session, days: int) -> int:
    add_entries(session, 1, at=clock.now() - timedelta(days=days))
    return newest(session)


@pytest.mark.parametrize("table", ["entry", "link", "checkpoint"])
def test_the_database_itself_refuses_to_change_the_audit_log(session, system, table):
    aged(session, 400)
    checkpoints.create(session, at=make.NOON)
    session.commit()
    statements = [f"UPDATE {table} SET {'row' if table == 'entry' else 'hash'} = {'row' if table == 'entry' else 'hash'}"]
    if system.kind == "postgresql":
        statements += [f"TRUNCATE {table} CASCADE"]
    for statement in statements:
        with pytest.raises(DBAPIError, match="only added to"), system.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_the_database_allows_removal_after_half_a_year_and_no_sooner(session, system):
    young, old = aged(session, 179), aged(session, 181)
    checkpoints.create(session, at=make.NOON)
    session.commit()
    for statement in (f"DELETE FROM link WHERE entry_id = {young}", "DELETE FROM checkpoint"):
        with pytest.raises(DBAPIError, match="only added to"), system.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    with pytest.raises(IntegrityError), system.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {old}")  # its link holds it
    with system.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM link WHERE entry_id = {old}")
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {old}")


def test_an_entry_without_link_cannot_be_removed_early_either(session, system):
    add_unlinked(system, at=clock.now())
    with pytest.raises(DBAPIError, match="only added to"), system.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {newest(session)}")


# --- tampering (T15) --------------------------------------------------------------------------------------
TAMPERED = {
    "at": "2020-01-01 00:00:00.000000", "actor": "别人", "deed": "read", "table": "enterprise", "row": "999999",
    "change": '{"name": ["甲", "丙"]}', "address": "198.51.100.9",
}  # fmt: skip


@pytest.fixture
def published(session, sessions):
    """An audit log of 400 entries with a checkpoint before its end, as published outside the database."""
    add_entries(session, 300)
    made = checkpoints.create(session, at=make.NOON)
    session.commit()
    add_entries(session, 100)
    return [checkpoints.Statement.of(made)]


def test_each_changed_column_of_a_random_entry_is_found_at_that_entry(session, sessions, system, published):
    chance, places = random.Random(15), linked(session)
    tried = 0
    for column, value in TAMPERED.items():
        for seq, entry in chance.sample(places[1:], 3):
            with tampering(system) as connection:
                kept = f'SELECT CAST("{column}" AS TEXT) FROM entry WHERE id = {entry}'
                before = connection.exec_driver_sql(kept).scalar_one()
                write(connection, column, value, entry)
            assert first_break(sessions, published) == ChainBreak(ChainFault.CHANGED, seq, entry), column
            with tampering(system) as connection:
                write(connection, column, before, entry)
            tried += 1
    assert tried == 21
    assert first_break(sessions, published) is None


def write(connection, column: str, value: str, entry: int) -> None:
    kind = {"at": "timestamp", "change": "json"}.get(column, "varchar")
    typed = f"CAST(:value AS {kind})" if connection.dialect.name == "postgresql" else ":value"
    connection.execute(text(f'UPDATE entry SET "{column}" = {typed} WHERE id = :id'), {"value": value, "id": entry})


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # PostgreSQL lets no such thing in
def test_unreadable_values_are_reported_and_do_not_raise(session, sessions, system, published):
    seq, entry = linked(session)[40]
    for column, value in [("deed", "?"), ("at", "yesterday"), ("change", "{"), ("actor", b"\xff")]:
        with tampering(system) as connection:
            write(connection, column, value, entry)
        assert first_break(sessions, published) == ChainBreak(ChainFault.CHANGED, seq, entry), column


def test_a_changed_number_or_hash_or_link_is_found(session, sessions, system, published):
    seq, entry = linked(session)[10]
    for statement, fault in [
        (f"UPDATE link SET hash = '{'0' * 64}' WHERE seq = {seq}", ChainFault.CHANGED),
        (f"UPDATE link SET seq = 100000 WHERE seq = {seq}", ChainFault.MISSING),
    ]:
        with tampering(system) as connection:
            kept = connection.exec_driver_sql(f"SELECT hash FROM link WHERE seq = {seq}").scalar_one()
            connection.exec_driver_sql(statement)
        broken = first_break(sessions, published)
        assert (broken.fault, broken.seq) == (fault, seq)
        with tampering(system) as connection:
            connection.exec_driver_sql(f"UPDATE link SET seq = {seq} WHERE seq = 100000")
            connection.exec_driver_sql(f"UPDATE link SET hash = '{kept}' WHERE seq = {seq}")
    assert first_break(sessions, published) is None
    with tampering(system) as connection:
        connection.exec_driver_sql(f"UPDATE entry SET id = 100000 WHERE id = {entry}")
    assert first_break(sessions, published) == ChainBreak(ChainFault.MISSING, seq, entry)


def test_a_deleted_entry_is_found_with_or_without_its_link(session, sessions, system, published):
    places = linked(session)
    (late, gone), (early, went) = places[200], places[100]
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {gone}")
    assert first_break(sessions, published) == ChainBreak(ChainFault.MISSING, late, gone)
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq = {early}")
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {went}")
    assert first_break(sessions, published) == ChainBreak(ChainFault.MISSING, early)


def test_renumbering_after_a_deletion_is_found(session, sessions, system, published):
    seq, entry = linked(session)[100]
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq = {seq}")
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {entry}")
        connection.exec_driver_sql(f"UPDATE link SET seq = seq + 100000 WHERE seq > {seq}")
        connection.exec_driver_sql("UPDATE link SET seq = seq - 100001 WHERE seq > 100000")
    assert first_break(sessions, published).seq == seq


@pytest.mark.parametrize("what", ["entry_id", "hash", "entry_id, hash"])
def test_reordered_entries_are_reported_as_moved(session, sessions, system, published, what):
    (first, _one), (second, _other) = linked(session)[50], linked(session)[90]
    with tampering(system) as connection:
        rows = {
            seq: connection.exec_driver_sql(f"SELECT entry_id, hash FROM link WHERE seq = {seq}").one()
            for seq in (first, second)
        }
        connection.exec_driver_sql(f"UPDATE link SET entry_id = -1 WHERE seq = {second}")
        for seq, taken in ((first, rows[second]), (second, rows[first])):
            for column in what.split(", "):
                value = getattr(taken, column)
                connection.exec_driver_sql(f"UPDATE link SET {column} = '{value}' WHERE seq = {seq}")
        if "entry_id" not in what:
            connection.exec_driver_sql(f"UPDATE link SET entry_id = {rows[second].entry_id} WHERE seq = {second}")
    broken = first_break(sessions, published)
    assert broken.seq == first
    assert broken.fault is (ChainFault.CHANGED if what == "hash" else ChainFault.MOVED)


def test_an_inserted_entry_is_found_with_or_without_a_link(session, sessions, system, published):
    add_unlinked(system)
    number, last = newest(session), linked(session)[-1][0]
    assert first_break(sessions, published) == ChainBreak(ChainFault.UNLINKED, None, number)
    with system.engine.begin() as connection:
        connection.execute(insert(AuditLink), {"seq": last + 1, "entry_id": number, "hash": "f" * 64})
    assert first_break(sessions, published) == ChainBreak(ChainFault.CHANGED, last + 1, number)


def test_a_cut_end_is_detected_by_the_checkpoints_inside_and_outside(session, sessions, system, published):
    cut = published[0].seq - 20
    checkpoint = published[0].seq
    with tampering(system) as connection:
        ids = f"SELECT entry_id FROM link WHERE seq > {cut}"
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id IN ({ids})")
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq > {cut}")
    assert first_break(sessions) == ChainBreak(ChainFault.CUT, cut + 1, None, checkpoint)
    with pytest.raises(checkpoints.AuditLogFault):
        checkpoints.create(session, at=make.NOON)
    session.rollback()
    with tampering(system) as connection:
        connection.exec_driver_sql("DELETE FROM checkpoint")
    assert first_break(sessions) is None  # nothing in the database shows it any more
    assert first_break(sessions, published) == ChainBreak(ChainFault.CUT, cut + 1, None, checkpoint)
    add_entries(session, 60)  # the system goes on writing
    assert first_break(sessions, published) == ChainBreak(ChainFault.CUT, checkpoint, None, checkpoint)


def test_a_removed_beginning_needs_a_signed_checkpoint(session, sessions, system, published):
    with tampering(system) as connection:
        connection.exec_driver_sql("DELETE FROM link WHERE seq <= 5")
        connection.exec_driver_sql("DELETE FROM entry WHERE id NOT IN (SELECT entry_id FROM link)")
    assert first_break(sessions, published) == ChainBreak(ChainFault.MISSING, 1)
    with system.engine.begin() as connection:
        row = {"first": 6, "seq": published[0].seq, "hash": published[0].hash, "at": make.NOON, "kid": published[0].kid}
        connection.execute(insert(AuditCheckpoint), {**row, "signature": published[0].signature})
    assert first_break(sessions, published).fault is ChainFault.MISSING
    assert first_break(sessions, published).seq == 1


def test_a_forged_checkpoint_is_found(session, sessions, system, published):
    with system.engine.begin() as connection:
        row = {
            "first": 1,
            "seq": 7,
            "hash": "a" * 64,
            "at": make.NOON,
            "kid": published[0].kid,
            "signature": published[0].signature,
        }
        connection.execute(insert(AuditCheckpoint), row)
    assert first_break(sessions, published) == ChainBreak(ChainFault.FORGED, 7, None, 7)
