"""Retention of scans: which may be removed when the office's retention period is over, and their removal.

Never removed: scans of open or approved applications, and of people with a certificate in force. A removed paper keeps its
row; its bytes are deleted after the commit, unless another row refers to them. Idempotent. The caller commits.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session

from app.applications import sheet_imports
from app.core.clock import OFFICE_ZONE, add_months
from app.core.office import Office
from app.core.vocabulary import CLOSED, Action, AuditAction, CertificateStatus, State
from app.db import audit
from app.models import (
    Application,
    Certificate,
    CertificateMeasure,
    CertificateVersion,
    EmploymentRelease,
    Enterprise,
    ExamNoticeFile,
    IdentityCorrection,
    Letter,
    Paper,
    Qualification,
    Step,
    WaitingScan,
)

SLICE = 100  # rows per transaction; a crash leaves at most as many objects to the sweeper
REFUSED = tuple(state for state in CLOSED if state is not State.APPROVED)
IN_FORCE = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class RemovedSlice:
    """One slice: the last row id looked at (0: none left), and the digests of the removed scans."""

    last: int
    digests: tuple[str, ...]


def causes(on: date, office: Office) -> dict[str, ColumnElement[bool]]:
    """Why a scan may be removed on this day, as SQL conditions on ``Paper``; they exclude each other."""
    removable = and_(Paper.removed_at.is_(None), ~_held_in_force(on))
    conditions: dict[str, ColumnElement[bool]] = {"replaced": false(), "closed": false()}
    if office.replaced_scan_days:
        before = _end(on - timedelta(days=office.replaced_scan_days))
        conditions["replaced"] = and_(removable, Paper.replaced_at < before, ~_used())
    if office.closed_scan_years:
        before = _end(add_months(on, -12 * office.closed_scan_years))
        past = and_(Application.state.in_(REFUSED), Application.closed_at < before)
        # The current scans of a person or an enterprise stay, whatever became of an application.
        not_current = or_(Paper.application_id.is_not(None), Paper.replaced_at.is_not(None))
        conditions["closed"] = and_(removable, not_current, _used(), ~_used(~past))
    return conditions


def count_removable(session: Session, on: date, office: Office) -> dict[str, tuple[int, int]]:
    """What would be removed on this day: cause -> number of scans, bytes."""
    counts = {}
    for cause, condition in causes(on, office).items():
        row = session.execute(select(func.count(Paper.id), func.coalesce(func.sum(Paper.size), 0)).where(condition)).one()
        counts[cause] = (int(row[0]), int(row[1]))
    return counts


def remove_some(session: Session, on: date, office: Office, *, at: datetime, after: int = 0) -> RemovedSlice:
    """Mark the next slice of rows after id ``after`` as removed. Their bytes stay: see ``unnamed``."""
    due = or_(*causes(on, office).values())
    query = select(Paper.id, Paper.application_id).where(Paper.id > after, due).order_by(Paper.id).limit(SLICE)
    rows = session.execute(query).all()
    if not rows:
        return RemovedSlice(0, ())
    # Reopening an application reads its papers under its row lock; so lock it here and query again.
    owners = {row.application_id for row in rows} - {None}
    session.execute(select(Application.id).where(Application.id.in_(owners)).order_by(Application.id).with_for_update())
    again = select(Paper).where(Paper.id.in_([row.id for row in rows]), due).order_by(Paper.id).with_for_update(of=Paper)
    papers = session.scalars(again).all()
    session.info["at"] = at
    for paper in papers:
        paper.removed_at = at
        paper.replaced_at = paper.replaced_at or at  # no current paper without its bytes
    if papers:
        audit.log(session, "", AuditAction.DELETE, Paper, change={"scans": len(papers)}, at=at)
    session.flush()
    return RemovedSlice(rows[-1].id, tuple(paper.digest for paper in papers))


def unnamed(session: Session, digests: Collection[str]) -> set[str]:
    """Those that no row refers to: their objects may be removed, when the transaction is over."""
    return set(digests) - referenced_digests(session, digests)


def referenced_digests(session: Session, among: Collection[str] | None = None) -> set[str]:
    """Digests of the objects that some row refers to, of all or of those in ``among``; all other objects are unused."""
    certificates = (CertificateVersion.digest, CertificateVersion.ofd, CertificateMeasure.document_digest)
    documents = (IdentityCorrection.digest, EmploymentRelease.digest, ExamNoticeFile.digest, Letter.digest)
    waiting = (WaitingScan.digest, WaitingScan.portrait_digest)
    columns = (Paper.digest, *certificates, Enterprise.licence_digest, *documents, *waiting, *sheet_imports.STORED_OBJECTS)
    asked = [select(column).where(column.is_not(None), column != "") for column in columns]
    asked[0] = asked[0].where(Paper.removed_at.is_(None))
    if among is not None:
        asked = [one.where(column.in_(among)) for one, column in zip(asked, columns, strict=True)]
    return {str(digest) for one in asked for digest in session.scalars(one)}


def _used(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Some application (that fulfils the conditions) was submitted with the paper.

    Computed from times, because the snapshots are encrypted: a paper that was current at a submission counts as used,
    even if that submission did not include it.
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
    current = and_(Application.id == Paper.application_id, Paper.replaced_at.is_(None))
    used = or_(current, submitted, _counted_at(Application.submitted_at))
    return exists().where(concerns, used, *conditions).correlate(Paper)


def _counted_at(moment: ColumnElement[datetime] | object) -> ColumnElement[bool]:
    return and_(Paper.uploaded_at <= moment, or_(Paper.replaced_at.is_(None), Paper.replaced_at >= moment))


def _held_in_force(on: date) -> ColumnElement[bool]:
    """The paper belongs to somebody who holds a certificate in force."""
    applicant = select(Application.person_id).where(Application.id == Paper.application_id).correlate(Paper)
    holder = or_(Certificate.person_id == Paper.person_id, Certificate.person_id == applicant.scalar_subquery())
    return exists().where(holder, Certificate.status.in_(IN_FORCE), Certificate.valid_to >= on).correlate(Paper)


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), OFFICE_ZONE)
