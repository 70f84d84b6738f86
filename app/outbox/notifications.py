"""Messages inside the system: what an enterprise or an officer is told, as rows of each account that is to read it.

``tell`` is the one way to tell anybody anything: by text message where there is a mobile, inside the system where accounts
are named, with the same words and in the transaction that causes it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.vocabulary import ReadState
from app.db.counting import counts
from app.db.id_lists import among
from app.models import Account, Notification
from app.outbox import sms
from app.outbox.sms_texts import LONGEST_TEXT, OutgoingMessage

MOST_UNREAD = 99  # shown; more are 99+
SLICE = 5_000  # rows deleted in one transaction


def tell(session: Session, owed: Sequence[OutgoingMessage], *, at: datetime, send_at: datetime | None = None) -> None:
    """Write the messages, in three statements however many they are. The caller commits.

    ``send_at``: when the text messages go out, if later.
    """
    sms.queue_messages(session, [message for message in owed if message.mobile], at=send_at or at)
    inside = [(message.body[:LONGEST_TEXT], message.recipient) for message in owed if message.recipient]
    firms = _accounts(session, {to.enterprise_id for _text, to in inside if to.enterprise_id is not None})
    rows = [
        {"account_id": account_id, "kind": to.kind, "subject_id": to.subject_id, "text": text, "at": at}
        for text, to in inside
        for account_id in (firms[to.enterprise_id] if to.account_id is None else (to.account_id,))
    ]
    if rows:
        session.execute(insert(Notification), rows)


def _accounts(session: Session, enterprises: Collection[int]) -> Mapping[int | None, list[int]]:
    """The active accounts of each enterprise."""
    found: dict[int | None, list[int]] = defaultdict(list)
    if enterprises:
        asked = select(Account.enterprise_id, Account.id).where(among(Account.enterprise_id, enterprises), Account.active)
        for enterprise_id, account_id in session.execute(asked.order_by(Account.id)):
            found[enterprise_id].append(account_id)
    return found


def unread(session: Session, account_id: int) -> int:
    """How many messages an account has not read, up to ``MOST_UNREAD + 1``. One query, from an index alone."""
    mine = (Notification.account_id == account_id, Notification.state == ReadState.UNREAD)
    return counts(session, Notification, {"": mine}, MOST_UNREAD)[""]


def mark(session: Session, ids: Collection[int], account_id: int, state: ReadState) -> int:
    """Mark these messages of the account; how many there are. ``NotFound`` for none. The caller commits."""
    mine = (among(Notification.id, ids), Notification.account_id == account_id)
    marked = session.execute(update(Notification).where(*mine).values(state=state).returning(Notification.id)).all()
    if not marked:
        raise NotFound
    return len(marked)


def mark_all_read(session: Session, account_id: int) -> None:
    """The caller commits."""
    mine = (Notification.account_id == account_id, Notification.state == ReadState.UNREAD)
    session.execute(
        update(Notification).where(*mine).values(state=ReadState.READ), execution_options={"synchronize_session": False}
    )


def remove_some(session: Session, before: datetime, *, most: int = SLICE) -> bool:
    """Delete the oldest messages from before, read or not; whether there were any. The caller commits and repeats."""
    old = select(Notification.id).where(Notification.at < before).order_by(Notification.at, Notification.id).limit(most)
    gone = session.execute(
        delete(Notification).where(Notification.id.in_(old)).returning(Notification.id),
        execution_options={"synchronize_session": False},
    )
    return bool(gone.all())
