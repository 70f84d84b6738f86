"""A sign-up is bound to the person that it was submitted for."""

from sqlalchemy import update

from app import exams
from app.models import Person
from tests import make
from tests.exams.conftest import ACTING, CLERK, SELECTED, SUBMITTED, codes
from tests.make import NOON

ANOTHER = "现场照片与身份证照片不是同一人"


def swap(session, signup):
    """The record is changed behind the back of the domain."""
    session.execute(update(Person).where(Person.id == signup.person_id).values(name="别人"))
    session.commit()


def test_a_submitted_sign_up_says_for_whom(session, clerk, signups, office):
    first, second = signups(SELECTED, 2)
    assert first.identity is None
    exams.submit(session, [first.id, second.id], clerk, at=NOON, office=office)
    session.expire_all()
    assert [row.identity for row in (first, second)] == [make.identity(row.person) for row in (first, second)]


def test_nobody_is_admitted_for_somebody_else(session, signups):
    swapped, honest = signups(SUBMITTED, 2)
    swap(session, swapped)
    outcome = exams.review(session, [swapped.id, honest.id], True, CLERK, **ACTING)
    assert outcome.moved == [honest.id]
    assert codes(outcome.refused[swapped.id]) == {"identity-differs"}
    assert exams.review(session, [swapped.id], False, CLERK, reason=ANOTHER, **ACTING).moved == [swapped.id]
