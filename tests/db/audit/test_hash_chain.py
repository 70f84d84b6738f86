# ruff: noqa: S311, S608 - numbers of our own making, and chance that keeps no secret
"""The chain of the diary: it grows with the deeds and with nothing else, and whatever is done to it is found."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

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
from tests.query_counter import queries
from tests.raw_sql import tampering


@pytest.fixture
def sessions(system, session) -> sessionmaker[Session]:
    session.commit()
    return sessionmaker(system.engine, expire_on_commit=False)


def tell(session, n: int, *, at=make.NOON, **facts) -> None:
    line = {"at": at, "actor": "李四", "deed": AuditAction.CHANGE, "table": "person", "address": "203.0.113.7"}
    audit.log_many(session, [{**line, "row": f"{i}", "change": {"name": ["甲", f"乙{i}"]}, **facts} for i in range(n)])
    session.commit()


def found(sessions, outside=()) -> ChainBreak | None:
    return checkpoints.verify(sessions, outside).broken


def asked(session, question) -> list:
    """Beside the session of the test, which would be SQLite's one writer from its first question on."""
    with read_only(), Session(session.get_bind()) as reader:
        return list(reader.execute(question).all())


def linked(session) -> list[tuple[int, int]]:
    return [tuple(row) for row in asked(session, select(AuditLink.seq, AuditLink.entry_id).order_by(AuditLink.seq))]


def newest(session) -> int:
    return asked(session, select(func.max(AuditEntry.id)))[0][0]


# --- growing ------------------------------------------------------------------------------------------


def test_every_line_is_linked_by_the_commit_that_writes_it(session, sessions):
    before = len(linked(session))
    session.add(make.person(make.enterprise()))
    audit.log(session, "王五", AuditAction.EXPORT, Person, at=make.NOON)
    tell(session, 3)
    entries = session.scalars(select(AuditEntry.id).order_by(AuditEntry.id)).all()
    assert [entry for _seq, entry in linked(session)] == entries
    assert [seq for seq, _entry in linked(session)] == list(range(1, len(entries) + 1))
    assert len(entries) == before + 6
    assert checkpoints.verify(sessions)[::2] == (len(entries), None)


def test_a_commit_without_lines_asks_nothing_of_the_chain(session, system):
    with queries(system.engine) as seen:
        session.commit()
        session.execute(text("SELECT 1"))
        session.commit()
    assert not [statement for statement in seen if "link" in statement]


def test_the_chain_costs_as_many_statements_for_many_lines_as_for_few(session, system):
    def cost(lines: int) -> int:
        with queries(system.engine) as seen:
            tell(session, lines)
        return len(seen)

    cost(1)
    assert cost(2) == cost(700) == (5 if system.kind == "postgresql" else 4)


def test_a_rollback_leaves_no_link(session, sessions):
    before = linked(session)
    audit.log(session, "王五", AuditAction.READ, Person, at=make.NOON)
    session.flush()
    session.rollback()
    tell(session, 1)
    assert len(linked(session)) == len(before) + 1
    assert found(sessions) is None


def test_what_a_savepoint_has_undone_is_not_linked_and_what_it_kept_is(session, sessions):
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
    assert found(sessions) is None


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # SQLite has one writer
def test_lines_of_a_session_beside_another_stay_apart(session, sessions, system):
    """As ``desk.aside`` does it: the facts of the one session are handed on to the other."""
    audit.log(session, "外", AuditAction.READ, Person, at=make.NOON)
    session.flush()
    with Session(system.engine) as beside, beside.begin():
        beside.info.update(session.info)
        audit.log(beside, "内", AuditAction.READ, Person, at=make.NOON)
    session.commit()
    assert found(sessions) is None
    order = (
        select(AuditEntry.actor)
        .join(AuditLink, AuditLink.entry_id == AuditEntry.id)
        .where(AuditEntry.deed == AuditAction.READ)
        .order_by(AuditLink.seq)
    )
    assert session.scalars(order).all() == ["内", "外"]


def test_writers_at_once_leave_no_gap_and_no_fork(session, sessions, system):
    writers, turns = 6, 12
    before, start = len(linked(session)), Barrier(writers)
    session.commit()

    def write(who: int) -> None:
        start.wait()
        for turn in range(turns):
            with sessions.begin() as own:
                own.info["actor"] = f"writer {who}"
                audit.log(own, "", AuditAction.READ, Person, turn, at=make.NOON)
                own.add(make.person(make.enterprise()))
                if turn % 4 == 3:
                    own.flush()
                    own.rollback()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    numbers = [seq for seq, _entry in linked(session)]
    assert numbers == list(range(1, before + 3 * writers * turns * 3 // 4 + 1))
    assert found(sessions) is None


def test_a_diary_that_refuses_its_line_or_its_link_undoes_the_deed(session, system):
    for table in ("entry", "link"):
        with system.engine.begin() as connection:
            for statement in refusing(system, table):
                connection.exec_driver_sql(statement)
        session.add(make.enterprise(name=f"不成 {table}"))
        with pytest.raises(DBAPIError, match="no room"):
            session.commit()
        session.rollback()
        with system.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER no_room{f' ON {table}' if system.kind == 'postgresql' else ''}")
    assert asked(session, text("SELECT count(*) FROM enterprise")) == [(0,)]


def refusing(system, table: str) -> list[str]:
    if system.kind == "sqlite":
        return [f"CREATE TRIGGER no_room BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"]
    return [
        "CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$",
        f"CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()",
    ]


def test_lines_from_before_the_chain_are_linked_once(session, sessions, system):
    tell(session, 4)
    with tampering(system) as connection:
        connection.execute(text("DELETE FROM link"))
    count = asked(session, select(func.count()).select_from(AuditEntry))[0][0]
    assert hash_chain.link_existing(session) == count
    session.commit()
    assert found(sessions) is None
    stray(system)
    assert hash_chain.link_existing(session) == 0
    session.commit()
    assert found(sessions).fault is ChainFault.UNLINKED


def stray(system, at=make.NOON) -> None:
    line = {"at": at, "actor": "无名", "deed": AuditAction.CHANGE, "table": "person", "row": "1", "change": {}, "address": ""}
    with system.engine.begin() as connection:
        connection.execute(insert(AuditEntry), line)


# --- growing only ---------------------------------------------------------------------------------------


def aged(session, days: int) -> int:
    tell(session, 1, at=clock.now() - timedelta(days=days))
    return newest(session)


@pytest.mark.parametrize("table", ["entry", "link", "checkpoint"])
def test_the_database_itself_refuses_to_change_the_diary(session, system, table):
    aged(session, 400)
    checkpoints.create(session, at=make.NOON)
    session.commit()
    statements = [f"UPDATE {table} SET {'row' if table == 'entry' else 'hash'} = {'row' if table == 'entry' else 'hash'}"]
    if system.kind == "postgresql":
        statements += [f"TRUNCATE {table} CASCADE"]
    for statement in statements:
        with pytest.raises(DBAPIError, match="only added to"), system.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_the_database_lets_lines_go_after_half_a_year_and_no_sooner(session, system):
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


def test_a_line_without_link_does_not_go_early_either(session, system):
    stray(system, at=clock.now())
    with pytest.raises(DBAPIError, match="only added to"), system.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {newest(session)}")


# --- tampering (T15) --------------------------------------------------------------------------------------

TAMPERED = {
    "at": "2020-01-01 00:00:00.000000",
    "actor": "别人",
    "deed": "read",
    "table": "enterprise",
    "row": "999999",
    "change": '{"name": ["甲", "丙"]}',
    "address": "198.51.100.9",
}


@pytest.fixture
def told(session, sessions):
    """A diary of some 400 lines with a checkpoint before its end; the checkpoint as it stands outside the database."""
    tell(session, 300)
    made = checkpoints.create(session, at=make.NOON)
    session.commit()
    tell(session, 100)
    return [checkpoints.Statement.of(made)]


def test_each_changed_column_of_a_random_line_is_found_at_that_line(session, sessions, system, told):
    chance, places = random.Random(15), linked(session)
    tried = 0
    for column, value in TAMPERED.items():
        for seq, entry in chance.sample(places[1:], 3):
            with tampering(system) as connection:
                kept = f'SELECT CAST("{column}" AS TEXT) FROM entry WHERE id = {entry}'
                before = connection.exec_driver_sql(kept).scalar_one()
                write(connection, column, value, entry)
            assert found(sessions, told) == ChainBreak(ChainFault.CHANGED, seq, entry), column
            with tampering(system) as connection:
                write(connection, column, before, entry)
            tried += 1
    assert tried == 21
    assert found(sessions, told) is None


def write(connection, column: str, value: str, entry: int) -> None:
    kind = {"at": "timestamp", "change": "json"}.get(column, "varchar")
    typed = f"CAST(:value AS {kind})" if connection.dialect.name == "postgresql" else ":value"
    connection.execute(text(f'UPDATE entry SET "{column}" = {typed} WHERE id = :id'), {"value": value, "id": entry})


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # PostgreSQL lets no such thing in
def test_what_no_type_of_ours_could_read_is_told_and_not_raised(session, sessions, system, told):
    seq, entry = linked(session)[40]
    for column, value in [("deed", "?"), ("at", "yesterday"), ("change", "{"), ("actor", b"\xff")]:
        with tampering(system) as connection:
            write(connection, column, value, entry)
        assert found(sessions, told) == ChainBreak(ChainFault.CHANGED, seq, entry), column


def test_a_changed_number_or_hash_or_link_is_found(session, sessions, system, told):
    seq, entry = linked(session)[10]
    for statement, fault in [
        (f"UPDATE link SET hash = '{'0' * 64}' WHERE seq = {seq}", ChainFault.CHANGED),
        (f"UPDATE link SET seq = 100000 WHERE seq = {seq}", ChainFault.MISSING),
    ]:
        with tampering(system) as connection:
            kept = connection.exec_driver_sql(f"SELECT hash FROM link WHERE seq = {seq}").scalar_one()
            connection.exec_driver_sql(statement)
        broken = found(sessions, told)
        assert (broken.fault, broken.seq) == (fault, seq)
        with tampering(system) as connection:
            connection.exec_driver_sql(f"UPDATE link SET seq = {seq} WHERE seq = 100000")
            connection.exec_driver_sql(f"UPDATE link SET hash = '{kept}' WHERE seq = {seq}")
    assert found(sessions, told) is None
    with tampering(system) as connection:
        connection.exec_driver_sql(f"UPDATE entry SET id = 100000 WHERE id = {entry}")
    assert found(sessions, told) == ChainBreak(ChainFault.MISSING, seq, entry)


def test_a_deleted_line_is_named_whether_its_link_went_with_it_or_not(session, sessions, system, told):
    places = linked(session)
    (late, gone), (early, went) = places[200], places[100]
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {gone}")
    assert found(sessions, told) == ChainBreak(ChainFault.MISSING, late, gone)
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq = {early}")
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {went}")
    assert found(sessions, told) == ChainBreak(ChainFault.MISSING, early)


def test_a_gap_that_is_closed_up_is_found(session, sessions, system, told):
    seq, entry = linked(session)[100]
    with tampering(system) as connection:
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq = {seq}")
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id = {entry}")
        connection.exec_driver_sql(f"UPDATE link SET seq = seq + 100000 WHERE seq > {seq}")
        connection.exec_driver_sql("UPDATE link SET seq = seq - 100001 WHERE seq > 100000")
    assert found(sessions, told).seq == seq


@pytest.mark.parametrize("what", ["entry_id", "hash", "entry_id, hash"])
def test_lines_in_another_order_are_called_so(session, sessions, system, told, what):
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
    broken = found(sessions, told)
    assert broken.seq == first
    assert broken.fault is (ChainFault.CHANGED if what == "hash" else ChainFault.MOVED)


def test_a_line_slipped_in_is_found_with_a_link_of_its_own_or_without(session, sessions, system, told):
    stray(system)
    number, last = newest(session), linked(session)[-1][0]
    assert found(sessions, told) == ChainBreak(ChainFault.UNLINKED, None, number)
    with system.engine.begin() as connection:
        connection.execute(insert(AuditLink), {"seq": last + 1, "entry_id": number, "hash": "f" * 64})
    assert found(sessions, told) == ChainBreak(ChainFault.CHANGED, last + 1, number)


def test_a_cut_end_is_told_by_the_checkpoint_and_by_the_one_outside(session, sessions, system, told):
    cut = told[0].seq - 20
    checkpoint = told[0].seq
    with tampering(system) as connection:
        ids = f"SELECT entry_id FROM link WHERE seq > {cut}"
        connection.exec_driver_sql(f"DELETE FROM entry WHERE id IN ({ids})")
        connection.exec_driver_sql(f"DELETE FROM link WHERE seq > {cut}")
    assert found(sessions) == ChainBreak(ChainFault.CUT, cut + 1, None, checkpoint)
    with pytest.raises(checkpoints.AuditLogFault):
        checkpoints.create(session, at=make.NOON)
    session.rollback()
    with tampering(system) as connection:
        connection.exec_driver_sql("DELETE FROM checkpoint")
    assert found(sessions) is None  # nothing in the database tells any more
    assert found(sessions, told) == ChainBreak(ChainFault.CUT, cut + 1, None, checkpoint)
    tell(session, 60)  # and the house, unknowing, goes on
    assert found(sessions, told) == ChainBreak(ChainFault.CUT, checkpoint, None, checkpoint)


def test_a_cut_beginning_needs_a_signature(session, sessions, system, told):
    with tampering(system) as connection:
        connection.exec_driver_sql("DELETE FROM link WHERE seq <= 5")
        connection.exec_driver_sql("DELETE FROM entry WHERE id NOT IN (SELECT entry_id FROM link)")
    assert found(sessions, told) == ChainBreak(ChainFault.MISSING, 1)
    with system.engine.begin() as connection:
        row = {"first": 6, "seq": told[0].seq, "hash": told[0].hash, "at": make.NOON, "kid": told[0].kid}
        connection.execute(insert(AuditCheckpoint), {**row, "signature": told[0].signature})
    assert found(sessions, told).fault is ChainFault.MISSING
    assert found(sessions, told).seq == 1


def test_a_checkpoint_that_we_did_not_sign_is_found(session, sessions, system, told):
    with system.engine.begin() as connection:
        row = {"first": 1, "seq": 7, "hash": "a" * 64, "at": make.NOON, "kid": told[0].kid, "signature": told[0].signature}
        connection.execute(insert(AuditCheckpoint), row)
    assert found(sessions, told) == ChainBreak(ChainFault.FORGED, 7, None, 7)
