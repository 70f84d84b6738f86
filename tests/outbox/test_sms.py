"""The outbox: what is said, what is owed, and that the courier carries each message once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from gettext import NullTranslations
from threading import Barrier, Lock

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.support import Translations
from flask import Flask
from flask_babel import Babel, force_locale
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.office import Office
from app.core.vocabulary import Action, MatterKind, MessageState
from app.models import Message
from app.outbox.sms import MAX_TRIES, ConsoleGateway, DeliveryCounts, FileGateway, deliver, queue_messages
from app.outbox.sms_texts import CANCELLED, OLD_ENTERPRISE_TEXTS, TEXTS, OutgoingMessage, decision_message, release_message
from tests import make

MOBILE = "13812345678"
ENGLISH = NullTranslations()


@dataclass
class Pigeon:
    """A gateway of our own: remembers what it carried, and fails as long as it is told to."""

    fails: int = 0
    carried: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        assert text
        with self.lock:
            if self.fails:
                self.fails -= 1
                raise ConnectionError(f"no route for {mobile}")
            self.carried.append(message_id)
        return f"p-{message_id}"


@pytest.fixture
def factory(system, session):
    return sessionmaker(system.engine, expire_on_commit=False)


def owed(session: Session, many: int = 1, at=make.NOON) -> None:
    queue_messages(session, [OutgoingMessage(MOBILE, f"【湖南住建厅】第{n}条") for n in range(many)], at=at)
    session.commit()


def told(action: Action, translations=ENGLISH, **facts) -> str:
    given = {
        "mobile": MOBILE,
        "application_id": 1,
        "enterprise": "湘江建设",
        "person": "李雷",
        "matter": MatterKind.NEW,
        "office": Office(),
    }
    return decision_message(action, translations=translations, **{**given, **facts}).text


# --- what is said -----------------------------------------------------------------------------------


def test_every_decision_has_its_text_and_one_s_own_deeds_have_none():
    assert set(TEXTS) == set(Action) - {Action.SUBMIT, Action.WITHDRAW, Action.ABANDON}


@pytest.mark.parametrize("action", list(OLD_ENTERPRISE_TEXTS))
def test_the_old_enterprise_is_told_who_asks_for_whom(action):
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
def test_a_text_is_signed_and_names_the_enterprise_the_person_and_the_matter(action):
    said = told(action)
    assert said.startswith("【湖南住建厅】")
    assert all(part in said for part in ("湘江建设", "李雷", "New application"))


def test_numbers_are_told_where_they_are_given():
    assert "SL-7" in told(Action.ACCEPT, acceptance_number="SL-7")
    assert "湘建安A(2026)0000001" in told(Action.APPROVE, certificate_number="湘建安A(2026)0000001")


def test_a_cancelled_certificate_is_not_offered_for_download():
    said = told(Action.APPROVE, matter=MatterKind.CANCELLATION, certificate_number="湘建安A(2026)0000001")
    assert "downloaded" not in said
    assert "湘建安A(2026)0000001" in said


def test_a_long_reason_is_cut_to_sixty_characters_on_one_line():
    said = told(Action.DECLINE, reason="一\n" + "材" * 100)
    assert re.search("Reason: (一 材{57}…)\\.", said)
    assert "材" * 60 in told(Action.DECLINE, reason="材" * 60)


TYPED = [
    "11010519491231002X",
    "11010519491231002x",
    "110105 19491231 002X",
    "１１０１０５１９４９１２３１００２Ｘ",
    "110105491231002",
]


@pytest.mark.parametrize("typed", TYPED)
@pytest.mark.parametrize("before", ["", "材" * 50])
def test_an_id_number_in_a_reason_never_leaves_the_house(typed, before):
    said = told(Action.RETURN, reason=f"{before}身份证{typed}有误")
    assert not re.search(r"[0-9０-９]{4}", said.removeprefix("【湖南住建厅】"))


def test_percent_signs_in_what_people_wrote_are_only_themselves():
    assert "100%(x)s" in told(Action.DECLINE, reason="100%(x)s", enterprise="50%建设")


@pytest.fixture
def chinese(tmp_path):
    catalogue = Catalog(locale="zh")
    catalogue.add(TEXTS[Action.ACCEPT]._args[0], "%(enterprise)s申报的%(person)s%(matter)s已受理，受理编号%(number)s。")
    catalogue.add("New application", "新申请")
    folder = tmp_path / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    return Translations.load(tmp_path, ["zh"])


def test_a_text_is_chinese_even_while_an_officer_reads_english(chinese):
    app = Flask(__name__)
    Babel(app, default_locale="en")
    with app.test_request_context(), force_locale("en"):
        said = told(Action.ACCEPT, chinese, acceptance_number="SL-7")
    assert said == "【湖南住建厅】湘江建设申报的李雷新申请已受理，受理编号SL-7。"
    assert told(Action.ACCEPT, chinese, acceptance_number="SL-7") == said


def test_no_text_asks_for_something_that_is_not_given():
    given = {"enterprise", "person", "matter", "number", "certificate_number", "reason", "days", "due_on"}
    for sentence in (*TEXTS.values(), CANCELLED):
        assert set(re.findall(r"%\((\w+)\)s", str(sentence))) <= given


# --- what is owed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, 500])
def test_many_messages_are_owed_in_one_statement(session, system, many):
    statements = []
    session.connection()

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    event.listen(system.engine, "before_cursor_execute", note)
    queue_messages(session, [OutgoingMessage(MOBILE, "字")] * many, at=make.NOON)
    event.remove(system.engine, "before_cursor_execute", note)
    assert len(statements) == 1
    assert session.scalar(select(func.count()).where(Message.state == MessageState.QUEUED)) == many


def test_a_deed_that_is_undone_owes_nothing(session):
    queue_messages(session, [OutgoingMessage(MOBILE, "字")], at=make.NOON)
    session.rollback()
    assert session.scalar(select(func.count(Message.id))) == 0


def test_a_mobile_number_does_not_lie_open_in_the_store(session):
    owed(session)
    assert MOBILE.encode() not in bytes(session.execute(text("SELECT mobile FROM message")).scalar_one())


# --- who carries it ---------------------------------------------------------------------------------


def test_what_is_due_is_sent_once_and_a_second_round_finds_nothing(session, factory):
    owed(session, 3)
    pigeon = Pigeon()
    assert deliver(factory, pigeon, at=make.NOON) == DeliveryCounts(sent=3)
    assert deliver(factory, pigeon, at=make.NOON + timedelta(days=1)) == DeliveryCounts()
    assert len(pigeon.carried) == len(set(pigeon.carried)) == 3
    assert set(session.scalars(select(Message.sent_at))) == {make.NOON}


def test_what_is_not_yet_due_waits(session, factory):
    owed(session, at=make.NOON + timedelta(seconds=1))
    assert deliver(factory, Pigeon(), at=make.NOON) == DeliveryCounts()


def test_a_round_takes_no_more_than_it_is_told_and_the_oldest_first(session, factory):
    owed(session, 2, at=make.NOON)
    owed(session, 2, at=make.NOON - timedelta(hours=1))
    pigeon = Pigeon()
    deliver(factory, pigeon, at=make.NOON, most=2)
    assert pigeon.carried == [3, 4]


def test_couriers_at_work_at_the_same_time_send_each_message_once(session, factory):
    owed(session, 60)
    pigeon, start = Pigeon(), Barrier(4)

    def carry(_n: int) -> int:
        start.wait()
        return sum(deliver(factory, pigeon, at=make.NOON, most=10).sent for _ in range(6))

    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(carry, range(4)))
    assert sorted(pigeon.carried) == list(range(1, 61))
    assert sum(sent) == 60


def test_a_courier_that_dies_leaves_its_message_to_the_next_after_the_lease(session, factory):
    """Dying between sending and marking sends twice: nothing on our side can tell whether the carrier took it."""
    owed(session)
    dying, next_one = Dying(), Pigeon()
    with pytest.raises(KeyboardInterrupt):
        deliver(factory, dying, at=make.NOON)
    assert deliver(factory, next_one, at=make.NOON + timedelta(minutes=1)) == DeliveryCounts()
    assert deliver(factory, next_one, at=make.NOON + timedelta(minutes=20)) == DeliveryCounts(sent=1)
    assert (dying.carried, next_one.carried) == ([1], [1])


class Dying(Pigeon):
    def send(self, message_id: int, mobile: str, text: str) -> str:
        super().send(message_id, mobile, text)
        raise KeyboardInterrupt


def test_no_transaction_is_open_while_the_gateway_is_called(session, factory, system):
    owed(session)
    session.close()
    before = system.engine.pool.checkedout()

    class Watcher(Pigeon):
        def send(self, message_id: int, mobile: str, text: str) -> str:
            assert system.engine.pool.checkedout() == before
            return super().send(message_id, mobile, text)

    assert deliver(factory, Watcher(), at=make.NOON) == DeliveryCounts(sent=1)


def test_a_failure_waits_longer_each_time_and_the_eighth_is_the_last(session, factory):
    owed(session)
    pigeon, at, waits = Pigeon(fails=99), make.NOON, []
    for _ in range(MAX_TRIES):
        done = deliver(factory, pigeon, at=at)
        with factory() as glance:
            message = glance.scalars(select(Message)).one()
        waits.append((message.due_at - at) // timedelta(minutes=1))
        at = message.due_at
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256]
    assert (done, message.state) == (DeliveryCounts(failed=1), MessageState.FAILED)
    assert deliver(factory, pigeon, at=at + timedelta(days=9)) == DeliveryCounts()


def test_a_fault_is_noted_without_the_mobile_number(session, factory):
    owed(session)
    assert deliver(factory, Pigeon(fails=1), at=make.NOON) == DeliveryCounts(postponed=1)
    fault = session.scalar(select(Message.fault))
    assert "ConnectionError" in fault
    assert MOBILE not in fault


def test_one_message_that_fails_does_not_hold_up_the_others(session, factory):
    owed(session, 3)
    assert deliver(factory, Pigeon(fails=1), at=make.NOON) == DeliveryCounts(sent=2, postponed=1)


def test_a_message_whose_couriers_all_died_is_given_up_and_not_forgotten(session, factory):
    owed(session)
    session.execute(update(Message).values(tries=MAX_TRIES))
    session.commit()
    assert deliver(factory, Pigeon(), at=make.NOON) == DeliveryCounts(failed=1)
    assert session.scalar(select(Message.state)) is MessageState.FAILED


def test_a_late_courier_does_not_overwrite_what_the_next_one_wrote(session, factory):
    owed(session)
    inner = Pigeon()

    class Slow(Pigeon):
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


def test_the_console_shows_no_mobile_in_full(capsys):
    ConsoleGateway().send(1, MOBILE, "字")
    shown = capsys.readouterr().err
    assert "138****5678" in shown
    assert MOBILE not in shown
