"""The outbox of text messages: texts, queueing, and sending each message once."""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from gettext import NullTranslations
from threading import Lock

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.support import Translations
from flask import Flask
from flask_babel import Babel, force_locale
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.office import Office
from app.core.vocabulary import Action, Category, MatterKind, MessageState
from app.models import Message
from app.outbox.sms import CLAIMED, MAX_TRIES, ConsoleGateway, DeliveryCounts, FileGateway, deliver, queue_messages
from app.outbox.sms_texts import (
    CANCELLED,
    LETTER,
    OLD_ENTERPRISE_TEXTS,
    TEXTS,
    OutgoingMessage,
    decision_message,
    release_message,
)
from tests import make
from tests.at_once import at_once
from tests.query_counter import queries

MOBILE = "13812345678"
ENGLISH = NullTranslations()


@dataclass
class FakeGateway:
    """Records what it sent; raises for the first ``fails`` calls."""

    fails: int = 0
    sent_ids: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        assert text
        with self.lock:
            if self.fails:
                self.fails -= 1
                raise ConnectionError(f"no route for {mobile}")
            self.sent_ids.append(message_id)
        return f"p-{message_id}"


@pytest.fixture
def factory(system, session):
    return sessionmaker(system.engine, expire_on_commit=False)


def queue(session: Session, many: int = 1, at=make.NOON) -> None:
    queue_messages(session, [OutgoingMessage(MOBILE, f"【湖南住建厅】第{n}条") for n in range(many)], at=at)
    session.commit()


def text_of(action: Action, translations=ENGLISH, **facts) -> str:
    given = {
        "mobile": MOBILE,
        "application_id": 1,
        "person": "李雷",
        "matter": MatterKind.NEW,
        "category": Category.A,
        "office": Office(),
    }
    return decision_message(action, translations=translations, **{**given, **facts}).text


def test_every_decision_has_a_text_and_actions_of_the_applicant_have_none():
    assert set(TEXTS) == set(Action) - {Action.SUBMIT, Action.WITHDRAW, Action.ABANDON}


@pytest.mark.parametrize("action", list(OLD_ENTERPRISE_TEXTS))
def test_the_message_to_the_old_enterprise_names_both_enterprises_and_the_person(action):
    names = {
        "enterprise": "湘江建设",
        "old_enterprise": "洞庭路桥",
        "person": "李雷",
        "certificate_number": "湘建安A(2026)0000001",
    }
    owed = release_message(action, mobile=MOBILE, application_id=1, office=Office(), translations=ENGLISH, **names)
    assert owed.text.startswith("【湖南住建厅】")
    assert all(name in owed.text for name in names.values())


@pytest.mark.parametrize("action", list(TEXTS))
def test_a_text_is_signed_and_names_the_person_the_matter_and_the_category(action):
    text = text_of(action)
    assert text.startswith("【湖南住建厅】")
    assert all(part in text for part in ("李雷", "New application", "(A)"))


def test_given_numbers_are_in_the_text():
    assert "SL-7" in text_of(Action.ACCEPT, acceptance_number="SL-7")
    assert "湘建安A(2026)0000001" in text_of(Action.APPROVE, certificate_number="湘建安A(2026)0000001")


def test_a_cancelled_certificate_is_not_offered_for_download():
    text = text_of(Action.APPROVE, matter=MatterKind.CANCELLATION, certificate_number="湘建安A(2026)0000001")
    assert "downloaded" not in text
    assert "湘建安A(2026)0000001" in text


def test_a_long_reason_is_cut_to_sixty_characters_on_one_line():
    text = text_of(Action.DECLINE, reason="一\n" + "材" * 100)
    assert re.search("Reason: (一 材{57}…)\\.", text)
    assert "材" * 60 in text_of(Action.DECLINE, reason="材" * 60)


TYPED = [
    "11010519491231002X",
    "11010519491231002x",
    "110105 19491231 002X",
    "１１０１０５１９４９１２３１００２Ｘ",
    "110105491231002",
]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("before", ["", "材" * 50])
def test_an_id_number_in_a_reason_is_never_sent(typed, before):
    text = text_of(Action.RETURN, reason=f"{before}身份证{typed}有误")
    assert not re.search(r"[0-9０-９]{4}", text.removeprefix("【湖南住建厅】"))


def test_percent_signs_in_user_input_are_literal():
    assert "100%(x)s" in text_of(Action.DECLINE, reason="100%(x)s", person="50%建设")


@pytest.fixture
def chinese(tmp_path):
    catalogue = Catalog(locale="zh")
    catalogue.add(
        TEXTS[Action.ACCEPT]._args[0], "贵企业为%(person)s申报的%(category)s类证书%(matter)s已受理，受理编号%(number)s。"
    )
    catalogue.add("New application", "新申请")
    catalogue.add(LETTER._args[0], "《%(letter)s》在申报列表中打开。")
    catalogue.add("Acceptance slip", "受理单")
    folder = tmp_path / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    return Translations.load(tmp_path, ["zh"])


def test_a_text_is_chinese_even_while_an_officer_reads_english(chinese):
    app = Flask(__name__)
    Babel(app, default_locale="en")
    with app.test_request_context(), force_locale("en"):
        text = text_of(Action.ACCEPT, chinese, acceptance_number="SL-7")
    assert text == "【湖南住建厅】贵企业为李雷申报的A类证书新申请已受理，受理编号SL-7。《受理单》在申报列表中打开。"
    assert text_of(Action.ACCEPT, chinese, acceptance_number="SL-7") == text


def test_every_placeholder_of_a_text_is_given():
    given = {"person", "matter", "category", "number", "certificate_number", "reason", "days", "due_on"}
    for sentence in (*TEXTS.values(), CANCELLED):
        assert set(re.findall(r"%\((\w+)\)s", str(sentence))) <= given


@pytest.mark.parametrize("many", [1, 500])
def test_many_messages_are_queued_in_one_statement(session, system, many):
    session.connection()
    with queries(system.engine) as statements:
        queue_messages(session, [OutgoingMessage(MOBILE, "字")] * many, at=make.NOON)
    assert len(statements) == 1
    assert session.scalar(select(func.count()).where(Message.state == MessageState.QUEUED)) == many


def test_a_rolled_back_transaction_queues_nothing(session):
    queue_messages(session, [OutgoingMessage(MOBILE, "字")], at=make.NOON)
    session.rollback()
    assert session.scalar(select(func.count(Message.id))) == 0


def test_a_mobile_number_is_stored_encrypted(session):
    queue(session)
    assert MOBILE.encode() not in bytes(session.execute(text("SELECT mobile FROM message")).scalar_one())


def test_due_messages_are_sent_once_and_a_second_run_sends_nothing(session, factory):
    queue(session, 3)
    gateway = FakeGateway()
    assert deliver(factory, gateway, at=make.NOON) == DeliveryCounts(sent=3)
    assert deliver(factory, gateway, at=make.NOON + timedelta(days=1)) == DeliveryCounts()
    assert len(gateway.sent_ids) == len(set(gateway.sent_ids)) == 3
    assert set(session.scalars(select(Message.sent_at))) == {make.NOON}


def test_messages_not_yet_due_wait(session, factory):
    queue(session, at=make.NOON + timedelta(seconds=1))
    assert deliver(factory, FakeGateway(), at=make.NOON) == DeliveryCounts()


def test_a_run_sends_at_most_its_limit_and_the_oldest_first(session, factory):
    queue(session, 2, at=make.NOON)
    queue(session, 2, at=make.NOON - timedelta(hours=1))
    gateway = FakeGateway()
    deliver(factory, gateway, at=make.NOON, most=2)
    assert gateway.sent_ids == [3, 4]


def test_concurrent_senders_send_each_message_once(session, factory):
    queue(session, 60)
    gateway = FakeGateway()

    def carry(_n: int) -> int:
        return sum(deliver(factory, gateway, at=make.NOON, most=10).sent for _ in range(6))

    sent = at_once(carry, range(4))
    assert sorted(gateway.sent_ids) == list(range(1, 61))
    assert sum(sent) == 60


def test_after_a_crash_the_message_is_sent_again_later(session, factory):
    """A crash between sending and marking sends twice: we cannot know whether the provider took the message.

    Those that the sender had not come to are sent by the next one at once, and have lost no try: a hundred would have waited
    for a quarter of an hour, and failed after eight kills.
    """
    queue(session, 3)
    dying, next_one = CrashingGateway(), FakeGateway()
    with pytest.raises(KeyboardInterrupt):
        deliver(factory, dying, at=make.NOON)
    with factory() as glance:
        assert glance.scalars(select(Message.tries).order_by(Message.id)).all() == [1, 0, 0]
    assert deliver(factory, next_one, at=make.NOON) == DeliveryCounts(sent=2)
    assert deliver(factory, next_one, at=make.NOON + CLAIMED / 2) == DeliveryCounts()
    assert deliver(factory, next_one, at=make.NOON + CLAIMED * 2) == DeliveryCounts(sent=1)
    assert (dying.sent_ids, next_one.sent_ids) == ([1], [2, 3, 1])
    assert set(session.scalars(select(Message.due_at))) == {make.NOON}  # the claim of a sender does not change it


class CrashingGateway(FakeGateway):
    def send(self, message_id: int, mobile: str, text: str) -> str:
        super().send(message_id, mobile, text)
        raise KeyboardInterrupt


def test_no_transaction_is_open_while_the_gateway_is_called(session, factory, system):
    queue(session)
    session.close()
    before = system.engine.pool.checkedout()

    class WatchingGateway(FakeGateway):
        def send(self, message_id: int, mobile: str, text: str) -> str:
            assert system.engine.pool.checkedout() == before
            return super().send(message_id, mobile, text)

    assert deliver(factory, WatchingGateway(), at=make.NOON) == DeliveryCounts(sent=1)


def test_a_failure_waits_longer_each_time_and_the_eighth_is_the_last(session, factory):
    queue(session)
    gateway, at, waits = FakeGateway(fails=99), make.NOON, []
    for _ in range(MAX_TRIES):
        done = deliver(factory, gateway, at=at)
        with factory() as glance:
            message = glance.scalars(select(Message)).one()
        waits.append((message.next_try_at - at) // timedelta(minutes=1))
        at = message.next_try_at
    assert message.due_at == make.NOON  # when it was to be sent, whatever is tried
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256]
    assert (done, message.state) == (DeliveryCounts(failed=1), MessageState.FAILED)
    assert deliver(factory, gateway, at=at + timedelta(days=9)) == DeliveryCounts()


def test_an_error_is_stored_without_the_mobile_number(session, factory):
    queue(session)
    assert deliver(factory, FakeGateway(fails=1), at=make.NOON) == DeliveryCounts(postponed=1)
    fault = session.scalar(select(Message.fault))
    assert "ConnectionError" in fault
    assert MOBILE not in fault


def test_one_message_that_fails_does_not_hold_up_the_others(session, factory):
    queue(session, 3)
    assert deliver(factory, FakeGateway(fails=1), at=make.NOON) == DeliveryCounts(sent=2, postponed=1)


def test_a_message_whose_attempts_all_crashed_is_failed(session, factory):
    queue(session)
    session.execute(update(Message).values(tries=MAX_TRIES))
    session.commit()
    assert deliver(factory, FakeGateway(), at=make.NOON) == DeliveryCounts(failed=1)
    assert session.scalar(select(Message.state)) is MessageState.FAILED


def test_a_late_result_does_not_overwrite_a_later_one(session, factory):
    queue(session)
    inner = FakeGateway()

    class Slow(FakeGateway):
        def send(self, message_id: int, mobile: str, text: str) -> str:
            deliver(factory, inner, at=make.NOON + timedelta(hours=1))
            raise TimeoutError(f"too late for {message_id}, {mobile}, {text}")

    deliver(factory, Slow(), at=make.NOON)
    assert session.scalar(select(Message.state)) is MessageState.SENT


def test_the_file_gateway_keeps_one_line_per_message_for_the_owner_only(tmp_path):
    gateway = FileGateway(tmp_path / "sms.jsonl")
    assert [gateway.send(n, MOBILE, f"第{n}条\n次行") for n in (1, 2)] == ["file-1", "file-2"]
    lines = [json.loads(line) for line in gateway.path.read_text().splitlines()]
    assert lines[1] == {"id": 2, "mobile": "138****5678", "text": "第2条\n次行"}
    assert gateway.path.stat().st_mode & 0o777 == 0o600


def test_the_console_masks_the_mobile(capsys):
    ConsoleGateway().send(1, MOBILE, "字")
    shown = capsys.readouterr().err
    assert "138****5678" in shown
    assert MOBILE not in shown
