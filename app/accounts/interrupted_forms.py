"""Forms sent after a session had lapsed: kept encrypted for the account that sent them, until it has signed in again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.models import Account, InterruptedForm

LASTS = timedelta(hours=12)
MOST = 5  # of one account; older ones give way
LONGEST = 256 * 1024  # characters of all names and values


class SentForm(NamedTuple):
    """Names and values in the order of the form, and how many files were chosen, which are not kept."""

    fields: Sequence[tuple[str, str]]
    files: int
    enterprise_id: int | None = None  # of the account when it was sent: its words are for this one


def keep(session: Session, account_id: int, path: str, sent: SentForm, *, at: datetime) -> bool:
    """Keep what was sent to ``path`` in place of what was before; False if it is too long. The caller commits."""
    mine = delete(InterruptedForm).where(InterruptedForm.account_id == account_id)
    session.execute(mine.where(InterruptedForm.path == path))
    sent = sent._replace(enterprise_id=session.get_one(Account, account_id).enterprise_id)
    size = sum(len(name) + len(value) for name, value in sent.fields)
    if size > LONGEST or len(path) > InterruptedForm.path.type.length:
        return False
    session.add(InterruptedForm(account_id=account_id, path=path, sent=sent._asdict(), kept_at=at))
    session.flush()
    newest = select(InterruptedForm.id).where(InterruptedForm.account_id == account_id)
    newest = newest.order_by(InterruptedForm.id.desc()).limit(MOST)
    session.execute(mine.where(InterruptedForm.id.not_in(session.scalars(newest).all())))
    return True


def kept(session: Session, account_id: int, path: str, *, at: datetime) -> SentForm | None:
    """What this account sent to ``path``, unless it is too old or the account has moved to another enterprise since."""
    mine = InterruptedForm.account_id == account_id, InterruptedForm.path == path, InterruptedForm.kept_at > at - LASTS
    found = session.scalars(select(InterruptedForm).where(*mine).order_by(InterruptedForm.id.desc()).limit(1)).first()
    if found is None or found.sent["enterprise_id"] != session.get_one(Account, account_id).enterprise_id:
        return None
    return SentForm(**found.sent | {"fields": [(name, value) for name, value in found.sent["fields"]]})


def sweep(session: Session, *, at: datetime) -> None:
    """Delete what is too old, and what a wrong clock dated ahead."""
    is_over = (InterruptedForm.kept_at <= at - LASTS) | (InterruptedForm.kept_at > at + LASTS)
    session.execute(delete(InterruptedForm).where(is_over))
