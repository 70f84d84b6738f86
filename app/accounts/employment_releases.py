"""解除劳动关系登记 by the authority: somebody whose former enterprise does not let them go is freed on evidence.

With a certificate in force it is a transfer instead, which the authority releases in place of the old enterprise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.clock import office_day
from app.core.errors import Refusal, Unmet, reason_faults
from app.core.identifiers import BadNumber, fold, name_key, parse_id_number
from app.core.office import Office
from app.core.redaction import REASON, number_refusals
from app.core.vocabulary import UNDER_WAY, AuditAction, CertificateStatus, NotificationKind, Registration, Role, SignupState
from app.db import audit
from app.files.storage import KeptScan
from app.models import Application, Certificate, EmploymentRelease, Enterprise, ExamNotice, ExamSignup, Person
from app.outbox.notifications import tell
from app.outbox.sms_texts import FREED_FOR, FREED_FROM, Recipient, shortened, system_message


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What the administrator types and hands in: the person, the enterprise that asks for them, why, and the evidence."""

    name: str
    id_number: str
    uscc: str
    reason: str
    document: KeptScan | None  # inspected and stored


def free(session: Session, asked: ReleaseRequest, actor: Actor, *, at: datetime, office: Office) -> EmploymentRelease:
    """End the employment on record; both enterprises are told. ``Unmet`` with everything that stands in the way."""
    actor.demand(Role.ADMIN)
    reason = " ".join(asked.reason.split())
    wrong: list[Refusal] = [*reason_faults(reason), *number_refusals({"reason": (REASON, reason)})]
    kept = asked.document
    if kept is None:
        wrong.append(Refusal("document-missing", _("Please add the document that proves it."), "document"))
    person = _locked_person(session, asked, wrong)
    new = _new_enterprise(session, asked.uscc, actor, wrong)
    old = session.get(Enterprise, person.enterprise_id) if person and person.enterprise_id else None
    if person and old and new:
        wrong += _stands_in_the_way(session, person, new, at)
    if wrong or not (person and old and new and kept):
        raise Unmet(wrong)
    _end_selections(session, person, at, actor)
    person.enterprise_id = None
    document = {"digest": kept.digest, "mime": kept.mime, "filename": kept.name, "size": kept.size}
    made = EmploymentRelease(
        person_id=person.id,
        old_enterprise_id=old.id,
        new_enterprise_id=new.id,
        region_code=new.region_code,
        reason=reason,
        released_at=at,
        released_by=actor.name[:130],
        **document,
    )
    session.add(made)
    session.flush()
    _tell(session, person, old, new, reason, at, office)
    return made


# --- what stands in the way -----------------------------------------------------------------------------


def _locked_person(session: Session, asked: ReleaseRequest, wrong: list[Refusal]) -> Person | None:
    """Name and number must both be known. Notices of saved sign-ups are locked before the person, as in ``exams``."""
    try:
        number = parse_id_number(asked.id_number)
    except BadNumber as error:
        wrong.append(Refusal(error.code, error.sentence, "id_number"))
        return None
    person_id = session.scalar(select(Person.id).where(Person.id_number_key == number))
    if person_id is not None:
        theirs = select(ExamSignup.notice_id).where(*_selected(person_id))
        notices = select(ExamNotice.id).where(ExamNotice.id.in_(theirs)).order_by(ExamNotice.id)
        session.execute(notices.with_for_update(key_share=True))
    person = session.get(Person, person_id, with_for_update=True, populate_existing=True) if person_id else None
    if person is None or name_key(person.name) != name_key(asked.name):
        sentence = _("Nobody with this name and ID number is on record. Please check both.")
        wrong.append(Refusal("person-unknown", sentence, "id_number"))
        return None
    if person.enterprise_id is None:
        sentence = _("%(name)s is registered with no enterprise and can be added at once.", name=person.name)
        wrong.append(Refusal("free-already", sentence, "id_number"))
    return person


def _new_enterprise(session: Session, uscc: str, actor: Actor, wrong: list[Refusal]) -> Enterprise | None:
    """The enterprise that asks, within the administrator's area."""
    found = session.scalars(select(Enterprise).where(Enterprise.uscc == fold(uscc), reach(actor, Enterprise))).one_or_none()
    if found is None or found.registration is not Registration.APPROVED:
        sentence = _("There is no registered enterprise with this credit code in your area.")
        wrong.append(Refusal("enterprise-unknown", sentence, "uscc"))
        return None
    return found


def _stands_in_the_way(session: Session, person: Person, new: Enterprise, at: datetime) -> Iterator[Refusal]:
    if person.enterprise_id == new.id:
        sentence = _("%(name)s is registered with this enterprise already.", name=person.name)
        yield Refusal("same-enterprise", sentence, "uscc")
    case = session.scalar(
        select(Application.number).where(Application.person_id == person.id, Application.state.in_(UNDER_WAY)).limit(1)
    )
    if case is not None:
        named = {"number": case, "name": person.name}
        sentence = _("Application %(number)s of %(name)s is under way; it has to be closed first.", **named)
        yield Refusal("open-application", sentence)
    standing = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)
    held = select(Certificate.number).where(
        Certificate.person_id == person.id, Certificate.status.in_(standing), Certificate.valid_to >= office_day(at)
    )
    if (number := session.scalar(held.limit(1))) is not None:
        sentence = _(
            "%(name)s holds %(number)s: the new enterprise files a transfer, which you can release in place of the old one.",
            name=person.name,
            number=number,
        )
        yield Refusal("certificate-in-force", sentence)


# --- effects ----------------------------------------------------------------------------------------------


def _selected(person_id: int) -> tuple[ColumnElement[bool], ...]:
    return (ExamSignup.person_id == person_id, ExamSignup.state == SignupState.SELECTED)


def _end_selections(session: Session, person: Person, at: datetime, actor: Actor) -> None:
    """Saved sign-ups come off the old list, or the new enterprise could not sign the person up for the same exam.

    What is submitted stays: an exam belongs to the person who sits it.
    """
    ids = session.scalars(select(ExamSignup.id).where(*_selected(person.id))).all()
    session.execute(delete(ExamSignup).where(ExamSignup.id.in_(ids)).execution_options(synchronize_session=False))
    always = {"at": at, "actor": actor.name[:130], "deed": AuditAction.DELETE, "table": "exam_signup"}
    always["address"] = str(session.info.get("address") or "")[:45]
    audit.log_many(session, [{**always, "row": str(key), "change": {"person_id": [person.id, None]}} for key in ids])


def _tell(
    session: Session, person: Person, old: Enterprise, new: Enterprise, reason: str, at: datetime, office: Office
) -> None:
    values = {"person": person.name, "other": new.name, "reason": shortened(reason)}
    tell(
        session,
        [
            system_message(
                sentence, firm.contact_mobile, office, Recipient(NotificationKind.PEOPLE, enterprise_id=firm.id),
                enterprise=firm.name, **values,
            )
            for sentence, firm in ((FREED_FROM, old), (FREED_FOR, new))
        ],
        at=at,
    )  # fmt: skip
