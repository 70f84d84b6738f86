from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.registry import add_person, remove_person, save_enterprise, save_qualification, update_person
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.office import Office
from app.core.vocabulary import Role, SignupState, State
from app.models import Person
from tests import make

TODAY = {"on": make.TODAY, "office": Office()}


@pytest.fixture
def mine(session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def clerk(mine):
    return make.clerk(mine)


def unsaved(**facts):
    return make.person(None, **facts)


def codes_of(error):
    return [refusal.code for refusal in error.value.refusals]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"id_number": make.id_number(make.TODAY - timedelta(days=10 * 365), 1)}, "too-young"),
        ({"id_number": make.id_number(date(2099, 1, 1), 1)}, "id-birth-date"),
        ({"id_number": make.id_number(date(1, 1, 1), 1)}, "id-birth-date"),
        ({"id_number": make.id_number(region="000000", sequence=1)}, "id-region"),
        ({"name": "张三."}, "bad-name"),
        ({"name": "张\U000f0000"}, "bad-name"),
        ({"name": "张\U00032000"}, "bad-name"),
    ],
    ids=str,
)
def test_who_cannot_be_certified_is_refused_at_entry(session, clerk, facts, code):
    with pytest.raises(Unmet) as no:
        add_person(session, unsaved_as_typed(**facts), clerk, **TODAY)
    assert codes_of(no) == [code]


def unsaved_as_typed(**facts):
    """The row of a form: the setter of the model derives nothing from an impossible number."""
    person = unsaved()
    for key, value in facts.items():
        person.__dict__[key] = value
    return person


def test_new_person_is_stored_normalised(session, mine, clerk):
    number = make.id_number()
    add_person(session, unsaved(name=" 古丽•买买提 ", id_number=number.lower(), mobile="138 0000 0000"), clerk, **TODAY)
    session.commit()
    person = session.scalars(select(Person)).one()
    assert (person.name, person.id_number, person.mobile) == ("古丽·买买提", number, "13800000000")
    assert person.enterprise_id == mine.id


def test_all_field_errors_are_reported_together(session, clerk):
    with pytest.raises(Unmet) as error:
        add_person(session, unsaved(name="李", mobile="1", education=None, position=None), clerk, **TODAY)
    assert {r.field for r in error.value.refusals} == {"name", "mobile", "education", "position"}
    assert session.scalar(select(func.count(Person.id))) == 0


def test_own_person_cannot_be_added_twice(session, clerk):
    person = add_person(session, unsaved(), clerk, **TODAY)
    session.commit()
    with pytest.raises(AppError) as error:
        add_person(session, unsaved(id_number=person.id_number), clerk, **TODAY)
    assert codes_of(error) == ["already-yours"]


def test_person_employed_elsewhere_is_refused(session, clerk):
    theirs = make.person(make.enterprise(name="别家"))
    session.add(theirs)
    session.commit()
    with pytest.raises(AppError) as error:
        add_person(session, unsaved(id_number=theirs.id_number), clerk, **TODAY)
    assert codes_of(error) == ["employed-elsewhere"]


def test_person_without_employer_can_be_added_under_the_same_name_only(session, mine, clerk):
    free = make.person(None, name="韩梅梅")
    session.add(free)
    session.commit()
    with pytest.raises(AppError) as error:
        add_person(session, unsaved(name="别人", id_number=free.id_number), clerk, **TODAY)
    assert codes_of(error) == ["name-differs"]
    session.rollback()
    again = add_person(session, unsaved(name="韩梅梅", id_number=free.id_number), clerk, **TODAY)
    assert (again.id, again.enterprise_id) == (free.id, mine.id)


def test_only_enterprise_clerks_add_people(session):
    with pytest.raises(NotAllowed):
        add_person(session, unsaved(), make.officer(Role.ADMIN), **TODAY)


def test_name_and_id_number_are_fixed_once_on_a_certificate(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.certificate(person)])
    session.commit()
    person.name = "改名"
    with pytest.raises(AppError) as error:
        update_person(session, person, clerk, **TODAY)
    assert codes_of(error) == ["settled-by-certificate"]


def test_person_of_another_enterprise_is_not_found(session, clerk):
    theirs = make.person(make.enterprise(name="别家"))
    session.add(theirs)
    session.commit()
    with pytest.raises(NotFound):
        remove_person(session, theirs.id, clerk, at=make.NOON)
    theirs.major = "改"
    with pytest.raises(NotFound):
        update_person(session, theirs, clerk, **TODAY)


def test_person_with_open_application_signup_or_certificate_is_not_removed(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.application(person, State.AWAITING_REVIEW), make.certificate(person)])
    session.add(make.signup(make.notice(), person, state=SignupState.ADMITTED))
    session.commit()
    with pytest.raises(Unmet) as error:
        remove_person(session, person.id, clerk, at=make.NOON)
    assert codes_of(error) == ["open-application", "open-signup", "certificate-in-force"]


def test_person_with_expired_certificate_is_removed(session, mine, clerk):
    person = make.person(mine)
    session.add_all([person, make.certificate(person, valid_to=make.TODAY - timedelta(days=1))])
    session.commit()
    assert remove_person(session, person.id, clerk, at=make.NOON).enterprise_id is None


def test_qualification_validity_order_and_number_are_checked(session, mine, clerk):
    save_qualification(session, make.qualification(mine, enterprise_id=mine.id), clerk)
    session.commit()
    twin = make.qualification(mine, enterprise_id=mine.id, valid_to=date(2020, 1, 1))
    with pytest.raises(Unmet) as error:
        save_qualification(session, twin, clerk)
    assert codes_of(error) == ["validity-order", "number-taken"]


def test_qualification_and_enterprise_of_others_are_not_found(session, clerk):
    theirs = make.enterprise(name="别家")
    session.add(theirs)
    session.commit()
    with pytest.raises(NotFound):
        save_enterprise(session, theirs, clerk)
    with pytest.raises(NotFound):
        save_qualification(session, make.qualification(theirs, enterprise_id=theirs.id), clerk)
