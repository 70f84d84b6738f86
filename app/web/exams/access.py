"""Notices and sign-up counts within the reader's access scope, and the notice filter of the query bar."""

from collections.abc import Iterator

from flask import request
from sqlalchemy import ColumnElement, exists, func, or_, select

from app.accounts.access import reach
from app.core.vocabulary import NoticeEventKind, SignupState
from app.db.session import db
from app.exams.locking import notice_in_reach
from app.models import ExamNotice, ExamNoticeEvent, ExamSignup
from app.web import request_context
from app.web.base.datamodel import as_id
from app.web.base.query import Box

MOST_NOTICES = 50  # in the filter: about four years of exams

SignupCounts = dict[SignupState, int]


def notice_of(notice_id: int) -> ExamNotice:
    """As ``notice_in_reach``, for the reader."""
    return notice_in_reach(db.session(), notice_id, request_context.current_actor())


def counts_of(notice_ids: list[int]) -> dict[int, SignupCounts]:
    """Sign-ups within scope by state, for each notice; one query."""
    found: dict[int, SignupCounts] = {notice_id: {} for notice_id in notice_ids}
    rows = db.session.execute(
        select(ExamSignup.notice_id, ExamSignup.state, func.count())
        .where(ExamSignup.notice_id.in_(notice_ids), reach(request_context.current_actor(), ExamSignup))
        .group_by(ExamSignup.notice_id, ExamSignup.state)
    )
    for notice_id, state, count in rows:
        found[notice_id][state] = count
    return found


def changed_among(notice_ids: list[int]) -> set[int]:
    """Those that were changed after they were published; one query."""
    changed = (ExamNoticeEvent.notice_id.in_(notice_ids), ExamNoticeEvent.kind == NoticeEventKind.CHANGED)
    return set(db.session.scalars(select(ExamNoticeEvent.notice_id).where(*changed)))


class NoticeOptions:
    """Iterable of ``(id, title)``: the notices the reader has sign-ups for, newest first; queried on each iteration."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        asked = request.args.get("notice", "")
        is_asked = ExamNotice.id == (as_id(asked) or 0)
        mine = exists().where(ExamSignup.notice_id == ExamNotice.id, reach(request_context.current_actor(), ExamSignup))
        query = select(ExamNotice.id, ExamNotice.title).where(or_(mine, is_asked))
        newest = query.order_by(is_asked.desc(), ExamNotice.published_at.desc(), ExamNotice.id.desc()).limit(MOST_NOTICES)
        return ((str(notice_id), title) for notice_id, title in db.session.execute(newest))


def _of_notice(text: str) -> ColumnElement[bool] | None:
    notice_id = as_id(text)
    return ExamSignup.notice_id == notice_id if notice_id else None


def notice_box(label: object) -> Box:
    """The filter by notice, for lists of sign-ups."""
    return Box("notice", label, "select", _of_notice, options=NoticeOptions())
