"""Files of an account that wait to be confirmed: received once each, counted, corrected, discarded and swept.

The bytes are in ``Store`` before a row is written. Rows are seen and changed by the account that sent them alone, in the
enterprise that it had then. The caller commits.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach
from app.applications.bulk_scans.names import Match, Roster, numbers_in
from app.core.errors import AppError, NotFound
from app.core.identifiers import name_key
from app.core.office import Office
from app.core.redaction import mask_numbers
from app.core.scan_vocabulary import ScanSide
from app.core.vocabulary import PERSON_PAPERS, PaperKind, Role
from app.files.storage import KeptScan
from app.models import Account, Person, WaitingScan

LONGEST_FOLDER = 120


class PileFull(AppError):
    """No further file is kept until some are confirmed or discarded."""

    code = "pile-full"


class Received(NamedTuple):
    """A file that was checked and stored."""

    folder: str  # as sent
    source: str  # SHA-256 of what was sent
    scan: KeptScan
    match: Match
    portrait: KeptScan | None = None  # the same picture checked as a photo, if it was matched as one


class SpaceLeft(NamedTuple):
    """How much more of this account may wait."""

    files: int
    bytes: int


def roster(session: Session, actor: Actor, paths: Iterable[str]) -> Roster:
    """Names of everybody on the actor's list, and the people whose ID numbers these paths name: at most two queries."""
    mine = _on_list(actor)
    by_name: dict[str, list[int]] = {}
    for person_id, name in session.execute(select(Person.id, Person.name).where(mine).order_by(Person.id)):
        by_name.setdefault(name_key(name), []).append(person_id)
    by_number = {}
    if numbers := numbers_in(paths):
        named = select(Person.id, Person.id_number).where(mine, Person.id_number_key.in_(numbers))
        by_number = {number: person_id for person_id, number in session.execute(named)}
    return Roster(by_name, by_number)


def known(
    session: Session, actor: Actor, sources: Collection[str], *, at: datetime, office: Office
) -> Mapping[str, WaitingScan]:
    """Those of these files that are here already, by the digest of what was sent."""
    rows = session.scalars(select(WaitingScan).where(*_mine(actor, at, office), WaitingScan.source.in_(sources)))
    return {row.source: row for row in rows}


def waiting(session: Session, actor: Actor, *, at: datetime, office: Office) -> Sequence[WaitingScan]:
    """All files of the actor that wait, in the order in which they came; detached, to be read after the transaction."""
    rows = session.scalars(select(WaitingScan).where(*_mine(actor, at, office)).order_by(WaitingScan.id)).all()
    for row in rows:
        session.expunge(row)
    return rows


SIZE = WaitingScan.size + func.coalesce(WaitingScan.portrait_size, 0)


def space_left(session: Session, actor: Actor, *, at: datetime, office: Office) -> SpaceLeft:
    sizes = select(func.count(WaitingScan.id), func.coalesce(func.sum(SIZE), 0)).where(*_mine(actor, at, office))
    files, size = session.execute(sizes).one()
    return SpaceLeft(office.waiting_scans - files, office.waiting_scan_bytes - int(size))


def receive(
    session: Session, actor: Actor, file: Received, *, at: datetime, office: Office, by_phone: bool = False
) -> WaitingScan:
    """Record a file; the row that is there already if the same file came before. Raises ``PileFull``, ``NotFound``.

    A picture taken anew by telephone replaces the one before of the same side.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    # The row of the account is locked, so that uploads at once count and find each other's.
    if session.scalar(select(Account.id).where(Account.id == actor.id).with_for_update()) is None:
        raise NotFound
    session.execute(delete(WaitingScan).where(*_expired(at, office), WaitingScan.account_id == actor.id))
    if there := known(session, actor, [file.source], at=at, office=office):
        return there[file.source]
    place = {"person_id": file.match.person_id, "kind": file.match.kind, "side": file.match.side}
    before = select(WaitingScan).where(*_mine(actor, at, office), WaitingScan.by_phone).filter_by(**place)
    replaced = session.scalars(before).all() if by_phone else []
    left = space_left(session, actor, at=at, office=office)
    freed = sum(row.size + (row.portrait_size or 0) for row in replaced)
    if left.files + len(replaced) < 1 or left.bytes + freed < file.scan.size:
        raise PileFull(
            _(
                "%(name)s: too many scans are waiting to be confirmed (at most %(files)s files of together %(size)s MB). "
                "Please confirm or discard some, then send the rest again.",
                name=file.scan.name,
                files=office.waiting_scans,
                size=office.waiting_scan_bytes // 1024**2,
            )
        )
    if file.match.person_id is not None:
        must_reach(actor, session.get(Person, file.match.person_id))
    for row in replaced:  # only now: who is refused keeps the one before
        session.delete(row)
    row = WaitingScan(
        account_id=actor.id, enterprise_id=actor.enterprise_id, source=file.source,
        folder=mask_numbers(file.folder)[-LONGEST_FOLDER:], filename=file.scan.name, digest=file.scan.digest,
        mime=file.scan.mime, size=file.scan.size, by_phone=by_phone, received_at=at,
        **file.match._asdict(), **_as_portrait(file.portrait),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def newest_by_phone(session: Session, actor: Actor, person_id: int, kind: PaperKind, *, at: datetime, office: Office) -> int:
    """The id of the newest picture of this paper that came by telephone; 0 without one."""
    of_paper = WaitingScan.person_id == person_id, WaitingScan.kind == kind, WaitingScan.by_phone
    return session.scalar(select(func.max(WaitingScan.id)).where(*_mine(actor, at, office), *of_paper)) or 0


def get(session: Session, actor: Actor, scan_id: int, *, at: datetime, office: Office) -> WaitingScan:
    """The actor's own waiting file; ``NotFound`` for any other."""
    row = session.scalars(select(WaitingScan).where(*_mine(actor, at, office), WaitingScan.id == scan_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def settle(
    session: Session, actor: Actor, row: WaitingScan, person_id: int, kind: PaperKind, side: ScanSide,
    portrait: KeptScan | None = None,
) -> None:  # fmt: skip
    """The clerk has said to whom a file belongs and as what. Raises ``NotFound`` for somebody who is not on the list."""
    actor.demand(Role.ENTERPRISE_CLERK)
    person = must_reach(actor, session.get(Person, person_id))
    if kind not in PERSON_PAPERS:
        raise AppError(_("“%(paper)s” does not belong here.", paper=kind.label), code="wrong-paper")
    row.person_id, row.kind, row.side, row.doubt = person.id, kind, side, None
    if portrait is not None:
        row.portrait_digest, row.portrait_size = portrait.digest, portrait.size


def discard(session: Session, actor: Actor, row: WaitingScan) -> None:
    actor.demand(Role.ENTERPRISE_CLERK)
    session.delete(row)


def sweep(session: Session, *, at: datetime, office: Office) -> None:
    """Delete the rows of files that waited too long; their bytes are removed by the sweep of the store."""
    session.execute(delete(WaitingScan).where(*_expired(at, office)))


def _mine(actor: Actor, at: datetime, office: Office) -> tuple[ColumnElement[bool], ...]:
    since = at - timedelta(hours=office.waiting_scan_hours)
    return (
        WaitingScan.account_id == actor.id, WaitingScan.enterprise_id == actor.enterprise_id, WaitingScan.received_at > since,
    )  # fmt: skip


def _expired(at: datetime, office: Office) -> tuple[ColumnElement[bool], ...]:
    """Too old, or dated ahead by a wrong clock."""
    lasts = timedelta(hours=office.waiting_scan_hours)
    return ((WaitingScan.received_at <= at - lasts) | (WaitingScan.received_at > at + lasts),)


def _on_list(actor: Actor) -> ColumnElement[bool]:
    return Person.enterprise_id == actor.enterprise_id


def _as_portrait(portrait: KeptScan | None) -> dict[str, object]:
    return {} if portrait is None else {"portrait_digest": portrait.digest, "portrait_size": portrait.size}
