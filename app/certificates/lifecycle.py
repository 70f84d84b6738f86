"""What an approval does to certificates, for many at once.

Law: writes in bulk inside the caller's transaction, reads no clock, draws nothing: the paper is drawn from the stored face.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app import numbers
from app.clock import add_years, office_day
from app.config import Office
from app.facts import Facts
from app.models import Certificate, CertificateVersion, ExamPass
from app.vocabulary import Category, CertificateStatus


@dataclass(frozen=True, slots=True)
class Issued:
    """The certificate that came of an application."""

    certificate_id: int
    number: str


Outcome = Callable[[Session, Sequence[Facts], datetime, Office], dict[int, Issued]]


def issue(session: Session, cases: Sequence[Facts], at: datetime, office: Office) -> dict[int, Issued]:
    """New certificates with new numbers, valid ``office.validity_years`` from today, the last day included."""
    on = office_day(at)
    numbered = _give_numbers(session, cases, on, office)
    rows = [_certificate(case, numbered[_id(case)], on, office) for case in cases]
    session.execute(insert(Certificate), rows)
    given = list(numbered.values())  # asked back by number: SQLite's RETURNING promises no order
    ids = dict(session.execute(select(Certificate.number, Certificate.id).where(Certificate.number.in_(given))).all())
    issued = {application_id: Issued(ids[number], number) for application_id, number in numbered.items()}
    session.execute(
        insert(CertificateVersion),
        [_version(case, issued[_id(case)], row, at, office) for case, row in zip(cases, rows, strict=True)],
    )
    _use_up_passes(session, cases)
    _end_what_c3_covers(session, cases, issued, on)
    return issued


def _give_numbers(session: Session, cases: Sequence[Facts], on: date, office: Office) -> dict[int, str]:
    """Numbers per category in the order of the cases; categories in a fixed order, so that two batches never embrace."""
    groups: dict[str, list[int]] = defaultdict(list)
    for case in cases:
        groups[case.category.value].append(_id(case))
    given: dict[int, str] = {}
    for category in sorted(groups):
        ids = groups[category]
        given |= dict(
            zip(
                ids,
                numbers.certificate_numbers(session, office.short_name, category, on.year, len(ids)),
                strict=True,
            )
        )
    return given


def _certificate(case: Facts, number: str, on: date, office: Office) -> dict[str, Any]:
    return {
        "number": number,
        "category": case.category,
        "person_id": case.person_id,
        "enterprise_id": case.enterprise_id,
        "holder": case.submitted["person"]["name"],
        "first_issued_on": on,
        "issued_on": on,
        "valid_from": on,
        "valid_to": add_years(on, office.validity_years) - timedelta(days=1),
        "status": CertificateStatus.VALID,
        "is_electronic": True,
    }


def _version(case: Facts, issued: Issued, row: dict[str, Any], at: datetime, office: Office) -> dict[str, Any]:
    return {
        "certificate_id": issued.certificate_id,
        "version": 1,
        "token": secrets.token_urlsafe(16),
        "application_id": case.application_id,
        "face": face(case, row, office),
        "issued_at": at,
    }


def face(case: Facts, row: dict[str, Any], office: Office) -> dict[str, Any]:
    """Everything that stands on the paper, kept as it was (the fields of ZWFW C0317-2022, domain.md 2.6)."""
    person, enterprise = case.submitted["person"], case.submitted["enterprise"]
    days = ("first_issued_on", "issued_on", "valid_from", "valid_to")
    return {
        "number": row["number"],
        "category": case.category.value,
        "name": person["name"],
        "sex": person["sex"],
        "birth_date": person["birth_date"],
        "id_number": person["id_number"],
        "position": person["position"],
        "technical_title": person["technical_title"],
        "education": person["education"],
        "major": person["major"],
        "enterprise": enterprise["name"],
        "uscc": enterprise["uscc"],
        "photo": case.submitted["papers"].get("photo"),
        "issuer": office.issuer,
        "seal_text": office.seal_text,
        **{day: f"{row[day]:%Y-%m-%d}" for day in days},
    }


def _use_up_passes(session: Session, cases: Sequence[Facts]) -> None:
    """A passed exam carries one certificate."""
    used = [{"id": case.latest_pass.id, "used_by_application_id": case.application_id} for case in cases if case.latest_pass]
    if used:
        session.execute(update(ExamPass), used)


def _end_what_c3_covers(session: Session, cases: Sequence[Facts], issued: dict[int, Issued], on: date) -> None:
    """C3 takes the place of the C1 or C2 it was added to (206号; inference, see domain.md 3.2)."""
    ended = [
        {"id": held.id, "status": CertificateStatus.CANCELLED, "status_reason": f"→ {issued[_id(case)].number}"}
        for case in cases
        if case.category is Category.C3
        for held in case.certificates
        if held.category in (Category.C1, Category.C2) and held.in_force(on)
    ]
    if ended:
        session.execute(update(Certificate), ended)


def _id(case: Facts) -> int:
    assert case.application_id is not None  # noqa: S101 - an approval is always of an application
    return case.application_id
