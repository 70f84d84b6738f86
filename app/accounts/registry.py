"""Enterprises, their qualifications, and the people they employ.

An enterprise changes its own records only; a person has at most one employer at a time.
"""

from dataclasses import replace
from datetime import date, datetime
from functools import partial

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach
from app.core.clock import office_day
from app.core.errors import AppError, FixPlace, NotFound, Refusal, Unmet
from app.core.identifiers import BadNumber, name_key, parse_id_number, parse_landline, parse_mobile
from app.core.office import Office
from app.core.vocabulary import (
    OPEN,
    UNDER_WAY,
    CertificateStatus,
    IdentityCorrectionState,
    ReplacementReason,
    Role,
    SignupState,
)
from app.files.fonts import parse_printable_name
from app.models import (
    Application,
    Certificate,
    Enterprise,
    ExamPass,
    ExamSignup,
    IdentityCorrection,
    Paper,
    Person,
    Qualification,
)

_PENDING_SIGNUP = (SignupState.SELECTED, SignupState.SUBMITTED, SignupState.ADMITTED)


def add_person(session: Session, person: Person, actor: Actor, *, on: date, office: Office) -> Person:
    """Add a person to the actor's enterprise: a new one, or a known one without an employer.

    ``person`` is a filled, unsaved row; the returned row may be the known one. Raises ``Unmet`` with a refusal per field,
    ``AppError`` if the ID number belongs to an employed person or to another name.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    _check_fields(person, on, office)
    known = session.scalars(select(Person).where(Person.id_number_key == person.id_number).with_for_update()).one_or_none()
    if known is None:
        person.enterprise_id = actor.enterprise_id
        session.add(person)
        session.flush()
        return person
    if known.enterprise_id == actor.enterprise_id:
        raise AppError(_("This person is already on your list of people."), code="already-yours", field="id_number")
    if known.enterprise_id is not None:
        raise AppError(
            _(
                "This ID number is registered with another enterprise, which has to remove the person first. If it does not, "
                "apply to the authority with proof that the employment has ended; with a certificate, file a transfer."
            ),
            code="employed-elsewhere",
            field="id_number",
        )
    if known.name != person.name:
        raise AppError(
            _("This ID number is on record with another name. Please check both."), code="name-differs", field="name"
        )
    known.major = person.major or ""
    for column in ("mobile", "education", "technical_title", "position"):
        setattr(known, column, getattr(person, column))
    known.enterprise_id = actor.enterprise_id
    session.flush()
    return known


def update_person(session: Session, person: Person, actor: Actor, *, on: date, office: Office) -> Person:
    """Check a changed person of the actor's enterprise. Name and ID number may be fixed: see ``identity_is_fixed_by``."""
    actor.demand(Role.ENTERPRISE_CLERK)
    with session.no_autoflush:
        known = session.execute(
            select(Person.id, Person.enterprise_id, Person.name, Person.id_number)
            .where(Person.id == person.id)
            .with_for_update(key_share=True)  # so does whoever submits a sign-up or an application: one waits for the other
        ).one()
        if known.enterprise_id != actor.enterprise_id:
            raise NotFound
        if name_key(person.name or "") == name_key(known.name):  # in whatever spelling it was stored
            person.name = known.name
        _check_fields(person, on, office, known.name)
        renamed = (person.name, person.id_number) != (known.name, known.id_number)
        if renamed and (fixed := identity_is_fixed_by(session, person.id, on)):
            field = "name" if person.name != known.name else "id_number"
            raise Unmet([replace(refusal, field=field) for refusal in fixed])
        twin = session.scalar(select(Person.id).where(Person.id_number_key == person.id_number, Person.id != person.id))
        if twin is not None:
            raise AppError(_("This ID number belongs to another record."), code="id-taken", field="id_number")
    session.flush()
    return person


def identity_is_fixed_by(session: Session, person_id: int, on: date) -> list[Refusal]:
    """What fixes name and ID number of a person, each with the way to correct them; empty while they can simply be edited.

    Fixed by a certificate, a passed exam, a submitted sign-up, and an application under way. Only a certificate in force is
    corrected by a replacement; one that has ended keeps what it shows, and the person is corrected by an officer's approval.
    """
    held = session.execute(
        select(Certificate.number, Certificate.status, Certificate.valid_to, Certificate.suspended_to)
        .where(Certificate.person_id == person_id)
        .order_by(Certificate.id.desc())
    ).all()
    standing = (CertificateStatus.VALID, CertificateStatus.SUSPENDED)
    if in_force := [row.number for row in held if row.status.on(on, row.valid_to, row.suspended_to) in standing]:
        return [_fixed_by_certificate(in_force[0])]
    reasons = []
    application = session.scalar(
        select(Application.number)
        .where(Application.person_id == person_id, Application.state.in_(UNDER_WAY))
        .order_by(Application.id.desc())
        .limit(1)
    )
    if application is not None:
        sentence = _(
            "Application %(number)s is under way under this name and ID number. Withdraw it before they are corrected; once "
            "accepted, it has to be closed first.",
            number=application,
        )
        reasons.append(Refusal("settled-by-application", sentence))
    if (examined := _fixed_by_exams(session, person_id)) is not None:
        reasons.append(examined)
    elif held:
        sentence = _(
            "A certificate that has ended shows this name and ID number: apply for a correction, on which the authority "
            "decides by the scan of the ID card."
        )
        reasons.append(Refusal("settled-by-exam", sentence, place=FixPlace("identity", person_id)))
    return reasons


def _fixed_by_exams(session: Session, person_id: int) -> Refusal | None:
    """An exam that was passed, or else a submitted sign-up."""
    signup = session.scalar(
        select(ExamSignup.number)
        .where(ExamSignup.person_id == person_id, ExamSignup.state != SignupState.SELECTED)
        .order_by(ExamSignup.id.desc())
        .limit(1)
    )
    if session.scalar(select(exists().where(ExamPass.person_id == person_id))):
        sentence = _(
            "An exam was passed under this name and ID number: apply for a correction, on which the authority decides by the "
            "scan of the ID card."
        )
    elif signup is not None:
        sentence = _(
            "Sign-up %(number)s was submitted under this name and ID number: apply for a correction, on which the authority "
            "decides by the scan of the ID card.",
            number=signup,
        )
    else:
        return None
    return Refusal("settled-by-exam", sentence, place=FixPlace("identity", person_id))


def _fixed_by_certificate(number: str) -> Refusal:
    sentence = _(
        "Name and ID number stand on %(number)s and can only be corrected by a replacement (%(reason)s).",
        number=number,
        reason=ReplacementReason.WRONG_INFORMATION.label,
    )
    return Refusal("settled-by-certificate", sentence)


def remove_person(session: Session, person_id: int, actor: Actor, *, at: datetime) -> Person:
    """End a person's employment. Refused while an application, sign-up, correction or certificate is open or in force."""
    actor.demand(Role.ENTERPRISE_CLERK)
    person = session.get(Person, person_id, with_for_update=True)
    must_reach(actor, person)
    assert person is not None  # noqa: S101 - must_reach has refused None
    if open_business := _open_business(session, person, at):
        raise Unmet(open_business)
    person.enterprise_id = None
    session.flush()
    return person


def _open_business(session: Session, person: Person, at: datetime) -> list[Refusal]:
    own = Application.enterprise_id == person.enterprise_id  # a draft of another enterprise does not count
    open_case = exists().where(
        Application.person_id == person.id, Application.state.in_(OPEN), own | Application.state.in_(UNDER_WAY)
    )
    open_signup = exists().where(ExamSignup.person_id == person.id, ExamSignup.state.in_(_PENDING_SIGNUP))
    in_force = exists().where(
        Certificate.person_id == person.id,
        Certificate.enterprise_id == person.enterprise_id,
        Certificate.status.in_((CertificateStatus.VALID, CertificateStatus.SUSPENDED)),
        Certificate.valid_to >= office_day(at),
    )
    asked = exists().where(
        IdentityCorrection.person_id == person.id, IdentityCorrection.state == IdentityCorrectionState.PENDING
    )
    case, signup, certificate, correction = session.execute(select(open_case, open_signup, in_force, asked)).one()
    reasons = []
    if correction:
        sentence = _(
            "%(name)s: a correction of name or ID number awaits its decision. Wait for it, or withdraw it first.",
            name=person.name,
        )
        reasons.append(Refusal("correction-pending", sentence))
    if case:
        reasons.append(
            Refusal(
                "open-application",
                _(
                    "%(name)s has an open application. Please wait until it is closed, or withdraw and delete it.",
                    name=person.name,
                ),
            )
        )
    if signup:
        reasons.append(
            Refusal(
                "open-signup",
                _("%(name)s is signed up for an exam that is not over, and cannot be removed.", name=person.name),
            )
        )
    if certificate:
        reasons.append(
            Refusal(
                "certificate-in-force",
                _("%(name)s holds a certificate in force; transfer or cancel it first.", name=person.name),
            )
        )
    return reasons


def _check_fields(person: Person, on: date, office: Office, stored_name: str = "") -> None:
    """Normalise and check the fields, the name unless it is the stored one; raises ``Unmet`` with all faults."""
    wrong: list[Refusal] = []
    parse_number = partial(parse_id_number, on=on, least_age=office.least_age)
    for field, parse in (("name", parse_printable_name), ("id_number", parse_number), ("mobile", parse_mobile)):
        typed = getattr(person, field) or ""
        if field == "name" and typed and typed == stored_name:
            continue
        if field == "mobile" and not typed:
            person.mobile = None
            continue
        try:
            folded = parse(typed)
        except BadNumber as error:
            wrong.extend(error.refusals)
        else:
            if folded != typed:
                setattr(person, field, folded)
    if person.education is None:
        wrong.append(Refusal("education-missing", _("Please choose the education."), "education"))
    if person.position is None:
        wrong.append(Refusal("position-missing", _("Please choose the position."), "position"))
    if wrong:
        raise Unmet(wrong)


def save_enterprise(session: Session, enterprise: Enterprise, actor: Actor) -> Enterprise:
    """Check the changed data of the actor's enterprise. The form offers neither name, credit code nor region."""
    actor.demand(Role.ENTERPRISE_CLERK)
    must_reach(actor, enterprise)
    for field, parse in (("contact_mobile", parse_mobile), ("telephone", parse_landline)):
        if typed := getattr(enterprise, field):
            try:
                setattr(enterprise, field, parse(typed))
            except BadNumber as error:
                raise AppError(error.sentence, code=error.code, field=field) from None
    session.flush()
    return enterprise


def save_qualification(session: Session, qualification: Qualification, actor: Actor) -> Qualification:
    """Check and store a new or changed qualification of the actor's enterprise."""
    actor.demand(Role.ENTERPRISE_CLERK)
    wrong: list[Refusal] = []
    with session.no_autoflush:
        if qualification.enterprise_id != actor.enterprise_id:
            raise NotFound
        if not (qualification.number or "").strip():
            wrong.append(Refusal("number-missing", _("Please enter the number of the qualification certificate."), "number"))
        if not (qualification.kind_and_grade or "").strip():
            wrong.append(Refusal("kind-missing", _("Please enter the kind and grade."), "kind_and_grade"))
        if qualification.valid_to < qualification.valid_from:
            wrong.append(Refusal("validity-order", _("The last day of validity lies before the first."), "valid_to"))
        twin = select(Qualification.id).where(
            Qualification.enterprise_id == actor.enterprise_id,
            Qualification.number == qualification.number,
            Qualification.id != (qualification.id or 0),
        )
        if session.scalar(twin) is not None:
            wrong.append(Refusal("number-taken", _("A qualification with this number is already listed."), "number"))
    if wrong:
        raise Unmet(wrong)
    session.add(qualification)
    session.flush()
    return qualification


def delete_qualification(session: Session, qualification: Qualification, actor: Actor) -> None:
    """Delete a qualification and its scans; refused once an application was submitted with one of them."""
    actor.demand(Role.ENTERPRISE_CLERK)
    must_reach(actor, qualification)
    papers = select(Paper.id).where(Paper.qualification_id == qualification.id)
    if _was_handed_in(session, qualification, set(session.scalars(papers))):
        raise Unmet.because(
            Refusal(
                "qualification-in-use",
                _("An application was submitted with “%(number)s”, so it stays on record.", number=qualification.number),
            )
        )
    session.execute(delete(Paper).where(Paper.qualification_id == qualification.id))
    session.delete(qualification)
    session.flush()


def _was_handed_in(session: Session, qualification: Qualification, papers: set[int]) -> bool:
    """Snapshots are encrypted, so SQL cannot search them: reads those taken since the first scan was uploaded."""
    first = session.scalar(select(func.min(Paper.uploaded_at)).where(Paper.qualification_id == qualification.id))
    if first is None:
        return False
    snapshots = select(Application.snapshot).where(
        Application.enterprise_id == qualification.enterprise_id, Application.submitted_at >= first
    )
    return any(papers & set((snapshot or {}).get("qualifications", ())) for snapshot in session.scalars(snapshots))
