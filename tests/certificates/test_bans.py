"""The ban of a revocation where it is felt: at sign-up, its review, filing and acceptance; and what does not take it away."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app import exams
from app.accounts.people_import import ROSTER_COLUMNS, RosterCheck
from app.core.clock import add_years
from app.core.errors import Unmet
from app.core.office import Office
from app.core.vocabulary import (
    Action,
    Category,
    ImportKind,
    MatterKind,
    MeasureGround,
    ReplacementReason,
    Role,
    SignupState,
    State,
)
from app.files.spreadsheets import read_lines, write
from app.models import Person
from app.workflow import carry_out
from tests import make, measures
from tests.applications.sheet_imports.conftest import means, take  # noqa: F401
from tests.applications.sheet_imports.sheets import row
from tests.workflow_fixture import INCOMING, Firm

BANNED = "该人员在禁止申报期内，至2027年止（令17号第二十七条）"

DAY, OFFICE = timedelta(days=1), Office()
UNTIL = add_years(make.TODAY, 3)


@pytest.fixture
def firm(session):
    return Firm(session)


@pytest.fixture
def banned(firm, session):
    """Somebody whose certificate A was revoked for deceit today."""
    person = firm.person(name="李雷")
    certificate = make.certificate(person, category=Category.A)
    session.add(certificate)
    session.commit()
    measures.impose(session, certificate, measures.REVOKED, ground=MeasureGround.DECEIT)
    return person


def sentence(refusals) -> str:
    return " ".join(str(refusal.sentence) for refusal in refusals if refusal.code == "banned")


def names_day_and_ground(refusals) -> bool:
    return f"{UNTIL}" in sentence(refusals) and str(MeasureGround.DECEIT) in sentence(refusals)


def do(session, application, action, actor, on):
    at = make.NOON + (on - make.TODAY)
    planned = carry_out(session, [application.id], action, actor, at=at, office=OFFICE)
    session.commit()
    return planned.refused.get(application.id, ())


def notice_on(session, on):
    at = make.NOON + (on - make.TODAY)
    notice = make.notice(signup_start=at - DAY, signup_end=at + DAY, published_at=at - DAY, exam_on=on + 30 * DAY)
    session.add(notice)
    session.commit()
    return notice, at


@pytest.mark.parametrize(("on", "open_"), [(make.TODAY, False), (UNTIL - DAY, False), (UNTIL, True)])
def test_sign_up_is_refused_until_the_day_with_day_and_ground(session, firm, banned, on, open_):
    (notice, at), clerk = notice_on(session, on), make.clerk(firm.enterprise)
    (candidate,) = exams.candidates(session, notice.id, clerk, at=at, office=OFFICE).candidates
    assert (candidate.bars == ()) is open_
    if open_:
        exams.select(session, notice.id, [(banned.id, Category.C1)], clerk, at=at, office=OFFICE)
        return
    assert names_day_and_ground(candidate.bars)
    with pytest.raises(Unmet) as refused:
        exams.select(session, notice.id, [(banned.id, Category.C1)], clerk, at=at, office=OFFICE)
    assert names_day_and_ground(refused.value.refusals)


def test_who_was_banned_after_signing_up_is_neither_submitted_nor_admitted(session, firm, banned):
    (notice, at), clerk = notice_on(session, make.TODAY), make.clerk(firm.enterprise)
    selected = make.signup(notice, banned)
    sent = make.signup(notice, banned, category=Category.B, state=SignupState.SUBMITTED)
    session.add_all([selected, sent])
    session.commit()
    outcome = exams.submit(session, [selected.id], clerk, at=at, office=OFFICE)
    assert names_day_and_ground(outcome.refused[selected.id])
    examiner = make.officer(Role.EXAM_CLERK)
    outcome = exams.review(session, [sent.id], True, examiner, at=at, office=Office())
    assert names_day_and_ground(outcome.refused[sent.id])
    assert exams.review(session, [sent.id], False, examiner, reason=BANNED, at=at, office=Office()).moved == [sent.id]


@pytest.mark.parametrize(("on", "open_"), [(make.TODAY, False), (UNTIL - DAY, False), (UNTIL, True)])
def test_a_new_application_is_refused_until_the_day_with_day_and_ground(session, firm, banned, on, open_):
    application = make.application(banned, category=Category.C1)
    session.add_all([application, make.exam_pass(banned, passed_on=on)])
    session.commit()
    refusals = do(session, application, Action.SUBMIT, make.clerk(firm.enterprise), on)
    assert (refusals == ()) is open_, refusals
    assert open_ or names_day_and_ground(refusals)


@pytest.mark.parametrize(("years", "on", "open_"), [(3, make.TODAY, False), (1, add_years(make.TODAY, 1), True)])
def test_a_transfer_from_another_province_is_refused_as_well(session, firm, years, on, open_):
    person = firm.person()
    certificate = make.certificate(person, category=Category.A)
    session.add(certificate)
    session.commit()
    ground = MeasureGround.DECEIT if years == 3 else MeasureGround.CONCEALMENT
    measures.impose(session, certificate, measures.REVOKED, ground=ground)
    details = {**INCOMING, "first_issued_on": f"{on - 90 * DAY}", "valid_to": f"{on + 900 * DAY}"}
    reason = ReplacementReason.FROM_OTHER_PROVINCE.value
    application = make.application(person, matter=MatterKind.REPLACEMENT, reason_code=reason, details=details)
    session.add(application)
    session.commit()
    refusals = do(session, application, Action.SUBMIT, make.clerk(firm.enterprise), on)
    assert ("banned" in {refusal.code for refusal in refusals}) is not open_
    assert open_ or names_day_and_ground(refusals)


def test_who_was_banned_after_filing_is_not_accepted_and_can_be_declined(session, firm):
    application = firm.application(category=Category.C1)
    assert do(session, application, Action.SUBMIT, make.clerk(firm.enterprise), make.TODAY) == ()
    certificate = make.certificate(application.person, category=Category.A)
    session.add(certificate)
    session.commit()
    measures.impose(session, certificate, measures.REVOKED, ground=MeasureGround.DECEIT)
    officer = make.officer(Role.ACCEPTANCE_OFFICER)
    assert names_day_and_ground(do(session, application, Action.ACCEPT, officer, make.TODAY))
    carry_out(session, [application.id], Action.DECLINE, officer, reason=BANNED, at=make.NOON, office=OFFICE)
    assert application.state is State.NOT_ACCEPTED


def ban_of(session, person_id) -> tuple[date, MeasureGround]:
    session.rollback()
    found = session.execute(select(Person.banned_until, Person.banned_for).where(Person.id == person_id)).one()
    session.rollback()
    return tuple(found)


def test_an_import_of_people_does_not_erase_it(session, firm, banned):
    person_id = banned.id
    line = {"name": "李雷", "id_number": banned.id_number, "education": "本科", "position": "安全员"}
    data = write(ROSTER_COLUMNS, [line], sheet_title="人员")
    lines, roster = list(read_lines(data, ROSTER_COLUMNS).lines), RosterCheck(firm.enterprise.id, make.TODAY, Office())
    roster.write(session, [row for row in roster.check(session, lines) if row.given])
    session.commit()
    assert ban_of(session, person_id) == (UNTIL, MeasureGround.DECEIT)


@pytest.mark.parametrize("kind", [ImportKind.PASSES, ImportKind.CERTIFICATES], ids=lambda kind: kind.value)
def test_an_import_from_the_old_system_does_not_erase_it(session, firm, banned, means, kind):  # noqa: F811
    person_id, number = banned.id, banned.id_number
    home = {"enterprise": firm.enterprise.name, "uscc": firm.enterprise.uscc}
    session.rollback()
    take(means, kind, row(kind, name="李雷", id_number=number, **home))
    assert ban_of(session, person_id) == (UNTIL, MeasureGround.DECEIT)
    assert len(session.scalars(select(Person)).all()) == 1


def test_moving_to_another_enterprise_does_not_erase_it(session, banned):
    person_id = banned.id
    banned.enterprise_id = None
    session.commit()
    assert ban_of(session, person_id) == (UNTIL, MeasureGround.DECEIT)
