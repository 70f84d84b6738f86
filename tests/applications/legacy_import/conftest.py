"""Each step of an import of the old system."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.applications import legacy_import
from app.applications.legacy_import import rows
from app.core.office import Office
from app.core.vocabulary import Role
from app.files.folder_store import FolderStore
from app.models import LegacyImport
from tests import make
from tests.applications.legacy_import.sheets import sheet

ADMIN = make.officer(Role.ADMIN)
OPEN: list[Session] = []


def let_go() -> None:
    """SQLite has one writer: so the test's own session must be closed while the code writes."""
    OPEN[-1].rollback()


@pytest.fixture
def means(system, session, tmp_path) -> legacy_import.ImportContext:
    OPEN.append(session)
    store = FolderStore(tmp_path / "blobs")
    sessions = sessionmaker(system.engine, expire_on_commit=False)
    return legacy_import.ImportContext(sessions, store, lambda _done, _all: None, Office())


def hand_in(means, kind, data, *, at=make.NOON) -> int:
    let_go()
    with means.sessions.begin() as session:
        course = legacy_import.receive(session, means.store, kind, data, "旧数据.xlsx", ADMIN, at=at, office=Office())
    legacy_import.check(means, course.id, at=at)
    return course.id


def confirm(means, import_id, *, at=make.NOON) -> None:
    let_go()
    with means.sessions.begin() as session:
        digest = session.get_one(LegacyImport, import_id).shown
        legacy_import.confirm(session, import_id, digest, ADMIN, at=at)


def take(means, kind, *rows, data=b"", at=make.NOON) -> int:
    import_id = hand_in(means, kind, data or sheet(kind, *rows), at=at)
    confirm(means, import_id, at=at)
    legacy_import.take_over(means, import_id, at=at)
    return import_id


def course(means, import_id) -> LegacyImport:
    let_go()
    with means.sessions() as session:
        return session.get_one(LegacyImport, import_id)


def results(means, import_id) -> list[tuple[str, str]]:
    """Result and reason of each row."""
    let_go()
    with means.sessions() as session:
        kept = rows.slice_of(session, import_id, 0, 1_000)
    return [(str(one.outcome).removeprefix("Row "), "　".join(one.reasons)) for one in kept]


def outcomes(means, import_id) -> list[str]:
    return [result for result, _reason in results(means, import_id)]


def count(session, model) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found


def only(session, model):
    session.rollback()
    session.expire_all()
    return session.scalars(select(model)).one()
