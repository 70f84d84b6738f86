"""The watch: a finding is told once when it begins and once when it ends, whatever is tried again."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from app.core.office import Office
from app.models import AuditEntry, Message, OpenFinding
from app.worker.findings import SystemFinding, watch
from tests import make

LOW, AWAY = SystemFinding("disk-low", "a", {"free": "7"}), SystemFinding("scanner-away", "b")
LATER = make.NOON + timedelta(minutes=5)
MOBILES = ("13800000001", "13800000002")


def looked(session, *found: SystemFinding, at=make.NOON, mobiles=()) -> tuple[list[str], list[str]]:
    """The codes that have begun and ended."""
    began, ended = watch.record(session, found, at=at)
    watch.queue_texts(session, began, ended, mobiles, Office(), at=at)
    session.commit()
    return [one.code for one in began], [one.code for one in ended]


def test_a_finding_begins_once_and_ends_once(session):
    assert looked(session, LOW, AWAY) == (["disk-low", "scanner-away"], [])
    assert looked(session, LOW, AWAY, at=LATER) == ([], [])
    assert looked(session, AWAY, at=LATER) == ([], ["disk-low"])
    assert looked(session, AWAY, at=LATER) == ([], [])
    assert {row.code: row.began_at for row in session.scalars(select(OpenFinding))}["scanner-away"] == make.NOON


def test_the_watch_writes_no_line_of_the_audit_log(session):
    looked(session, LOW)
    looked(session)
    assert session.scalar(select(func.count(AuditEntry.id))) == 0


def test_of_the_same_kind_each_place_is_a_finding(session):
    there = SystemFinding("disk-low", "other", {"free": "7"})
    assert looked(session, LOW, there) == (["disk-low", "disk-low"], [])
    assert looked(session, there) == ([], ["disk-low"])


def test_each_operator_gets_one_text_message_for_all_that_begins(session):
    looked(session, LOW, AWAY, mobiles=MOBILES)
    looked(session, LOW, AWAY, mobiles=MOBILES, at=LATER)
    texts = session.scalars(select(Message).order_by(Message.id)).all()
    assert [text.mobile for text in texts] == list(MOBILES)
    assert "系统有 2 个问题需要处理" in texts[0].text
    assert "Only 7 MB are free where a lies." in texts[0].text  # outside a locale
    looked(session, AWAY, mobiles=MOBILES[:1], at=LATER)
    assert "以下问题已解除" in session.scalars(select(Message.text).order_by(Message.id.desc())).first()


class Webhook:
    """Keeps what it is told; fails while it is away."""

    def __init__(self) -> None:
        self.told, self.away = list[tuple[str, str]](), False

    def __call__(self, record: Mapping[str, str]) -> None:
        if self.away:
            raise OSError("away")
        self.told.append((record["event"], record["code"]))


@pytest.fixture
def webhook(session, system) -> Iterator[Webhook]:
    return Webhook()


def call(system, webhook) -> None:
    watch.call(sessionmaker(system.engine, expire_on_commit=False), webhook, Office(), at=LATER)


def test_the_webhook_is_told_once_and_what_it_missed_is_told_later(session, system, webhook):
    looked(session, LOW, AWAY)
    webhook.away = True
    with pytest.raises(OSError, match="away"):
        call(system, webhook)
    webhook.away = False
    for _time in range(2):
        call(system, webhook)
    assert webhook.told == [("began", "disk-low"), ("began", "scanner-away")]
    looked(session, AWAY)
    for _time in range(2):
        call(system, webhook)
    assert webhook.told[2:] == [("ended", "disk-low")]


def test_what_began_and_ended_before_the_webhook_was_told_is_not_told(session, system, webhook):
    looked(session, LOW)
    looked(session)
    watch.forget_ended(session)
    session.commit()
    call(system, webhook)
    assert webhook.told == []
    assert session.scalars(select(OpenFinding)).all() == []


def test_what_has_ended_is_forgotten_only_when_the_webhook_knows(session, system, webhook):
    looked(session, LOW)
    call(system, webhook)
    looked(session)
    watch.forget_ended(session)
    session.commit()
    assert [row.code for row in session.scalars(select(OpenFinding))] == ["disk-low"]
    session.rollback()
    call(system, webhook)
    watch.forget_ended(session)
    assert session.scalars(select(OpenFinding)).all() == []


def test_a_finding_of_another_version_is_left_alone(session, system, webhook):
    row = OpenFinding(code="no-such", place="", details={}, found_by="x", began_at=make.NOON)
    session.add(row)
    session.commit()
    call(system, webhook)
    assert looked(session) == ([], [])
    assert webhook.told == []
