"""Text messages to enterprises about their sign-ups: one to each enterprise, whatever number of people it concerns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.office import Office
from app.models import Enterprise, ExamNotice, ExamSignup
from app.outbox.sms import queue_messages
from app.outbox.sms_texts import system_message


def tell(
    session: Session, sentence: object, per_enterprise: Mapping[int, Mapping[str, Any]], at: datetime, office: Office
) -> None:
    """Queue the sentence with the values of each enterprise; those without a telephone number see it on their pages only."""
    query = select(Enterprise.id, Enterprise.name, Enterprise.contact_mobile).where(Enterprise.id.in_(per_enterprise))
    messages = [
        system_message(sentence, row.contact_mobile, office, enterprise=row.name, **per_enterprise[row.id])
        for row in session.execute(query.order_by(Enterprise.id))
        if row.contact_mobile
    ]
    queue_messages(session, messages, at=at)


def tell_all_of(session: Session, notice: ExamNotice, sentence: object, at: datetime, office: Office, **values: Any) -> None:
    """Tell every enterprise that has put people on the list of this exam, with their number."""
    counted = select(ExamSignup.enterprise_id, func.count()).where(ExamSignup.notice_id == notice.id)
    rows = session.execute(counted.group_by(ExamSignup.enterprise_id)).all()
    tell(session, sentence, {key: {"exam": notice.title, "n": n, **values} for key, n in rows}, at, office)
