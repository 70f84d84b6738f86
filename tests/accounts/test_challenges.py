from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.accounts import challenges
from app.core.errors import NotFound
from app.core.vocabulary import ChallengeKind, ChallengeState
from app.models import Challenge
from tests.make import NOON

CODE, PICTURE, NEW, USED = ChallengeKind.SMS_SIGN_IN, ChallengeKind.PICTURE, ChallengeState.NEW, ChallengeState.CONSUMED
FIVE = timedelta(minutes=5)


@pytest.fixture
def engine(system, session):
    engine = create_engine(system.engine.url, pool_size=20, max_overflow=30)
    yield engine
    engine.dispose()


@pytest.fixture
def number(engine):
    """A challenge that browser "b" is to answer with 123456 within five minutes."""
    with Session(engine) as session, session.begin():
        return challenges.begin(session, CODE, "b", answer="123456", at=NOON, lasts=FIVE).id


def answered(engine, number, answer="123456", *, kind=CODE, browser="b", at=NOON):
    return challenges.check_answer(engine, number, kind, browser, answer, most=5, at=at)


def test_the_right_answer_is_taken_once(engine, number):
    assert answered(engine, number)
    assert not answered(engine, number)


@pytest.mark.parametrize(
    "other",
    [
        {"answer": "123457"},
        {"answer": ""},
        {"kind": PICTURE},
        {"browser": "c"},
        {"browser": ""},
        {"at": NOON + FIVE},
        {"at": NOON + timedelta(days=1)},
    ],
    ids=str,
)
def test_an_answer_counts_only_where_when_and_for_what_it_was_asked(engine, number, other):
    assert not answered(engine, number, **other)
    assert answered(engine, number)


def test_after_five_wrong_guesses_the_right_one_comes_too_late(engine, number):
    assert [answered(engine, number, f"00000{n}") for n in range(5)] == [False] * 5
    assert not answered(engine, number)


def test_of_fifty_wrong_guesses_at_once_five_are_looked_at(engine, number):
    with ThreadPoolExecutor(25) as crowd:
        assert not any(crowd.map(lambda n: answered(engine, number, f"{n:06}"), range(50)))
    with Session(engine) as session:
        assert session.get_one(Challenge, number).tries == 5


def test_of_twenty_right_answers_at_once_one_is_taken(engine, number):
    with ThreadPoolExecutor(20) as crowd:
        taken = list(
            crowd.map(lambda _: challenges.check_answer(engine, number, CODE, "b", "123456", most=99, at=NOON), range(20))
        )
    assert taken.count(True) == 1


def test_of_twenty_who_take_the_same_step_one_gets_through(engine, number):
    def step(_):
        with Session(engine) as session, session.begin():
            return challenges.advance(session, number, CODE, NEW, USED, browser="b", at=NOON)

    with ThreadPoolExecutor(20) as crowd:
        assert list(crowd.map(step, range(20))).count(True) == 1


def test_another_browser_does_not_even_learn_that_it_is_there(engine, number):
    with Session(engine) as session:
        assert challenges.get_own(session, number, CODE, "b").id == number
        for kind, browser in ((CODE, "c"), (CODE, ""), (PICTURE, "b")):
            with pytest.raises(NotFound):
                challenges.get_own(session, number, kind, browser)


def test_a_newer_one_takes_the_place_of_an_older(engine, number):
    with Session(engine) as session, session.begin():
        challenges.void(session, CODE, browser="b")
    assert not answered(engine, number)


def test_neither_answer_nor_browser_lie_in_the_open(engine, number):
    with engine.connect() as connection:
        kept = str(connection.execute(select(Challenge.mark, Challenge.nonce)).one())
    assert "123456" not in kept


def test_what_expired_a_day_ago_is_swept(engine, number):
    with Session(engine) as session, session.begin():
        assert challenges.sweep(session, at=NOON + FIVE + timedelta(hours=23)) == 0
        assert challenges.sweep(session, at=NOON + FIVE + timedelta(hours=25)) == 1
