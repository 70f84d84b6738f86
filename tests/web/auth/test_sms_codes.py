"""Codes by text message under attack: guessed, raced, replayed, in other browsers, by the thousand, sent too late."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.errors import NotFound, TooMany
from app.core.office import Office
from app.core.sign_in_vocabulary import ChallengeKind, ChallengeState
from app.core.vocabulary import MessageState
from app.models import Challenge, Job, Message, RateLimitCounter
from app.outbox.sms import MAX_TRIES, DeliveryCounts, FileGateway, deliver, queue_messages
from app.outbox.sms_texts import CODE_MARK, CODES, OutgoingMessage
from app.web.auth import sms_codes
from tests.at_once import at_once
from tests.make import NOON
from tests.query_counter import queries

MOBILE, OTHER = "13812345678", "13987654321"
IN, RESET = ChallengeKind.SMS_SIGN_IN, ChallengeKind.SMS_RESET
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass
class Carrier:
    """A provider that records messages, or fails quoting them."""

    fails: int = 0
    told: list[str] = field(default_factory=list)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        if self.fails:
            self.fails -= 1
            raise ConnectionError(f"{mobile} did not get {text}")
        self.told.append(text)
        return f"c-{message_id}"

    @property
    def code(self) -> str:
        return re.search(r"\d{6}", self.told[-1])[0]


@pytest.fixture
def sessions(engine):
    return sessionmaker(engine, expire_on_commit=False)


def send(engine, *, mobile=MOBILE, browser="b", purpose=IN, at=NOON, address="203.0.113.7", office=None, **more):
    with Session(engine) as session:
        sms_codes.send(session, engine, purpose, mobile, browser, office=office or Office(), at=at, address=address, **more)
        session.commit()


def asked(engine, sessions, **more) -> str:
    """The code of the message just sent."""
    send(engine, **more)
    carrier = Carrier()
    deliver(sessions, carrier, at=more.get("at", NOON))
    return carrier.code


def right(engine, code, *, mobile=MOBILE, browser="b", purpose=IN, at=NOON, **more):
    """The result of one guess: True, or the refusal's code."""
    with Session(engine) as session:
        try:
            sms_codes.right(session, engine, purpose, mobile, browser, code, at=at, **more)
        except (sms_codes.WrongCode, TooMany) as error:
            return error.code
        session.commit()
    return True


def wrong(code: str, n: int = 1) -> str:
    return f"{(int(code) + n) % 10**6:06}"


# --- the right code, and every other ----------------------------------------------------------------------------
@pytest.mark.parametrize("typed", ["{}", " {} ", "{:.3} {:.3}"])
def test_the_right_code_counts_once(engine, sessions, typed):
    code = asked(engine, sessions)
    typed = f" {code[:3]} {code[3:]}" if ":" in typed else typed.format(code)
    assert right(engine, typed) is True
    assert right(engine, code) == "wrong-code"


@pytest.mark.parametrize(
    "other",
    [
        {"browser": "c"}, {"browser": ""}, {"purpose": RESET}, {"purpose": ChallengeKind.SMS_SECOND},
        {"purpose": ChallengeKind.SMS_REGISTER}, {"mobile": OTHER}, {"mobile": ""}, {"at": NOON + sms_codes.LASTS},
        {"at": NOON + timedelta(minutes=10)}, {"at": NOON + timedelta(days=1)},
    ],
    ids=str,
)  # fmt: skip
def test_it_counts_only_for_this_browser_purpose_and_number_and_in_time(engine, sessions, other):
    code = asked(engine, sessions)
    assert right(engine, code, **other) == "wrong-code"
    assert right(engine, code) is True


def test_a_clock_set_back_allows_no_more_guesses(engine, sessions):
    code = asked(engine, sessions)
    assert [right(engine, wrong(code, n), at=NOON - timedelta(minutes=10)) for n in range(1, 6)] == ["wrong-code"] * 5
    assert right(engine, code, at=NOON - timedelta(minutes=10)) == "wrong-code"


@pytest.mark.parametrize("typed", ["", "0", "000000000000", "一二三四五六", "\0", "' OR 1=1 --"])
def test_nothing_else_is_a_code(engine, sessions, typed):
    asked(engine, sessions)
    assert right(engine, typed) == "wrong-code"


def test_full_width_digits_are_digits(engine, sessions):
    code = asked(engine, sessions)
    assert right(engine, code.translate({ord("0") + n: ord("０") + n for n in range(10)})) is True


def test_a_new_code_takes_the_place_of_the_old_one(engine, sessions):
    old = asked(engine, sessions)
    new = asked(engine, sessions, at=NOON + MINUTE)
    assert old == new or right(engine, old, at=NOON + MINUTE) == "wrong-code"
    assert right(engine, new, at=NOON + MINUTE) is True


def test_after_five_wrong_codes_the_right_one_is_refused(engine, sessions):
    code = asked(engine, sessions)
    assert {right(engine, wrong(code, n)) for n in range(1, 6)} == {"wrong-code"}
    assert right(engine, code) == "wrong-code"


def test_of_fifty_concurrent_guesses_five_are_checked(engine, sessions):
    code = asked(engine, sessions)
    with ThreadPoolExecutor(25) as crowd:
        became = list(crowd.map(lambda n: right(engine, wrong(code, n)), range(1, 51)))
    assert True not in became
    with Session(engine) as session:
        assert session.scalars(select(Challenge.tries)).one() == sms_codes.GUESSES


def test_of_twenty_concurrent_right_codes_one_counts(engine, sessions):
    code = asked(engine, sessions)
    assert at_once(lambda _: right(engine, code), range(20)).count(True) == 1


def test_a_stranger_who_guesses_does_not_spoil_the_code_of_the_holder(engine, sessions):
    code = asked(engine, sessions, browser="holder")
    for turn in range(1, sms_codes.AN_HOUR):
        at = NOON + turn * MINUTE
        strange = asked(engine, sessions, browser=f"s{turn}", at=at)
        assert {right(engine, wrong(strange, n), browser=f"s{turn}", at=at) for n in range(1, 9)} == {"wrong-code"}
    assert right(engine, code, browser="holder", at=NOON + 4 * MINUTE) is True


def test_codes_asked_for_at_one_page_close_no_other_way(engine, sessions):
    public = (IN, RESET, ChallengeKind.SMS_REGISTER)
    for purpose in public:
        for n in range(sms_codes.AN_HOUR):
            send(engine, purpose=purpose, at=NOON + n * MINUTE)
        with pytest.raises(TooMany):
            send(engine, purpose=purpose, at=NOON + 10 * MINUTE)
    code = asked(engine, sessions, purpose=ChallengeKind.SMS_SECOND, at=NOON + 10 * MINUTE)
    assert right(engine, code, purpose=ChallengeKind.SMS_SECOND, at=NOON + 10 * MINUTE) is True


def test_a_budget_spent_for_one_purpose_leaves_the_second_factor_its_own(engine):
    office = replace(Office(), codes_per_day=1)
    send(engine, purpose=ChallengeKind.SMS_REGISTER, office=office)
    with pytest.raises(TooMany):
        send(engine, purpose=ChallengeKind.SMS_REGISTER, mobile=OTHER, office=office)
    send(engine, purpose=ChallengeKind.SMS_SECOND, mobile=OTHER, office=office)


def test_ten_thousand_guesses_from_a_hundred_browsers_find_nothing(engine, sessions):
    """A day of guessing at one number: only as many codes are checked as the limits allow."""
    looked, at = 0, NOON
    for turn in range(14):  # as many codes as the day gives, and some
        try:
            code = asked(engine, sessions, browser=f"b{turn}", at=at, address=f"203.0.113.{turn}")
        except TooMany:
            break
        guesses = [right(engine, wrong(code, n), browser=f"b{turn}", at=at) for n in range(1, 8)]
        assert True not in guesses
        looked += min(guesses.count("wrong-code"), sms_codes.GUESSES)
        at += timedelta(minutes=31)
    assert looked <= sms_codes.A_DAY * sms_codes.GUESSES


def test_a_next_step_has_its_own_expiry(engine, sessions):
    code = asked(engine, sessions, purpose=RESET)
    assert right(engine, code, purpose=RESET, to=ChallengeState.CONFIRMED, lasts=10 * MINUTE, at=NOON + 4 * MINUTE) is True
    assert right(engine, code, purpose=RESET, to=ChallengeState.CONFIRMED, at=NOON + 4 * MINUTE) == "wrong-code"
    with Session(engine) as session:
        kept = session.scalars(select(Challenge)).one()
        assert (kept.state, kept.expires_at) == (ChallengeState.CONFIRMED, NOON + 14 * MINUTE)


# --- how many are sent ------------------------------------------------------------------------------------------
def refused(engine, times, **more) -> list[bool]:
    became = []
    for at in times:
        try:
            send(engine, at=at, **more)
            became.append(False)
        except TooMany:
            became.append(True)
    return became


def test_one_number_gets_one_code_a_minute(engine):
    assert refused(engine, [NOON, NOON + SECOND, NOON + 59 * SECOND, NOON + MINUTE]) == [False, True, True, False]
    with pytest.raises(TooMany) as error:
        send(engine, at=NOON + MINUTE + 20 * SECOND)
    assert error.value.retry_after == 40


def test_one_number_gets_five_codes_an_hour_and_ten_a_day(engine):
    hour = [NOON + n * MINUTE for n in range(6)]
    assert refused(engine, hour) == [False] * 5 + [True]
    day = [NOON + timedelta(hours=1, minutes=n) for n in range(5)] + [NOON + timedelta(hours=n) for n in (2, 3)]
    assert refused(engine, day) == [False] * 5 + [True] * 2


def test_one_address_asks_twenty_times_an_hour_whoever_it_asks_for(engine):
    became = [refused(engine, [NOON], mobile=f"138{n:08}", browser=f"b{n}") for n in range(22)]
    assert became == [[False]] * 20 + [[True]] * 2
    assert refused(engine, [NOON], mobile="13900000000", address="198.51.100.1") == [False]


def test_of_twenty_concurrent_requests_for_a_number_one_is_served(engine):
    def ask(n):
        return refused(engine, [NOON], address=f"203.0.113.{n}", browser=f"b{n}")

    assert at_once(ask, range(20)).count([False]) == 1
    with Session(engine) as session:
        assert len(session.scalars(select(Message)).all()) == 1


def test_codes_a_day_are_limited_and_unknown_numbers_do_not_count(engine):
    office = replace(Office(), codes_per_day=2)
    for n in range(4):
        send(engine, mobile=f"137{n:08}", browser=f"u{n}", reaches=False, office=office)
    for n in range(2):
        send(engine, mobile=f"138{n:08}", browser=f"b{n}", office=office)
    for reaches in (True, False):  # who comes then hears the same, known or not
        with pytest.raises(TooMany):
            send(engine, mobile=f"1390000000{reaches:d}", browser="z", office=office, reaches=reaches)


def test_for_unknown_numbers_everything_is_done_but_the_message(engine):
    seen = []
    for reaches, mobile in ((True, MOBILE), (False, OTHER)):
        with queries(engine) as statements:
            send(engine, mobile=mobile, reaches=reaches)
        seen.append([statement.split("(")[0] for statement in statements if "INTO message" not in statement])
    assert seen[0] == seen[1]
    with Session(engine) as session:
        assert session.scalars(select(Message.mobile)).all() == [MOBILE]
        assert len(session.scalars(select(Challenge)).all()) == 2


def test_no_guess_answers_a_code_that_was_never_sent(engine):
    send(engine, reaches=False)
    assert right(engine, "000000") in ("wrong-code", "too-many")
    assert right(engine, "") == "wrong-code"


# --- delivery -------------------------------------------------------------------------------------------------
def everything(engine) -> str:
    """All rows of the sign-in and outbox tables, as a backup would show them."""
    with engine.connect() as connection:
        return "\n".join(str(row) for table in (Message, Challenge, RateLimitCounter, Job)
                         for row in connection.exec_driver_sql(f"SELECT * FROM {table.__tablename__}"))  # noqa: S608  # fmt: skip


def test_a_code_is_stored_encrypted_only_and_deleted_once_sent(engine, sessions, caplog):
    caplog.set_level(logging.DEBUG)
    send(engine)
    before = everything(engine)
    carrier = Carrier()
    assert deliver(sessions, carrier, at=NOON) == DeliveryCounts(sent=1)
    assert carrier.code not in before
    assert carrier.code not in everything(engine) + caplog.text
    with Session(engine) as session:
        message = session.scalars(select(Message)).one()
        assert CODE_MARK in message.text
        assert message.code is None


def test_a_code_quoted_in_a_provider_error_is_not_logged(engine, sessions, caplog):
    send(engine)
    with Session(engine) as session:
        code = session.scalars(select(Message.code)).one()
    assert deliver(sessions, Carrier(fails=1), at=NOON) == DeliveryCounts(postponed=1)
    assert code not in everything(engine) + caplog.text
    assert MOBILE not in caplog.text


def test_a_code_that_failed_is_tried_again_within_seconds(engine, sessions):
    send(engine)
    carrier = Carrier(fails=2)
    for at in (NOON, NOON + 2 * SECOND, NOON + 6 * SECOND):
        deliver(sessions, carrier, at=at)
    assert carrier.code


@pytest.mark.parametrize("late", [sms_codes.LASTS, sms_codes.LASTS + SECOND, timedelta(days=1)], ids=str)
def test_a_code_that_is_too_late_is_dropped_and_never_sent(engine, sessions, late):
    send(engine)
    carrier = Carrier()
    assert deliver(sessions, carrier, at=NOON + late) == DeliveryCounts(failed=1)
    assert deliver(sessions, carrier, at=NOON + late + timedelta(days=1)) == DeliveryCounts()
    assert not carrier.told
    with Session(engine) as session:
        message = session.scalars(select(Message)).one()
        assert (message.state, message.fault, message.code) == (MessageState.FAILED, "too late", None)


def test_a_code_that_was_given_up_is_deleted(engine, sessions):
    send(engine)
    with Session(engine) as session:
        session.execute(update(Message).values(tries=MAX_TRIES - 1))
        session.commit()
    assert deliver(sessions, Carrier(fails=1), at=NOON) == DeliveryCounts(failed=1)
    with Session(engine) as session:
        assert session.scalars(select(Message.code)).one() is None


def test_codes_are_sent_before_other_messages(engine, sessions):
    with Session(engine) as session:
        queue_messages(session, [OutgoingMessage(OTHER, f"第{n}条") for n in range(50)], at=NOON - MINUTE)
        session.commit()
    send(engine)
    carrier = Carrier()
    assert deliver(sessions, carrier, at=NOON, most=1).sent == 1
    assert carrier.code
    assert deliver(sessions, carrier, at=NOON, codes_only=True) == DeliveryCounts()


def test_of_many_concurrent_senders_one_sends_the_code(engine, sessions):
    send(engine)
    carrier = Carrier()
    done = at_once(lambda _: deliver(sessions, carrier, at=NOON, codes_only=True), range(8))
    assert sum(one.sent for one in done) == len(carrier.told) == 1


def test_the_file_of_a_demonstration_holds_the_code_for_its_owner_only(engine, sessions, tmp_path):
    send(engine)
    deliver(sessions, FileGateway(tmp_path / "messages.jsonl"), at=NOON)
    line = json.loads((tmp_path / "messages.jsonl").read_text())
    assert right(engine, re.search(r"\d{6}", line["text"])[0]) is True
    assert (tmp_path / "messages.jsonl").stat().st_mode & 0o077 == 0


def test_a_browser_finds_its_own_message_and_no_other(engine):
    send(engine)
    send(engine, mobile=OTHER, browser="c", reaches=False)
    with Session(engine) as session:
        assert sms_codes.sent_to(session, "b") == session.scalars(select(Message.id)).one()
        assert sms_codes.sent_to(session, "c") is None
        for stranger in ("d", ""):
            with pytest.raises(NotFound):
                sms_codes.sent_to(session, stranger)


def test_each_purpose_says_what_the_code_is_for(engine):
    assert set(CODES) == {kind for kind in ChallengeKind if kind.value.startswith("sms_")}
    for n, purpose in enumerate(CODES):
        send(engine, mobile=f"1380000000{n}", purpose=purpose)
    with Session(engine) as session:
        texts = set(session.scalars(select(Message.text)))
    assert len(texts) == len(CODES)
    assert all(text.startswith("【湖南住建厅】") and text.count(CODE_MARK) == 1 for text in texts)
