"""Exam notices: publishing, amending and withdrawing them (R44–R47).

Saving publishes. What is changed afterwards stays on record and is shown; a new date or place is told to all who signed up.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach, region_prefix
from app.core.clock import office_day, office_time
from app.core.errors import NotFound, Refusal, Unmet
from app.core.office import Office
from app.core.redaction import disclosure_refusals
from app.core.vocabulary import CURRENT_CATEGORIES, Category, NoticeEventKind, NoticeState, SignupState
from app.exams.locking import SEATED, as_exam_clerk, lock_notice
from app.exams.messages import tell_all_of
from app.exams.notice_states import must_hold
from app.models import ExamNotice, ExamNoticeEvent, ExamSignup, Region, SheetImport
from app.outbox.sms_texts import EXAM_CHANGED, in_province_language

_LENGTHS = {"title": 120, "number": 60, "exam_time": 60, "place": 200, "contact": 120}
PUBLISHED = {
    "title": _("Notice title"),
    "number": _("Document number"),
    "exam_time": _("Exam time"),
    "place": _("Place"),
    "contact": _("Contact details"),
    "body": _("Text"),
}
FIELDS = {  # what readers see, in the order of the notice
    **PUBLISHED,
    "categories": _("Personnel category"),
    "signup_start": _("Sign-up begins"),
    "signup_end": _("Sign-up ends"),
    "exam_on": _("Exam on"),
    "quota": _("Number of places"),
    "pass_mark": _("Pass mark"),
}
TOLD = ("signup_start", "signup_end", "exam_on", "exam_time", "place")  # those who signed up are told of a change at once
_STORED = (
    ExamNotice.id,
    ExamNotice.region_code,
    ExamNotice.state,
    ExamNotice.scores_imported_at,
    ExamNotice.scores_submitted_at,
    *(getattr(ExamNotice, field) for field in FIELDS),
)


def publish(session: Session, notice: ExamNotice, actor: Actor, *, at: datetime) -> ExamNotice:
    """Save and so publish a new notice (R47). A notice without a region gets the clerk's own.

    Raises ``Unmet`` with every fault at its field.
    """
    clerk = as_exam_clerk(actor)
    notice.region_code = notice.region_code or clerk.region
    with session.no_autoflush:
        faults = [*_faults(session, notice, clerk), *_is_over_already(notice, at)]
    if faults:
        raise Unmet(faults)
    notice.published_at, notice.published_by, notice.state = at, actor.name[:64], NoticeState.PUBLISHED
    session.add(notice)
    session.flush()
    return notice


def amend(session: Session, notice: ExamNotice, actor: Actor, *, at: datetime, office: Office) -> ExamNotice:
    """Save a changed notice: the new values are in ``notice``, not yet flushed. The change is recorded, see ``TOLD``.

    Raises ``NotFound`` if the notice as stored is out of reach, ``Unmet`` with every fault at its field: then roll back.
    """
    clerk = as_exam_clerk(actor)
    with session.no_autoflush:
        query = select(*_STORED).where(ExamNotice.id == notice.id, reach(clerk, ExamNotice))
        stored = session.execute(query.with_for_update(key_share=True)).one_or_none()
        if stored is None:
            raise NotFound
        must_hold(stored)
        faults = [*_faults(session, notice, clerk), *_takes_back(session, notice, stored)]
        if notice.signup_end != stored.signup_end:
            faults += _is_over_already(notice, at)
    if faults:
        raise Unmet(faults)
    session.flush()
    _record_change(session, notice, stored, actor, at, office)
    return notice


def _record_change(session: Session, notice: ExamNotice, stored: Any, actor: Actor, at: datetime, office: Office) -> None:
    """An event with the values before and after; of the text only that it changed."""
    changes = {
        field: ["", ""] if field == "body" else [_plain(getattr(stored, field)), _plain(getattr(notice, field))]
        for field in FIELDS
        if _comparable(getattr(stored, field)) != _comparable(getattr(notice, field))
    }
    if not changes:
        return
    kind = NoticeEventKind.CHANGED
    session.add(ExamNoticeEvent(notice_id=notice.id, kind=kind, at=at, by=actor.name[:130], reason="", changes=changes))
    session.flush()
    told = [
        f"{in_province_language(FIELDS[field])}：{changes[field][0] or '—'} → {changes[field][1] or '—'}"
        for field in TOLD
        if field in changes
    ]
    if told and notice.state is NoticeState.PUBLISHED:  # a recalled one is told of when it is published again
        tell_all_of(session, notice, EXAM_CHANGED, at, office, notice_id=notice.id, changes="；".join(told))


def _comparable(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list | tuple) else value or ""


def _plain(value: Any) -> str:
    """A value as the event stores it and the message says it, in office time."""
    if isinstance(value, datetime):
        return f"{office_time(value):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, list | tuple):
        return "、".join(term.value for term in value)
    return "" if value is None else str(value)


def withdraw(session: Session, notice_id: int, actor: Actor) -> None:
    """Delete a notice that nobody has signed up for; with sign-ups it stays, and may be amended."""
    notice = lock_notice(session, notice_id, as_exam_clerk(actor))
    count = session.scalar(select(func.count()).where(ExamSignup.notice_id == notice_id))
    if count:
        raise Unmet.because(
            Refusal(
                "notice-in-use",
                _("%(n)s sign-ups belong to this notice, so it can no longer be deleted. Change it instead.", n=count),
            )
        )
    session.execute(delete(SheetImport).where(SheetImport.notice_id == notice_id))  # that wrote nothing: nobody has signed up
    session.delete(notice)
    session.flush()


# --- what a notice must contain; ``Any``, because a form may leave columns empty --------


def _faults(session: Session, notice: Any, clerk: Actor) -> Iterator[Refusal]:
    if not (notice.title or "").strip():
        yield Refusal("title-missing", _("Please enter a title."), "title")
    for field, most in _LENGTHS.items():
        if len(getattr(notice, field) or "") > most:
            yield Refusal("too-long", _("At most %(n)s characters fit in here.", n=most), field)
    yield from disclosure_refusals({field: (label, getattr(notice, field) or "") for field, label in PUBLISHED.items()})
    yield from _category_faults(notice)
    yield from _date_faults(notice)
    if notice.quota is not None and notice.quota < 1:
        yield Refusal("bad-quota", _("The number of places must be 1 or more; leave it empty for no limit."), "quota")
    if notice.pass_mark is None or not 0 <= notice.pass_mark <= 100:
        yield Refusal("bad-pass-mark", _("The pass mark must lie between 0 and 100."), "pass_mark")
    yield from _region_faults(session, notice, clerk)


def _category_faults(notice: Any) -> Iterator[Refusal]:
    chosen = notice.categories or ()
    if not chosen:
        yield Refusal("category-missing", _("Please choose at least one category."), "categories")
    elif not set(chosen) <= set(CURRENT_CATEGORIES):
        yield Refusal("category-not-current", _("Exams are held for A, B, C1, C2 and C3 only."), "categories")


def _date_faults(notice: Any) -> Iterator[Refusal]:
    if notice.signup_start is None:
        yield Refusal("signup-start-missing", _("Please enter when sign-up begins."), "signup_start")
    if notice.signup_end is None:
        yield Refusal("signup-end-missing", _("Please enter when sign-up ends."), "signup_end")
    if notice.exam_on is None:
        yield Refusal("exam-day-missing", _("Please enter the day of the exam."), "exam_on")
    if notice.signup_start and notice.signup_end and notice.signup_end <= notice.signup_start:
        yield Refusal("signup-order", _("Sign-up must end after it begins."), "signup_end")
    if notice.signup_end and notice.exam_on and notice.exam_on <= office_day(notice.signup_end):
        yield Refusal("exam-too-early", _("The exam must be on a day after the end of sign-up."), "exam_on")


def _is_over_already(notice: Any, at: datetime) -> list[Refusal]:
    """The end of sign-up is in the past."""
    if notice.signup_end is None or notice.signup_end > at:
        return []
    sentence = _("The end of sign-up lies in the past (now: %(now)s).", now=f"{office_time(at):%Y-%m-%d %H:%M}")
    return [Refusal("signup-over", sentence, "signup_end")]


def _region_faults(session: Session, notice: Any, clerk: Actor) -> Iterator[Refusal]:
    code = notice.region_code or ""
    if not clerk.region or not code.startswith(region_prefix(clerk.region)):
        yield Refusal("region-out-of-reach", _("Notices can be published for your own area only."), "region_code")
    elif session.get(Region, code) is None:
        yield Refusal("region-unknown", _("There is no region with this code."), "region_code")


# --- what can no longer be changed -----------------------------------------------------------------


def _takes_back(session: Session, notice: ExamNotice, stored: Any) -> Iterator[Refusal]:
    signed = session.execute(
        select(ExamSignup.category, ExamSignup.state, func.count())
        .where(ExamSignup.notice_id == stored.id)
        .group_by(ExamSignup.category, ExamSignup.state)
    ).all()
    yield from _strands_people(notice, stored, [(category, state, n) for category, state, n in signed])
    if stored.scores_imported_at or stored.scores_submitted_at:
        imported = _("This can no longer be changed: scores have been imported.")
        yield from _moves(notice, stored, ("exam_on", "pass_mark"), imported)
    if stored.scores_submitted_at:
        final = ("categories", "signup_start", "signup_end", "quota", "region_code")
        yield from _moves(notice, stored, final, _("This can no longer be changed: the scores are final."))


def _strands_people(notice: ExamNotice, stored: Any, signed: list[tuple[Category, SignupState, int]]) -> Iterator[Refusal]:
    lost = {category for category, _state, _n in signed} - set(notice.categories or ())
    if lost:
        names = "、".join(category.value for category in Category if category in lost)
        yield Refusal(
            "category-in-use", _("People have signed up for %(names)s; it must stay on offer.", names=names), "categories"
        )
    seated = sum(n for _category, state, n in signed if state in SEATED)
    if notice.quota is not None and 0 < notice.quota < seated:
        yield Refusal("quota-taken", _("%(n)s places are taken already; the number cannot be lower.", n=seated), "quota")
    if signed:
        yield from _moves(notice, stored, ("region_code",), _("This can no longer be changed: people have signed up."))


def _moves(notice: ExamNotice, stored: Any, fields: tuple[str, ...], sentence: object) -> Iterator[Refusal]:
    """A refusal for each changed field; categories are compared without order."""
    for field in fields:
        new, old = getattr(notice, field), getattr(stored, field)
        if (set(new or ()) != set(old)) if field == "categories" else new != old:
            yield Refusal("fixed", sentence, field)
