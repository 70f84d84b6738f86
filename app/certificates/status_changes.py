"""Measures of the authority: 暂扣, its lifting, 撤销, 吊销 (domain.md 2.6).

A reviewer proposes, an approver with another account confirms or refuses, an administrator does neither. Only a confirmed
measure changes anything: status, history, ban, public notice and text message, in the caller's transaction. No measure undoes
an end. A suspension ends on the day after its term (``end_suspensions``) or by a measure of its own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, and_, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from app.accounts.access import Actor, decides, reach
from app.certificates.grounds import GROUNDS, banned_until
from app.certificates.lifecycle import Decision, record
from app.certificates.pdf import letter_jobs
from app.core.clock import add_months, office_day
from app.core.errors import NotAllowed, NotFound, Refusal, Stale, Unmet
from app.core.identifiers import fold_certificate_number
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import (
    PUNISHING,
    AuditAction,
    CertificateEventKind,
    CertificateStatus,
    MeasureGround,
    MeasureState,
    NotificationKind,
    Role,
)
from app.db import audit
from app.files import fonts
from app.models import Account, Certificate, CertificateMeasure, Person
from app.outbox import notifications, public_notices
from app.outbox.sms_texts import (
    BANNED,
    MEASURE_REFUSED,
    MEASURE_TEXTS,
    SUSPENSION_OVER,
    OutgoingMessage,
    Recipient,
    in_province_language,
    system_message,
)

MOST_FACTS, MOST_DOCUMENT_NUMBER, MOST_REASON = 300, 80, 500  # characters
VALID, SUSPENDED, EXPIRED = CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED
# kind of measure: possible statuses before (as on the day), status after
_STEPS = {
    CertificateEventKind.SUSPENDED: ((VALID,), SUSPENDED),
    CertificateEventKind.REINSTATED: ((SUSPENDED,), VALID),
    CertificateEventKind.REVOKED: ((VALID, SUSPENDED, EXPIRED), CertificateStatus.REVOKED),
    CertificateEventKind.WITHDRAWN: ((VALID, SUSPENDED), CertificateStatus.WITHDRAWN),
}
SYSTEM = _("By the system itself")  # the actor of what ends with its term
TERM_OVER = _("the term is over: last day %(day)s (%(document)s)")
REASON = _("%(ground)s: %(facts)s (%(document)s)")
UNTIL = _("%(reason)s; until %(day)s")


# --- who, and what can be found ---------------------------------------------------------------------------


def must_propose(actor: Actor) -> None:
    """Raise ``NotAllowed`` unless the actor is a reviewer with an account and no administrator."""
    actor.demand(Role.REVIEWER)
    if actor.id is None or Role.ADMIN in actor.roles:
        raise NotAllowed


def may_decide(actor: Actor, office: Office) -> bool:
    """Whether the actor is an approver of the level that issues certificates, and no administrator."""
    fits = Role.APPROVER in actor.roles and Role.ADMIN not in actor.roles and actor.id is not None
    return fits and decides(actor, Role.APPROVER, office)


def by_numbers(session: Session, numbers: Collection[str], actor: Actor, *, lock: bool = False) -> dict[str, Certificate]:
    """The certificates with exactly these numbers within the officer's region, in one query."""
    actor.demand(Role.REVIEWER, Role.APPROVER)
    folded = [fold_certificate_number(number) for number in numbers]
    return {one.number: one for one in _certificates(session, Certificate.number.in_(folded), actor, lock=lock)}


def possible_actions(certificate: Certificate, on: date) -> tuple[CertificateEventKind, ...]:
    """What can be proposed for a certificate now, for the screen; ``propose`` checks again."""
    return tuple(kind for kind in _STEPS if is_possible(certificate, kind, on))


def is_possible(certificate: Certificate, kind: CertificateEventKind, on: date) -> bool:
    """Whether the status of the certificate allows this."""
    return allows(certificate.status_on(on), kind)


def allows(status: CertificateStatus, kind: CertificateEventKind) -> bool:
    return status in _STEPS[kind][0]


# --- proposing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MeasureDocument:
    """The scan of the document that a measure rests on, in the store."""

    digest: str
    mime: str
    name: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """One measure as proposed."""

    certificate_id: int
    kind: CertificateEventKind
    ground: MeasureGround
    facts: str
    document_number: str
    last_day: date | None = None  # of a suspension
    document: MeasureDocument | None = None


def propose(
    session: Session, proposals: Sequence[Proposal], actor: Actor, *, at: datetime, office: Office
) -> list[CertificateMeasure]:
    """Propose measures, all or none. Raises ``Unmet`` with every refusal, ``NotFound`` for a certificate out of reach."""
    must_propose(actor)
    wanted = {proposal.certificate_id for proposal in proposals}
    held = {one.id: one for one in _certificates(session, Certificate.id.in_(wanted), actor, lock=True)}
    if held.keys() != wanted:
        raise NotFound
    pending, on = pending_among(session, wanted), office_day(at)
    refusals: list[Refusal] = []
    for proposal in proposals:
        refusals += unfit(held[proposal.certificate_id], proposal, on, office, pending)
        pending.add(proposal.certificate_id)
    if refusals:
        raise Unmet(refusals)
    return _stored(session, proposals, held, actor, at)


def pending_among(session: Session, certificate_ids: Collection[int]) -> set[int]:
    """Which of these certificates have a proposal that awaits its decision."""
    proposed = select(CertificateMeasure.certificate_id).where(
        CertificateMeasure.certificate_id.in_(certificate_ids), CertificateMeasure.state == MeasureState.PROPOSED
    )
    return set(session.scalars(proposed))


def unfit(
    certificate: Certificate, proposal: Proposal, on: date, office: Office, pending: Collection[int]
) -> Iterator[Refusal]:
    """Why this cannot be proposed for this certificate."""
    if certificate.id in pending:
        yield Refusal("already-proposed", _("A measure is proposed for this certificate already and awaits its decision."))
    if not is_possible(certificate, proposal.kind, on):
        yield _not_possible(certificate, on)
    rule = GROUNDS[proposal.ground]
    if proposal.kind not in rule.kinds or certificate.category not in rule.categories:
        sentence = _(
            "“%(ground)s” is no ground for “%(measure)s” with a certificate of category %(category)s.",
            ground=proposal.ground.label,
            measure=proposal.kind.label,
            category=certificate.category.value,
        )
        yield Refusal("wrong-ground", sentence, "ground")
    yield from _text_given(proposal)
    yield from _can_be_printed(proposal)
    if proposal.kind is CertificateEventKind.SUSPENDED:
        yield from _term_fits(proposal.last_day, on, office)
    if office.measure_document and proposal.document is None:
        yield Refusal("document-missing", _("Please add the scan of the document."), "document")


def _text_given(proposal: Proposal) -> Iterator[Refusal]:
    if not proposal.facts.strip():
        yield Refusal("reason-missing", _("Please say what was found: when, where and what."), "facts")
    if len(proposal.facts.strip()) > MOST_FACTS:
        yield Refusal("reason-too-long", _("The facts may have at most %(n)s characters.", n=MOST_FACTS), "facts")
    if not proposal.document_number.strip():
        yield Refusal("number-missing", _("Please give the number of the document."), "document_number")
    if len(proposal.document_number.strip()) > MOST_DOCUMENT_NUMBER:
        sentence = _("The number of the document may have at most %(n)s characters.", n=MOST_DOCUMENT_NUMBER)
        yield Refusal("number-too-long", sentence, "document_number")


def _facts(proposal: Proposal) -> str:
    """Without the tabs and carriage returns of pasted text."""
    return proposal.facts.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()


def _can_be_printed(proposal: Proposal) -> Iterator[Refusal]:
    """The letter is drawn when it is taken: by then it would be too late to ask for other characters."""
    for name, text in (("facts", _facts(proposal)), ("document_number", proposal.document_number)):
        if missing := fonts.unprintable(text.replace("\n", "")):
            sentence = _(
                "“%(text)s” cannot be printed: no font has the character %(marks)s.", text=text[:20], marks="".join(missing)
            )
            yield Refusal("cannot-be-printed", sentence, name)


def _term_fits(last_day: date | None, on: date, office: Office) -> Iterator[Refusal]:
    if last_day is None:
        yield Refusal("term-missing", _("Please give the last day of the suspension."), "last_day")
    elif last_day < on:
        yield Refusal("term-over", _("The last day of the suspension must not lie in the past."), "last_day")
    elif last_day > add_months(on, office.suspension_months):
        sentence = _("A suspension lasts at most %(n)s months.", n=office.suspension_months)
        yield Refusal("term-too-long", sentence, "last_day")


def _stored(
    session: Session, proposals: Sequence[Proposal], held: Mapping[int, Certificate], actor: Actor, at: datetime
) -> list[CertificateMeasure]:
    """In bulk: on SQLite the session would write row by row."""
    rows = [_row(proposal, held[proposal.certificate_id], actor, at) for proposal in proposals]
    try:
        session.execute(insert(CertificateMeasure), rows)
    except IntegrityError:  # of two proposals at once, the unique index refuses one
        raise Stale from None
    ids = [row["certificate_id"] for row in rows]
    mine = select(CertificateMeasure).where(
        CertificateMeasure.certificate_id.in_(ids), CertificateMeasure.state == MeasureState.PROPOSED
    )
    measures = session.scalars(mine.order_by(CertificateMeasure.id)).all()
    _log_proposals(session, measures, actor, at)
    return list(measures)


def _row(proposal: Proposal, certificate: Certificate, actor: Actor, at: datetime) -> dict[str, Any]:
    document = proposal.document
    return {
        "certificate_id": certificate.id,
        "kind": proposal.kind,
        "ground": proposal.ground,
        "facts": without_numbers(_facts(proposal), _("Facts"), "facts")[:MOST_FACTS],
        "document_number": proposal.document_number.strip(),
        "document_digest": document.digest if document else "",
        "document_mime": document.mime if document else "",
        "document_name": document.name[:120] if document else "",
        "last_day": proposal.last_day if proposal.kind is CertificateEventKind.SUSPENDED else None,
        "state": MeasureState.PROPOSED,
        "holder": certificate.holder,
        "enterprise_name": certificate.enterprise.name,
        "proposed_by_id": actor.id,
        "proposed_by": actor.name[:130],
        "proposed_at": at,
    }


def _log_proposals(session: Session, measures: Sequence[CertificateMeasure], actor: Actor, at: datetime) -> None:
    """One audit entry for each: bulk statements are not logged by the session."""
    address = str(session.info.get("address") or "")[:45]
    always = {"at": at, "actor": actor.name[:130], "deed": AuditAction.CREATE, "address": address}
    always["table"] = CertificateMeasure.__tablename__
    lines = []
    for measure in measures:
        shown = {"kind": measure.kind.value, "ground": measure.ground.value, "document_number": measure.document_number}
        shown |= {"certificate_id": measure.certificate_id, "state": measure.state.value}
        lines.append({**always, "row": str(measure.id), "change": {name: [None, value] for name, value in shown.items()}})
    audit.log_many(session, lines)


# --- deciding -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MeasureOutcome:
    """The result of each measure of a batch: every id is in ``done`` or in ``refused``."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, tuple[Refusal, ...]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)  # for messages


def confirm(
    session: Session, ids: Iterable[int], actor: Actor, *, reason: str = "", at: datetime, office: Office
) -> MeasureOutcome:
    """Take the proposed measures that still fit; the others are refused with their reasons, and stay proposed.

    A certificate has one proposal at a time and of several bans of one person the latest holds, so that a batch does what its
    members do one by one. Raises ``ClockInDoubt``.
    """
    office.demand_sound_clock()
    reason = _checked(reason, required=False)
    outcome, rows = decidable(session, ids, actor, office)
    on, taken = office_day(at), list[CertificateMeasure]()
    held = locked_certificates(session, rows)
    for measure in rows:
        certificate = held[measure.certificate_id]
        if refusals := tuple(in_the_way(measure, certificate, on)):
            outcome.refused[measure.id] = refusals
        else:
            taken.append(measure)
    if taken:
        _take(Decision(session, actor, at, office), taken, held, reason)
    outcome.done = [measure.id for measure in taken]
    return outcome


def refuse(
    session: Session, ids: Iterable[int], actor: Actor, *, reason: str = "", at: datetime, office: Office
) -> MeasureOutcome:
    """Refuse proposals with a reason. Nothing else changes; each proposer is told."""
    reason = _checked(reason, required=True)
    outcome, rows = decidable(session, ids, actor, office)
    mobiles = mobiles_of(session, {measure.proposed_by_id for measure in rows})
    held = locked_certificates(session, rows)
    messages = []
    for measure in rows:
        measure.state, measure.decision_reason = MeasureState.REFUSED, reason
        measure.decided_by_id, measure.decided_by, measure.decided_at = actor.id, actor.name[:130], at
        values = {"by": actor.name, **about(measure, held, reason)}
        mobile = mobiles.get(measure.proposed_by_id)
        messages.append(system_message(MEASURE_REFUSED, mobile, office, proposer_of(measure), **values))
    session.flush()
    notifications.tell(session, messages, at=at)
    outcome.done = [measure.id for measure in rows]
    return outcome


def about(measure: CertificateMeasure, held: Mapping[int, Certificate], reason: str) -> dict[str, object]:
    """What a proposer is told about a proposal."""
    number = held[measure.certificate_id].number
    return {"officer": measure.proposed_by, "number": number, "document": measure.document_number, "reason": reason}


def proposer_of(measure: CertificateMeasure) -> Recipient:
    """Who proposed it, as the reader of a message about it."""
    return Recipient(NotificationKind.MEASURE, measure.id, account_id=measure.proposed_by_id)


def retract(session: Session, measure_id: int, actor: Actor, *, at: datetime) -> CertificateMeasure:
    """The proposer takes an undecided proposal back."""
    must_propose(actor)
    measure = next(
        iter(locked_measures(session, CertificateMeasure.id == measure_id, reach(actor, CertificateMeasure))), None
    )
    if measure is None or measure.proposed_by_id != actor.id:
        raise NotFound
    if measure.state is not MeasureState.PROPOSED:
        raise Stale
    measure.state = MeasureState.RETRACTED
    measure.decided_by_id, measure.decided_by, measure.decided_at = actor.id, actor.name[:130], at
    session.flush()
    return measure


def end_suspensions(session: Session, ids: Collection[int], *, at: datetime, office: Office, send_at: datetime) -> None:
    """End the suspensions whose term is over: the certificate is valid again (or has expired), the enterprise is told.

    Those that ended otherwise meanwhile are left as they are.
    """
    rows = [
        measure
        for measure in locked_measures(session, CertificateMeasure.id.in_(ids))
        if measure.state is MeasureState.CONFIRMED and measure.last_day is not None and measure.last_day < office_day(at)
    ]
    held, events, messages = locked_certificates(session, rows), [], []
    for measure in rows:
        certificate = held[measure.certificate_id]
        measure.state, measure.ended_at = MeasureState.ENDED, at
        if certificate.status is not SUSPENDED:
            continue
        certificate.status, certificate.status_reason, certificate.suspended_to = VALID, "", None
        values = {"day": measure.last_day, "document": measure.document_number}
        events.append({"certificate_id": certificate.id, "reason": in_province_language(TERM_OVER) % values})
        messages.append(_to_enterprise(SUSPENSION_OVER, measure, certificate, office))
    session.flush()
    if events:
        system = Actor(None, in_province_language(SYSTEM), frozenset())
        record(Decision(session, system, at, office), CertificateEventKind.REINSTATED, VALID, events)
    notifications.tell(session, messages, at=at, send_at=send_at)


def _take(decision: Decision, taken: Sequence[CertificateMeasure], held: Mapping[int, Certificate], reason: str) -> None:
    session, actor, at = decision.session, decision.actor, decision.at
    _end_earlier_suspensions(session, [measure.certificate_id for measure in taken], at)
    events: dict[CertificateEventKind, list[dict[str, object]]] = defaultdict(list)
    for measure in taken:
        certificate = held[measure.certificate_id]
        text = _reason_text(measure)
        certificate.status = _STEPS[measure.kind][1]
        certificate.status_reason = "" if certificate.status is VALID else text
        certificate.suspended_to = measure.last_day  # None but for a suspension
        measure.state, measure.decision_reason = MeasureState.CONFIRMED, reason
        measure.decided_by_id, measure.decided_by, measure.decided_at = actor.id, actor.name[:130], at
        measure.holder, measure.enterprise_name = certificate.holder, certificate.enterprise.name
        measure.banned_until = banned_until(measure.ground, decision.on, decision.office)
        events[measure.kind].append({"certificate_id": certificate.id, "reason": text})
    _ban(session, taken, held)
    session.flush()
    for kind, rows in events.items():
        record(decision, kind, _STEPS[kind][1], rows)
    _tell(decision, taken, held)
    letter_jobs.enqueue_measures(session, [measure.id for measure in taken], at=at)


def _end_earlier_suspensions(session: Session, certificate_ids: Collection[int], at: datetime) -> None:
    """A suspension is over once another measure is taken: its term must not end a later one."""
    for measure in locked_measures(session, _RUNNING, CertificateMeasure.certificate_id.in_(certificate_ids)):
        measure.state, measure.ended_at = MeasureState.ENDED, at
    session.flush()


def _ban(session: Session, taken: Sequence[CertificateMeasure], held: Mapping[int, Certificate]) -> None:
    """Set the ban of each holder, later only: a ban is never shortened."""
    banning = [measure for measure in taken if measure.banned_until]
    ids = {held[measure.certificate_id].person_id for measure in banning}
    if not ids:
        return
    locked = select(Person).where(Person.id.in_(ids)).order_by(Person.id).with_for_update()
    people = {one.id: one for one in session.scalars(locked.execution_options(populate_existing=True))}
    for measure in banning:
        person = people[held[measure.certificate_id].person_id]
        assert measure.banned_until is not None  # noqa: S101 - as chosen above
        if person.banned_until is None or person.banned_until < measure.banned_until:
            person.banned_until, person.banned_for = measure.banned_until, measure.ground


def _tell(decision: Decision, taken: Sequence[CertificateMeasure], held: Mapping[int, Certificate]) -> None:
    """The enterprise, and the public by a notice where the law asks for one."""
    office, messages = decision.office, list[OutgoingMessage]()
    published: list[public_notices.MeasureResult] = []
    for measure in taken:
        certificate = held[measure.certificate_id]
        messages.append(_to_enterprise(MEASURE_TEXTS[measure.kind], measure, certificate, office))
        if measure.kind in PUNISHING or (measure.kind is CertificateEventKind.SUSPENDED and office.publish_suspensions):
            published.append(
                public_notices.MeasureResult(
                    measure_id=measure.id,
                    kind=measure.kind,
                    category=certificate.category,
                    name=certificate.holder,
                    id_number=certificate.person.id_number,
                    enterprise_name=certificate.enterprise.name,
                    region_code=certificate.enterprise.region_code,
                    certificate_number=certificate.number,
                )
            )
    notifications.tell(decision.session, messages, at=decision.at)
    public_notices.publish_measures(decision.session, published, at=decision.at)


def _to_enterprise(
    sentence: object, measure: CertificateMeasure, certificate: Certificate, office: Office
) -> OutgoingMessage:
    recipient = Recipient(NotificationKind.CERTIFICATE, certificate.id, certificate.enterprise_id)
    values = {"enterprise": certificate.enterprise.name, "person": certificate.holder, "number": certificate.number}
    values |= {"document": measure.document_number, "day": f"{measure.last_day:%Y-%m-%d}" if measure.last_day else ""}
    until = measure.banned_until
    ban = in_province_language(BANNED) % {"person": certificate.holder, "until": until} if until else ""
    return system_message(sentence, certificate.enterprise.contact_mobile, office, recipient, **values, ban=ban)


def _reason_text(measure: CertificateMeasure) -> str:
    """Ground, facts, number of the document and term, as the history keeps them."""
    ground = in_province_language(measure.ground.label)
    values = {"ground": ground, "facts": measure.facts, "document": measure.document_number}
    text = in_province_language(REASON) % values
    if measure.last_day:
        text = in_province_language(UNTIL) % {"reason": text, "day": measure.last_day}
    return text[:MOST_REASON]


# --- what stands in the way ---------------------------------------------------------------------------------


def decidable(
    session: Session, ids: Iterable[int], actor: Actor, office: Office
) -> tuple[MeasureOutcome, list[CertificateMeasure]]:
    """The locked proposals that this approver may decide, in the order given; the others are refused."""
    actor.demand(Role.APPROVER)
    if not may_decide(actor, office):
        raise NotAllowed
    ids = list(dict.fromkeys(ids))
    if not ids:
        raise Unmet.because(Refusal("nothing-chosen", _("Please choose at least one record first.")))
    if len(ids) > office.largest_batch:
        sentence = _("At most %(n)s records can be handled at once.", n=office.largest_batch)
        raise Unmet.because(Refusal("batch-too-large", sentence))
    chosen = CertificateMeasure.id.in_(ids)
    reachable = set(session.scalars(select(CertificateMeasure.id).where(chosen, reach(actor, CertificateMeasure))))
    locked = locked_measures(session, or_(chosen, _running_with(chosen)))
    found = {measure.id: measure for measure in locked if measure.id in reachable}
    outcome, fit = MeasureOutcome(names={key: measure.holder for key, measure in found.items()}), []
    for measure_id in ids:
        measure = found.get(measure_id)
        if measure is None:
            outcome.refused[measure_id] = NotFound().refusals
        elif measure.state is not MeasureState.PROPOSED:
            sentence = _("%(name)s: now “%(state)s”; this can no longer be done.", name=measure.holder, state=measure.state)
            outcome.refused[measure_id] = (Refusal("stale", sentence),)
        elif measure.proposed_by_id == actor.id:
            sentence = _("%(name)s: you proposed this yourself; another person decides it.", name=measure.holder)
            outcome.refused[measure_id] = (Refusal("same-person", sentence),)
        else:
            fit.append(measure)
    return outcome, fit


def _running_with(chosen: ColumnElement[bool]) -> ColumnElement[bool]:
    """The suspensions in effect of the same certificates: confirming ends them, so they are locked with the others."""
    same = select(CertificateMeasure.certificate_id).where(chosen)
    return and_(_RUNNING, CertificateMeasure.certificate_id.in_(same.correlate(None)))


_RUNNING = and_(CertificateMeasure.kind == CertificateEventKind.SUSPENDED, CertificateMeasure.state == MeasureState.CONFIRMED)


def in_the_way(measure: CertificateMeasure, certificate: Certificate, on: date) -> Iterator[Refusal]:
    """Why a proposal can no longer be confirmed."""
    if not is_possible(certificate, measure.kind, on):
        sentence = _(
            "%(name)s: the certificate is now “%(status)s”; “%(measure)s” can no longer be taken. Refuse the proposal, or "
            "leave it: the system closes it tonight.",
            name=certificate.holder,
            status=certificate.status_on(on).label,
            measure=measure.kind.label,
        )
        yield Refusal("status", sentence)
    if measure.last_day is not None and measure.last_day < on:
        sentence = _(
            "%(name)s: the suspension would be over already (%(day)s). Refuse the proposal and have it made anew.",
            name=certificate.holder,
            day=measure.last_day,
        )
        yield Refusal("term-over", sentence)


def _not_possible(certificate: Certificate, on: date) -> Refusal:
    sentence = _("The certificate is now “%(status)s”; this cannot be done with it.", status=certificate.status_on(on))
    return Refusal("status", sentence)


def _checked(reason: str, *, required: bool) -> str:
    reason = without_numbers(reason.strip())
    if required and not reason:
        raise Unmet.because(Refusal("reason-missing", _("Please give the reason in detail."), field="reason"))
    if len(reason) > MOST_REASON:
        raise Unmet.because(
            Refusal("reason-too-long", _("The reason may have at most %(n)s characters.", n=MOST_REASON), field="reason")
        )
    return reason


# --- rows, always locked in this order: measures, certificates, people; each by id ----------------------------------


def _certificates(session: Session, condition: ColumnElement[bool], actor: Actor, *, lock: bool) -> Sequence[Certificate]:
    asked = _WITH_OWNERS.where(condition, reach(actor, Certificate))
    if lock:
        asked = asked.with_for_update(of=Certificate).execution_options(populate_existing=True)
    return session.scalars(asked).all()


def locked_certificates(session: Session, measures: Collection[CertificateMeasure]) -> dict[int, Certificate]:
    mine = _WITH_OWNERS.where(Certificate.id.in_({measure.certificate_id for measure in measures}))
    locked = mine.with_for_update(of=Certificate).execution_options(populate_existing=True)
    return {one.id: one for one in session.scalars(locked)}


_WITH_OWNERS = (
    select(Certificate)
    .options(selectinload(Certificate.person), selectinload(Certificate.enterprise))
    .order_by(Certificate.id)  # fixed order, so that concurrent batches cannot deadlock
)


def locked_measures(session: Session, *conditions: ColumnElement[bool]) -> Sequence[CertificateMeasure]:
    asked = select(CertificateMeasure).where(*conditions).order_by(CertificateMeasure.id)
    locked = asked.with_for_update(of=CertificateMeasure).execution_options(populate_existing=True)
    return session.scalars(locked).all()


def mobiles_of(session: Session, account_ids: Collection[int]) -> dict[int, str]:
    asked = select(Account.id, Account.mobile).where(Account.id.in_(account_ids), Account.mobile.is_not(None))
    return {row.id: row.mobile or "" for row in session.execute(asked)}
