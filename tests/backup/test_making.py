"""Making a backup while the system is in use: one moment of database and files, nothing twice, nothing half."""

import errno
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.backup import making, repository, restoring
from app.backup.targets import TargetFault
from app.core.crypto.backup_cipher import BadBackupKey
from app.core.crypto.encryption import keyring
from app.core.settings import write_keys
from app.files.folder_store import FolderStore
from app.files.storage import MIN_ORPHAN_AGE, Store
from app.models import Paper
from tests import make
from tests.backup.conftest import KillAt, Watched
from tests.backup.contents import contents
from tests.conftest import KEYS

DAY = timedelta(days=1)


def with_files(session: Session, store: Store, *texts: str) -> list[Paper]:
    """Papers of new people, each with a stored file of this text."""
    people = [make.person(make.enterprise()) for _text in texts]
    session.add_all(people)
    session.flush()
    papers = [make.paper(person_id=person.id, enterprise_id=person.enterprise_id) for person in people]
    for paper, text in zip(papers, texts, strict=True):
        paper.digest = store.put(text.encode())
    session.add_all(papers)
    session.commit()
    return papers


def restored(installation, identities, place, backup, **options):
    options = {"by": "tests", "at": make.NOON + DAY} | options
    restoring.restore(installation.target, backup, identities, place, **options)
    return contents(place.database_url, place.home)


def test_what_is_written_and_removed_meanwhile_leaves_one_moment(session, installation, identities, empty_place, store):
    """People are added before every write of the backup, and old files are removed; the worst moments are among them."""
    papers = with_files(session, store, *(f"old {n}" for n in range(12)))
    old, moments = [(paper.id, paper.digest) for paper in papers], []
    engine, settings = installation.engine, installation.settings

    def others(name: str) -> None:
        with Session(engine) as other:
            if old:
                number, digest = old.pop()  # as retention does: the row first, then its old file
                other.execute(delete(Paper).where(Paper.id == number))
                other.commit()
                store.path(digest).unlink()
            with_files(other, store, f"new {len(moments)}", f"also new {len(moments)}")
        moments.append((name, contents(settings.database_url, settings.home)))

    installation.target = Watched(installation.target.folder, others)
    backup = installation.back_up()
    assert backup.missing == 0
    assert any(name.startswith("archives/") for name, _held in moments)
    after = restored(installation, identities, empty_place(), backup)
    seen = [name for name, held in moments if all(held[what] == after[what] for what in ("people", "papers", "files"))]
    assert seen
    assert seen[-1].startswith("objects/")
    assert len(moments) > moments.index(next(one for one in moments if one[0] == seen[-1])) + 1, "nothing came afterwards"


def test_a_round_that_took_long_is_followed_by_another(session, installation, identities, empty_place, store):
    """Else a file that was seen first could be young no longer when the database is taken."""
    with_files(session, store, "first")
    moments = iter([make.NOON, make.NOON + making.SOON, *[make.NOON + making.SOON] * 10])
    assert making.SOON * 2 < MIN_ORPHAN_AGE
    added = []

    def others(name: str) -> None:
        if name.startswith("objects/") and not added:
            added.append(with_files(session, store, "second")[0].digest)

    target = Watched(installation.target.folder, others)
    arguments = (installation.settings, installation.engine, store, target)
    backup, _missing = making.make(*arguments, now=lambda: next(moments))
    assert backup.at == make.NOON + making.SOON
    assert repository.object_place(added[0]) in target.written


def test_a_second_backup_stores_only_what_is_new_and_a_lost_file_is_told(session, installation, store):
    papers = with_files(session, store, "one", "two")
    first = installation.back_up()
    target = installation.target = Watched(installation.target.folder, lambda _name: None)
    again = installation.back_up(make.NOON + DAY)
    assert (first.files, again.files, again.file_bytes) == (2, 2, 0)
    assert not [name for name in target.written if name.startswith("objects/")]
    third = with_files(session, store, "three")[0].digest
    store.path(third).unlink()
    backup, missing = making.make(installation.settings, installation.engine, store, target, now=lambda: make.NOON + 2 * DAY)
    assert (backup.missing, missing) == (1, {third})
    store.path(papers[0].digest).unlink()  # the place of the backups has it
    assert installation.back_up(make.NOON + 3 * DAY).missing == 1


def test_files_stored_before_a_rotation_of_keys_are_opened_with_the_keys_after_it(
    session, installation, identities, empty_place, store
):
    with_files(session, store, "under the old key")
    installation.back_up()
    later = replace(KEYS, data={2: b"e" * 32})
    try:
        keyring.unlock(later.index, {**KEYS.data, **later.data})
        [store.reencrypt(digest) for digest in store.digests()]
        session.execute(delete(Paper).where(Paper.digest == ""))
        write_keys(installation.settings.keys_file, later)
        keyring.unlock(*later.ring)
        place, backup = empty_place(), installation.back_up(make.NOON + DAY)
        restoring.restore(installation.target, backup, identities, place, by="tests", at=make.NOON + DAY)
        restored_store = FolderStore(place.home / "blobs")
        assert {restored_store.read(digest) for digest in restored_store.digests()} == {b"under the old key"}
    finally:
        keyring.unlock(*KEYS.ring)


def test_a_backup_that_dies_at_any_write_leaves_the_one_before_and_nothing_that_looks_whole(
    session, installation, identities, empty_place, store
):
    with_files(session, store, "one", "two")
    first = installation.back_up()
    before = contents(installation.settings.database_url, installation.settings.home)
    with_files(session, store, "three", "four")
    folder = installation.target.folder
    for pattern in ("objects/*", "archives/*.age", "archives/*.json"):
        installation.target = KillAt(folder, pattern)
        with pytest.raises(KeyboardInterrupt):
            installation.back_up(make.NOON + DAY)
        assert repository.backups(installation.target) == [first], pattern
    installation.target = KillAt(folder, "")
    installation.back_up(make.NOON + DAY)
    assert [one.name for one in repository.backups(installation.target)] == [first.name, repository.name_of(make.NOON + DAY)]
    assert not list((folder / "unfinished").iterdir())
    assert not list(installation.settings.home.glob("backup-*"))
    after = restored(installation, identities, empty_place(), first)
    assert after["files"] == before["files"]


def test_a_full_disk_ends_the_backup_with_its_reason(session, installation, store):
    with_files(session, store, "one")

    def full(name: str) -> None:
        if name.startswith("archives/"):
            raise OSError(errno.ENOSPC, "No space left on device")

    folder = installation.target.folder
    installation.target = Watched(folder, full)
    with pytest.raises(OSError, match="No space left"):
        installation.back_up()
    assert repository.backups(installation.target) == []
    installation.target = Watched(folder, lambda _name: None, full_after=10_000)
    with pytest.raises(OSError, match="No space left"):
        installation.back_up()
    assert repository.backups(installation.target) == []


def test_one_at_a_time_and_only_to_known_keepers(session, installation):
    session.commit()
    with installation.target.alone(), pytest.raises(TargetFault, match="already"):
        installation.back_up()
    for keys, told in ((), "No public key"), (("age1nonsense",), "none"):
        installation.settings = replace(installation.settings, backup_keys=keys)
        with pytest.raises(BadBackupKey, match=told):
            installation.back_up()


def test_the_backups_of_another_system_are_left_alone(session, installation):
    session.commit()
    installation.back_up()
    try:
        keyring.unlock(b"o" * 32, {1: b"d" * 32}, b"l" * 32)
        with pytest.raises(TargetFault, match="Another system"):
            installation.back_up(make.NOON + DAY)
        keyring.unlock(b"n" * 32, {2: b"e" * 32}, KEYS.index)  # after both kinds of keys were changed
        installation.back_up(make.NOON + DAY)
    finally:
        keyring.unlock(*KEYS.ring)


def test_nothing_readable_lies_in_the_place_of_the_backups(session, installation, store):
    papers = with_files(session, store, "a scan of 430102198506151234")
    installation.back_up()
    names = session.scalars(select(Paper.filename)).all()
    stored = b"".join(path.read_bytes() for path in installation.target.folder.rglob("*") if path.is_file())
    assert papers
    for text in ("430102198506151234", KEYS.session, "SQLite format", "PGDMP", *names):
        assert text.encode() not in stored
    assert {path.stat().st_mode & 0o077 for path in installation.target.folder.rglob("*")} == {0}
