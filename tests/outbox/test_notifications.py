"""Messages inside the system: told in three statements, to whom the text message goes, and read by the recipient alone."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import NotificationKind, ReadState, Role
from app.models import Account, Message, Notification
from app.outbox.notifications import MOST_UNREAD, mark, mark_all_read, remove_some, tell, unread
from app.outbox.sms_texts import UNSENT, Recipient, system_message
from tests import make
from tests.query_counter import queries

MOBILE = "13812345678"


@pytest.fixture
def firms(session, built):
    """Two enterprises: one with two accounts in use and one that was closed, one with a single account."""
    ours, other = make.enterprise(), make.enterprise()
    session.add_all([ours, other])
    session.flush()
    for name, firm, active in (("甲", ours, True), ("乙", ours, True), ("丙", ours, False), ("丁", other, True)):
        make.account(session, name, Role.ENTERPRISE_CLERK, enterprise_id=firm.id, active=active)
    session.commit()
    return ours, other


def owed(to: Recipient | None, mobile: str | None = MOBILE):
    return system_message(UNSENT, mobile, Office(), to, enterprise="湘江建设", n=1, names="李雷", days=3)


def named(session, name: str) -> Account:
    return session.scalars(select(Account).where(Account.username == name)).one()


def readers(session) -> list[str]:
    rows = select(Account.username).join(Notification, Notification.account_id == Account.id).order_by(Notification.id)
    return list(session.scalars(rows))


def test_what_is_told_is_sent_and_shown_with_the_same_words(session, firms):
    tell(session, [owed(Recipient(NotificationKind.DEADLINE, 7, firms[0].id))], at=make.NOON)
    sent, (shown, _second) = session.scalars(select(Message)).one(), session.scalars(select(Notification)).all()
    assert sent.text == f"【湖南住建厅】{shown.text}"
    assert (shown.kind, shown.subject_id, shown.state, shown.at) == (
        NotificationKind.DEADLINE, 7, ReadState.UNREAD, make.NOON
    )  # fmt: skip
    assert readers(session) == ["甲", "乙"]  # not the closed account, nor another enterprise's


def test_without_a_mobile_it_is_shown_and_without_a_recipient_it_is_sent(session, firms):
    tell(session, [owed(Recipient(NotificationKind.DEADLINE, None, firms[1].id), None), owed(None)], at=make.NOON)
    assert readers(session) == ["丁"]
    assert session.scalars(select(Message)).one().mobile == MOBILE


def test_ten_thousand_messages_take_as_many_statements_as_one(session, system, firms):
    def cost(many: int) -> int:
        messages = [owed(Recipient(NotificationKind.APPLICATION, n, firms[n % 2].id)) for n in range(many)]
        with queries(system.engine) as seen:
            tell(session, messages, at=make.NOON)
        return len(seen)

    assert cost(10_000) == cost(1) == 3
    assert len(session.scalars(select(Notification.id)).all()) == 15_002


def test_nobody_marks_the_messages_of_another(session, firms):
    ours, other = named(session, "甲"), named(session, "丁")
    mine, theirs = make.notification(ours), make.notification(other)
    session.add_all([mine, theirs])
    session.commit()
    with pytest.raises(NotFound):
        mark(session, [theirs.id], ours.id, ReadState.READ)
    assert mark(session, [mine.id, theirs.id], ours.id, ReadState.READ) == 1
    mark_all_read(session, ours.id)
    session.commit()
    assert (unread(session, ours.id), unread(session, other.id)) == (0, 1)


def test_the_number_of_unread_messages_is_counted_up_to_its_limit(session, system, firms):
    account = named(session, "丁")
    session.add_all([make.notification(account) for _n in range(MOST_UNREAD + 20)])
    session.commit()
    with queries(system.engine) as seen:
        assert unread(session, account.id) == MOST_UNREAD + 1
    assert len(seen) == 1


def test_old_messages_are_removed_in_slices_read_or_not(session, firms):
    account = named(session, "丁")
    day = timedelta(days=1)
    session.add_all([make.notification(account, at=make.NOON - n * day, text=f"{n}") for n in range(5)])
    session.commit()
    slices = 0
    while remove_some(session, make.NOON - day, most=2):
        session.commit()
        slices += 1
    assert slices == 2
    assert sorted(session.scalars(select(Notification.text))) == ["0", "1"]  # what is as old as the limit stays
