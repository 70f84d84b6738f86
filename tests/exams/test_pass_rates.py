"""Pass rates by category."""

from decimal import Decimal

from app import exams
from app.core.vocabulary import SignupState
from tests import make
from tests.exams.conftest import ADMITTED, C1, CLERK, ZHUZHOU, A
from tests.query_counter import queries

PASSED, FAILED, ABSENT = SignupState.PASSED, SignupState.FAILED, SignupState.ABSENT


def test_the_rate_is_of_those_who_sat(session, notice, signups, clerk):
    signups(PASSED, 2, category=A, score=80)
    signups(FAILED, 1, category=A, score=Decimal("59.99"))
    signups(ABSENT, 1, category=A, absent=True)
    signups(ABSENT, 1, category=C1, absent=True)
    with queries(session.get_bind()) as seen:
        rates = exams.pass_rates(session, notice.id, CLERK)
    assert [(rate.category, rate.sat, rate.passed, rate.absent, rate.percent) for rate in rates] == [
        (A, 3, 2, 1, "66.7%"),
        (C1, 0, 0, 1, "—"),
        (None, 3, 2, 2, "66.7%"),
    ]
    assert len(seen) == 1
    assert exams.pass_rates(session, notice.id, clerk) == rates  # the enterprise's own


def test_before_the_scores_are_final_and_out_of_reach_there_is_none(session, notice, signups):
    signups(ADMITTED, score=80)
    assert exams.pass_rates(session, notice.id, CLERK) == []
    signups(PASSED, score=80)
    assert exams.pass_rates(session, notice.id, ZHUZHOU) == []
    other = make.enterprise(name="别家")
    session.add(other)
    session.commit()
    assert exams.pass_rates(session, notice.id, make.clerk(other)) == []
