"""Filings for the enterprise's own certificates: renewal, replacement, cancellation, many certificates per filing.

Certificates of other enterprises are ``NotFound``.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.drafts.candidates import FilingCandidate, checked
from app.applications.drafts.common import (
    Details,
    add_applications,
    already_open,
    delete_unticked,
    demand_at_most,
    filer,
    handler,
    open_filing,
    own_filing,
    read_details,
)
from app.applications.drafts.for_people import INCOMING
from app.applications.drafts.picking import MOST_CERTIFICATES, certificates_of
from app.core.clock import office_day
from app.core.errors import AppError, NotFound, Refusal, Unmet
from app.core.office import Office
from app.core.vocabulary import CHANGEABLE, ENDED, OPEN, REASONS, UNDER_WAY, MatterKind, State, reason_of
from app.eligibility.facts import Facts, of_certificates
from app.eligibility.picking import EVERYTHING, PickerPage, PickerQuery, count, of_page, pages_of
from app.models import Application, Certificate, Filing

OWN = (MatterKind.RENEWAL, MatterKind.REPLACEMENT, MatterKind.CANCELLATION)


def holdings(
    session: Session,
    matter: MatterKind,
    actor: Actor,
    asked: PickerQuery = EVERYTHING,
    *,
    ticked: Collection[int] = (),
    reason_code: str = "",
    at: datetime,
    office: Office,
) -> PickerPage[FilingCandidate]:
    """选择安管人员证书 (R97): the enterprise's own certificates that have not ended, with gaps and bars; see ``picking``."""
    enterprise_id = filer(actor)
    query = certificates_of(session, enterprise_id, asked)
    total = count(session, query)
    page = min(asked.page, pages_of(total))
    first = _own(session, enterprise_id, ticked)
    ids = list(dict.fromkeys([*first, *session.scalars(of_page(query, page))]))
    found = of_certificates(session, enterprise_id, matter, ids, reason_code=reason_code)
    return PickerPage([checked(found[key], office_day(at), office) for key in ids], total, page)


def all_open(
    session: Session,
    matter: MatterKind,
    actor: Actor,
    asked: PickerQuery,
    *,
    reason_code: str = "",
    at: datetime,
    office: Office,
) -> list[int]:
    """Of the certificates that match those without bars, among the first ``most_of`` by expiry."""
    enterprise_id = filer(actor)
    query = certificates_of(session, enterprise_id, replace(asked, by_name=False)).limit(most_of(office))
    ids = list(session.scalars(query))
    found = of_certificates(session, enterprise_id, matter, ids, reason_code=reason_code)
    return [key for key in ids if not checked(found[key], office_day(at), office).bars]


def most_of(office: Office) -> int:
    """How many certificates one filing may hold."""
    return min(office.largest_batch, MOST_CERTIFICATES)


def _own(session: Session, enterprise_id: int, ids: Collection[int]) -> Sequence[int]:
    mine = select(Certificate.id).where(Certificate.id.in_(ids), Certificate.enterprise_id == enterprise_id)
    return session.scalars(mine.where(Certificate.status.not_in(ENDED)).order_by(Certificate.valid_to, Certificate.id)).all()


def open_on(session: Session, certificate_ids: Collection[int], actor: Actor) -> dict[int, Application]:
    """By certificate: the open application that excludes another one by this enterprise (as ``Facts.excluded_by``)."""
    mine = and_(Application.enterprise_id == filer(actor), Application.state.in_(OPEN))
    excluding = select(Application).where(
        Application.certificate_id.in_(certificate_ids), or_(mine, Application.state.in_(UNDER_WAY))
    )
    return {one.certificate_id or 0: one for one in session.scalars(excluding.order_by(Application.id.desc()))}


def draft_on_certificates(
    session: Session,
    matter: MatterKind,
    certificate_ids: Collection[int],
    handler_name: str,
    handler_mobile: str,
    actor: Actor,
    *,
    reason_code: str = "",
    details: Details | None = None,
    at: datetime,
    office: Office,
) -> Filing:
    """保存 (R99, R122, R126): one filing with one draft per certificate, all for the same reason. Not yet submitted."""
    enterprise_id, ids = filer(actor), list(dict.fromkeys(certificate_ids))
    handled_by = handler(handler_name, handler_mobile, ids)
    demand_at_most(most_of(office), ids)
    _check_reason(matter, reason_code)
    cases = _chosen(session, matter, ids, enterprise_id, reason_code)
    read = read_details(matter, reason_code, {case.certificate_id or 0: case.category for case in cases}, details or {})
    filing = open_filing(session, matter, handled_by, actor, at=at, office=office)
    add_applications(session, filing, cases, read, at=at, office=office)
    session.flush()
    return filing


def amend_claims(
    session: Session,
    filing_id: int,
    certificate_ids: Collection[int],
    handler_name: str,
    handler_mobile: str,
    actor: Actor,
    *,
    reason_code: str = "",
    details: Details | None = None,
    at: datetime,
    office: Office,
) -> Filing:
    """修改 → 保存: handler, reason, details; certificates are added, and removed while their applications are drafts.

    ``details`` replaces the stored ones. All share one reason, which cannot change once something was submitted.
    """
    filing = own_filing(session, filing_id, actor)
    if filing.matter not in OWN:
        raise NotFound
    _check_reason(filing.matter, reason_code)
    ids = list(dict.fromkeys(certificate_ids))
    before = {application.certificate_id or 0: application for application in filing.applications}
    filing.handler_name, filing.handler_mobile = handler(handler_name, handler_mobile, ids)
    demand_at_most(most_of(office), ids)
    _keep_reason(filing, reason_code)
    gone = [a for certificate_id, a in before.items() if certificate_id not in ids and a.state is State.DRAFT]
    kept = {certificate_id: a for certificate_id, a in before.items() if a not in gone and a.state in CHANGEABLE}
    added = _chosen(session, filing.matter, [i for i in ids if i not in before], filing.enterprise_id, reason_code)
    categories = {case.certificate_id or 0: case.category for case in added}
    kept = {i: a for i, a in kept.items() if not a.marks}  # with marks: only ``correct`` may change them
    read = read_details(filing.matter, reason_code, categories | {i: a.category for i, a in kept.items()}, details or {})
    for certificate_id, application in kept.items():
        application.details = read[certificate_id]
    delete_unticked(session, gone)
    add_applications(session, filing, added, read, at=at, office=office)
    session.flush()
    session.expire(filing)
    return filing


def _keep_reason(filing: Filing, reason_code: str) -> None:
    applications: list[Application] = filing.applications
    if all(application.reason_code == reason_code for application in applications):
        return
    if any(application.round for application in applications):
        raise AppError(
            _("The reason cannot change once something was submitted. Please file anew."),
            code="reason-settled",
            field="reason_code",
        )
    for application in applications:
        application.reason_code = reason_code


def _check_reason(matter: MatterKind, reason_code: str) -> None:
    if matter not in OWN:
        raise NotFound
    known = reason_of(matter, reason_code) is not None if matter in REASONS else not reason_code
    if not known or reason_code == INCOMING:  # no certificate of ours: ``for_people.draft_incoming``
        raise Unmet.because(Refusal("reason-unknown", _("Please choose a reason from the list."), "reason_code"))


def _chosen(session: Session, matter: MatterKind, ids: Collection[int], enterprise_id: int, reason_code: str) -> list[Facts]:
    if not ids:
        return []
    found = of_certificates(session, enterprise_id, matter, ids, reason_code=reason_code)
    held = (case.certificate for case in found.values())
    if len(found) != len(ids) or any(own is None or own.enterprise_id != enterprise_id for own in held):
        raise NotFound
    if wrong := [already_open(case) for case in found.values() if case.open_applications]:
        raise Unmet(wrong)
    return list(found.values())
