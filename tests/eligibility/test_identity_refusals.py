"""One wording of a differing identity, for sign-ups, passes, applications and certificates."""

import pytest
from sqlalchemy import update

from app.core.errors import FixPlace
from app.core.identifiers import mask_id
from app.eligibility.identity_refusals import differing, unbound
from app.exams.identity import identity_refusals
from app.models import ExamSignup, Person
from tests import make

WHO = {"name": "李雷", "id_number": make.id_number()}
NUMBER = make.id_number()
PLACE = FixPlace("identity", 7)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (WHO, []),
        ({"name": "李雷"}, []),
        ({**WHO, "name": " 李雷 "}, []),
        ({**WHO, "name": "王五"}, ["王五"]),
        ({**WHO, "id_number": NUMBER}, [mask_id(NUMBER)]),
        ({"name": "王五", "id_number": NUMBER}, ["王五", mask_id(NUMBER)]),
    ],
)
def test_each_difference_is_one_sentence_with_masked_numbers(then, said):
    found = list(differing(WHO, then, "the exam", PLACE))
    assert [(one.code, one.place) for one in found] == [("identity-differs", PLACE)] * len(said)
    for refusal, part in zip(found, said, strict=True):
        sentence = str(refusal.sentence)
        assert part in sentence
        assert "the exam" in sentence
        assert WHO["id_number"] not in sentence
        assert NUMBER not in sentence


def test_what_is_bound_to_nobody_names_the_way_out():
    assert "A correction of the identity" in str(unbound("李雷", "the exam").sentence)


def test_a_sign_up_is_refused_in_the_words_of_the_rules(session):
    notice, person = make.notice(), make.person(make.enterprise(), **WHO)
    session.add_all([notice, person])
    session.flush()
    signup = make.signup(notice, person, identity={**WHO, "name": "王五"})
    session.add(signup)
    session.commit()
    where = f"sign-up {signup.number} as submitted"
    refused = lambda: [str(one.sentence) for one in identity_refusals(session, ExamSignup.id == signup.id).get(signup.id, ())]  # noqa: E731
    assert refused() == [str(one.sentence) for one in differing(WHO, {**WHO, "name": "王五"}, where)]
    session.execute(update(Person).where(Person.id == person.id).values(name="王五"))
    assert refused() == []
    session.execute(update(ExamSignup).where(ExamSignup.id == signup.id).values(identity=None))
    assert refused() == [str(unbound("王五", where).sentence)]
