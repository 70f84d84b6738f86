"""Rotation of keys: everything under an older key is put under the newest one, slice by slice, while the house is open.

Law: the key id in front of a ciphertext is the only memory, so a rotation that was killed goes on where it stopped; a row is
written only if it still holds what was read; a key is dropped only when nothing lies under it any more. The tables are
walked, not listed: what is declared ``Secret`` is found.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column as StoredColumn
from sqlalchemy import Engine, LargeBinary, Table, column, func, or_, select, table, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from app.core.crypto.encryption import UNOPENED, Keyring, keyring
from app.db import tables
from app.db.session import BlindIndex, Encrypted, EncryptedRecord, side_connection
from app.files.storage import FileMissing, Store

TABLES = tables.parties.Person.metadata
SLICE = 500  # rows in one transaction
PASSES = 5  # over a table: rows that others held, or wrote under the old key meanwhile, are met again

ProgressCallback = Callable[[str, int], None]  # what is worked on, and how much of it is done


@dataclass(slots=True)
class RotationResult:
    """What a rotation did, and what it could not."""

    rows: int = 0
    objects: int = 0
    unopened: list[str] = field(default_factory=list)  # table, row and column


@dataclass(frozen=True, slots=True)
class SecretIndex:
    """A keyed fingerprint beside a secret: its column, its purpose, and what of the place's secrets it is made of."""

    column: Any
    purpose: str
    number: int  # which secret
    part: str = ""  # of a record: the field of it

    def of(self, text: str, ring: Keyring) -> str:
        return ring.digest(str(json.loads(text)[self.part]) if self.part else text, self.purpose)


@dataclass(frozen=True, slots=True)
class EncryptedTable:
    """A table that holds secrets, as plain columns: nothing is opened or sealed on the way in or out."""

    name: str
    keys: tuple[Any, ...]
    secrets: tuple[Any, ...]
    purposes: tuple[str, ...]
    indexes: tuple[SecretIndex, ...]

    @property
    def table(self) -> Any:
        return self.keys[0].table

    def row(self, values: Sequence[Any], number: int) -> str:
        return f"{self.name} {'/'.join(map(str, values[: len(self.keys)]))} {self.secrets[number].name}"


def encrypted_tables() -> list[EncryptedTable]:
    """Every table of the house with a secret in it."""
    found = []
    for stored in TABLES.sorted_tables:
        secrets = [one for one in stored.columns if isinstance(one.type, Encrypted | EncryptedRecord)]
        if secrets:
            found.append(_place(stored, secrets))
    return found


def _place(stored: Table, secrets: Sequence[StoredColumn[Any]]) -> EncryptedTable:
    indexes = [one for one in stored.columns if isinstance(one.type, BlindIndex)]
    plain = table(stored.name, *(column(one.name, _plain(one)) for one in stored.columns))
    purposes = tuple(str(getattr(one.type, "purpose")) for one in secrets)  # noqa: B009 - of both kinds of secret
    return EncryptedTable(
        stored.name,
        tuple(plain.c[key.name] for key in stored.primary_key.columns),
        tuple(plain.c[one.name] for one in secrets),
        purposes,
        tuple(_index(plain.c[one.name], str(getattr(one.type, "purpose")), purposes, secrets) for one in indexes),  # noqa: B009
    )


def _plain(stored: StoredColumn[Any]) -> Any:
    return stored.type.impl_instance if isinstance(stored.type, TypeDecorator) else stored.type


def _index(plain: Any, purpose: str, purposes: Sequence[str], secrets: Sequence[StoredColumn[Any]]) -> SecretIndex:
    """The secret of the same purpose; where there is none, the field of that name in the record beside it."""
    if purpose in purposes:
        return SecretIndex(plain, purpose, purposes.index(purpose))
    record = next(number for number, one in enumerate(secrets) if isinstance(one.type, EncryptedRecord))
    return SecretIndex(plain, purpose, record, plain.name)


def rotate(engine: Engine, store: Store, told: ProgressCallback) -> RotationResult:
    """Put all rows and all objects under the newest key. Other processes read and write meanwhile."""
    done = RotationResult()
    for place in encrypted_tables():
        for _pass in range(PASSES):
            before = done.rows
            _walk(engine, place, done, told)
            if done.rows == before:
                break
    for number, digest in enumerate(store.digests(), start=1):
        try:
            done.objects += store.reseal(digest)
        except FileMissing as no:  # swept away meanwhile, or damaged
            if no.code == "file-damaged":
                done.unopened.append(f"blobs {digest}")
        if number % 100 == 0:
            told("blobs", number)
    done.unopened = sorted(set(done.unopened))
    return done


def _walk(engine: Engine, place: EncryptedTable, done: RotationResult, told: ProgressCallback) -> None:
    """Once over a table, from the first row to the last."""
    last: tuple[Any, ...] | None = None
    while True:
        with side_connection(engine) as connection:
            rows = _stale_rows(connection, place, last)
            for row in rows:
                done.rows += _renewed(connection, place, row, done)
        if not rows:
            return
        last = tuple(rows[-1][: len(place.keys)])
        told(place.name, done.rows)


def _stale_rows(connection: Connection, place: EncryptedTable, last: tuple[Any, ...] | None) -> Sequence[Any]:
    """The next slice of rows under an older key. A row somebody else holds is left for the next pass: nobody waits for us."""
    asked = select(*place.keys, *place.secrets).where(_under_another(place, keyring.newest)).order_by(*place.keys)
    if last is not None:
        asked = asked.where(tuple_(*place.keys) > tuple_(*last))
    return connection.execute(asked.limit(SLICE).with_for_update(skip_locked=True, key_share=True)).all()


def _under_another(place: EncryptedTable, kid: int) -> Any:
    return or_(*(func.substr(one, 1, 1, type_=LargeBinary()) != bytes([kid]) for one in place.secrets))


def _renewed(connection: Connection, place: EncryptedTable, row: Sequence[Any], done: RotationResult) -> int:
    """One row, each of its secrets anew, provided the row still holds what was read. 1 if it was written."""
    fresh, read = {}, [key == value for key, value in zip(place.keys, row, strict=False)]
    for number, (one, purpose) in enumerate(zip(place.secrets, place.purposes, strict=True)):
        sealed = row[len(place.keys) + number]
        if sealed is None or sealed[0] == keyring.newest:
            continue
        try:
            fresh[one.name] = keyring.seal_bytes(keyring.open_bytes(bytes(sealed), purpose), purpose)
            read.append(one == bytes(sealed))
        except UNOPENED:
            done.unopened.append(place.row(row, number))
    if not fresh:
        return 0
    return int(connection.execute(update(place.table).where(*read).values(fresh)).rowcount)


# --- may a key go? ----------------------------------------------------------------------------------------------


def key_usage(engine: Engine, store: Store) -> dict[int | None, int]:
    """How much lies under which key: rows and objects; under None what lies open."""
    found: dict[int | None, int] = {}
    with side_connection(engine, for_reading=True) as connection:
        for place in encrypted_tables():
            for one in place.secrets:
                first = func.substr(one, 1, 1, type_=LargeBinary())
                for head, count in connection.execute(select(first, func.count()).where(one.is_not(None)).group_by(first)):
                    found[bytes(head)[0]] = found.get(bytes(head)[0], 0) + count
    for digest in store.digests():
        kid = store.key_of(digest)
        found[kid] = found.get(kid, 0) + 1
    return found


# --- do the secrets stand where they were put? --------------------------------------------------------------------


def misplaced_secrets(engine: Engine) -> Iterator[str]:
    """Every secret that does not open in its place, and every one that its index does not know: put there by another hand."""
    for place in encrypted_tables():
        with side_connection(engine, for_reading=True) as connection:
            for row in _all_rows(connection, place):
                yield from _faults_of(place, row)


def _all_rows(connection: Connection, place: EncryptedTable) -> Iterator[Sequence[Any]]:
    asked = select(*place.keys, *place.secrets, *(one.column for one in place.indexes)).order_by(*place.keys)
    yield from connection.execute(asked, execution_options={"yield_per": SLICE})


def _faults_of(place: EncryptedTable, row: Sequence[Any]) -> Iterator[str]:
    opened: dict[int, str] = {}
    for number, purpose in enumerate(place.purposes):
        sealed = row[len(place.keys) + number]
        try:
            if sealed is not None:
                opened[number] = keyring.open(bytes(sealed), purpose)
        except UNOPENED:
            yield f"{place.row(row, number)}: does not open. It was changed, or moved here from another column."
    for at, index in enumerate(place.indexes, start=len(place.keys) + len(place.secrets)):
        if index.number in opened and row[at] != index.of(opened[index.number], keyring):
            yield f"{place.row(row, index.number)}: is not what its index was made of. It belongs to another row."


# --- another key for the index ------------------------------------------------------------------------------------


def reindex(engine: Engine, ring: Keyring) -> int:
    """Make every fingerprint anew with the keys of ``ring``, all of them in one transaction. How many rows."""
    count = 0
    with side_connection(engine) as connection:
        for place in filter(lambda one: one.indexes, encrypted_tables()):
            for row in list(_all_rows(connection, place)):
                secrets = row[len(place.keys) :]
                fresh = {
                    one.column.name: one.of(ring.open(bytes(sealed), place.purposes[one.number]), ring)
                    for one in place.indexes
                    if (sealed := secrets[one.number]) is not None
                }
                if fresh:
                    here = (key == value for key, value in zip(place.keys, row, strict=False))
                    connection.execute(update(place.table).where(*here).values(fresh))
                    count += 1
    return count
