"""Messages to enterprises about their sign-ups: one to each enterprise, whatever number of people it concerns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.office import Office
from app.core.vocabulary import NotificationKind
from app.models import Enterprise, ExamNotice, ExamSignup
from app.outbox import notifications
from app.outbox.sms_texts import Recipient, system_message


def tell(
    session: Session,
    sentence: object,
    per_enterprise: Mapping[int, Mapping[str, Any]],
    at: datetime,
    office: Office,
    *,
    notice_id: int | None = None,
    by_sms: bool = True,
) -> None:
    """Tell the sentence with the values of each enterprise. ``notice_id``: it is about the notice, not about its sign-ups."""
    query = select(Enterprise.id, Enterprise.name, Enterprise.contact_mobile).where(Enterprise.id.in_(per_enterprise))
    kind = NotificationKind.SIGNUP if notice_id is None else NotificationKind.EXAM
    messages = [
        system_message(
            sentence,
            row.contact_mobile if by_sms else None,
            office,
            Recipient(kind, notice_id, row.id),
            enterprise=row.name,
            **per_enterprise[row.id],
        )
        for row in session.execute(query.order_by(Enterprise.id))
    ]
    notifications.tell(session, messages, at=at)


def tell_all_of(
    session: Session,
    notice: ExamNotice,
    sentence: object,
    at: datetime,
    office: Office,
    *,
    notice_id: int | None = None,
    by_sms: bool = True,
    **values: Any,
) -> None:
    """Tell every enterprise that has put people on the list of this exam, with their number."""
    counted = select(ExamSignup.enterprise_id, func.count()).where(ExamSignup.notice_id == notice.id)
    rows = session.execute(counted.group_by(ExamSignup.enterprise_id)).all()
    named = {key: {"exam": notice.title, "n": n, **values} for key, n in rows}
    tell(session, sentence, named, at, office, notice_id=notice_id, by_sms=by_sms)
