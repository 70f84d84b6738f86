"""Re-encryption of rows and stored files under the newest key, while the system is in use.

Every encrypted column declared in the tables is found without a list. A killed rotation continues where it stopped, because
each ciphertext begins with its key id. A row is written only if it still holds what was read.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext
from sqlalchemy import Column as StoredColumn
from sqlalchemy import Engine, LargeBinary, Table, column, func, or_, select, table, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from app.core.crypto.encryption import DECRYPTION_ERRORS, Keyring, keyring
from app.db import tables
from app.db.session import BlindIndex, Encrypted, EncryptedRecord, side_connection
from app.files.storage import FileMissing, Store

TABLES = tables.parties.Person.metadata
SLICE = 500  # rows in one transaction
PASSES = 5  # over a table, for rows that were locked or written under the old key meanwhile

ProgressCallback = Callable[[str, int], None]  # name of the table, number done


@dataclass(slots=True)
class RotationResult:
    """What a rotation re-encrypted, and what it could not decrypt."""

    rows: int = 0
    objects: int = 0
    unopened: list[str] = field(default_factory=list)  # table, row and column


@dataclass(frozen=True, slots=True)
class SecretIndex:
    """A blind index column, its purpose, and the encrypted column it is made from."""

    column: Any
    purpose: str
    number: int  # position of that column in ``EncryptedTable.secrets``
    part: str = ""  # field of an encrypted record; empty: the whole text

    def of(self, text: str, ring: Keyring) -> str | None:
        """None where the record has no such field."""
        if not self.part:
            return ring.digest(text, self.purpose)
        field = json.loads(text).get(self.part)
        return None if field is None else ring.digest(str(field), self.purpose)


@dataclass(frozen=True, slots=True)
class EncryptedTable:
    """A table with encrypted columns, as plain columns: values are not encrypted or decrypted on the way."""

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
    """Every table with an encrypted column."""
    found = []
    for stored in TABLES.sorted_tables:
        secrets = [one for one in stored.columns if isinstance(one.type, Encrypted | EncryptedRecord)]
        if secrets:
            found.append(_encrypted_table(stored, secrets))
    return found


def _encrypted_table(stored: Table, secrets: Sequence[StoredColumn[Any]]) -> EncryptedTable:
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
    """Of the encrypted column with the same purpose, or else of the field with that name in the encrypted record."""
    if purpose in purposes:
        return SecretIndex(plain, purpose, purposes.index(purpose))
    record = next(number for number, one in enumerate(secrets) if isinstance(one.type, EncryptedRecord))
    return SecretIndex(plain, purpose, record, plain.name)


def rotate(engine: Engine, store: Store, progress: ProgressCallback) -> RotationResult:
    """Re-encrypt all rows and stored files under the newest key. Other processes may read and write meanwhile."""
    done = RotationResult()
    for stored in encrypted_tables():
        for _pass in range(PASSES):
            before = done.rows
            _rotate_table(engine, stored, done, progress)
            if done.rows == before:
                break
    for number, digest in enumerate(store.digests(), start=1):
        try:
            done.objects += store.reencrypt(digest)
        except FileMissing as error:  # removed meanwhile, or damaged
            if error.code == "file-damaged":
                done.unopened.append(f"blobs {digest}")
        if number % 100 == 0:
            progress("blobs", number)
    done.unopened = sorted(set(done.unopened))
    return done


def _rotate_table(engine: Engine, stored: EncryptedTable, done: RotationResult, progress: ProgressCallback) -> None:
    """One pass over a table."""
    last: tuple[Any, ...] | None = None
    while True:
        with side_connection(engine) as connection:
            rows = _stale_rows(connection, stored, last)
            for row in rows:
                done.rows += _reencrypt(connection, stored, row, done)
        if not rows:
            return
        last = tuple(rows[-1][: len(stored.keys)])
        progress(stored.name, done.rows)


def _stale_rows(connection: Connection, stored: EncryptedTable, last: tuple[Any, ...] | None) -> Sequence[Any]:
    """The next slice of rows under an older key, locked. Rows locked by others are left for the next pass."""
    query = select(*stored.keys, *stored.secrets).where(_under_older_key(stored, keyring.newest)).order_by(*stored.keys)
    if last is not None:
        query = query.where(tuple_(*stored.keys) > tuple_(*last))
    return connection.execute(query.limit(SLICE).with_for_update(skip_locked=True, key_share=True)).all()


def _under_older_key(stored: EncryptedTable, kid: int) -> Any:
    return or_(*(func.substr(one, 1, 1, type_=LargeBinary()) != bytes([kid]) for one in stored.secrets))


def _reencrypt(connection: Connection, stored: EncryptedTable, row: Sequence[Any], done: RotationResult) -> int:
    """Re-encrypt a row if it still holds what was read. 1 if it was written, else 0."""
    fresh, read = {}, [key == value for key, value in zip(stored.keys, row, strict=False)]
    for number, (one, purpose) in enumerate(zip(stored.secrets, stored.purposes, strict=True)):
        sealed = row[len(stored.keys) + number]
        if sealed is None or sealed[0] == keyring.newest:
            continue
        try:
            fresh[one.name] = keyring.encrypt_bytes(keyring.decrypt_bytes(bytes(sealed), purpose), purpose)
            read.append(one == bytes(sealed))
        except DECRYPTION_ERRORS:
            done.unopened.append(stored.row(row, number))
    if not fresh:
        return 0
    return int(connection.execute(update(stored.table).where(*read).values(fresh)).rowcount)


def key_usage(engine: Engine, store: Store) -> dict[int | None, int]:
    """Number of values and stored files by key id; None counts unencrypted files."""
    found: dict[int | None, int] = {}
    with side_connection(engine, for_reading=True) as connection:
        for stored in encrypted_tables():
            for one in stored.secrets:
                first = func.substr(one, 1, 1, type_=LargeBinary())
                for head, count in connection.execute(select(first, func.count()).where(one.is_not(None)).group_by(first)):
                    found[bytes(head)[0]] = found.get(bytes(head)[0], 0) + count
    for digest in store.digests():
        kid = store.key_of(digest)
        found[kid] = found.get(kid, 0) + 1
    return found


def misplaced_secrets(engine: Engine) -> Iterator[str]:
    """Every encrypted value that does not decrypt in its column, or does not match its blind index, as a sentence."""
    for stored in encrypted_tables():
        with side_connection(engine, for_reading=True) as connection:
            for row in _all_rows(connection, stored):
                yield from _faults_in_row(stored, row)


def opens_newest(connection: Connection) -> bool | None:
    """Whether the keys open the newest secret of some table; None while the database holds none at all."""
    tried = False
    for stored in encrypted_tables():
        newest = select(*stored.secrets).order_by(*(key.desc() for key in stored.keys)).limit(1)
        for sealed, purpose in zip(connection.execute(newest).first() or (), stored.purposes, strict=False):
            if sealed is not None:
                tried = True
                with suppress(*DECRYPTION_ERRORS):
                    keyring.decrypt(bytes(sealed), purpose)
                    return True
    return False if tried else None


def _all_rows(connection: Connection, stored: EncryptedTable) -> Iterator[Sequence[Any]]:
    query = select(*stored.keys, *stored.secrets, *(one.column for one in stored.indexes)).order_by(*stored.keys)
    yield from connection.execute(query, execution_options={"yield_per": SLICE})


def _faults_in_row(stored: EncryptedTable, row: Sequence[Any]) -> Iterator[str]:
    opened: dict[int, str] = {}
    for number, purpose in enumerate(stored.purposes):
        sealed = row[len(stored.keys) + number]
        try:
            if sealed is not None:
                opened[number] = keyring.decrypt(bytes(sealed), purpose)
        except DECRYPTION_ERRORS:
            yield gettext(
                "%(row)s: cannot be decrypted. It was changed, or moved here from another column.",
                row=stored.row(row, number),
            )
    for at, index in enumerate(stored.indexes, start=len(stored.keys) + len(stored.secrets)):
        if index.number in opened and row[at] != index.of(opened[index.number], keyring):
            yield gettext(
                "%(row)s: does not match its blind index. It belongs to another row.", row=stored.row(row, index.number)
            )


def reindex(engine: Engine, ring: Keyring) -> int:
    """Recompute every blind index with the keys of ``ring`` in one transaction; returns the number of rows."""
    count = 0
    with side_connection(engine) as connection:
        for stored in filter(lambda one: one.indexes, encrypted_tables()):
            for row in list(_all_rows(connection, stored)):
                secrets = row[len(stored.keys) :]
                fresh = {
                    one.column.name: one.of(ring.decrypt(bytes(sealed), stored.purposes[one.number]), ring)
                    for one in stored.indexes
                    if (sealed := secrets[one.number]) is not None
                }
                if fresh:
                    here = (key == value for key, value in zip(stored.keys, row, strict=False))
                    connection.execute(update(stored.table).where(*here).values(fresh))
                    count += 1
    return count
