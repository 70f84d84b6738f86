"""Attachments of notices."""

import pytest
from sqlalchemy import func, select

from app import exams
from app.applications.scan_retention import referenced_digests
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import NoticeState, Role
from app.exams.notice_files import MOST_FILES
from app.files.folder_store import FolderStore
from app.files.inspect import FileRefused
from app.models import ExamNoticeFile
from tests import make
from tests.exams.conftest import ACTING, CLERK, ZHUZHOU
from tests.hostile_files import pdf


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


def add(session, store, notice, actor=CLERK, data=None, name="考场安排.pdf"):
    return exams.add_file(session, store, notice.id, data or pdf(), name, actor, **ACTING)


def test_an_attachment_is_stored_named_and_kept_by_the_sweeper(session, store, notice):
    added = add(session, store, notice)
    assert (added.filename, added.mime, notice.files) == ("考场安排.pdf", "application/pdf", [added])
    assert store.read(added.digest)
    assert referenced_digests(session, [added.digest]) == {added.digest}


def test_removing_it_leaves_nothing(session, store, notice):
    added = add(session, store, notice)
    digest = added.digest
    exams.remove_file(session, notice.id, added.id, CLERK)
    assert session.scalar(select(func.count()).select_from(ExamNoticeFile)) == 0
    assert referenced_digests(session, [digest]) == set()


def test_what_is_no_document_is_refused(session, store, notice):
    with pytest.raises(FileRefused):
        add(session, store, notice, data=b"MZ\x90", name="x.pdf")


def test_there_are_not_too_many(session, store, notice):
    for _n in range(MOST_FILES):
        add(session, store, notice)
    with pytest.raises(Unmet):
        add(session, store, notice)


def test_a_cancelled_exam_keeps_its_attachments(session, store, notice):
    added = add(session, store, notice)
    notice.state = NoticeState.CANCELLED
    session.commit()
    for step in (lambda: add(session, store, notice), lambda: exams.remove_file(session, notice.id, added.id, CLERK)):
        with pytest.raises(AppError) as refused:
            step()
        assert refused.value.code == "exam-cancelled"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_nobody_else_attaches_or_removes(session, store, notice, role):
    added = add(session, store, notice)
    for step in (
        lambda: add(session, store, notice, make.officer(role)),
        lambda: exams.remove_file(session, notice.id, added.id, make.officer(role)),
    ):
        with pytest.raises(NotAllowed):
            step()


def test_a_clerk_of_another_area_and_another_notice_find_nothing(session, store, notice):
    added, other = add(session, store, notice), make.notice()
    session.add(other)
    session.commit()
    notice.region_code = "430100"
    session.commit()
    with pytest.raises(NotFound):
        add(session, store, notice, ZHUZHOU)
    for notice_id, file_id in ((other.id, added.id), (other.id, 0), (other.id, 2**40)):
        with pytest.raises(NotFound):
            exams.file_of(session, notice_id, file_id)
