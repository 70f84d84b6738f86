from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import challenges
from app.core.errors import NotFound
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState
from app.models import Challenge
from tests.at_once import at_once
from tests.make import NOON

CODE, PICTURE, NEW, USED = ChallengeKind.SMS_SIGN_IN, ChallengeKind.PICTURE, ChallengeState.NEW, ChallengeState.CONSUMED
FIVE = timedelta(minutes=5)


@pytest.fixture
def number(engine):
    """A challenge that browser "b" is to answer with 123456 within five minutes."""
    with Session(engine) as session, session.begin():
        return challenges.begin(session, CODE, "b", answer="123456", at=NOON, lasts=FIVE).id


def answered(engine, number, answer="123456", *, kind=CODE, browser="b", at=NOON):
    return challenges.check_answer(engine, number, kind, browser, answer, most=5, at=at)


def test_right_answer_is_accepted_once(engine, number):
    assert answered(engine, number)
    assert not answered(engine, number)


@pytest.mark.parametrize(
    "other",
    [
        {"answer": "123457"}, {"answer": ""}, {"kind": PICTURE}, {"browser": "c"}, {"browser": ""},
        {"at": NOON + FIVE}, {"at": NOON + timedelta(days=1)},
    ],
    ids=str,
)  # fmt: skip
def test_answer_needs_the_same_kind_browser_and_time(engine, number, other):
    assert not answered(engine, number, **other)
    assert answered(engine, number)


def test_right_answer_is_refused_after_five_wrong_ones(engine, number):
    assert [answered(engine, number, f"00000{n}") for n in range(5)] == [False] * 5
    assert not answered(engine, number)


def test_of_fifty_concurrent_wrong_answers_five_are_compared(engine, number):
    with ThreadPoolExecutor(25) as pool:
        assert not any(pool.map(lambda n: answered(engine, number, f"{n:06}"), range(50)))
    with Session(engine) as session:
        assert session.get_one(Challenge, number).tries == 5


def test_of_twenty_concurrent_right_answers_one_is_accepted(engine, number):
    taken = list(at_once(lambda _: challenges.check_answer(engine, number, CODE, "b", "123456", most=99, at=NOON), range(20)))
    assert taken.count(True) == 1


def test_of_twenty_concurrent_steps_one_succeeds(engine, number):
    def step(_):
        with Session(engine) as session, session.begin():
            return challenges.advance(session, number, CODE, NEW, USED, browser="b", at=NOON)

    assert at_once(step, range(20)).count(True) == 1


def test_challenge_of_another_browser_is_not_found(engine, number):
    with Session(engine) as session:
        assert challenges.get_own(session, number, CODE, "b").id == number
        for kind, browser in ((CODE, "c"), (CODE, ""), (PICTURE, "b")):
            with pytest.raises(NotFound):
                challenges.get_own(session, number, kind, browser)


def test_voided_challenge_is_refused(engine, number):
    with Session(engine) as session, session.begin():
        challenges.void(session, CODE, browser="b")
    assert not answered(engine, number)


def test_answer_is_not_stored_in_clear(engine, number):
    with engine.connect() as connection:
        stored = str(connection.execute(select(Challenge.mark, Challenge.nonce)).one())
    assert "123456" not in stored


def test_sweep_deletes_what_expired_a_day_ago(engine, number):
    with Session(engine) as session, session.begin():
        assert challenges.sweep(session, at=NOON + FIVE + timedelta(hours=23)) == 0
        assert challenges.sweep(session, at=NOON + FIVE + timedelta(hours=25)) == 1
