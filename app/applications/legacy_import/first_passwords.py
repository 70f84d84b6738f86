"""First passwords of imported accounts: generated together and downloaded once.

Accounts store only hashes; the sheet of passwords is stored encrypted until it is downloaded or a day has passed. Accounts
that were signed in to, or were given another password, are left out.
"""

from collections.abc import Callable
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.importers.importer import ImportContext
from app.core.errors import Stale
from app.core.vocabulary import AuditAction, ImportKind, Role
from app.db import audit
from app.db.session import read_only
from app.files.spreadsheets import Column, write
from app.files.storage import Store
from app.models import Account, Enterprise, LegacyRecord, SheetImport

COLUMNS = (
    Column("enterprise", _("Enterprise name"), width=34),
    Column("uscc", _("Unified social credit code"), width=24),
    Column("contact", _("Contact"), width=12),
    Column("username", _("User name"), width=24),
    Column("word", _("One-time password"), width=22),
)
PORTION = 100  # passwords between two reports of progress
_NOTE = _("Each password works once: it must be changed at the first sign-in. Hand every enterprise its own row only.")
_FETCHED = _("These passwords have been fetched already, or have expired. Please make new ones.")


def _never_signed_in() -> ColumnElement[bool]:
    return and_(Account.last_login.is_(None), Account.must_change_password, Account.active)


def _of_import(import_id: int) -> Select[int]:
    return select(LegacyRecord.row_id).where(LegacyRecord.kind == ImportKind.ACCOUNTS, LegacyRecord.import_id == import_id)


def without_password(session: Session, import_id: int) -> int:
    """How many accounts of this import nobody has signed in to yet."""
    query = select(func.count(Account.id)).where(Account.id.in_(_of_import(import_id)), _never_signed_in())
    return session.scalar(query) or 0


def make_passwords(
    context: ImportContext, import_id: int, fresh: Callable[[], tuple[str, str]], *, asked_at: datetime, at: datetime
) -> None:
    """Set a password for each of these accounts and store the sheet of them, in one transaction.

    ``fresh`` returns a password and its hash (some milliseconds, so before the transaction). Unused earlier passwords are
    replaced, unless they were made after ``asked_at``: then this is a second run of the same job.
    """
    with read_only(), context.sessions() as session:
        made_at = session.scalar(select(SheetImport.passwords_at).where(SheetImport.id == import_id))
        accounts = session.execute(
            select(Account.id, Account.username, Enterprise.name, Enterprise.uscc, Enterprise.contact)
            .join(Enterprise, Enterprise.id == Account.enterprise_id)
            .where(Account.id.in_(_of_import(import_id)), _never_signed_in())
            .order_by(Enterprise.name, Account.id)
        ).all()
    if not accounts or (made_at is not None and made_at >= asked_at):
        return
    rows, hashes = [], []
    for done, account in enumerate(accounts, start=1):
        password, hashed = fresh()
        rows.append({"enterprise": account.name, "uscc": account.uscc, "contact": account.contact})
        rows[-1] |= {"username": account.username, "word": password}
        hashes.append({"account": account.id, "hash": hashed, "at": at})
        if done % PORTION == 0:
            context.progress(done, len(accounts))
    sheet = write(COLUMNS, rows, sheet_title=_("First passwords"), note=_NOTE)
    digest = context.store.put(sheet)
    with context.sessions.begin() as session:
        not_since = SheetImport.passwords_at.is_(None) | (SheetImport.passwords_at < asked_at)
        saved = update(SheetImport).where(SheetImport.id == import_id, not_since)
        saved = saved.values(passwords_object=digest, passwords_at=at).returning(SheetImport.id)
        if session.execute(saved.execution_options(synchronize_session=False)).first() is None:
            return
        _set_passwords(session, hashes)


def _set_passwords(session: Session, hashes: list[dict[str, object]]) -> None:
    table = Account.__table__
    unused = (table.c.id == bindparam("account"), table.c.last_login.is_(None), table.c.must_change_password)
    changed = update(table).where(*unused).values(password=bindparam("hash"), password_set_at=bindparam("at"))
    session.connection().execute(changed, hashes)


def read_passwords(session: Session, store: Store, import_id: int, actor: Actor) -> tuple[bytes, str]:
    """The sheet of passwords and its digest; not to be handed out before ``take_passwords`` let this reader have it."""
    actor.demand(Role.ADMIN)
    digest = session.scalar(select(SheetImport.passwords_object).where(SheetImport.id == import_id))
    if digest is None:
        raise Stale(_FETCHED)
    return store.read(digest), digest


def take_passwords(session: Session, import_id: int, digest: str, actor: Actor, *, at: datetime) -> None:
    """Log that the sheet was fetched: once, ``Stale`` afterwards. The caller commits, then removes the object."""
    actor.demand(Role.ADMIN)
    taken = update(SheetImport).where(SheetImport.id == import_id, SheetImport.passwords_object == digest)
    taken = taken.values(passwords_object=None).returning(SheetImport.id)
    if session.execute(taken.execution_options(synchronize_session=False)).first() is None:
        raise Stale(_FETCHED)
    audit.log(session, actor.name, AuditAction.EXPORT, SheetImport.__tablename__, import_id, {"passwords": "fetched"}, at=at)
    session.flush()
    session.expire_all()
