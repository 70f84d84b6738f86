"""Filings: an enterprise puts applications together, changes them and takes them away, until they are submitted.

Law: this room makes and unmakes drafts; every step after that is ``workflow``'s.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import numbers
from app.clock import office_day
from app.config import Office
from app.errors import HouseError, NotFound, Refusal, Unmet
from app.facts import Facts, of_candidates
from app.identity import BadNumber, parse_mobile, parse_name
from app.matters import MATTERS
from app.models import Application, ExamPass, Filing, Person
from app.rules import refusals
from app.scope import Actor
from app.vocabulary import Category, MatterKind, Role, State
from app.workflow import meets_the_matter

Pick = tuple[int, Category]  # person id, category
_HARD = frozenset(
    {"already-open", "already-certified", "no-exam-pass", "exam-pass-too-old", "over-age", "too-young", "banned"}
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person in one category, as the enterprise's list shows them before filing (R70)."""

    facts: Facts
    gaps: tuple[Refusal, ...]  # can be mended: papers
    bars: tuple[Refusal, ...]  # cannot: no exam, already certified …

    @property
    def person_id(self) -> int:
        return self.facts.person_id

    @property
    def category(self) -> Category:
        return self.facts.category

    @property
    def ready(self) -> bool:
        return not self.gaps and not self.bars


def candidates(session: Session, matter: MatterKind, actor: Actor, *, at: datetime, office: Office) -> list[Candidate]:
    """All people of the enterprise who passed an exam, per category, with what they lack; ready ones first.

    People without any passed exam are left out: nothing that the enterprise can do on this page would help them.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    assert actor.enterprise_id is not None  # noqa: S101 - a clerk belongs to an enterprise
    pairs = session.execute(
        select(ExamPass.person_id, ExamPass.category)
        .join(Person, Person.id == ExamPass.person_id)
        .where(Person.enterprise_id == actor.enterprise_id)
        .distinct()
    )
    found = of_candidates(session, actor.enterprise_id, matter, [(row.person_id, row.category) for row in pairs])
    listed = [_candidate(case, office_day(at), office) for case in found.values()]
    return sorted(listed, key=lambda c: (bool(c.bars), bool(c.gaps), c.facts.name, c.category.value))


def _candidate(case: Facts, on: date, office: Office) -> Candidate:
    standing = [refusal for refusal in refusals(case, (meets_the_matter,), on, office) if refusal.code != "handler-missing"]
    bars = tuple(refusal for refusal in standing if refusal.code in _HARD)
    return Candidate(case, tuple(refusal for refusal in standing if refusal.code not in _HARD), bars)


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
    actor.demand(Role.ENTERPRISE_CLERK)
    picks = list(dict.fromkeys(picks))
    name, mobile = _handler(handler_name, handler_mobile, picks)
    assert actor.enterprise_id is not None  # noqa: S101 - a clerk belongs to an enterprise
    cases = _chosen(session, matter, picks, actor.enterprise_id)
    on = office_day(at)
    filing = Filing(
        number=numbers.daily(session, office.region_code, "SB", on)[0],
        matter=matter,
        enterprise_id=actor.enterprise_id,
        handler_name=name,
        handler_mobile=mobile,
        created_at=at,
        created_by=actor.name,
    )
    session.add(filing)
    _add_applications(session, filing, cases, at, office)
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
    """修改 → 保存: another handler, people added or taken away, as long as theirs are drafts (R77)."""
    filing = own_filing(session, filing_id, actor)
    picks = list(dict.fromkeys(picks))
    kept = {(a.person_id, a.category): a for a in filing.applications if a.state is not State.DRAFT}
    drafts = {(a.person_id, a.category): a for a in filing.applications if a.state is State.DRAFT}
    filing.handler_name, filing.handler_mobile = _handler(handler_name, handler_mobile, picks or list(kept))
    gone = [application.id for pick, application in drafts.items() if pick not in picks]
    if gone:
        session.execute(delete(Application).where(Application.id.in_(gone), Application.state == State.DRAFT))
    added = [pick for pick in picks if pick not in drafts and pick not in kept]
    _add_applications(session, filing, _chosen(session, filing.matter, added, filing.enterprise_id), at, office)
    session.flush()
    session.expire(filing)
    return filing


def discard(session: Session, application_ids: Collection[int], actor: Actor) -> int:
    """删除: take away drafts that were never submitted, and filings that are left empty. All or nothing."""
    actor.demand(Role.ENTERPRISE_CLERK)
    rows = session.execute(
        select(Application.id, Application.filing_id, Application.state)
        .where(Application.id.in_(application_ids), Application.enterprise_id == actor.enterprise_id)
        .with_for_update()
    ).all()
    if len(rows) != len(set(application_ids)):
        raise NotFound
    if any(row.state is not State.DRAFT for row in rows):
        raise HouseError(_("Only applications that were never submitted can be deleted."), code="not-a-draft")
    session.execute(delete(Application).where(Application.id.in_([row.id for row in rows])))
    filings = {row.filing_id for row in rows}
    still = set(session.scalars(select(Application.filing_id).where(Application.filing_id.in_(filings))))
    if filings - still:
        session.execute(delete(Filing).where(Filing.id.in_(filings - still)))
    session.expire_all()
    return len(rows)


def own_filing(session: Session, filing_id: int, actor: Actor) -> Filing:
    """The actor's own filing, if something in it can still be changed."""
    actor.demand(Role.ENTERPRISE_CLERK)
    filing = session.get(Filing, filing_id)
    if filing is None or filing.enterprise_id != actor.enterprise_id:
        raise NotFound
    changeable = (State.DRAFT, State.RETURNED, State.NOT_ACCEPTED)
    if not any(application.state in changeable for application in filing.applications):
        raise HouseError(_("This filing is being handled and can no longer be changed."), code="filing-settled")
    return filing


def _handler(name: str, mobile: str, picks: Sequence[Pick]) -> tuple[str, str]:
    """Fold and check the typed handler and that somebody was chosen; all mistakes at once."""
    wrong: list[Refusal] = []
    try:
        name = parse_name(name)
    except BadNumber:
        wrong.append(Refusal("handler-name", _("Please enter the handler's name (2 to 50 characters)."), "handler_name"))
    try:
        mobile = parse_mobile(mobile)
    except BadNumber as no:
        wrong.append(Refusal("handler-mobile", no.sentence, "handler_mobile"))
    if not picks:
        wrong.append(Refusal("nobody-chosen", _("Please choose at least one person."), "picks"))
    if wrong:
        raise Unmet(wrong)
    return name, mobile


def _chosen(session: Session, matter: MatterKind, picks: Sequence[Pick], enterprise_id: int) -> list[Facts]:
    """The facts of the chosen, who must be one's own and must not stand in another open application."""
    if not picks:
        return []
    found = of_candidates(session, enterprise_id, matter, picks)
    wrong: list[Refusal] = []
    for pick in picks:
        case = found.get(pick)
        if case is None or case.employer_id != enterprise_id:
            raise NotFound
        if case.category not in MATTERS[matter].categories:
            raise NotFound
        if case.open_applications:
            wrong.append(
                Refusal(
                    "already-open",
                    _(
                        "%(name)s already has an open application for category %(category)s.",
                        name=case.name,
                        category=case.category.value,
                    ),
                    "picks",
                )
            )
    if wrong:
        raise Unmet(wrong)
    return list(found.values())


def _add_applications(session: Session, filing: Filing, cases: Sequence[Facts], at: datetime, office: Office) -> None:
    given = numbers.daily(session, office.region_code, "AG", office_day(at), len(cases)) if cases else []
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
                created_at=at,
            )
        )
