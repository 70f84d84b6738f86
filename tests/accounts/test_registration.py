"""企业注册: one enterprise for one credit code, also concurrently; no take-over; the administrator's decision."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import registration as account_registration
from app.accounts.registration import decide, register, resubmit
from app.core.clock import now
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import Registration, Role
from app.db.session import db
from app.models import Account, Enterprise, Message
from app.web.auth.sign_in import objections
from tests import make
from tests.accounts.registration_steps import ADMIN, LICENCE, MOBILE, count, request_for
from tests.at_once import at_once

pytest_plugins = ("tests.accounts.registration_steps",)  # its fixtures


# --- registering ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN], ids=lambda role: role.value)
def test_only_the_system_administrator_decides(session, pending, role):
    with pytest.raises(NotAllowed):
        decide(session, pending.enterprise_id, True, "", make.officer(role), at=make.NOON, office=Office())


def test_registration_creates_enterprise_and_account_without_access(session, pending):
    enterprise = session.get_one(Enterprise, pending.enterprise_id)
    assert (enterprise.registration, enterprise.registered_at) == (Registration.PENDING, make.NOON)
    assert [role.name for role in pending.roles] == ["enterprise_clerk"]
    assert [refusal.code for refusal in objections(pending)] == ["registration-pending"]
    assert "2026-03-02" in str(next(iter(objections(pending))).sentence)


@pytest.mark.parametrize("registration", Registration, ids=lambda one: one.value)
def test_registered_enterprise_is_not_taken_over(app, session, registration):
    existing = make.enterprise(registration=registration, contact_mobile="13900000000")
    session.add(existing)
    session.commit()
    with pytest.raises(Unmet) as error:
        register(session, request_for(existing.uscc, name="别的名字"), LICENCE, username="thief", at=make.NOON)
    session.rollback()
    assert [refusal.field for refusal in error.value.refusals] == ["uscc"]
    session.refresh(existing)
    assert (existing.name, existing.contact_mobile) == ("湖南湘江建设有限公司", "13900000000")
    assert count(session, Account) == 0


def test_fifty_concurrent_registrations_of_one_code_create_one(app, session):
    code, names = make.uscc(78), ("Xinye", "ＸＩＮＹＥ", "xinye", "XinYe", "ｘinye")
    session.rollback()

    def attempt(n: int) -> str:
        with app.app_context(), Session(db.engine) as own:
            try:
                register(own, request_for(code), LICENCE, username=names[n % 5], at=now())
                own.commit()
            except AppError as error:
                return error.refusals[0].code
        return "made"

    ends = at_once(attempt, range(50))
    assert ends.count("made") == 1
    assert set(ends) <= {"made", "registration-pending", "username-taken", "overtaken"}
    assert (count(session, Enterprise), count(session, Account)) == (1, 1)


def test_concurrent_registrations_of_one_user_name_create_one(app, session):
    session.rollback()

    def attempt(n: int) -> bool:
        with app.app_context(), Session(db.engine) as own:
            try:
                register(own, request_for(make.uscc(80 + n)), LICENCE, username="xinye", at=now())
                own.commit()
            except AppError:
                return False
        return True

    assert sum(at_once(attempt, range(8))) == 1
    assert (count(session, Enterprise), count(session, Account)) == (1, 1)


# --- the decision ----------------------------------------------------------------------------------------
def test_decision_is_sent_by_text_message_and_made_once(session, pending):
    number = pending.enterprise_id
    with pytest.raises(AppError, match="reason"):
        decide(session, number, False, "  ", ADMIN, at=make.NOON, office=Office())
    session.rollback()
    decide(session, number, False, "执照不清晰", ADMIN, at=make.NOON, office=Office())
    session.commit()
    message = session.scalars(select(Message)).one()
    assert (message.mobile, "执照不清晰" in message.text) == (MOBILE, True)
    assert "执照不清晰" in str(next(iter(objections(session.get_one(Account, pending.id)))).sentence)
    with pytest.raises(Stale):
        decide(session, number, True, "", ADMIN, at=make.NOON, office=Office())


def test_rejected_registration_is_corrected_by_its_own_account_only(session, pending):
    other = make.account(session, "other", Role.ENTERPRISE_CLERK, enterprise=make.enterprise())
    with pytest.raises(Unmet):  # still waiting
        resubmit(session, request_for(), LICENCE, pending, at=make.NOON)
    decide(session, pending.enterprise_id, False, "更正名称", ADMIN, at=make.NOON, office=Office())
    session.commit()
    with pytest.raises(NotFound):
        resubmit(session, request_for(name="偷换"), LICENCE, other, at=make.NOON)
    resubmit(session, request_for(name="湖南新业建工有限公司"), LICENCE, pending, at=make.NOON)
    session.commit()
    enterprise = session.get_one(Enterprise, pending.enterprise_id)
    assert (enterprise.name, enterprise.registration, enterprise.registration_note) == (
        "湖南新业建工有限公司", Registration.PENDING, "",
    )  # fmt: skip
    decide(session, enterprise.id, True, "", ADMIN, at=make.NOON, office=Office())
    session.commit()
    assert list(objections(session.get_one(Account, pending.id))) == []


def test_same_name_is_counted_in_both_bracket_widths(session, pending):
    other = make.enterprise(name="湖南新业（长沙）有限公司")
    session.add(other)
    pending.enterprise.name = "湖南新业(长沙)有限公司"
    session.flush()
    assert account_registration.same_name_counts(session, pending.enterprise) == (1, 0)
