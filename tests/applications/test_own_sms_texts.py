"""The office's own wording of text messages: what is sent, what is refused, what is logged."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.applications import own_sms_texts
from app.applications.office_settings import office_of
from app.applications.own_sms_texts import EXAMPLES, change, example, faults, text_of, texts
from app.core.errors import NotAllowed, NotFound, Unmet
from app.core.office import Office
from app.core.sign_in_vocabulary import ChallengeKind
from app.core.vocabulary import Action, AuditAction, Category, MatterKind, Role
from app.models import AuditEntry, Parameter
from app.outbox.sms_texts import CODES, EXPIRING_ONE, NAMED, decision_message, system_message
from tests import make

ADMIN = make.officer(Role.ADMIN)
ONE = "reminder.expiring_one"


def sent(session) -> str:
    values = {"enterprise": "某公司", "number": "湘建安A1", "names": "张三", "day": "2026-12-31"}
    return system_message(EXPIRING_ONE, "13800000000", office_of(session, Office()), **values).text


def test_every_text_has_a_name_that_fits_and_an_example_for_every_value(session):
    assert len(set(map(id, NAMED.values()))) == len(NAMED)
    for name, one in texts(session).items():
        assert len(f"sms:{name}") <= 40
        assert set(one.placeholders) <= EXAMPLES.keys(), name
        assert list(faults(one, one.default)) == [], name
        text, parts = example(one.default, Office())
        assert "%(" not in text
        assert 1 <= parts <= 4, name


def test_an_own_wording_is_sent_logged_and_taken_back(session):
    default = sent(session)
    own = "%(names)s的证书%(number)s将于%(day)s到期，请尽快办理延期。"
    assert change(session, ONE, f"  {own} ", ADMIN, seen="", at=make.NOON)
    session.commit()
    assert sent(session).endswith("张三的证书湘建安A1将于2026-12-31到期，请尽快办理延期。")
    assert not change(session, ONE, own, ADMIN, seen=own, at=make.NOON)
    with pytest.raises(Unmet):
        change(session, ONE, "别的%(day)s", ADMIN, seen="", at=make.NOON)  # another has worded it since the page was shown
    assert change(session, ONE, "", ADMIN, seen=own, at=make.NOON)
    session.commit()
    assert sent(session) == default
    assert session.scalars(select(Parameter)).all() == []
    deed = (AuditEntry.deed == AuditAction.CHANGE, AuditEntry.table == "parameter", AuditEntry.row == f"sms:{ONE}")
    there, back = session.scalars(select(AuditEntry).where(*deed).order_by(AuditEntry.id))
    assert there.change["value"] == [text_of(session, ONE).default, own]
    assert back.change["value"] == [own, text_of(session, ONE).default]


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # SQLite has one writer
def test_of_two_who_word_one_text_the_second_is_told_also_if_he_read_it_before(session, system):
    wordings = [f"{who}%(day)s%(names)s%(number)s" for who in "甲乙丙"]
    assert change(session, ONE, wordings[0], ADMIN, seen="", at=make.NOON)
    session.commit()
    with Session(system.engine) as other:
        shown = text_of(other, ONE)  # stays in this session, as in the request that shows the form again
        assert change(session, ONE, wordings[1], ADMIN, seen=wordings[0], at=make.NOON)
        session.commit()
        with pytest.raises(Unmet):
            change(other, ONE, wordings[2], ADMIN, seen=shown.own, at=make.NOON)


def test_decisions_and_codes_use_the_own_wording_too():
    office = Office(sms_texts={"decision.accept": "%(person)s已受理", "code.sms_sign_in": "码%(code)s"})
    about = {"mobile": "1", "application_id": 1, "person": "张三", "matter": MatterKind.NEW, "category": Category.A}
    assert "张三已受理" in decision_message(Action.ACCEPT, **about, office=office).text
    assert "张三已受理" not in decision_message(Action.ENDORSE, **about, office=office).text
    assert system_message(CODES[ChallengeKind.SMS_SIGN_IN], "1", office, code="123456", minutes=5).text.endswith("码123456")


@pytest.mark.parametrize(
    ("name", "wording", "code"),
    [
        (ONE, "到期%(person)s", "placeholder-unknown"),
        (ONE, "100%", "per-cent"),
        (ONE, "%(day)d", "per-cent"),
        (ONE, "好" * (own_sms_texts.LONGEST + 1), "text-length"),
        (ONE, "请电13812345678", "number-in-text"),
        ("code.sms_sign_in", "%(minutes)s分钟内有效", "placeholder-missing"),
    ],
)
def test_what_could_not_be_sent_is_refused(session, name, wording, code):
    with pytest.raises(Unmet) as refused:
        change(session, name, wording, ADMIN, seen="", at=make.NOON)
    assert code in {refusal.code for refusal in refused.value.refusals} or code == "number-in-text"


def test_nobody_else_and_nothing_unknown(session):
    for role in set(Role) - {Role.ADMIN}:
        with pytest.raises(NotAllowed):
            change(session, ONE, "x", make.officer(role), seen="", at=make.NOON)
    with pytest.raises(NotFound):
        change(session, "no.such", "x", ADMIN, seen="", at=make.NOON)
