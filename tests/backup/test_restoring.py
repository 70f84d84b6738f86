"""Restoring: one moment of database and files, or nothing that would start; and the audit log goes on."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.backup import rehearsal, repository, restoring
from app.backup.last_backup import last_backup, record
from app.backup.restoring import CannotRestore, RestorePlace
from app.certificates.pdf import render_jobs
from app.core.crypto import backup_cipher
from app.core.crypto.backup_cipher import BackupDamaged, BadBackupKey
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.office import Office
from app.core.settings import RESTORING, BadSetting, Keys, make_keys
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.audit import checkpoints
from app.db.session import read_only
from app.models import AuditEntry, CertificateVersion, NumberSequence, Parameter, Person
from tests import make
from tests.backup.contents import contents
from tests.backup.test_making import with_files
from tests.conftest import KEYS

LATER = make.NOON + timedelta(days=1)


def restore(installation, identities, place: RestorePlace, backup=None, **options):
    backup = backup or repository.find(installation.target)
    return restoring.restore(installation.target, backup, identities, place, by="anguan restore", at=LATER, **options)


def draw_certificates(session: Session, settings, store) -> None:
    versions = list(session.scalars(select(CertificateVersion.id).order_by(CertificateVersion.id).limit(3)))
    seal = EmbeddedSeal(settings.seals)
    drawn = render_jobs.render_versions(session, store, versions, Office(demonstration=True), seal, at=make.NOON)
    render_jobs.record_results(session, drawn)
    session.commit()


def test_everything_is_there_again_and_a_rehearsal_finds_nothing(demo, installation, identities, empty_place, store):
    draw_certificates(demo, installation.settings, store)
    before = contents(installation.settings.database_url, installation.settings.home)
    assert len(before["files"]) > 100
    backup = installation.back_up()
    place = empty_place()
    restored = restore(installation, identities, place)
    after = contents(place.database_url, place.home)
    assert after["log"][:-1] == before["log"]  # the restore itself is the last line
    assert {**after, "log": before["log"]} == before
    checks = list(rehearsal.examine(restored, place.home, place.database_url, [], at=make.NOON))
    assert {check.what: check.faults for check in checks if check.faults} == {}
    assert all(check.count for check in checks)
    assert {check.what: check.count for check in checks}["files, each compared with its digest"] == backup.files
    keys = Keys.load((place.home / "keys.json").read_text())
    assert replace(keys, session="") == replace(KEYS, session="")
    assert keys.session != KEYS.session, "whoever was signed in at that moment would be signed in again"
    assert not place.staging.exists()
    assert sorted(path.name for path in (place.home / "seal").iterdir()) == sorted(
        path.name for path in installation.settings.seals.iterdir()
    )


def test_a_rehearsal_names_what_is_wrong(session, installation, identities, empty_place, store):
    with_files(session, store, "no picture at all", "and lost")
    lost = session.scalars(select(Person)).all()
    session.commit()
    assert lost
    store.path(with_files(session, store, "lost")[0].digest).unlink()
    installation.back_up()
    place = empty_place()
    restored = restore(installation, identities, place)
    counts = {**restored.expected.counts, "person": 99}
    restored = replace(restored, expected=replace(restored.expected, counts=counts))
    engine = create_engine(place.database_url)
    with Session(engine) as other:
        columns = 'at, actor, deed, "table", row, change, address'
        other.connection().exec_driver_sql(f"INSERT INTO entry ({columns}) SELECT {columns} FROM entry WHERE id = 1")  # noqa: S608
        other.commit()
    engine.dispose()
    found = {
        check.what: " ".join(check.faults)
        for check in rehearsal.examine(restored, place.home, place.database_url, [], at=LATER)
    }
    assert "person: 3 instead of 99 rows" in found["rows, compared table by table"]
    assert "1 files" in found["files, each compared with its digest"]
    assert "扫描件" in found["newest scans, opened"]
    assert "broken" in found["lines of the audit log, against its checkpoints"]


def test_an_older_database_with_newer_checkpoints_holds_again_and_may_be_pruned(
    session, installation, identities, empty_place, store
):
    with_files(session, store, "one")
    checkpoints.create(session, at=make.NOON)
    session.commit()
    backup = installation.back_up()
    heads = installation.settings.diary_heads
    for _line in range(30):
        audit.log(session, "李四", AuditAction.READ, Person, at=make.NOON)
    session.commit()
    lost = checkpoints.create(session, at=make.NOON)
    session.commit()
    checkpoints.publish(session, heads)
    place = replace(empty_place(), heads=heads)  # on another disk, so it has survived
    try:
        restored = restore(installation, identities, place, backup, skip_numbers=200)
        assert restored.resumption.last_known == lost.seq > restored.resumption.line
        engine = create_engine(place.database_url)
        found = checkpoints.verify(sessionmaker(engine), checkpoints.read_published(heads))
        assert found.broken is None
        assert [one.seq for one in found.restores] == [restored.resumption.line]
        with read_only(), Session(engine) as restored_session:
            told = restored_session.scalars(select(AuditEntry).where(AuditEntry.table == "restore")).one()
        assert told.change["backup"] == backup.name
        assert told.change["lost"] == [restored.resumption.line + 1, lost.seq]
        assert told.change["numbers_left_out"] == 200
        engine.dispose()
    finally:
        heads.unlink()


def test_checkpoints_of_a_key_that_came_after_the_backup_are_to_be_moved_aside(
    session, installation, identities, empty_place
):
    """Told before anything is fetched: they would be called forged for ever."""
    session.commit()
    installation.back_up()
    place = empty_place()
    place.heads.write_text('{"first": 1, "seq": 5, "hash": "aa", "at": "2026-03-02", "kid": "NEWK", "signature": "s"}\n')
    with pytest.raises(CannotRestore, match="NEWK"):
        restore(installation, identities, place)
    assert not (place.home / "keys.json").exists()
    newer = checkpoints.read_published(place.heads)
    place.heads.unlink()
    restored = restore(installation, identities, place, known=newer)  # as a rehearsal does beside the running system
    assert restored.resumption.last_known == restored.resumption.line


def test_numbers_that_may_have_been_given_are_left_out_when_asked(session, installation, identities, empty_place):
    session.add(NumberSequence(key="湘建安A(2026)", last=41))
    session.commit()
    installation.back_up()
    for skip in (0, 200):
        place = empty_place()
        restore(installation, identities, place, skip_numbers=skip)
        engine = create_engine(place.database_url)
        with read_only(), Session(engine) as other:
            assert other.scalars(select(NumberSequence.last)).all() == [41 + skip]
        engine.dispose()


def test_only_an_empty_place_of_the_same_kind_takes_a_backup(session, installation, identities, empty_place, system):
    session.commit()
    backup = installation.back_up()
    place = empty_place()
    other = "sqlite:////nowhere/anguan.db" if system.kind == "postgresql" else "postgresql+psycopg://nobody@localhost/x"
    for wrong, told in (
        (replace(place, home=installation.settings.home), "holds keys already"),
        (replace(place, database_url=installation.settings.database_url), "not empty"),
        (replace(place, database_url=other), "anguan move"),
    ):
        with pytest.raises(CannotRestore, match=told):
            restore(installation, identities, wrong)
    with pytest.raises(CannotRestore, match="newer version"):
        restore(installation, identities, place, replace(backup, revision="9999"))
    assert list(place.home.iterdir()) == []


def test_a_damaged_backup_leaves_nothing_that_would_start(session, installation, identities, empty_place, store):
    digest = with_files(session, store, "one")[0].digest
    backup = installation.back_up()
    stranger = backup_cipher.identities_of(backup_cipher.make_key()[0].encode())
    place = empty_place()
    with pytest.raises(BadBackupKey):
        restore(installation, stranger, place)
    stored = installation.target.folder / repository.object_place(digest)
    other = backup_cipher.encrypt(b"another scan", backup_cipher.recipients_of(installation.settings.backup_keys))
    whole = stored.read_bytes()
    stored.write_bytes(other)  # by somebody who knows the public key
    with pytest.raises(BackupDamaged, match="another one"):
        restore(installation, identities, place)
    stored.write_bytes(whole)
    archive = installation.target.folder / repository.archive_place(backup.name)
    for path in (stored, archive):
        whole = path.read_bytes()
        for spoiled in (whole[:-20], whole[:-30] + b"x" + whole[-29:]):
            path.write_bytes(spoiled)
            with pytest.raises(BackupDamaged):
                restore(installation, identities, place)
            assert not (place.home / "keys.json").exists()
        path.write_bytes(whole)
    with pytest.raises(BackupDamaged, match="not the one of its statement"):
        restore(installation, identities, empty_place(), replace(backup, sha256="0" * 64))
    with pytest.raises(BadSetting, match="anguan restore"):
        make_keys(place.home)
    restore(installation, identities, place)
    assert contents(place.database_url, place.home)["files"].keys() == {digest}


def test_a_restore_that_was_broken_off_is_begun_again(session, installation, identities, empty_place, store):
    with_files(session, store, "one", "two", "three")
    installation.back_up()
    before, place = contents(installation.settings.database_url, installation.settings.home), empty_place()

    def dies_at(last: int):
        def progress(number: int) -> None:
            if number == last:
                raise KeyboardInterrupt

        return progress

    for last in (1, 2, 3):
        with suppress(KeyboardInterrupt):
            restore(installation, identities, place, progress=dies_at(last))
        assert (place.home / RESTORING).exists()
        assert not (place.home / "keys.json").exists()
    restore(installation, identities, place)
    assert contents(place.database_url, place.home)["files"] == before["files"]


def test_the_last_backup_is_known_to_every_machine_and_forgotten_by_a_restored_one(
    session, installation, identities, empty_place
):
    assert last_backup(session) is None
    session.commit()
    for day in (0, 1):
        made = installation.back_up(make.NOON + timedelta(days=day))
        record(session, made, by="tests", at=make.NOON)
        session.commit()
        assert last_backup(session) == made
    assert len(session.scalars(select(Parameter)).all()) == 1
