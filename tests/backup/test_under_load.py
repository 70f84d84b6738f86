"""Backups one after the other while people file and retention removes: each is one whole moment."""

from datetime import timedelta
from itertools import count
from threading import Event, Thread

import pytest
from sqlalchemy import create_engine, delete, select
from sqlalchemy.orm import Session, sessionmaker

from app.backup import restoring
from app.db.audit import checkpoints
from app.files.folder_store import FolderStore
from app.files.storage import MIN_ORPHAN_AGE, Store
from app.models import Paper
from tests import make
from tests.backup.contents import contents
from tests.backup.test_making import with_files

BACKUPS, OLD_FILES, WRITERS, PAUSE = 8, 200, 3, 0.2  # seconds


class Office:
    """Threads that file papers and sign the audit log; one removes old papers, the row first and then the file."""

    def __init__(self, installation, old: list[tuple[int, str]]) -> None:
        self.installation, self.old, self.over = installation, old, Event()
        self.filed, self.removed, self.faults = count(), 0, list[Exception]()
        works = [self.file] * WRITERS + [self.remove]
        self.threads = [Thread(target=self.run, args=(work,)) for work in works]

    def run(self, work) -> None:
        engine, store = create_engine(self.installation.engine.url), FolderStore(self.installation.settings.blobs)
        try:
            while not self.over.wait(PAUSE):
                with Session(engine) as session:
                    work(session, store)
        except Exception as fault:  # noqa: BLE001 - the test asks for it
            self.faults.append(fault)
        engine.dispose()

    def file(self, session: Session, store: Store) -> None:
        number = next(self.filed)
        with_files(session, store, f"filed {number}", f"with {number}")
        if number % 10 == 0:
            checkpoints.create(session, at=make.NOON)
            session.commit()

    def remove(self, session: Session, store: Store) -> None:
        if self.old:
            number, digest = self.old.pop()
            session.execute(delete(Paper).where(Paper.id == number))
            session.commit()
            assert store.remove(digest, make.NOON + timedelta(days=5000))
            self.removed += 1

    def __enter__(self) -> "Office":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.proof
def test_every_backup_under_load_is_one_whole_moment(session, installation, identities, empty_place, store):
    assert timedelta(hours=24) <= MIN_ORPHAN_AGE  # what the removals here imitate: old files only
    papers = with_files(session, store, *(f"old {n}" for n in range(OLD_FILES)))
    old, sizes = [(paper.id, paper.digest) for paper in papers], []
    session.commit()
    with Office(installation, old) as office:
        for day in range(BACKUPS):
            backup = installation.back_up(make.NOON + timedelta(days=day))
            assert backup.missing == 0
            place = empty_place()
            restored = restoring.restore(
                installation.target, backup, identities, place, by="proof", at=make.NOON + timedelta(days=day)
            )
            assert restored.expected == restored.found
            sizes.append(len(contents(place.database_url, place.home)["files"]))
            engine = create_engine(place.database_url)
            assert checkpoints.verify(sessionmaker(engine), checkpoints.read_published(place.heads)).broken is None
            engine.dispose()
    assert office.faults == []
    assert office.removed > BACKUPS
    assert len(set(sizes)) > BACKUPS / 2, "the office stood still"
    assert session.scalars(select(Paper.id)).all()
