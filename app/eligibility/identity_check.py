"""Finds every record that names another person than the one it belongs to: for ``anguan doctor``.

Databases from before ``accounts.registry.identity_is_fixed_by`` may hold people who were renamed after they were examined.
Names and numbers in the sentences are masked; nothing is changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.identifiers import IDENTITY, identity_differences, mask_id, mask_name
from app.core.vocabulary import UNDER_WAY, ReplacementReason, SignupState, State
from app.models import Application, Certificate, CertificateVersion, ExamPass, ExamSignup, Person

SLICE = 500  # rows read at once
CORRECT = _("have the enterprise apply for a correction of the identity")
UNBOUND = _("is bound to nobody, because the person was renamed afterwards, or 'anguan init' was not run since the update")


def differing_identities(session: Session) -> Iterator[str]:
    """One sentence for each pair that differs, with what to do."""
    yield from _signups(session)
    yield from _passes(session)
    yield from _open_applications(session)
    yield from _approved_applications(session)
    yield from _certificates(session)


def _signups(session: Session) -> Iterator[str]:
    query = (
        select(ExamSignup.id, ExamSignup.number, ExamSignup.identity, Person.name, Person.id_number)
        .join(Person, Person.id == ExamSignup.person_id)
        .where(ExamSignup.state != SignupState.SELECTED)
    )
    for row in _rows(session, query, ExamSignup.id):
        if row.identity is None:
            yield gettext(
                "Sign-up %(number)s (%(who)s) %(unbound)s: %(correct)s.",
                number=row.number, who=_who(row), unbound=UNBOUND, correct=CORRECT,
            )  # fmt: skip
        elif differs := _difference(row, row.identity):
            yield gettext(
                "Sign-up %(number)s was submitted for somebody else than the person on record (%(differs)s): %(correct)s.",
                number=row.number, differs=differs, correct=CORRECT,
            )  # fmt: skip


def _passes(session: Session) -> Iterator[str]:
    query = select(ExamPass.id, ExamPass.passed_on, ExamPass.category, ExamPass.identity, Person.name, Person.id_number).join(
        Person, Person.id == ExamPass.person_id
    )
    for row in _rows(session, query, ExamPass.id):
        passed = {"category": row.category.value, "day": row.passed_on.isoformat(), "correct": CORRECT}
        if row.identity is None:
            yield gettext(
                "The exam %(category)s passed on %(day)s (%(who)s) %(unbound)s: %(correct)s.",
                **passed, who=_who(row), unbound=UNBOUND,
            )  # fmt: skip
        elif differs := _difference(row, row.identity):
            yield gettext(
                "The exam %(category)s passed on %(day)s was passed by somebody else than the person on record "
                "(%(differs)s): %(correct)s.",
                **passed, differs=differs,
            )  # fmt: skip


def _open_applications(session: Session) -> Iterator[str]:
    query = (
        select(Application.id, Application.number, Application.snapshot, Person.name, Person.id_number)
        .join(Person, Person.id == Application.person_id)
        .where(Application.state.in_(UNDER_WAY))
    )
    for row in _rows(session, query, Application.id):
        if row.snapshot and (differs := _difference(row, row.snapshot["person"])):
            yield gettext(
                "Application %(number)s was submitted for somebody else than the person on record (%(differs)s): no "
                "favourable decision is possible; refuse it, or have it withdrawn.",
                number=row.number, differs=differs,
            )  # fmt: skip


def _approved_applications(session: Session) -> Iterator[str]:
    """What was submitted, what was printed upon it, and whose exam it used."""
    query = (
        select(
            Application.id,
            Application.number,
            Application.snapshot,
            Application.reason_code,
            CertificateVersion.face,
            Certificate.number.label("certificate"),
            ExamPass.identity,
        )
        .outerjoin(CertificateVersion, CertificateVersion.application_id == Application.id)
        .outerjoin(Certificate, Certificate.id == CertificateVersion.certificate_id)
        .outerjoin(ExamPass, ExamPass.used_by_application_id == Application.id)
        .where(Application.state == State.APPROVED)
    )
    for row in _rows(session, query, Application.id):
        if not row.snapshot:
            continue
        submitted = _as_corrected(row.snapshot, row.reason_code)
        if row.face and (differs := _between(submitted, row.face)):
            yield gettext(
                "%(certificate)s names somebody else than application %(number)s that it rests on (%(differs)s): examine "
                "the file, and revoke the certificate or replace it.",
                certificate=row.certificate, number=row.number, differs=differs,
            )  # fmt: skip
        if row.identity and (differs := _between(submitted, row.identity)):
            yield gettext(
                "Application %(number)s was approved on an exam that somebody else passed (%(differs)s): examine the file, "
                "and revoke the certificate if it was issued to the wrong person.",
                number=row.number, differs=differs,
            )  # fmt: skip


def _certificates(session: Session) -> Iterator[str]:
    query = (
        select(Certificate.id, Certificate.number, Certificate.holder, CertificateVersion.face, Person.name, Person.id_number)
        .join(Person, Person.id == Certificate.person_id)
        .outerjoin(
            CertificateVersion,
            (CertificateVersion.certificate_id == Certificate.id) & CertificateVersion.replaced_at.is_(None),
        )
    )
    for row in _rows(session, query, Certificate.id):
        printed = {"name": row.holder, **(row.face or {})}
        if differs := _difference(row, printed) or _between({"name": row.holder}, row.face or {}):
            yield gettext(
                "%(number)s does not say what the record of its holder says (%(differs)s): have the enterprise apply for a "
                "replacement because of wrong information, or revoke it.",
                number=row.number, differs=differs,
            )  # fmt: skip


# --- parts --------------------------------------------------------------------------------------------


def _rows(session: Session, query: Select[Any], key: Any) -> Iterator[Any]:
    """In slices, so that a large database is not held in memory."""
    last = 0
    while rows := session.execute(query.where(key > last).order_by(key).limit(SLICE)).all():
        yield from rows
        last = rows[-1].id


def _as_corrected(snapshot: Mapping[str, Any], reason_code: str) -> dict[str, str]:
    """The person as a replacement for wrong information corrects them, else as submitted."""
    stated = snapshot.get("details") or {} if reason_code == ReplacementReason.WRONG_INFORMATION.value else {}
    return {field: stated.get(field) or snapshot["person"][field] for field in IDENTITY}


def _difference(row: Any, then: Mapping[str, str]) -> str:
    return _between({"name": row.name, "id_number": row.id_number}, then)


def _between(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    mask = {"name": mask_name, "id_number": mask_id}
    return ", ".join(f"{mask[field](one[field])} / {mask[field](other[field])}" for field in identity_differences(one, other))


def _who(row: Any) -> str:
    return f"{mask_name(row.name)}, {mask_id(row.id_number)}"
