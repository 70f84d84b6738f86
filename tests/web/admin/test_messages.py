"""The list of text messages."""

from sqlalchemy import select

from app.core.vocabulary import MessageState
from app.models import AuditEntry, Message
from tests import make


def test_a_failed_message_is_sent_again_by_post_only(admin, session):
    message = Message(mobile="13800000000", text="短信", state=MessageState.FAILED, due_at=make.NOON, tries=8, fault="x")
    session.add(message)
    session.commit()
    assert admin.get(f"/messages/again/{message.id}").status_code == 405
    admin.post(f"/messages/again/{message.id}")
    session.refresh(message)
    assert (message.state, message.tries) == (MessageState.QUEUED, 0)
    assert session.scalars(select(AuditEntry).where(AuditEntry.table == "message")).one().actor
