from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.registry import add_person, remove_person, save_enterprise, save_qualification, update_person
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import Role, SignupState, State
from app.models import Person
from tests import make


@pytest.fixture
def mine(session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def clerk(mine):
    return make.clerk(mine)


def blank(**facts):
    """A typed, unsaved person."""
    return make.person(None, **facts)


def code_of(no):
    return [refusal.code for refusal in no.value.refusals]


def test_a_new_person_is_put_on_the_books_in_folded_form(session, mine, clerk):
    number = make.id_number()
    add_person(session, blank(name=" 古丽•买买提 ", id_number=number.lower(), mobile="138 0000 0000"), clerk)
    session.commit()
    person = session.scalars(select(Person)).one()
    assert (person.name, person.id_number, person.mobile) == ("古丽·买买提", number, "13800000000")
    assert person.enterprise_id == mine.id


def test_every_mistake_is_named_at_once(session, clerk):
    with pytest.raises(Unmet) as no:
        add_person(session, blank(name="李", mobile="1", education=None, position=None), clerk)
    assert {r.field for r in no.value.refusals} == {"name", "mobile", "education", "position"}
    assert session.scalar(select(func.count(Person.id))) == 0


def test_nobody_is_entered_twice(session, clerk):
    person = add_person(session, blank(), clerk)
    session.commit()
    with pytest.raises(AppError) as no:
        add_person(session, blank(id_number=person.id_number), clerk)
    assert code_of(no) == ["already-yours"]


def test_somebody_else_s_person_is_not_taken_over(session, clerk):
    theirs = make.person(make.enterprise(name="别家"))
    session.add(theirs)
    session.commit()
    with pytest.raises(AppError) as no:
        add_person(session, blank(id_number=theirs.id_number), clerk)
    assert code_of(no) == ["employed-elsewhere"]


def test_a_released_person_can_be_engaged_again_under_the_same_name_only(session, mine, clerk):
    free = make.person(None, name="韩梅梅")
    session.add(free)
    session.commit()
    with pytest.raises(AppError) as no:
        add_person(session, blank(name="别人", id_number=free.id_number), clerk)
    assert code_of(no) == ["name-differs"]
    session.rollback()
    again = add_person(session, blank(name="韩梅梅", id_number=free.id_number), clerk)
    assert (again.id, again.enterprise_id) == (free.id, mine.id)


def test_only_enterprise_clerks_keep_books(session):
    with pytest.raises(NotAllowed):
        add_person(session, blank(), make.officer(Role.ADMIN))


def test_name_and_number_are_settled_once_a_certificate_bears_them(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.certificate(person)])
    session.commit()
    person.name = "改名"
    with pytest.raises(AppError) as no:
        update_person(session, person, clerk)
    assert code_of(no) == ["settled-by-certificate"]


def test_a_foreign_person_cannot_be_amended_or_released(session, clerk):
    theirs = make.person(make.enterprise(name="别家"))
    session.add(theirs)
    session.commit()
    with pytest.raises(NotFound):
        remove_person(session, theirs.id, clerk, at=make.NOON)
    theirs.major = "改"
    with pytest.raises(NotFound):
        update_person(session, theirs, clerk)


def test_a_person_with_open_business_stays(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.application(person, State.AWAITING_REVIEW), make.certificate(person)])
    session.add(make.signup(make.notice(), person, state=SignupState.ADMITTED))
    session.commit()
    with pytest.raises(Unmet) as no:
        remove_person(session, person.id, clerk, at=make.NOON)
    assert code_of(no) == ["open-application", "open-signup", "certificate-in-force"]


def test_an_expired_certificate_does_not_hold_a_person(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.certificate(person, valid_to=make.TODAY - timedelta(days=1))])
    session.commit()
    assert remove_person(session, person.id, clerk, at=make.NOON).enterprise_id is None


def test_a_qualification_ends_after_it_begins_and_stands_once(session, mine, clerk):
    save_qualification(session, make.qualification(mine, enterprise_id=mine.id), clerk)
    session.commit()
    twin = make.qualification(mine, enterprise_id=mine.id, valid_to=date(2020, 1, 1))
    with pytest.raises(Unmet) as no:
        save_qualification(session, twin, clerk)
    assert code_of(no) == ["validity-order", "number-taken"]


def test_a_foreign_qualification_or_enterprise_is_not_found(session, clerk):
    theirs = make.enterprise(name="别家")
    session.add(theirs)
    session.commit()
    with pytest.raises(NotFound):
        save_enterprise(session, theirs, clerk)
    with pytest.raises(NotFound):
        save_qualification(session, make.qualification(theirs, enterprise_id=theirs.id), clerk)
