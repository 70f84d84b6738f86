"""How long scans are kept: which of them nobody needs any more, when the office's own time for them has passed.

Law: what an open application was submitted with, what an approved one rests on, and what belongs to somebody with a
certificate in force is never removed. A removed paper keeps its row; its bytes go after the commit, and only where no other
row names them. Twice is harmless. The caller commits.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from app.applications import legacy_import
from app.core.clock import OFFICE_ZONE, add_months
from app.core.office import Office
from app.core.vocabulary import CLOSED, Action, AuditAction, CertificateStatus, State
from app.db import audit
from app.files.storage import Store
from app.models import Application, Certificate, CertificateVersion, Enterprise, Paper, Qualification, Step

SLICE = 100  # in one transaction: as many objects as a crash may leave behind and the sweeper always believes
REFUSED = tuple(state for state in CLOSED if state is not State.APPROVED)
IN_FORCE = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class RemovedSlice:
    """One slice: the row it went up to (0: there is none left), and the digests of what was removed."""

    last: int
    digests: tuple[str, ...]


def causes(on: date, office: Office) -> dict[str, ColumnElement[bool]]:
    """Why a scan may go on this day, as SQL on ``Paper``. No scan has two causes."""
    there = and_(Paper.removed_at.is_(None), ~_held_in_force(on))
    found: dict[str, ColumnElement[bool]] = {"replaced": false(), "closed": false()}
    if office.replaced_scan_days:
        before = _end(on - timedelta(days=office.replaced_scan_days))
        found["replaced"] = and_(there, Paper.replaced_at < before, ~_used())
    if office.closed_scan_years:
        before = _end(add_months(on, -12 * office.closed_scan_years))
        past = and_(Application.state.in_(REFUSED), Application.closed_at < before)
        # What still counts on somebody's own page is theirs, whatever became of an application.
        apart = or_(Paper.application_id.is_not(None), Paper.replaced_at.is_not(None))
        found["closed"] = and_(there, apart, _used(), ~_used(~past))
    return found


def count_removable(session: Session, on: date, office: Office) -> dict[str, tuple[int, int]]:
    """What would go on this day: how many scans, of how many bytes, by cause."""
    found = {}
    for cause, condition in causes(on, office).items():
        row = session.execute(select(func.count(Paper.id), func.coalesce(func.sum(Paper.size), 0)).where(condition)).one()
        found[cause] = (int(row[0]), int(row[1]))
    return found


def remove_some(session: Session, on: date, office: Office, *, at: datetime, after: int = 0) -> RemovedSlice:
    """The next slice of rows behind ``after``. Their bytes are still there: see ``clear``."""
    due = or_(*causes(on, office).values())
    asked = select(Paper.id, Paper.application_id).where(Paper.id > after, due).order_by(Paper.id).limit(SLICE)
    found = session.execute(asked).all()
    if not found:
        return RemovedSlice(0, ())
    # An application that comes to life again reads its papers with its row locked; so it is locked here, and asked anew.
    owners = {row.application_id for row in found} - {None}
    session.execute(select(Application.id).where(Application.id.in_(owners)).order_by(Application.id).with_for_update())
    again = select(Paper).where(Paper.id.in_([row.id for row in found]), due).order_by(Paper.id).with_for_update(of=Paper)
    papers = session.scalars(again).all()
    session.info["at"] = at
    for paper in papers:
        paper.removed_at = at
        paper.replaced_at = paper.replaced_at or at  # so that nothing counts as handed in which cannot be opened
    if papers:
        audit.log(session, "", AuditAction.DELETE, Paper, change={"scans": len(papers)}, at=at)
    session.flush()
    return RemovedSlice(found[-1].id, tuple(paper.digest for paper in papers))


def delete_objects(session: Session, store: Store, digests: Collection[str], before: datetime) -> None:
    """Take away the bytes that no row names any more. What was handed in again since ``before`` is left to the sweeper."""
    for digest in set(digests) - referenced_digests(session, digests):
        store.remove(digest, before)


def referenced_digests(session: Session, among: Collection[str] | None = None) -> set[str]:
    """The objects that some row names, all of them or those ``among`` these; no others are needed."""
    columns = (Paper.digest, CertificateVersion.digest, CertificateVersion.ofd, Enterprise.licence_digest)
    asked = [select(column).where(column.is_not(None), column != "") for column in columns]
    asked[0] = asked[0].where(Paper.removed_at.is_(None))
    if among is not None:
        asked = [one.where(column.in_(among)) for one, column in zip(asked, columns, strict=True)]
    found = {str(digest) for one in asked for digest in session.scalars(one)} | legacy_import.stored_objects(session)
    return found if among is None else found & set(among)


def _used(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Some application (of which these are true) was submitted with the paper.

    The snapshots say it, too, but are sealed. A submission takes what counts at its moment; what counted then and was not
    taken is kept a little longer than it must be.
    """
    qualified = select(Qualification.enterprise_id).where(Qualification.id == Paper.qualification_id).correlate(Paper)
    concerns = or_(
        Application.id == Paper.application_id,
        Application.person_id == Paper.person_id,
        Application.enterprise_id == Paper.pledging_enterprise_id,
        Application.enterprise_id == qualified.scalar_subquery(),
    )
    submitted = (
        exists()
        .where(Step.application_id == Application.id, Step.action == Action.SUBMIT, _counted_at(Step.at))
        .correlate(Application, Paper)
    )
    its_own = and_(Application.id == Paper.application_id, Paper.replaced_at.is_(None))
    taken = or_(its_own, submitted, _counted_at(Application.submitted_at))
    return exists().where(concerns, taken, *conditions).correlate(Paper)


def _counted_at(moment: ColumnElement[datetime] | object) -> ColumnElement[bool]:
    return and_(Paper.uploaded_at <= moment, or_(Paper.replaced_at.is_(None), Paper.replaced_at >= moment))


def _held_in_force(on: date) -> ColumnElement[bool]:
    """The paper is of somebody who holds a certificate in force."""
    applicant = select(Application.person_id).where(Application.id == Paper.application_id).correlate(Paper)
    holder = or_(Certificate.person_id == Paper.person_id, Certificate.person_id == applicant.scalar_subquery())
    return exists().where(holder, Certificate.status.in_(IN_FORCE), Certificate.valid_to >= on).correlate(Paper)


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), OFFICE_ZONE)
