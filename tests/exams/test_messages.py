"""Text messages about sign-ups."""

from sqlalchemy import select

from app.core.office import Office
from app.exams.messages import tell, tell_all_of
from app.models import Message
from app.outbox.sms_texts import EXAM_CANCELLED, EXAM_REPUBLISHED
from tests import make
from tests.exams.conftest import ADMITTED, SUBMITTED
from tests.make import NOON


def sent(session):
    return [(message.mobile, message.text) for message in session.scalars(select(Message).order_by(Message.id))]


def test_each_enterprise_gets_one_message_with_its_own_number_of_people(session, notice, signups, people):
    signups(SUBMITTED, 2)
    other = make.enterprise(name="湖南另一建设有限公司", contact_mobile="13900000009")
    session.add(other)
    session.flush()
    session.add(make.signup(notice, people(employer=other)[0], state=ADMITTED))
    session.commit()
    tell_all_of(session, notice, EXAM_CANCELLED, NOON, Office(), reason="考点停电")
    texts = dict(sent(session))
    assert len(texts) == 2
    assert "湖南另一建设有限公司" in texts["13900000009"]
    assert all("考点停电" in text and notice.title in text for text in texts.values())


def test_nobody_is_told_of_an_exam_without_sign_ups(session, notice):
    tell_all_of(session, notice, EXAM_REPUBLISHED, NOON, Office(), day="2026-01-01", place="长沙")
    assert sent(session) == []


def test_an_enterprise_without_a_telephone_number_is_left_out(session, enterprise):
    enterprise.contact_mobile = None
    session.commit()
    tell(session, EXAM_CANCELLED, {enterprise.id: {"exam": "考试", "n": 1, "reason": "停电"}}, NOON, Office())
    assert sent(session) == []
