"""报名回执: what an enterprise has submitted for an exam, as the system recorded it."""

from collections.abc import Sequence

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import joinedload

from app.accounts.access import reach
from app.certificates.pdf.letters import Form
from app.core.errors import NotFound
from app.core.identifiers import mask_id
from app.core.vocabulary import SignupState
from app.db.session import db
from app.models import ExamNotice, ExamSignup
from app.web import request_context
from app.web.base import text_of
from app.web.base.printed_forms import as_text, drawn, head, in_chinese

TITLE = _("Receipt of sign-ups")


def receipt_of(notice_id: int) -> tuple[str, bytes]:
    """File name and PDF. Raises ``NotFound`` if the enterprise has submitted nobody for this exam."""
    with_names = joinedload(ExamSignup.person), joinedload(ExamSignup.notice)
    query = select(ExamSignup).where(*_submitted(notice_id)).options(*with_names).order_by(ExamSignup.id)
    signups = db.session.scalars(query).all()
    if not signups:
        raise NotFound
    return f"{in_chinese(TITLE)}.pdf", drawn(_form, signups[0].notice, signups)


def has_receipt(notice_id: int) -> bool:
    return bool(db.session.scalar(select(exists().where(*_submitted(notice_id)))))


def _submitted(notice_id: int) -> tuple[ColumnElement[bool], ...]:
    mine = reach(request_context.current_actor(), ExamSignup)
    submitted = ExamSignup.submitted_at.is_not(None), ExamSignup.state != SignupState.SELECTED
    return (ExamSignup.notice_id == notice_id, mine, *submitted)


def _form(notice: ExamNotice, signups: Sequence[ExamSignup]) -> Form:
    exam = (
        (gettext("Exam notice"), notice.title),
        (gettext("Number of the notice"), notice.number),
        (gettext("Exam on"), notice.exam_on),
        (gettext("Exam place"), notice.place),
        (gettext("Enterprise"), signups[0].enterprise.name),
        (gettext("Receipt printed at"), request_context.office_now()),
    )
    people = [(one.person.name, _line(one)) for one in signups]
    return Form(
        **head(TITLE, "", request_context.current_office()),
        tables=((gettext("Exam"), as_text(exam)),),
        wide=((gettext("Submitted: %(n)s people", n=len(signups)), as_text(people)),),
    )


def _line(signup: ExamSignup) -> str:
    about = (signup.number, mask_id(signup.person.id_number), signup.category, signup.state, signup.submitted_at)
    return " · ".join(text_of(part) for part in about)
