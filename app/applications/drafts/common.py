"""Creating filings (number, handler, applications) and deleting drafts.

Drafts that were never submitted are deleted without a trace; what was submitted once can only be abandoned.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.clock import office_day
from app.core.errors import AppError, NotFound, Refusal, Unmet
from app.core.identifiers import BadNumber, parse_mobile
from app.core.office import Office
from app.core.vocabulary import CHANGEABLE, Category, MatterKind, Role, State
from app.db import sequences
from app.eligibility.facts import Facts
from app.eligibility.matter_fields import parse_matter_fields
from app.files.fonts import parse_printable_name
from app.models import Application, Filing, Paper

Details = Mapping[int, Mapping[str, str]]  # certificate id -> what was typed


def filer(actor: Actor) -> int:
    """The enterprise that a clerk files for."""
    actor.demand(Role.ENTERPRISE_CLERK)
    assert actor.enterprise_id is not None  # noqa: S101 - a clerk belongs to an enterprise
    return actor.enterprise_id


def handler(name: str, mobile: str, chosen: Collection[Any]) -> tuple[str, str]:
    """Normalise and check the handler and that something was chosen. Raises ``Unmet`` with all mistakes."""
    wrong: list[Refusal] = []
    try:
        name = parse_printable_name(name)  # it stands in every letter
    except BadNumber as error:
        length = _("Please enter the handler's name (2 to 50 characters).")
        sentence = error.sentence if error.code == "unprintable-name" else length
        wrong.append(Refusal("handler-name", sentence, "handler_name"))
    try:
        mobile = parse_mobile(mobile)
    except BadNumber as error:
        wrong.append(Refusal("handler-mobile", error.sentence, "handler_mobile"))
    if not chosen:
        wrong.append(Refusal("nobody-chosen", _("Please choose at least one person."), "picks"))
    if wrong:
        raise Unmet(wrong)
    return name, mobile


def demand_at_most(most: int, chosen: Collection[Any]) -> None:
    """Raises ``Unmet`` if more than ``most`` are chosen for one filing."""
    if len(chosen) > most:
        sentence = _(
            "%(n)s are ticked, and one filing takes at most %(most)s. Please untick some and file for them afterwards.",
            n=len(chosen),
            most=most,
        )
        raise Unmet.because(Refusal("batch-too-large", sentence, "picks"))


def open_filing(
    session: Session, matter: MatterKind, handled_by: tuple[str, str], actor: Actor, *, at: datetime, office: Office
) -> Filing:
    filing = Filing(
        number=sequences.daily_numbers(session, office.region_code, "SB", office_day(at))[0],
        matter=matter,
        enterprise_id=filer(actor),
        handler_name=handled_by[0],
        handler_mobile=handled_by[1],
        created_at=at,
        created_by=actor.name,
    )
    session.add(filing)
    return filing


def add_applications(
    session: Session,
    filing: Filing,
    cases: Sequence[Facts],
    details: Mapping[int | None, Mapping[str, str] | None] | None = None,
    *,
    at: datetime,
    office: Office,
) -> None:
    """One draft for each case; ``details`` by certificate id."""
    given = sequences.daily_numbers(session, office.region_code, "AG", office_day(at), len(cases)) if cases else []
    for case, number in zip(cases, given, strict=True):
        session.add(
            Application(
                number=number,
                filing=filing,
                matter=filing.matter,
                category=case.category,
                state=State.DRAFT,
                person_id=case.person_id,
                enterprise_id=filing.enterprise_id,
                region_code=case.region_code,
                certificate_id=case.certificate_id,
                releasing_enterprise_id=case.releasing_enterprise_id,
                reason_code=case.reason_code,
                details=(details or {}).get(case.certificate_id),
                created_at=at,
            )
        )


def own_filing(session: Session, filing_id: int, actor: Actor, *, lock: bool = False) -> Filing:
    """The actor's own filing, if something in it can still be changed; raises otherwise.

    ``lock``: as it is stored now, locked until the caller commits: its applications first, then the filing, as ``discard``.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    filing = session.get(Filing, filing_id)
    if filing is None or filing.enterprise_id != actor.enterprise_id:
        raise NotFound
    if lock:
        mine = select(Application.id).where(Application.filing_id == filing_id).order_by(Application.id)
        session.execute(mine.with_for_update()).all()
        kept = session.execute(select(Filing.id).where(Filing.id == filing_id).with_for_update(key_share=True)).all()
        session.expire_all()
        if not kept:
            raise NotFound
    if not any(application.state in CHANGEABLE for application in filing.applications):
        raise AppError(_("This filing is being handled and can no longer be changed."), code="filing-settled")
    return filing


def discard(session: Session, application_ids: Collection[int], actor: Actor) -> int:
    """删除: delete drafts that were never submitted, all or none, and filings left empty; how many drafts."""
    actor.demand(Role.ENTERPRISE_CLERK)
    rows = session.execute(
        select(Application.id, Application.filing_id, Application.state, Application.round)
        .where(Application.id.in_(application_ids), Application.enterprise_id == actor.enterprise_id)
        .with_for_update()
    ).all()
    if len(rows) != len(set(application_ids)):
        raise NotFound
    if any(row.state is not State.DRAFT for row in rows):
        raise AppError(_("Only applications that were never submitted can be deleted."), code="not-a-draft")
    if any(row.round for row in rows):
        raise AppError(_("What was submitted before cannot be deleted: give it up instead."), code="submitted-before")
    delete_drafts(session, [row.id for row in rows])
    filings = {row.filing_id for row in rows}
    in_use = set(session.scalars(select(Application.filing_id).where(Application.filing_id.in_(filings))))
    if filings - in_use:
        session.execute(delete(Filing).where(Filing.id.in_(filings - in_use)))
    session.expire_all()
    return len(rows)


def delete_drafts(session: Session, ids: Collection[int]) -> None:
    """Delete drafts with the scans that were handed in for them."""
    session.execute(delete(Paper).where(Paper.application_id.in_(ids)))
    session.execute(delete(Application).where(Application.id.in_(ids), Application.state == State.DRAFT))


def delete_unticked(session: Session, applications: Collection[Application]) -> None:
    """Delete the drafts that were unticked on a form."""
    if any(application.round for application in applications):
        raise AppError(_("What was submitted before cannot be deleted: give it up instead."), code="submitted-before")
    if applications:
        delete_drafts(session, [application.id for application in applications])


def already_open(case: Facts) -> Refusal:
    return Refusal(
        "already-open",
        _(
            "%(name)s already has an open application for category %(category)s.",
            name=case.name,
            category=case.category.value,
        ),
        "picks",
    )


def read_details(
    matter: MatterKind, reason_code: str, categories: Mapping[int, Category], details: Details
) -> dict[int | None, dict[str, str] | None]:
    """The typed details by certificate id. Raises ``Unmet`` with every mistake, the id in its field if there are several."""
    read: dict[int | None, dict[str, str] | None] = {}
    wrong: list[Refusal] = []
    for certificate_id, category in categories.items():
        try:
            read[certificate_id] = parse_matter_fields(matter, reason_code, category, details.get(certificate_id, {}))
        except Unmet as error:
            suffix = f"-{certificate_id}" if len(categories) > 1 else ""
            wrong += [Refusal(refusal.code, refusal.sentence, refusal.field + suffix) for refusal in error.refusals]
    if wrong:
        raise Unmet(wrong)
    return read
