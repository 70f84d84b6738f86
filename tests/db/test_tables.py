import subprocess
import sys
from types import ModuleType

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.core.crypto.encryption import keyring
from app.core.vocabulary import Category, State
from app.db import tables
from app.models import Application, Person
from tests import make


def test_an_id_number_is_stored_encrypted_and_found_by_its_index(session):
    number = make.id_number()
    session.add(make.person(make.enterprise(), id_number=number))
    session.commit()
    raw = session.execute(text("SELECT id_number, id_number_key FROM person")).one()
    assert number.encode() not in bytes(raw[0])
    assert number not in raw[1]
    assert session.scalars(select(Person).where(Person.id_number_key == number)).one().id_number == number


def test_a_value_cannot_be_decrypted_in_another_column():
    sealed = keyring.encrypt("430102", "person.id_number")
    with pytest.raises(InvalidTag):
        keyring.decrypt(sealed, "person.mobile")


def test_sex_and_birth_date_follow_from_the_id_number(session):
    person = make.person(make.enterprise(), id_number="11010519491231002X")
    assert (str(person.birth_date), person.sex.value) == ("1949-12-31", "2")


def test_the_same_person_cannot_be_stored_twice(session):
    number = make.id_number()
    session.add_all([make.person(make.enterprise(), id_number=number), make.person(make.enterprise(), id_number=number)])
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()


def test_the_database_refuses_a_second_open_application_for_the_same_category(session):
    person = make.person(make.enterprise())
    session.add_all([make.application(person), make.application(person, State.AWAITING_REVIEW)])
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()


def test_after_a_closed_application_a_new_one_is_allowed(session):
    person = make.person(make.enterprise())
    session.add_all([make.application(person, State.REVIEW_REFUSED), make.application(person)])
    session.commit()
    assert len(session.scalars(select(Application)).all()) == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"state": State.APPROVED},  # without a certificate
        {"state": State.AWAITING_REVIEW, "accepted_at": None},
        {"state": State.AWAITING_ACCEPTANCE, "submitted_at": None},
        {"state": State.NOT_ACCEPTED, "closed_at": None},
        {"category": "Z"},
    ],
)
def test_the_database_refuses_inconsistent_applications(session, broken):
    application = make.application(make.person(make.enterprise()), broken.get("state", State.DRAFT), category=Category.A)
    for name, value in broken.items():
        setattr(application, name, value)
    session.add(application)
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()


def test_every_module_of_tables_is_loaded_with_the_package(root):
    """The audit log and the migrations know only what is loaded."""
    files = {path.stem for path in (root / "app/db/tables").glob("*.py")} - {"__init__"}
    assert files == {name for name in vars(tables) if not name.startswith("_")} & files
    assert all(isinstance(getattr(tables, name), ModuleType) for name in files)
    code = "import app.db.tables, sys; print(*(name for name in sys.modules if name.startswith('app.db.tables.')))"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert {name.rpartition(".")[2] for name in alone.stdout.split()} == files
