"""Filings for people: new applications by passed exam, and certificates brought from another province.

An enterprise files for its own people; anybody else is ``NotFound``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.drafts.candidates import FilingCandidate, checked
from app.applications.drafts.common import (
    add_applications,
    already_open,
    delete_unticked,
    demand_at_most,
    filer,
    handler,
    open_filing,
    own_filing,
)
from app.applications.drafts.picking import passes_of
from app.core.clock import office_day
from app.core.errors import NotFound, Unmet
from app.core.office import Office
from app.core.vocabulary import CHANGEABLE, CURRENT_CATEGORIES, Category, MatterKind, ReplacementReason, State
from app.eligibility.facts import Facts, of_candidates
from app.eligibility.matter_fields import parse_matter_fields
from app.eligibility.picking import EVERYTHING, PickerPage, PickerQuery, count, of_page, pages_of, people_of
from app.matters import MATTERS
from app.models import Filing, Person

Pick = tuple[int, Category]  # person id, category
INCOMING = ReplacementReason.FROM_OTHER_PROVINCE.value


def candidates(
    session: Session,
    matter: MatterKind,
    actor: Actor,
    asked: PickerQuery = EVERYTHING,
    *,
    ticked: Sequence[Pick] = (),
    at: datetime,
    office: Office,
) -> PickerPage[FilingCandidate]:
    """People of the enterprise who passed an exam, per category, with gaps and bars; see ``picking``.

    People without any passed exam are left out: the enterprise cannot fix that on this page.
    """
    enterprise_id = filer(actor)
    query = passes_of(session, enterprise_id, asked)
    total = count(session, query)
    page = min(asked.page, pages_of(total))
    picks = [*ticked, *((row.person_id, row.category) for row in session.execute(of_page(query, page)))]
    found = of_candidates(session, enterprise_id, matter, dict.fromkeys(picks))
    own = (case for case in found.values() if case.employer_id == enterprise_id)
    return PickerPage([checked(case, office_day(at), office) for case in own], total, page)


def all_ready(
    session: Session, matter: MatterKind, actor: Actor, asked: PickerQuery, *, at: datetime, office: Office
) -> list[Pick]:
    """Of the people who match those that lack nothing, among the first ``largest_batch``."""
    enterprise_id = filer(actor)
    rows = session.execute(passes_of(session, enterprise_id, asked).limit(office.largest_batch))
    found = of_candidates(session, enterprise_id, matter, [(row.person_id, row.category) for row in rows])
    return [pick for pick, case in found.items() if checked(case, office_day(at), office).ready]


def draft(
    session: Session,
    matter: MatterKind,
    picks: Iterable[Pick],
    handler_name: str,
    handler_mobile: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> Filing:
    """保存: one filing with one draft application per person and category. Not yet submitted (R72)."""
    enterprise_id, picks = filer(actor), list(dict.fromkeys(picks))
    handled_by = handler(handler_name, handler_mobile, picks)
    demand_at_most(office.largest_batch, picks)
    cases = _chosen(session, matter, picks, enterprise_id)
    filing = open_filing(session, matter, handled_by, actor, at=at, office=office)
    add_applications(session, filing, cases, at=at, office=office)
    session.flush()
    return filing


def amend(
    session: Session,
    filing_id: int,
    handler_name: str,
    handler_mobile: str,
    picks: Iterable[Pick],
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> Filing:
    """修改 → 保存: another handler, people added, and removed while their applications are drafts (R77)."""
    filing = own_filing(session, filing_id, actor)
    if filing.matter is not MatterKind.NEW:
        raise NotFound
    picks = list(dict.fromkeys(picks))
    kept = {(a.person_id, a.category): a for a in filing.applications if a.state is not State.DRAFT}
    drafts = {(a.person_id, a.category): a for a in filing.applications if a.state is State.DRAFT}
    filing.handler_name, filing.handler_mobile = handler(handler_name, handler_mobile, picks or list(kept))
    demand_at_most(office.largest_batch, picks)
    delete_unticked(session, [application for pick, application in drafts.items() if pick not in picks])
    added = [pick for pick in picks if pick not in drafts and pick not in kept]
    add_applications(session, filing, _chosen(session, filing.matter, added, filing.enterprise_id), at=at, office=office)
    session.flush()
    session.expire(filing)
    return filing


def own_people(session: Session, actor: Actor, asked: PickerQuery, chosen: int = 0) -> PickerPage[Person]:
    """Who of the enterprise may bring a certificate along: those of a page by name, and first whoever is chosen."""
    enterprise_id = filer(actor)
    matching = people_of(session, enterprise_id, asked.text)
    total = count(session, matching)
    page = min(asked.page, pages_of(total))
    ids = session.scalars(of_page(matching.order_by(Person.name_sort, Person.id), page)).all()
    mine = select(Person).where(Person.id.in_([chosen, *ids]), Person.enterprise_id == enterprise_id)
    people = session.scalars(mine.order_by(Person.id != chosen, Person.name_sort, Person.id))
    return PickerPage(list(people), total, page)


def draft_incoming(
    session: Session,
    pick: Pick,
    details: Mapping[str, str],
    handler_name: str,
    handler_mobile: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> Filing:
    """换证, reason 1 (R117): an own person brings a certificate of this category from another province."""
    enterprise_id, matter = filer(actor), MatterKind.REPLACEMENT
    handled_by = handler(handler_name, handler_mobile, [pick])
    cases = _chosen(session, matter, [pick], enterprise_id, INCOMING)
    read = parse_matter_fields(matter, INCOMING, pick[1], details)
    filing = open_filing(session, matter, handled_by, actor, at=at, office=office)
    add_applications(session, filing, cases, {None: read}, at=at, office=office)
    session.flush()
    return filing


def amend_incoming(
    session: Session, filing_id: int, details: Mapping[str, str], handler_name: str, handler_mobile: str, actor: Actor
) -> Filing:
    """修改 of the same: handler and details; another person needs a new filing."""
    filing = own_filing(session, filing_id, actor)
    if any(application.reason_code != INCOMING for application in filing.applications):
        raise NotFound
    filing.handler_name, filing.handler_mobile = handler(handler_name, handler_mobile, filing.applications)
    for application in filing.applications:
        if application.state in CHANGEABLE and not application.marks:
            application.details = parse_matter_fields(filing.matter, INCOMING, application.category, details)
    session.flush()
    return filing


def _chosen(
    session: Session, matter: MatterKind, picks: Sequence[Pick], enterprise_id: int, reason_code: str = ""
) -> list[Facts]:
    """The facts of the picks. Raises ``NotFound`` for other enterprises' people, ``Unmet`` if an application is open."""
    if not picks:
        return []
    found = of_candidates(session, enterprise_id, matter, picks, reason_code=reason_code)
    open_for = CURRENT_CATEGORIES if reason_code == INCOMING else MATTERS[matter].categories
    for pick in picks:
        case = found.get(pick)
        if case is None or case.employer_id != enterprise_id or case.category not in open_for:
            raise NotFound
    if wrong := [already_open(case) for case in found.values() if case.open_applications]:
        raise Unmet(wrong)
    return list(found.values())
