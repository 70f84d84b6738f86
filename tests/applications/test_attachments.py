from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.applications.attachments import attach, current, discard, may_open
from app.core.errors import AppError, NotFound, Stale
from app.core.vocabulary import PaperKind, Role
from app.files.folder_store import FolderStore
from app.files.inspect import FileRefused
from app.files.storage import keep_scan
from app.models import Paper, Person
from tests import make
from tests.at_once import at_once


@pytest.fixture
def person(session):
    person = make.person(make.enterprise())
    session.add(person)
    session.commit()
    return person


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "blobs")


def picture(shade="#336699", size=(600, 800)):
    out = BytesIO()
    Image.new("RGB", size, shade).save(out, "JPEG")
    return out.getvalue()


def hand_in(session, store, owner, kind, office, data=None, name="扫描.jpg", actor=None):
    clerk = actor or make.clerk(owner.enterprise)
    scan = keep_scan(store, data or picture(), name, photo=kind is PaperKind.PHOTO, office=office)
    return attach(session, owner, kind, scan, clerk, at=make.NOON)


def test_a_scan_is_kept_under_its_digest_with_its_chinese_name(session, store, person, office):
    paper = hand_in(session, store, person, PaperKind.ID_CARD, office, name="身份证正面.jpg")
    session.commit()
    assert paper.filename == "身份证正面.jpg"
    assert store.verify(paper.digest)


def test_a_new_scan_replaces_the_old_one_and_keeps_it(session, store, person, office):
    old = hand_in(session, store, person, PaperKind.ID_CARD, office)
    new = hand_in(session, store, person, PaperKind.ID_CARD, office, picture("#ff0000"))
    session.commit()
    assert current(session, person)[PaperKind.ID_CARD].id == new.id
    session.refresh(old)
    assert old.replaced_at == make.NOON
    assert store.has(old.digest)


def test_a_file_that_is_not_what_its_name_says_leaves_nothing(session, store, person, office):
    with pytest.raises(FileRefused):
        hand_in(session, store, person, PaperKind.PHOTO, office, b"<html>", "photo.jpg")
    session.rollback()
    assert session.scalar(select(func.count(Paper.id))) == 0


def test_papers_belong_where_they_belong(session, store, person, office):
    with pytest.raises(AppError) as error:
        hand_in(session, store, person, PaperKind.PLEDGE, office)
    assert error.value.code == "wrong-paper"


def test_nobody_hands_in_for_another_enterprise_s_person(session, store, person, office):
    other = make.enterprise(name="别家")
    session.add(other)
    session.commit()
    with pytest.raises(NotFound):
        hand_in(session, store, person, PaperKind.PHOTO, office, actor=make.clerk(other))


def test_who_may_open_a_paper(session, store, person, office):
    paper = hand_in(session, store, person, PaperKind.ID_CARD, office)
    other = make.enterprise(name="别家")
    session.add(other)
    session.commit()
    assert may_open(session, paper.id, make.clerk(person.enterprise))
    assert may_open(session, paper.id, make.officer(Role.REVIEWER))
    for reader in (
        make.clerk(other),
        make.officer(Role.VIEWER),
        make.officer(Role.ADMIN),
        make.officer(Role.REVIEWER, region="430200"),
    ):
        with pytest.raises(NotFound):
            may_open(session, paper.id, reader)


def test_a_discarded_scan_no_longer_counts(session, store, person, office):
    paper = hand_in(session, store, person, PaperKind.ID_CARD, office)
    discard(session, paper.id, make.clerk(person.enterprise), at=make.NOON)
    session.commit()
    assert current(session, person) == {}
    with pytest.raises(NotFound):
        discard(session, paper.id, make.clerk(person.enterprise), at=make.NOON)


def test_two_uploads_at_once_leave_one_current_scan(session, store, person, office, system):
    clerk = make.clerk(person.enterprise)
    session.rollback()

    def upload(shade: str) -> str:
        scan = keep_scan(store, picture(shade, (413, 579)), "照片.jpg", photo=True, office=office)
        with Session(system.engine) as mine:
            try:
                attach(mine, mine.get(Person, person.id), PaperKind.PHOTO, scan, clerk, at=make.NOON)
                mine.commit()
                return "kept"
            except Stale:
                mine.rollback()
                return "stale"

    assert "kept" in at_once(upload, ("#112233", "#445566"))
    assert session.scalar(select(func.count(Paper.id)).where(Paper.replaced_at.is_(None))) == 1
