"""First passwords: handed out once, stored as hashes."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.applications import legacy_import, sheet_imports
from app.core.errors import Stale
from app.files.spreadsheets import Column, read
from app.models import Account
from tests import make
from tests.applications.sheet_imports.conftest import ADMIN, course, let_go, take
from tests.applications.sheet_imports.sheets import ACCOUNTS, OTHER, USCC, row

SECOND = timedelta(seconds=1)


def fresh_words():
    for n in range(100):
        yield f"Word-{n}", f"hash-{n}"


def fetch(means, import_id) -> list[dict]:
    let_go()
    with means.sessions.begin() as session:
        data, digest = legacy_import.read_passwords(session, means.store, import_id, ADMIN)
        legacy_import.take_passwords(session, import_id, digest, ADMIN, at=make.NOON)
    return [one.values for one in read(data, [Column("username", "User name"), Column("word", "One-time password")]).rows]


def test_first_passwords_are_handed_out_once_and_stored_as_hashes(session, means, app):
    import_id, words = take(means, ACCOUNTS, row(ACCOUNTS), row(ACCOUNTS, uscc=OTHER, enterprise="乙公司")), fresh_words()
    with pytest.raises(Stale):
        fetch(means, import_id)
    legacy_import.make_passwords(means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND)
    legacy_import.make_passwords(
        means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND
    )  # the job, twice
    handed = {one["username"]: one["word"] for one in fetch(means, import_id)}
    assert sorted(handed.values()) == ["Word-0", "Word-1"]
    stored = dict(session.execute(select(Account.username, Account.password)).all())
    assert {name: word.replace("Word", "hash") for name, word in handed.items()} == stored
    session.rollback()
    with pytest.raises(Stale):
        fetch(means, import_id)


def test_who_has_signed_in_or_chosen_a_password_is_left_out(session, means, app):
    import_id, words = take(means, ACCOUNTS, row(ACCOUNTS), row(ACCOUNTS, uscc=OTHER, enterprise="乙公司")), fresh_words()
    account = session.scalars(select(Account).where(Account.username == USCC.lower())).one()
    account.password, account.must_change_password = "own", False
    session.commit()
    assert legacy_import.without_password(session, import_id) == 1
    session.rollback()
    legacy_import.make_passwords(means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND)
    assert [one["username"] for one in fetch(means, import_id)] == [OTHER.lower()]
    assert session.scalar(select(Account.password).where(Account.username == USCC.lower())) == "own"


def test_passwords_that_nobody_fetched_expire_within_a_day(session, means, app):
    import_id, words = take(means, ACCOUNTS, row(ACCOUNTS)), fresh_words()
    legacy_import.make_passwords(means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND)
    digest = course(means, import_id).passwords_object
    assert not means.store.path(digest).read_bytes().startswith(b"PK")
    assert means.store.read(digest).startswith(b"PK")
    with means.sessions.begin() as other:
        sheet_imports.expire(other, at=make.NOON + timedelta(days=2))
    with pytest.raises(Stale):
        fetch(means, import_id)
