"""Each step of an import of the old system."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.applications import sheet_imports
from app.applications.sheet_imports import rows
from app.core.office import Office
from app.core.vocabulary import Role
from app.files.folder_store import FolderStore
from app.models import SheetImport
from tests import make
from tests.applications.sheet_imports.sheets import sheet

ADMIN = make.officer(Role.ADMIN)
OPEN: list[Session] = []


def let_go() -> None:
    """SQLite has one writer: so the test's own session must be closed while the code writes."""
    OPEN[-1].rollback()


@pytest.fixture
def means(system, session, tmp_path) -> sheet_imports.ImportContext:
    OPEN.append(session)
    store = FolderStore(tmp_path / "blobs")
    sessions = sessionmaker(system.engine, expire_on_commit=False)
    return sheet_imports.ImportContext(sessions, store, lambda _done, _all: None, Office())


def hand_in(means, kind, data, *, at=make.NOON, actor=ADMIN, about=None) -> int:
    let_go()
    stored = sheet_imports.keep(means.store, data, "旧数据.xlsx")
    with means.sessions.begin() as session:
        course = sheet_imports.receive(session, kind, stored, actor, at=at, office=Office(), about=about)
    sheet_imports.check(means, course.id, at=at)
    return course.id


def confirm(means, import_id, *, at=make.NOON, actor=ADMIN) -> None:
    let_go()
    with means.sessions.begin() as session:
        digest = session.get_one(SheetImport, import_id).shown
        sheet_imports.confirm(session, import_id, digest, actor, at=at)


def take(means, kind, *rows, data=b"", at=make.NOON, actor=ADMIN, about=None) -> int:
    import_id = hand_in(means, kind, data or sheet(kind, *rows), at=at, actor=actor, about=about)
    confirm(means, import_id, at=at, actor=actor)
    sheet_imports.take_over(means, import_id, at=at)
    return import_id


def undo(means, import_id, *, actor=ADMIN) -> SheetImport:
    """The import afterwards."""
    let_go()
    with means.sessions.begin() as session:
        sheet_imports.ask_undo(session, import_id, actor, at=make.NOON)
    for _time in range(2):  # a job may run twice
        sheet_imports.undo(means, import_id, at=make.NOON)
    return course(means, import_id)


def course(means, import_id) -> SheetImport:
    let_go()
    with means.sessions() as session:
        return session.get_one(SheetImport, import_id)


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
