"""The outbox of text messages (R20): queueing, gateways and delivery.

Messages are queued in the transaction that causes them; ``deliver`` claims a due row, commits, and only then calls the
gateway, so no transaction is open meanwhile. Each message is sent once, except if the process dies between sending and
marking, or the gateway exceeds ``SEND_TIMEOUT``: then it is sent again.

The text of a code message holds ``CODE_MARK``. The code is stored beside it, encrypted, is inserted on sending, and is erased
once the message is sent or has failed.
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

from app.core.clock import true_moment
from app.core.errors import NotFound
from app.core.identifiers import mask_mobile
from app.core.office import Office
from app.core.vocabulary import AuditAction, MessageState
from app.db import audit
from app.models import Message
from app.outbox.sms_texts import CODE_MARK, OutgoingMessage, system_message

MAX_TRIES = 8
SEND_TIMEOUT = timedelta(seconds=10)  # a gateway answers or raises within this
CLAIMED = 6 * SEND_TIMEOUT  # for how long at least nobody else sends a message

_log = logging.getLogger(__name__)


def queue_messages(session: Session, messages: Sequence[OutgoingMessage], *, at: datetime) -> None:
    """Queue messages in one statement. The caller commits."""
    due_at = true_moment(at)
    rows = [
        {"mobile": sms.mobile, "text": sms.text, "application_id": sms.application_id, "due_at": due_at} for sms in messages
    ]
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
    **values: object,
) -> int:
    """Queue a code (``%(code)s`` in the sentence) that is not sent after ``good_until``; returns the message id."""
    text = system_message(sentence, mobile, office, code=CODE_MARK, **values).text
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
    message.state, message.tries, message.next_try_at, message.fault = MessageState.QUEUED, 0, at, ""
    change = {"state": [MessageState.FAILED.value, MessageState.QUEUED.value]}
    audit.log(session, actor_name, AuditAction.CHANGE, Message.__tablename__, message_id, change, at=at, address=address)


class Gateway(Protocol):
    """A sender of text messages: returns the provider's reference, or raises, within ``SEND_TIMEOUT``.

    ``message_id`` is the same for each attempt of a message, so that a provider can drop duplicates.
    """

    def send(self, message_id: int, mobile: str, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class FileGateway:
    """Writes each message as a line of JSON, mobile masked, into a file only its owner can read, because it holds codes.

    For demonstrations: without an SMS service, production uses no codes (``Settings.sends_codes``).
    """

    path: Path

    def send(self, message_id: int, mobile: str, text: str) -> str:
        line = json.dumps({"id": message_id, "mobile": mask_mobile(mobile), "text": text}, ensure_ascii=False) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())  # one write, so that lines of two processes do not mix
        finally:
            os.close(handle)
        return f"file-{message_id}"


class ConsoleGateway:
    """Writes each message to stderr, mobile masked, for development."""

    def send(self, message_id: int, mobile: str, text: str) -> str:
        sys.stderr.write(f"SMS {message_id} → {mask_mobile(mobile)}: {text}\n")
        return f"console-{message_id}"


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """The outcome of one call of ``deliver``."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _ClaimedMessage:
    id: int
    mobile: str
    text: str
    tries: int
    code: str | None = field(repr=False)


def codes_due(session: Session, at: datetime) -> bool:
    """Whether a code is due, for which a user waits."""
    is_due = (Message.state == MessageState.QUEUED, Message.good_until.is_not(None), Message.next_try_at <= at)
    return bool(session.scalar(select(exists().where(*is_due))))


def deliver(
    session_factory: Callable[[], Session], gateway: Gateway, *, at: datetime, most: int = 100, codes_only: bool = False
) -> DeliveryCounts:
    """Send at most ``most`` due messages, codes first. Safe to call concurrently; uses short transactions of its own.

    A failed message is tried again after 2, 4, 8 … minutes (a code: seconds, until it expires), ``MAX_TRIES`` times in all.
    Should the process be killed, the message that it was sending is tried again later; no other has lost a try.
    """
    only = (Message.good_until.is_not(None),) if codes_only else ()
    with session_factory() as session:
        lost = _fail_lost(session, at)
        codes_first = (Message.good_until.is_(None), Message.next_try_at, Message.id)
        due = session.scalars(select(Message.id).where(*_due(at), *only).order_by(*codes_first).limit(most)).all()
        session.commit()
    states: list[MessageState] = []
    for number, message_id in enumerate(due):
        with session_factory() as session:
            message = _claim(session, message_id, at, at + number * SEND_TIMEOUT + CLAIMED)
            session.commit()
        if message is not None:  # else another sender has it
            states.append(_send(session_factory, gateway, message, at))
    return DeliveryCounts(
        states.count(MessageState.SENT), states.count(MessageState.QUEUED), states.count(MessageState.FAILED) + lost
    )


def _due(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return Message.state == MessageState.QUEUED, Message.next_try_at <= at, Message.tries < MAX_TRIES


def _claim(session: Session, message_id: int, at: datetime, until: datetime) -> _ClaimedMessage | None:
    """A due message, which no other caller gets until this moment; None if one has it. Of concurrent callers, one gets it."""
    claimed = session.execute(
        update(Message)
        .where(Message.id == message_id, *_due(at))
        .values(tries=Message.tries + 1, next_try_at=until)
        .returning(Message.id, Message.mobile, Message.text, Message.tries, Message.code)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if claimed is None else _ClaimedMessage(*claimed)


def _fail_lost(session: Session, at: datetime) -> int:
    """Mark as failed expired codes, and messages whose last attempt was never marked."""
    waiting = (Message.state == MessageState.QUEUED, Message.next_try_at <= at)
    count = 0
    for fault, condition in (("too late", Message.good_until <= at), ("unconfirmed", Message.tries >= MAX_TRIES)):
        failed = session.execute(
            update(Message)
            .where(*waiting, condition)
            .values(state=MessageState.FAILED, fault=fault, code=None)
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        )
        count += len(failed.all())
    return count


def _send(session_factory: Callable[[], Session], gateway: Gateway, message: _ClaimedMessage, at: datetime) -> MessageState:
    text = message.text if message.code is None else message.text.replace(CODE_MARK, message.code)
    try:
        reference = gateway.send(message.id, message.mobile, text)
    except Exception as error:  # noqa: BLE001 - whatever a gateway raises, the other messages must still be sent
        return _failed(session_factory, message, error, at)
    _log.info("message %s sent, reference %s", message.id, reference)
    _mark(session_factory, message, {"state": MessageState.SENT, "sent_at": at, "fault": "", "code": None})
    return MessageState.SENT


def _failed(session_factory: Callable[[], Session], message: _ClaimedMessage, error: Exception, at: datetime) -> MessageState:
    """Store the error without the mobile number and the code, which a provider may have quoted."""
    fault = f"{type(error).__name__}: {error}".replace(message.mobile, mask_mobile(message.mobile))
    wait = timedelta(minutes=2**message.tries)
    if message.code is not None:
        fault, wait = fault.replace(message.code, CODE_MARK), timedelta(seconds=2**message.tries)
    state = MessageState.FAILED if message.tries >= MAX_TRIES else MessageState.QUEUED
    erased = {"code": None} if state is MessageState.FAILED else {}
    _log.warning("message %s, try %s: %s", message.id, message.tries, fault[:200])
    _mark(session_factory, message, {"state": state, "next_try_at": at + wait, "fault": fault[:200], **erased})
    return state


def _mark(session_factory: Callable[[], Session], message: _ClaimedMessage, values: dict[str, object]) -> None:
    """Store the outcome, unless the row was claimed again meanwhile."""
    ours = (Message.id == message.id, Message.tries == message.tries, Message.state == MessageState.QUEUED)
    with session_factory() as session:
        session.execute(update(Message).where(*ours).values(**values).execution_options(synchronize_session=False))
        session.commit()
