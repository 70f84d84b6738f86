"""Text messages to those who filed (R20): an outbox written with the deed, and a courier that empties it.

Law: nothing is sent from inside a transaction. A deed leaves a row; the courier claims rows, closes its transaction, and only
then calls the gateway. Two couriers never claim the same row at the same time, so each message is sent once, with two
exceptions that no outbox can exclude: a courier that dies after the gateway took the message and before it was marked, and
one whose gateway is silent for longer than ``PATIENCE`` a message. Then it is sent again; better twice than never.

A code is not in the text: ``CODE_MARK`` stands there, wherever the text is shown. The code lies beside it, encrypted; the
courier sets it in on its way to the gateway, and it is erased with the first ending: sent, given up, or too late.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import ColumnElement, exists, insert, select, update
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.identifiers import mask_mobile
from app.core.office import Office
from app.core.vocabulary import AuditAction, MessageState
from app.db import audit
from app.models import Message
from app.outbox.sms_texts import CODE_MARK, OutgoingMessage, system_message

MAX_TRIES = 8
SEND_TIMEOUT = timedelta(seconds=10)  # a gateway answers or raises within this

_log = logging.getLogger(__name__)


# --- what is owed ---------------------------------------------------------------------------------


def queue_messages(session: Session, texts: Sequence[OutgoingMessage], *, at: datetime) -> None:
    """Write messages into the outbox in one statement. The caller commits, together with the deed."""
    rows = [{"mobile": owed.mobile, "text": owed.text, "application_id": owed.application_id, "due_at": at} for owed in texts]
    if rows:
        session.execute(insert(Message), rows)


def queue_code(
    session: Session,
    sentence: object,
    mobile: str,
    code: str,
    *,
    office: Office,
    at: datetime,
    good_until: datetime,
    **said: object,
) -> int:
    """The same for a code (``%(code)s`` in the sentence) that is worth nothing after ``good_until``; the message's id."""
    text = system_message(sentence, mobile, office, code=CODE_MARK, **said).text
    message = Message(mobile=mobile, text=text, code=code, good_until=good_until, due_at=at)
    session.add(message)
    session.flush()
    return message.id


def requeue(session: Session, message_id: int, actor_name: str, *, at: datetime, address: str = "") -> None:
    """Give a failed message all its attempts again. The caller commits and has checked the role.

    Raises ``NotFound`` unless the message failed and is no code: an expired code is asked for anew, not sent again.
    """
    message = session.get(Message, message_id, with_for_update=True)
    if message is None or message.state is not MessageState.FAILED or message.good_until is not None:
        raise NotFound
    message.state, message.tries, message.due_at, message.fault = MessageState.QUEUED, 0, at, ""
    change = {"state": [MessageState.FAILED.value, MessageState.QUEUED.value]}
    audit.log(session, actor_name, AuditAction.CHANGE, Message.__tablename__, message_id, change, at=at, address=address)


# --- who carries it -------------------------------------------------------------------------------


class Gateway(Protocol):
    """Whoever carries text messages: answers with the carrier's own reference, or raises, within ``PATIENCE``.

    ``message_id`` is the same each time a message is tried, so a carrier that remembers it can drop the second one.
    """

    def send(self, message_id: int, mobile: str, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class FileGateway:
    """Writes each message as one line of JSON, the mobile masked; readable by the owner only, for it holds codes.

    So it serves demonstrations only: where nobody carries messages, production asks for no codes (``Settings.sends_codes``).
    """

    path: Path

    def send(self, message_id: int, mobile: str, text: str) -> str:
        line = json.dumps({"id": message_id, "mobile": mask_mobile(mobile), "text": text}, ensure_ascii=False) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())  # one write, so that two couriers never mix their lines
        finally:
            os.close(handle)
        return f"file-{message_id}"


class ConsoleGateway:
    """Shows each message on the console, the mobile masked: what a trial run on one's own machine uses."""

    def send(self, message_id: int, mobile: str, text: str) -> str:
        sys.stderr.write(f"SMS {message_id} → {mask_mobile(mobile)}: {text}\n")
        return f"console-{message_id}"


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """What one round of the courier came to."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Claim:
    id: int
    mobile: str
    text: str
    tries: int
    code: str | None = field(repr=False)


def codes_due(session: Session, at: datetime) -> bool:
    """Whether somebody sits before a page and waits for a code."""
    waits = (Message.state == MessageState.QUEUED, Message.good_until.is_not(None), Message.due_at <= at)
    return bool(session.scalar(select(exists().where(*waits))))


def deliver(
    session_factory: Callable[[], Session], gateway: Gateway, *, at: datetime, most: int = 100, codes_only: bool = False
) -> DeliveryCounts:
    """Send what is due, codes first, at most so many. May run twice and at once; each transaction is its own and short.

    A message that fails waits 2, 4, 8 … minutes; after the eighth try it is given up and stays in the list as failed.
    A code is tried again within seconds, and not at all once it is worth nothing.
    """
    with session_factory() as session:
        lost = _give_up_lost(session, at)
        claims = _claim(session, at, most, (Message.good_until.is_not(None),) if codes_only else ())
        session.commit()
    ends = [_carry(session_factory, gateway, claim, at) for claim in claims]
    return DeliveryCounts(
        ends.count(MessageState.SENT), ends.count(MessageState.QUEUED), ends.count(MessageState.FAILED) + lost
    )


def _claim(session: Session, at: datetime, most: int, only: Sequence[ColumnElement[bool]]) -> list[_Claim]:
    """Take rows by pushing them beyond everybody's reach. The condition is asked again on the locked row, so one wins."""
    due = (Message.state == MessageState.QUEUED, Message.due_at <= at, Message.tries < MAX_TRIES, *only)
    first = (Message.good_until.is_(None), Message.due_at, Message.id)  # whoever waits for a code waits before a page
    # A CTE, because PostgreSQL may ask a locking subquery anew for each row, and would then take more than ``most``.
    oldest = select(Message.id).where(*due).order_by(*first).limit(most).with_for_update(skip_locked=True)
    taken = session.execute(
        update(Message)
        .where(Message.id.in_(select(oldest.cte("oldest").c.id)), *due)
        .values(tries=Message.tries + 1, due_at=at + SEND_TIMEOUT * max(most, 6))
        .returning(Message.id, Message.mobile, Message.text, Message.tries, Message.code)
        .execution_options(synchronize_session=False)
    )
    return sorted((_Claim(*row) for row in taken), key=lambda claim: claim.id)


def _give_up_lost(session: Session, at: datetime) -> int:
    """A row whose every courier died on the way would wait for ever: it is a failure, too. So is a code that is too late."""
    waiting = (Message.state == MessageState.QUEUED, Message.due_at <= at)
    count = 0
    for why, which in (("too late", Message.good_until <= at), ("unconfirmed", Message.tries >= MAX_TRIES)):
        gone = session.execute(
            update(Message)
            .where(*waiting, which)
            .values(state=MessageState.FAILED, fault=why, code=None)
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        )
        count += len(gone.all())
    return count


def _carry(session_factory: Callable[[], Session], gateway: Gateway, claim: _Claim, at: datetime) -> MessageState:
    text = claim.text if claim.code is None else claim.text.replace(CODE_MARK, claim.code)
    try:
        reference = gateway.send(claim.id, claim.mobile, text)
    except Exception as fault:  # noqa: BLE001 - whatever a carrier's library raises, the other messages must still go out
        return _missed(session_factory, claim, fault, at)
    _log.info("message %s sent, reference %s", claim.id, reference)
    _mark(session_factory, claim, {"state": MessageState.SENT, "sent_at": at, "fault": "", "code": None})
    return MessageState.SENT


def _missed(session_factory: Callable[[], Session], claim: _Claim, fault: Exception, at: datetime) -> MessageState:
    """Write down why, without what a carrier may have quoted: the number and the code."""
    told = f"{type(fault).__name__}: {fault}".replace(claim.mobile, mask_mobile(claim.mobile))
    wait = timedelta(minutes=2**claim.tries)
    if claim.code is not None:
        told, wait = told.replace(claim.code, CODE_MARK), timedelta(seconds=2**claim.tries)
    end = MessageState.FAILED if claim.tries >= MAX_TRIES else MessageState.QUEUED
    over = {"code": None} if end is MessageState.FAILED else {}
    _log.warning("message %s, try %s: %s", claim.id, claim.tries, told[:200])
    _mark(session_factory, claim, {"state": end, "due_at": at + wait, "fault": told[:200], **over})
    return end


def _mark(session_factory: Callable[[], Session], claim: _Claim, values: dict[str, object]) -> None:
    """Write the outcome, unless a later claim has taken the row over: then the outcome is the later one's to write."""
    mine = (Message.id == claim.id, Message.tries == claim.tries, Message.state == MessageState.QUEUED)
    with session_factory() as session:
        session.execute(update(Message).where(*mine).values(**values).execution_options(synchronize_session=False))
        session.commit()
