from datetime import timedelta

from sqlalchemy import select, text, update

from app.accounts.identity_binding import bind_unbound, rebind
from app.core.vocabulary import AuditAction, Category, PassSource, SignupState
from app.db import audit
from app.models import ExamPass, ExamSignup, Person
from tests import make

DAY = timedelta(days=1)
NEW = {"name": "王五", "id_number": make.id_number()}


def examined(session, *, signup_state=SignupState.PASSED, submitted=make.NOON, **facts):
    """A person with a sign-up and the pass that came of it."""
    person = make.person(make.enterprise(), **facts)
    signup = make.signup(make.notice(), person, state=signup_state, score=80, submitted_at=submitted)
    session.add_all([person, signup])
    session.flush()
    system = {"source": PassSource.SYSTEM, "signup_id": signup.id, "originals_verified_at": None}
    passed = make.exam_pass(person, **system)
    session.add(passed)
    session.commit()
    return person, signup, passed


def forget(session):
    """As in a database from before sign-ups and passes were bound."""
    for table in (ExamSignup, ExamPass):
        session.execute(update(table).values(identity=None))
    session.commit()


def renamed(session, person, at, name="张三"):
    audit.log(session, "企业", AuditAction.CHANGE, person, change={"name": [person.name, name]}, at=at)
    session.commit()


def bound(session, *rows):
    session.expire_all()
    return [row.identity for row in rows]


def test_old_rows_are_bound_once_to_the_person_on_record(session):
    person, signup, passed = examined(session)
    selected = make.signup(make.notice(), person)
    legacy = make.exam_pass(person, category=Category.A)
    session.add_all([selected, legacy])
    session.commit()
    forget(session)
    assert bind_unbound(session) == 3
    who = make.identity(person)
    assert bound(session, signup, passed, legacy, selected) == [who, who, who, None]
    session.execute(update(Person).values(name="王五"))
    assert bind_unbound(session) == 0
    assert bound(session, passed) == [who]


def test_who_was_renamed_after_signing_up_stays_unbound(session):
    person, signup, passed = examined(session)
    forget(session)
    renamed(session, person, make.NOON + DAY)
    assert bind_unbound(session) == 0
    assert bound(session, signup, passed) == [None, None]


def test_who_was_renamed_before_signing_up_is_bound(session):
    person, signup, passed = examined(session)
    forget(session)
    renamed(session, person, make.NOON - DAY)
    audit.log(session, "企业", AuditAction.CHANGE, person, change={"major": ["", "土木"]}, at=make.NOON + DAY)
    assert bind_unbound(session) == 2
    assert bound(session, signup, passed) == [make.identity(person)] * 2


def test_a_pass_of_the_old_system_counts_from_its_exam(session):
    person = make.person(make.enterprise())
    passed = make.exam_pass(person, passed_on=make.TODAY)
    session.add_all([person, passed])
    session.commit()
    forget(session)
    renamed(session, person, make.NOON + DAY)
    assert bind_unbound(session) == 0
    assert bound(session, passed) == [None]


def test_an_approved_correction_takes_along_what_was_bound_to_the_old_identity(session):
    person, signup, passed = examined(session)
    other = make.exam_pass(person, category=Category.A, identity={**make.identity(person), "name": "别人"})
    session.add(other)
    session.commit()
    rebind(session, {person.id: (make.identity(person), NEW)})
    assert bound(session, signup, passed, other) == [NEW, NEW, {**make.identity(person), "name": "别人"}]


def test_the_authority_can_bind_everything_anew(session):
    person, signup, passed = examined(session)
    passed.identity = None
    session.commit()
    rebind(session, {person.id: (None, NEW)})
    assert bound(session, signup, passed) == [NEW, NEW]


def test_the_identity_is_stored_encrypted(session):
    person, _signup, _passed = examined(session)
    for table in ("exam_signup", "exam_pass"):
        stored = session.scalar(text(f"SELECT identity FROM {table}"))  # noqa: S608
        assert person.id_number.encode() not in bytes(stored)


def test_lists_do_not_decrypt_it(session):
    examined(session)
    session.expire_all()
    signup = session.scalars(select(ExamSignup)).one()
    assert "identity" not in signup.__dict__
