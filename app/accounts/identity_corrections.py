"""更正: name or ID number of somebody who was signed up or examined, and holds no certificate in force.

The employer asks with a scan of the ID card; an acceptance officer compares and decides. An approval changes the person and
their sign-ups and passes in one transaction. With a certificate it is a replacement instead (domain.md 3.5, 4.6).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from flask_babel import lazy_gettext as _
from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor, decides, must_reach, reach
from app.accounts.identity_binding import lock_people, rebind
from app.accounts.registry import identity_is_fixed_by
from app.core.clock import office_day
from app.core.errors import NotAllowed, NotFound, Refusal, Stale, Unmet
from app.core.identifiers import BadNumber, identity_differences, mask_id, parse_id_number
from app.core.office import Office
from app.core.redaction import REASON, number_refusals, without_numbers
from app.core.vocabulary import IdentityCorrectionState, NotificationKind, PaperKind, Role, SignupState
from app.db.counting import MOST_ON_TILE, counts
from app.files.fonts import parse_printable_name
from app.files.storage import KeptScan
from app.models import Enterprise, ExamNotice, ExamPass, ExamSignup, IdentityCorrection, Paper, Person
from app.outbox.notifications import tell
from app.outbox.sms_texts import Recipient, in_province_language, system_message

LONGEST_REASON = 500  # characters, as the columns hold
PENDING = IdentityCorrectionState.PENDING
APPROVED = _("%(enterprise)s: name and ID number of %(person)s have been corrected as you applied for.")
MOVED_AWAY = _("The person has moved to another enterprise.")
REJECTED = _(
    "%(enterprise)s: the correction of name or ID number of %(person)s was rejected. Reason: %(reason)s. "
    "Please sign in for the details."
)


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    """What the enterprise types and hands in, the scan inspected and stored; an empty ID number stays as it is."""

    name: str
    id_number: str
    reason: str
    scan: KeptScan | None


def ask(
    session: Session, person_id: int, asked: CorrectionRequest, actor: Actor, *, at: datetime, office: Office
) -> IdentityCorrection:
    """Apply for a correction. Raises ``Unmet`` with everything that stands in the way, ``NotFound`` for others' people."""
    actor.demand(Role.ENTERPRISE_CLERK)
    wrong: list[Refusal] = []
    scan = asked.scan
    if scan is None:
        missing = _("Please add a scan of the ID card, both sides in one file.")
        wrong.append(Refusal("missing-id_card", missing, "paper_id_card"))
    person = _own_person(session, person_id, actor)
    new, bad = _parsed(asked, person, office_day(at), office.least_age)
    wrong += bad
    reason = " ".join(asked.reason.split())
    wrong += number_refusals({"reason": (REASON, reason)})
    if not 2 <= len(reason) <= LONGEST_REASON:
        wrong.append(Refusal("reason-missing", _("Please give the reason in detail."), "reason"))
    wrong += _stands_in_the_way(session, person, new, office_day(at))
    wrong += _pending(session, person)
    if wrong or scan is None:
        raise Unmet(wrong)
    assert person.enterprise is not None  # noqa: S101 - the actor's own
    made = IdentityCorrection(
        person_id=person.id,
        enterprise_id=person.enterprise.id,
        region_code=person.enterprise.region_code,
        old_name=person.name,
        new_name=new["name"],
        old_id_number=person.id_number,
        new_id_number=new["id_number"],
        reason=reason,
        filename=scan.name,
        digest=scan.digest,
        mime=scan.mime,
        size=scan.size,
        asked_at=at,
        asked_by=actor.name[:130],
    )
    session.add(made)
    session.flush()
    return made


def bars(session: Session, person: Person, on: date) -> list[Refusal]:
    """Why no correction can be applied for, whatever is typed; for the pages, ``ask`` checks again."""
    fixed = {refusal.code: refusal for refusal in identity_is_fixed_by(session, person.id, on)}
    found = list(_pending(session, person))
    if not fixed:
        found.append(_not_fixed(person))
    if not _is_bound_otherwise(session, person):
        found += [fixed[code] for code in _SETTLED_ELSEWHERE if code in fixed]
    return found


def withdraw(session: Session, correction_id: int, actor: Actor, *, at: datetime) -> IdentityCorrection:
    """The enterprise takes back what is not decided yet."""
    actor.demand(Role.ENTERPRISE_CLERK)
    correction = _locked(session, correction_id)
    if correction is None or correction.enterprise_id != actor.enterprise_id:
        raise NotFound
    return _close(session, correction, IdentityCorrectionState.WITHDRAWN, "", actor, at)


def end_for_movers(session: Session, people: Collection[int], actor: Actor, *, at: datetime) -> None:
    """End the pending corrections of people who leave the enterprise that asked. The caller has locked the people.

    One that is being decided at this moment is left to that decision, which is refused: it waits for the people's locks.
    """
    asked = select(IdentityCorrection).where(IdentityCorrection.person_id.in_(people), IdentityCorrection.state == PENDING)
    for correction in session.scalars(asked.order_by(IdentityCorrection.id).with_for_update(skip_locked=True)):
        _close(session, correction, IdentityCorrectionState.WITHDRAWN, in_province_language(MOVED_AWAY), actor, at)


def approve(session: Session, correction_id: int, actor: Actor, *, at: datetime, office: Office) -> IdentityCorrection:
    """Change the person, bind sign-ups and passes anew, keep the scan as the person's ID card, tell the enterprise.

    Raises ``Unmet`` with what stands in the way by now, ``Stale`` if it was decided already.
    """
    correction = _to_decide(session, correction_id, actor, office)
    theirs = select(ExamSignup.notice_id).where(ExamSignup.person_id == correction.person_id)
    # Sign-ups are written under the lock of their notice, which is taken before that of the person as in ``exams``.
    notices = select(ExamNotice.id).where(ExamNotice.id.in_(theirs)).order_by(ExamNotice.id)
    session.execute(notices.with_for_update(key_share=True))
    lock_people(session, [correction.person_id])
    person = session.get_one(Person, correction.person_id, populate_existing=True)
    new = {"name": correction.new_name, "id_number": correction.new_id_number}
    if refused := [*_has_moved_on(person, correction), *_stands_in_the_way(session, person, new, office_day(at))]:
        raise Unmet(refused)
    person.name = new["name"]
    if person.id_number != new["id_number"]:
        person.id_number = new["id_number"]
    try:
        session.flush()  # of two people who get one number at once, the unique index refuses one
    except IntegrityError:
        raise Unmet.because(_taken()) from None
    rebind(session, {person.id: (None, new)})
    _keep_as_id_card(session, correction, at)
    _tell(session, correction, APPROVED, at, office)
    return _close(session, correction, IdentityCorrectionState.APPROVED, "", actor, at)


def reject(
    session: Session, correction_id: int, reason: str, actor: Actor, *, at: datetime, office: Office
) -> IdentityCorrection:
    """Leave everything as it is; the enterprise is told why."""
    correction = _to_decide(session, correction_id, actor, office)
    reason = " ".join(without_numbers(reason).split())
    if not reason:
        raise Unmet.because(Refusal("reason-missing", _("Please give the reason in detail."), "reason"))
    if len(reason) > LONGEST_REASON:
        too_long = _("The reason may have at most %(n)s characters.", n=LONGEST_REASON)
        raise Unmet.because(Refusal("reason-too-long", too_long, "reason"))
    _tell(session, correction, REJECTED, at, office, reason=reason)
    return _close(session, correction, IdentityCorrectionState.REJECTED, reason, actor, at)


def pending_count(session: Session, actor: Actor, office: Office) -> int:
    """How many corrections await this officer's decision, counted up to ``MOST_ON_TILE + 1``."""
    if Role.ACCEPTANCE_OFFICER not in actor.roles or not decides(actor, Role.ACCEPTANCE_OFFICER, office):
        return 0
    waiting = (IdentityCorrection.state == PENDING, reach(_as_officer(actor), IdentityCorrection))
    return counts(session, IdentityCorrection, {PENDING: waiting}, MOST_ON_TILE)[PENDING]


def bindings_of(session: Session, person_id: int) -> list[tuple[str, dict[str, str] | None]]:
    """For whom this person's sign-ups and passes were made: what it was, and the name and number bound to it."""
    signups = session.execute(
        select(ExamSignup.number, ExamSignup.identity)
        .where(ExamSignup.person_id == person_id, ExamSignup.state != SignupState.SELECTED)
        .order_by(ExamSignup.id)
    )
    passes = session.execute(
        select(ExamPass.passed_on, ExamPass.category, ExamPass.identity)
        .where(ExamPass.person_id == person_id)
        .order_by(ExamPass.id)
    )
    found = [(row.number, row.identity) for row in signups]
    return found + [(f"{row.passed_on:%Y-%m-%d} {row.category.value}", row.identity) for row in passes]


# --- what stands in the way ---------------------------------------------------------------------------


def _stands_in_the_way(session: Session, person: Person, new: dict[str, str], on: date) -> Iterator[Refusal]:
    """On asking and on approval: what else corrects this identity, and whose number it is."""
    fixed = {refusal.code: refusal for refusal in identity_is_fixed_by(session, person.id, on)}
    if not fixed:
        yield _not_fixed(person)
    only_binds = not identity_differences(_on_record(person), new) and _is_bound_otherwise(session, person)
    for code in _SETTLED_ELSEWHERE:
        if code in fixed and not only_binds:
            yield fixed[code]
    if not identity_differences(_on_record(person), new) and not only_binds:
        yield Refusal("nothing-corrected", _("Name and ID number are on record like this already."), "name")
    twin = select(Person.id).where(Person.id_number_key == new["id_number"], Person.id != person.id)
    if session.scalar(twin) is not None:
        yield _taken()


_SETTLED_ELSEWHERE = ("settled-by-certificate", "settled-by-application")


def _pending(session: Session, person: Person) -> Iterator[Refusal]:
    pending = (IdentityCorrection.person_id == person.id, IdentityCorrection.state == PENDING)
    if session.scalar(select(exists().where(*pending))):
        yield Refusal("correction-pending", _("A correction of %(name)s awaits a decision already.", name=person.name))


def _not_fixed(person: Person) -> Refusal:
    sentence = _("Nothing fixes name and ID number of %(name)s yet: they can simply be edited.", name=person.name)
    return Refusal("identity-not-fixed", sentence)


def _on_record(person: Person) -> dict[str, str]:
    return {"name": person.name, "id_number": person.id_number}


def _is_bound_otherwise(session: Session, person: Person) -> bool:
    """Some sign-up or pass is bound to nobody, or to somebody else than the record says."""
    bound = [identity for _what, identity in bindings_of(session, person.id)]
    return any(identity is None or identity_differences(identity, _on_record(person)) for identity in bound)


def _has_moved_on(person: Person, correction: IdentityCorrection) -> Iterator[Refusal]:
    if person.enterprise_id != correction.enterprise_id:
        yield Refusal("not-own-person", _("%(name)s is no longer registered with this enterprise.", name=person.name))
    if (person.name, person.id_number) != (correction.old_name, correction.old_id_number):
        sentence = _(
            "The record says %(name)s, %(number)s by now, which is not what was to be corrected. Please reject this one.",
            name=person.name,
            number=mask_id(person.id_number),
        )
        yield Refusal("moved-meanwhile", sentence)


def _taken() -> Refusal:
    return Refusal("id-taken", _("This ID number belongs to another record."), "id_number")


# --- parts --------------------------------------------------------------------------------------------


def _own_person(session: Session, person_id: int, actor: Actor) -> Person:
    lock_people(session, [person_id])
    person = session.get(Person, person_id, populate_existing=True)
    if person is None or person.enterprise_id is None or person.enterprise_id != actor.enterprise_id:
        raise NotFound
    return person


def _parsed(asked: CorrectionRequest, person: Person, on: date, least_age: int) -> tuple[dict[str, str], list[Refusal]]:
    new, wrong = _on_record(person), []
    for field, typed, parse in (
        ("name", asked.name, parse_printable_name),
        ("id_number", asked.id_number or person.id_number, partial(parse_id_number, on=on, least_age=least_age)),
    ):
        try:
            new[field] = parse(typed)
        except BadNumber as error:
            wrong += [replace(refusal, field=field) for refusal in error.refusals]
    return new, wrong


def _locked(session: Session, correction_id: int) -> IdentityCorrection | None:
    return session.get(IdentityCorrection, correction_id, with_for_update=True, populate_existing=True)


def _to_decide(session: Session, correction_id: int, actor: Actor, office: Office) -> IdentityCorrection:
    actor.demand(Role.ACCEPTANCE_OFFICER)
    correction = _locked(session, correction_id)
    must_reach(_as_officer(actor), correction)
    assert correction is not None  # noqa: S101 - must_reach has refused None
    if not decides(actor, Role.ACCEPTANCE_OFFICER, office):
        raise NotAllowed
    if correction.state is not PENDING:
        raise Stale
    return correction


def _as_officer(actor: Actor) -> Actor:
    """Other roles of the actor must not give access to more rows here."""
    return replace(actor, roles=frozenset({Role.ACCEPTANCE_OFFICER}))


def _close(
    session: Session, correction: IdentityCorrection, state: IdentityCorrectionState, reason: str, actor: Actor, at: datetime
) -> IdentityCorrection:
    if correction.state is not PENDING:
        raise Stale
    correction.state, correction.decision_reason = state, reason
    correction.decided_at, correction.decided_by = at, actor.name[:130]
    session.flush()
    return correction


def _keep_as_id_card(session: Session, correction: IdentityCorrection, at: datetime) -> None:
    """The scan that was decided on becomes the person's ID card; the one before stays on record as replaced."""
    current = (Paper.person_id == correction.person_id, Paper.kind == PaperKind.ID_CARD, Paper.replaced_at.is_(None))
    session.execute(update(Paper).where(*current).values(replaced_at=at).execution_options(synchronize_session=False))
    paper = Paper(
        kind=PaperKind.ID_CARD,
        person_id=correction.person_id,
        enterprise_id=correction.enterprise_id,
        filename=correction.filename,
        digest=correction.digest,
        mime=correction.mime,
        size=correction.size,
        uploaded_at=correction.asked_at,
        uploaded_by=correction.asked_by[:64],
    )
    session.add(paper)
    try:
        session.flush()
    except IntegrityError:  # another scan was handed in at this moment
        raise Stale from None


def _tell(
    session: Session, correction: IdentityCorrection, sentence: object, at: datetime, office: Office, *, reason: str = ""
) -> None:
    enterprise = session.get_one(Enterprise, correction.enterprise_id)
    values = {"enterprise": enterprise.name, "person": correction.old_name, "reason": reason.rstrip("。.")}
    recipient = Recipient(NotificationKind.PEOPLE, correction.person_id, enterprise.id)
    tell(session, [system_message(sentence, enterprise.contact_mobile, office, recipient, **values)], at=at)
