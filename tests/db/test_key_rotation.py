"""Key rotation: during traffic, killed half-way, and detection of moved or swapped values."""

import os
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from threading import Event, Thread

import pytest
from sqlalchemy import LargeBinary, create_engine, func, select, text, type_coerce, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.crypto.encryption import DECRYPTION_ERRORS, Keyring, keyring
from app.core.settings import Keys, write_keys
from app.core.vocabulary import ImportKind, ImportPhase
from app.db import key_rotation
from app.db.session import Encrypted, EncryptedRecord
from app.files.folder_store import FolderStore
from app.files.storage import FileDamaged
from app.models import Enterprise, LegacyRecord, Model, Person, SheetImport
from tests import make
from tests.conftest import KEYS

NEXT = replace(KEYS, data={**KEYS.data, 2: b"e" * 32})
NO_PROGRESS = lambda _what, _count: None  # noqa: E731


@pytest.fixture
def keys_file(tmp_path) -> Iterator:
    """A key file that the keyring reloads, as in every process."""
    file = tmp_path / "keys.json"
    write_keys(file, KEYS)
    keyring.unlock(*KEYS.ring, file=file, read=lambda: Keys.load(file.read_text()).ring)
    yield file
    keyring.unlock(*KEYS.ring)


@pytest.fixture
def store(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


def add_people(session, count: int) -> list[Person]:
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    people = [make.person(firm, mobile=f"138{n:08d}") for n in range(count)]
    session.add_all(people)
    session.commit()
    return people


def key_ids(session, column) -> dict[int, int]:
    first = func.substr(type_coerce(column, LargeBinary), 1, 1, type_=LargeBinary())
    with Session(session.get_bind()) as own:
        return {bytes(kid)[0]: count for kid, count in own.execute(select(first, func.count()).group_by(first))}


def test_a_key_file_is_replaced_whole_and_for_the_owner_only(tmp_path):
    file = tmp_path / "keys.json"
    write_keys(file, KEYS)
    write_keys(file, NEXT)
    assert Keys.load(file.read_text()) == NEXT
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]


def test_a_running_process_loads_a_new_key(keys_file):
    """Values another process encrypted can be read here, and new values are encrypted with it."""
    other = Keyring()
    other.unlock(*NEXT.ring)
    assert keyring.newest == 1
    write_keys(keys_file, NEXT)
    assert keyring.decrypt(other.encrypt("430102", "x"), "x") == "430102"
    assert keyring.encrypt("430102", "x")[0] == keyring.newest == 2
    assert keyring.digest("a", "b") == other.digest("a", "b")


def test_an_unknown_key_id_raises(keys_file):
    with pytest.raises(KeyError):
        keyring.decrypt_bytes(b"\x09" + b"0" * 40, "x")


def test_every_declared_encrypted_column_is_found():
    declared = {
        (table.name, one.name)
        for table in Model.metadata.sorted_tables
        for one in table.columns
        if isinstance(one.type, Encrypted | EncryptedRecord)
    }
    assert {(place.name, one.name) for place in key_rotation.encrypted_tables() for one in place.secrets} == declared
    assert {"person", "message", "job", "application", "certificate_version"} <= {
        place.name for place in key_rotation.encrypted_tables()
    }


def test_all_rows_are_reencrypted_with_the_same_values(system, session, keys_file, store):
    people = add_people(session, 1203)  # three slices, the last one short
    before = {one.id: (one.id_number, one.mobile) for one in people}
    session.add(LegacyRecord(kind=ImportKind.PASSES, key="x", row_id=1, import_id=legacy_import(session), taken={"key": "x"}))
    session.commit()
    write_keys(keys_file, NEXT)
    progress = []
    done = key_rotation.rotate(system.engine, store, lambda what, count: progress.append((what, count)))
    assert done.rows >= 1204
    assert done.unopened == []
    assert progress
    assert key_ids(session, Person.id_number) == key_ids(session, Person.mobile) == {2: 1203}
    with Session(system.engine) as fresh:
        assert {one.id: (one.id_number, one.mobile) for one in fresh.scalars(select(Person))} == before
        assert fresh.scalars(select(Person.id).where(Person.id_number_key == people[7].id_number)).all() == [people[7].id]
        assert fresh.scalars(select(LegacyRecord.taken)).one() == {"key": "x"}
    assert key_rotation.rotate(system.engine, store, NO_PROGRESS).rows == 0  # nothing is done twice
    assert key_rotation.key_usage(system.engine, store).keys() == {2}


def legacy_import(session) -> int:
    row = SheetImport(kind=ImportKind.PASSES, phase=ImportPhase.CHECKED, filename="x", sha256="0" * 64,
                       received_at=make.NOON, by="x", expires_at=make.NOON)  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


class Killed(BaseException):
    """Stands for a kill between two slices."""


def test_a_killed_rotation_continues_where_it_stopped(system, session, keys_file, store):
    add_people(session, 1100)
    write_keys(keys_file, NEXT)

    def kill(what: str, count: int) -> None:
        if what == "person":
            raise Killed

    with pytest.raises(Killed):
        key_rotation.rotate(system.engine, store, kill)
    assert key_ids(session, Person.id_number) == {1: 600, 2: 500}
    assert key_rotation.rotate(system.engine, store, NO_PROGRESS).rows == 600 + 0
    assert key_ids(session, Person.id_number) == {2: 1100}


def test_a_row_that_changed_meanwhile_is_not_overwritten(system, session, keys_file):
    """The write is conditional on what was read."""
    (person,) = add_people(session, 1)
    place = next(one for one in key_rotation.encrypted_tables() if one.name == "person")
    write_keys(keys_file, NEXT)
    with system.engine.begin() as connection:
        (read,) = key_rotation._stale_rows(connection, place, None)
    session.execute(update(Person).where(Person.id == person.id).values(mobile="13900000000", id_number=person.id_number))
    session.commit()
    with system.engine.begin() as connection:
        assert key_rotation._reencrypt(connection, place, read, key_rotation.RotationResult()) == 0
    with Session(system.engine) as fresh:
        assert fresh.scalars(select(Person.mobile)).one() == "13900000000"


def test_rotation_during_traffic_causes_no_error_and_loses_nothing(system, session, keys_file, store):
    ids = [person.id for person in add_people(session, 1500)]
    kept, errors, stop = dict.fromkeys(ids, ""), [], Event()
    # Separate connections, so that the threads act like other processes.
    engine = create_engine(system.engine.url)
    sessions = sessionmaker(engine, expire_on_commit=False)

    def traffic(turn: int) -> None:
        n = turn
        while not stop.is_set() or n < turn + 20:
            n += 2
            person_id = ids[n * 7 % len(ids) // 2 * 2 + turn]
            try:
                with sessions() as own:
                    person = own.get_one(Person, person_id)
                    assert person.id_number
                    person.mobile = kept[person_id] = f"139{n % 10**8:08d}"
                    own.commit()
                    assert len(own.scalars(select(Person.mobile).order_by(Person.id).limit(50)).all()) == 50
            except Exception as error:  # noqa: BLE001 - any error fails the test
                errors.append(repr(error))

    threads = [Thread(target=traffic, args=(turn,)) for turn in (0, 1)]
    for thread in threads:
        thread.start()
    write_keys(keys_file, NEXT)
    done = key_rotation.rotate(system.engine, store, NO_PROGRESS)
    stop.set()
    for thread in threads:
        thread.join()
    key_rotation.rotate(system.engine, store, NO_PROGRESS)
    engine.dispose()
    assert errors == []
    assert done.unopened == []
    assert key_ids(session, Person.id_number) == {2: 1500}
    with Session(system.engine) as fresh:
        found = {one.id: one.mobile for one in fresh.scalars(select(Person))}
    assert {key: found[key] for key, mobile in kept.items() if mobile} == {k: m for k, m in kept.items() if m}


def test_encrypted_values_swapped_between_rows_are_found(system, session, keys_file):
    first, second = add_people(session, 2)
    assert list(key_rotation.misplaced_secrets(system.engine)) == []
    place = next(one for one in key_rotation.encrypted_tables() if one.name == "person")
    (key,), sealed = place.keys, place.table.c.id_number
    with system.engine.begin() as connection:
        raw = {one: connection.execute(select(sealed).where(key == one)).scalar_one() for one in (first.id, second.id)}
        connection.execute(update(place.table).where(key == first.id).values(id_number=raw[second.id]))
        connection.execute(update(place.table).where(key == second.id).values(id_number=raw[first.id]))
    found = list(key_rotation.misplaced_secrets(system.engine))
    assert [one.partition(":")[0] for one in found] == [f"person {one.id} id_number" for one in (first, second)]
    assert all("index" in one for one in found)


def test_a_value_moved_to_another_column_or_table_cannot_be_decrypted(system, session, keys_file):
    (person,) = add_people(session, 1)
    with system.engine.begin() as connection:
        connection.execute(text("UPDATE person SET mobile = id_number"))
        connection.execute(text("UPDATE enterprise SET contact_mobile = (SELECT id_number FROM person LIMIT 1)"))
    for column in (Person.mobile, Enterprise.contact_mobile):
        with pytest.raises(DECRYPTION_ERRORS), Session(system.engine) as fresh:
            fresh.scalars(select(column)).all()
    found = [one.partition(":")[0] for one in key_rotation.misplaced_secrets(system.engine)]
    assert f"person {person.id} mobile" in found
    assert any(one.startswith("enterprise") for one in found)


def test_a_value_that_cannot_be_decrypted_is_named_and_left_unchanged(system, session, keys_file, store):
    add_people(session, 3)
    with system.engine.begin() as connection:
        connection.execute(text("UPDATE person SET mobile = id_number WHERE id = (SELECT min(id) FROM person)"))
    write_keys(keys_file, NEXT)
    done = key_rotation.rotate(system.engine, store, NO_PROGRESS)
    assert len(done.unopened) == 1
    assert done.unopened[0].endswith("mobile")
    assert key_rotation.key_usage(system.engine, store)[1] == 1


def test_a_new_index_key_finds_the_same_people(system, session, keys_file):
    people = add_people(session, 5)
    session.add(LegacyRecord(kind=ImportKind.PASSES, key="x", row_id=1, import_id=legacy_import(session), taken={"key": "x"}))
    session.commit()
    ring, turned = Keyring(), replace(KEYS, index=b"j" * 32, lasting=KEYS.index)
    ring.unlock(*turned.ring)
    assert key_rotation.reindex(system.engine, ring) == 6
    with Session(system.engine) as fresh:
        assert fresh.scalars(select(Person.id).where(Person.id_number_key == people[0].id_number)).all() == []
    steady = keyring.lasting_digest("0/0/0", "status_list")
    keyring.unlock(*turned.ring)
    with Session(system.engine) as fresh:
        assert fresh.scalars(select(Person.id).where(Person.id_number_key == people[0].id_number)).all() == [people[0].id]
        assert fresh.scalars(select(LegacyRecord.row_id).where(LegacyRecord.key == "x")).all() == [1]
    assert list(key_rotation.misplaced_secrets(system.engine)) == []
    assert keyring.lasting_digest("0/0/0", "status_list") == steady  # positions of the status list never move


def test_a_stored_file_is_encrypted_and_is_read_as_it_was_put(store):
    data = b"%PDF-1.7 430102198506150013 " * 1000
    digest = store.put(data)
    raw = store.path(digest).read_bytes()
    assert raw.startswith(b"AGS1")
    assert b"430102198506150013" not in raw
    assert store.read(digest) == store.open(digest).read() == data
    assert store.verify(digest)
    assert store.put(data) == digest


@pytest.mark.parametrize("at", [4, 5, 30, -1])
def test_a_changed_byte_is_detected(store, at):
    digest = store.put(b"paper" * 100)
    raw = bytearray(store.path(digest).read_bytes())
    raw[at] ^= 1
    store.path(digest).write_bytes(raw)
    assert not store.verify(digest)
    with pytest.raises(FileDamaged):
        store.read(digest)


def test_a_file_in_the_place_of_another_cannot_be_read(store):
    first, second = store.put(b"first"), store.put(b"second")
    store.path(first).write_bytes(store.path(second).read_bytes())
    with pytest.raises(FileDamaged):
        store.read(first)


def test_files_are_reencrypted_and_plain_ones_are_encrypted(system, session, keys_file, store):
    sealed, plain = store.put(b"sealed before"), store.put(b"lay open")
    store.path(plain).write_bytes(b"lay open")
    os.utime(store.path(plain), (1_700_000_000, 1_700_000_000))
    assert store.read(plain) == b"lay open"
    assert (store.key_of(sealed), store.key_of(plain)) == (1, None)
    write_keys(keys_file, NEXT)
    assert key_rotation.rotate(system.engine, store, NO_PROGRESS).objects == 2
    assert {store.key_of(one) for one in (sealed, plain)} == {2}
    assert (store.read(sealed), store.read(plain)) == (b"sealed before", b"lay open")
    assert store.path(plain).stat().st_mtime == 1_700_000_000  # clean_up goes by its age
    assert not list(store.incoming.iterdir())


def test_two_megabytes_are_decrypted_within_a_quarter_second(store):
    data = os.urandom(2 * 1024 * 1024)
    digest, plain = store.put(data), store.put(b"x" + data)
    store.path(plain).write_bytes(b"x" + data)
    times = []
    for one in (digest, plain):
        began = time.perf_counter()
        for _n in range(10):
            store.read(one)
        times.append((time.perf_counter() - began) / 10)
    assert times[0] < 0.25, times


def test_a_key_file_keeps_its_optional_keys(tmp_path):
    half = replace(KEYS, lasting=b"l" * 32, index_next=b"n" * 32)
    assert Keys.load(half.dump()) == half
    assert "lasting" not in KEYS.dump()
    assert b64decode("AA==") == b"\0"
