"""What the reviewing officer is told about the person of a sign-up."""

from datetime import timedelta

import pytest

from app import exams
from app.core.office import Office
from app.core.vocabulary import CertificateStatus, PaperKind, Position
from tests import make
from tests.exams.conftest import ADMITTED, C1, C2, REJECTED, SELECTED, A, B, codes
from tests.make import TODAY
from tests.query_counter import queries


def known(session, signup, office=None):
    return exams.background(session, signup, on=TODAY, office=office or Office())


def test_certificates_passes_and_other_sign_ups_are_told(session, signups, notice):
    [signup] = signups()
    earlier = make.notice(title="上一期", scores_submitted_at=make.NOON)
    running = make.notice(title="另一期")
    theirs = [
        make.certificate(signup.person, category=A, status=CertificateStatus.CANCELLED),
        make.exam_pass(signup.person, category=C2),
        make.signup(earlier, signup.person, state=ADMITTED, score=55),
        make.signup(running, signup.person, state=ADMITTED, score=70),
        make.signup(make.notice(title="未上报"), signup.person, state=SELECTED),
    ]
    session.add_all(theirs)
    session.commit()
    found = known(session, signup)
    assert [(one.category, one.status) for one in found.certificates] == [(A, CertificateStatus.CANCELLED)]
    assert [one.category for one in found.passes] == [C2]
    assert {(one.title, one.score) for one in found.others} == {("上一期", 55), ("另一期", None)}  # a draft score is not told


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"position": Position.PROJECT_MANAGER}, "position-does-not-fit"),
        ({"banned_until": TODAY + timedelta(days=1)}, "banned"),
        ({"name": "改名人"}, "identity-differs"),
    ],
)
def test_what_would_refuse_the_sign_up_today_is_a_doubt(session, signups, facts, code):
    [signup] = signups()
    signup.person.position = Position.SAFETY_OFFICER
    for name, value in facts.items():
        setattr(signup.person, name, value)
    session.commit()
    assert codes(known(session, signup).doubts) == {code}


def test_whoever_fits_raises_no_doubt(session, signups):
    [signup] = signups(category=C1)
    signup.person.position = Position.SAFETY_OFFICER
    session.commit()
    assert known(session, signup).doubts == []


def test_a_paper_that_the_application_will_ask_for_is_noted(session, people, notice):
    [person] = people(without=(PaperKind.REGISTRATION,), position=Position.PROJECT_MANAGER)
    signup = make.signup(notice, person, category=B, state=REJECTED, reason="不清楚")
    session.add(signup)
    session.commit()
    found = known(session, signup)
    assert (codes(found.notes), codes(found.doubts)) == ({"later-registration"}, set())


def test_the_number_of_queries_does_not_grow_with_what_is_known(session, system, signups):
    counted = []
    for n in (1, 6):
        [signup] = signups()
        exams_before = [make.signup(make.notice(title=f"期{i}"), signup.person, state=ADMITTED) for i in range(n)]
        session.add_all([*exams_before, *(make.exam_pass(signup.person) for _i in range(n))])
        session.commit()
        known(session, signup)
        with queries(session.get_bind()) as seen:
            known(session, signup)
        counted.append(len(seen))
    assert counted[0] == counted[1]
