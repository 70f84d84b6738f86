"""变更: finding a certificate of another enterprise, filing for its transfer, and the transfers to release (R103–R114).

Finding somebody needs name and ID number, each time, and shows no more than the filing needs. Views limit and log every
search (``rate_limit``, ``audit``).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.accounts.access import Actor
from app.applications.drafts.candidates import FilingCandidate, checked
from app.applications.drafts.common import (
    Details,
    add_applications,
    already_open,
    filer,
    handler,
    open_filing,
    own_filing,
    read_details,
)
from app.core.clock import office_day
from app.core.errors import AppError, NotFound, Refusal, Unmet
from app.core.identifiers import BadNumber, fold_name, mask_id, parse_id_number, parse_name
from app.core.office import Office
from app.core.vocabulary import CHANGEABLE, ENDED, Category, CertificateStatus, MatterKind, State
from app.eligibility.facts import Facts, of_certificates
from app.models import Application, Certificate, Filing, Person


@dataclass(frozen=True, slots=True)
class Transferable:
    """A certificate of the person found, and what stands in the way of its transfer."""

    certificate_id: int
    number: str
    category: Category
    status: CertificateStatus  # on the day of the search
    valid_to: date
    enterprise_name: str
    bars: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class TransferSearch:
    """A person with this name and ID number who holds certificates."""

    person_id: int  # for the audit log
    name: str
    masked_id_number: str
    certificates: tuple[Transferable, ...]


def find_for_transfer(
    session: Session, name: str, id_number: str, actor: Actor, *, at: datetime, office: Office
) -> TransferSearch:
    """R109: the person with exactly this name and ID number, with every certificate that has not ended.

    Raises ``Unmet`` for a malformed name or number, ``AppError`` ``nobody-found`` (the same for a wrong name as for nobody)
    and ``already-yours`` if the enterprise holds all certificates already.
    """
    on = office_day(at)
    person_id, cases = _search(session, name, id_number, actor)
    shown = [_transferable(checked(case, on, office), on) for case in cases]
    return TransferSearch(person_id, cases[0].name, mask_id(cases[0].person["id_number"]), tuple(shown))


def draft_transfer(
    session: Session,
    name: str,
    id_number: str,
    certificate_ids: Collection[int],
    handler_name: str,
    handler_mobile: str,
    actor: Actor,
    *,
    details: Details | None = None,
    at: datetime,
    office: Office,
) -> Filing:
    """保存 (R111): one draft per chosen certificate. Name and ID number are checked once more.

    ``details`` completes the person for the new enterprise, by certificate id.
    """
    handled_by = handler(handler_name, handler_mobile, certificate_ids)
    _person_id, cases = _search(session, name, id_number, actor)
    chosen = [case for case in cases if case.certificate_id in set(certificate_ids)]
    if len(chosen) != len(set(certificate_ids)):
        raise NotFound
    wrong = [already_open(case) for case in chosen if case.open_applications]
    wrong += [_yours(case) for case in chosen if case.releasing_enterprise_id == case.enterprise_id]
    if wrong:
        raise Unmet(wrong)
    read = read_details(MatterKind.TRANSFER, "", {case.certificate_id or 0: case.category for case in chosen}, details or {})
    filing = open_filing(session, MatterKind.TRANSFER, handled_by, actor, at=at, office=office)
    add_applications(session, filing, chosen, read, at=at, office=office)
    session.flush()
    return filing


def amend_transfer(
    session: Session, filing_id: int, handler_name: str, handler_mobile: str, actor: Actor, *, details: Details | None = None
) -> Filing:
    """修改: handler, and what completes the person. Certificates are added by another filing and removed by ``discard``."""
    filing = own_filing(session, filing_id, actor)
    if filing.matter is not MatterKind.TRANSFER:
        raise NotFound
    filing.handler_name, filing.handler_mobile = handler(handler_name, handler_mobile, filing.applications)
    if details is not None:
        open_here = {a.certificate_id or 0: a for a in filing.applications if a.state in CHANGEABLE and not a.marks}
        read = read_details(MatterKind.TRANSFER, "", {key: a.category for key, a in open_here.items()}, details)
        for key, application in open_here.items():
            application.details = read[key]
    session.flush()
    return filing


def releases(session: Session, actor: Actor) -> list[Application]:
    """The transfers that await the consent of the actor's enterprise, the longest waiting first."""
    waiting = (
        select(Application)
        .where(Application.releasing_enterprise_id == filer(actor), Application.state == State.AWAITING_RELEASE)
        .options(joinedload(Application.person), joinedload(Application.enterprise), joinedload(Application.certificate))
        .order_by(Application.submitted_at, Application.id)
    )
    return list(session.scalars(waiting))


def _search(session: Session, name: str, id_number: str, actor: Actor) -> tuple[int, list[Facts]]:
    enterprise_id = filer(actor)
    name, id_number = _typed(name, id_number)
    person = session.execute(select(Person.id, Person.name).where(Person.id_number_key == id_number)).one_or_none()
    ids = []
    if person and fold_name(person.name).casefold() == name.casefold():
        held = select(Certificate.id).where(Certificate.person_id == person.id, Certificate.status.not_in(ENDED))
        ids = list(session.scalars(held))
    if person is None or not ids:
        raise AppError(_("Nobody with this name and ID number holds a certificate. Please check both."), code="nobody-found")
    cases = list(of_certificates(session, enterprise_id, MatterKind.TRANSFER, ids).values())
    if all(case.releasing_enterprise_id == enterprise_id for case in cases):
        raise AppError(
            _(
                "%(name)s holds every certificate with your enterprise already: there is nothing to transfer.",
                name=person.name,
            ),
            code="already-yours",
        )
    return person.id, cases


def _typed(name: str, id_number: str) -> tuple[str, str]:
    wrong: list[Refusal] = []
    try:
        name = parse_name(name)
    except BadNumber as error:
        wrong += error.refusals
    try:
        id_number = parse_id_number(id_number)
    except BadNumber as error:
        wrong += error.refusals
    if wrong:
        raise Unmet(wrong)
    return name, id_number


def _transferable(candidate: FilingCandidate, on: date) -> Transferable:
    held = candidate.facts.certificate
    assert held is not None  # noqa: S101 - these facts are of a certificate
    return Transferable(
        held.id,
        held.number,
        held.category,
        held.status_on(on),
        held.valid_to,
        held.enterprise_name,
        (*candidate.bars, *candidate.gaps),
    )


def _yours(case: Facts) -> Refusal:
    number = case.certificate.number if case.certificate else ""
    return Refusal("already-yours", _("%(number)s is held with your enterprise already.", number=number), "picks")
