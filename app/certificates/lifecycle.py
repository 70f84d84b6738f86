"""The effects of approvals on certificates, in bulk: issue, extend, move, replace, cancel.

Everything is written in the caller's transaction, in as many statements for one case as for ten thousand; nothing is drawn
here. Numbers never change and are never reused; a version is never deleted but replaced; every change adds an event.
"""

import dataclasses
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.accounts import identity_corrections
from app.accounts.access import Actor
from app.accounts.identity_binding import rebind
from app.certificates.licence_number import identifier
from app.certificates.qr import status_list
from app.core.clock import add_years, office_day
from app.core.crypto.signing_keys import ring
from app.core.identifiers import birth_date, identity_of, sex
from app.core.office import Office
from app.core.vocabulary import (
    PERSON_PAPERS,
    Category,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    ReplacementReason,
)
from app.db import sequences
from app.db.id_lists import among
from app.eligibility.facts import CertificateFacts, Facts
from app.eligibility.particulars import RECORDED, printed_person, stated
from app.models import Certificate, CertificateEvent, CertificateVersion, ExamPass, Paper, Person


@dataclass(frozen=True, slots=True)
class Issued:
    """The certificate that an application resulted in."""

    certificate_id: int
    number: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The context of an approval: transaction, actor, time, office settings, and what the cases were given."""

    session: Session
    actor: Actor
    at: datetime
    office: Office
    numbers: Mapping[int, str] = field(default_factory=dict)  # application id -> number of its new certificate
    indexes: Mapping[int, int] = field(default_factory=dict)  # application id -> place of its version in the status list
    created: Mapping[int, "Row"] = field(default_factory=dict)  # application id -> its new certificate, id included

    @property
    def on(self) -> date:
        return office_day(self.at)


Row = dict[str, Any]
ApprovalEffect = Callable[[Decision, Sequence[Facts]], dict[int, Issued]]


def decide(session: Session, actor: Actor, at: datetime, office: Office, cases: Sequence[Facts]) -> Decision:
    """The context of approving these cases: numbers and ids are given in their order, whatever their matters.

    The counters of the status list come first, even if none is needed: concurrent approvals wait there, before they lock a
    series, and so do not deadlock.
    """
    ids = [id_of(case) for case in cases if case.matter is not MatterKind.CANCELLATION]
    indexes = dict(zip(ids, status_list.take_indexes(session, len(ids)), strict=True))
    status_list.note_change(session)
    groups: dict[str, list[int]] = defaultdict(list)
    for case in cases:
        if case.certificate is None or _is_divided(case):
            groups[case.target_category.value].append(id_of(case))
    numbers: dict[int, str] = {}
    for category, given in sorted(groups.items()):
        taken = sequences.certificate_numbers(session, office.short_name, category, office_day(at).year, len(given))
        numbers |= zip(given, taken, strict=True)
    decision = Decision(session, actor, at, office, numbers, indexes)
    return dataclasses.replace(decision, created=_create(decision, [case for case in cases if id_of(case) in numbers]))


def _create(decision: Decision, cases: Sequence[Facts]) -> dict[int, Row]:
    """The new certificates of these cases, in their order: the national identifier is made from the id."""
    if not cases:
        return {}
    rows = {id_of(case): _certificate(case, decision) for case in cases}
    decision.session.execute(insert(Certificate), list(rows.values()))
    given = [row["number"] for row in rows.values()]  # read back by number: SQLite's RETURNING guarantees no order
    found = decision.session.execute(select(Certificate.number, Certificate.id).where(Certificate.number.in_(given)))
    ids = {row.number: row.id for row in found}
    return {key: row | {"id": ids[row["number"]]} for key, row in rows.items()}


def _is_divided(case: Facts) -> bool:
    """An undivided C that is replaced becomes C1, C2 or C3, under a new number."""
    return case.matter is MatterKind.REPLACEMENT and case.category is Category.C


# --- the five effects ------------------------------------------------------------------------------


def issue(decision: Decision, cases: Sequence[Facts]) -> dict[int, Issued]:
    """New certificates with new numbers, valid ``office.validity_years`` from today, the last day included."""
    issued = _issue(decision, cases)
    _use_up_passes(decision.session, cases)
    _end(decision, _covered_by_c3(cases, issued, decision.on))
    return issued


def extend(decision: Decision, cases: Sequence[Facts]) -> dict[int, Issued]:
    """``office.validity_years`` more, counted from the old last day, whenever the decision is made."""
    years = decision.office.validity_years
    return _new_version(
        decision,
        cases,
        CertificateEventKind.EXTENDED,
        [{"valid_to": extended(_held(case).valid_to, years)} for case in cases],
    )


def extended(last_day: date, years: int) -> date:
    """The last day of the term that follows one ending on ``last_day``: the day before the anniversary of its first day."""
    return add_years(last_day + timedelta(days=1), years) - timedelta(days=1)


def move(decision: Decision, cases: Sequence[Facts]) -> dict[int, Issued]:
    """Number and validity stay, the enterprise changes.

    The person moves with the first certificate, with what the application states about them (R111); other certificates
    stay with the old enterprise until an application of their own. A person employed by a third enterprise, possible
    with A, stays there.
    """
    moved = _new_version(
        decision, cases, CertificateEventKind.MOVED, [{"enterprise_id": case.enterprise_id} for case in cases]
    )
    if along := [case for case in cases if case.employer_id in (None, case.releasing_enterprise_id)]:
        decision.session.execute(
            update(Person), [{"id": case.person_id, "enterprise_id": case.enterprise_id} | _recorded(case) for case in along]
        )
        _hand_over_papers(decision, along)
        people = [case.person_id for case in along]
        identity_corrections.end_for_movers(decision.session, people, decision.actor, at=decision.at)
    return moved


def _recorded(case: Facts) -> Row:
    """The person's record with what the application states, else as it is now."""
    now = {**case.person, **stated(case)}
    return {name: now[name] if name == "major" else now[name] or None for name in RECORDED}


def _hand_over_papers(decision: Decision, cases: Sequence[Facts]) -> None:
    """The scans handed in with the transfer become the person's; those of the old enterprise are replaced."""
    session, owner = decision.session, {case.application_id: case.person_id for case in cases}
    session.execute(
        update(Paper)
        .where(Paper.person_id.in_(owner.values()), Paper.replaced_at.is_(None))
        .values(replaced_at=decision.at)
        .execution_options(synchronize_session=False)
    )
    kept = ("kind", "enterprise_id", "filename", "digest", "mime", "size", "uploaded_at", "uploaded_by")
    brought = {}  # by person and kind: a person may move with two certificates at once
    for row in session.execute(
        select(Paper.application_id, *(getattr(Paper, name) for name in kept)).where(
            Paper.application_id.in_(owner), Paper.kind.in_(PERSON_PAPERS), Paper.replaced_at.is_(None)
        )
    ):
        person_id = owner[row.application_id]
        brought[person_id, row.kind] = {name: getattr(row, name) for name in kept} | {"person_id": person_id}
    if brought:
        session.execute(insert(Paper), list(brought.values()))


def replace(decision: Decision, cases: Sequence[Facts]) -> dict[int, Issued]:
    """By reason (domain.md 3.5): a new version under the old number. Only a certificate of another province and
    an undivided C get a new one. Corrections are applied to the person's record here.
    """
    incoming = [case for case in cases if case.certificate is None]
    undivided = [case for case in cases if case.certificate and _is_divided(case)]
    others = [case for case in cases if case.certificate and not _is_divided(case)]
    _correct_people(decision.session, [case for case in cases if case.reason_code == _WRONG])
    issued: dict[int, Issued] = {}
    if incoming:
        issued |= _issue(decision, incoming)
    if undivided:
        divided = _issue(decision, undivided, CertificateEventKind.REPLACED)
        _end(decision, [(_held(case).id, case.application_id, divided[id_of(case)].number) for case in undivided])
        issued |= divided
    if others:
        issued |= _new_version(decision, others, CertificateEventKind.REPLACED, [{} for _case in others])
    return issued


def cancel(decision: Decision, cases: Sequence[Facts]) -> dict[int, Issued]:
    """Ends the certificate at once. Its last version, the person and the passed exam stay as they are."""
    decision.session.execute(
        update(Certificate)
        .where(Certificate.id.in_([_held(case).id for case in cases]))
        .values(status=CertificateStatus.CANCELLED, status_reason="")
        .execution_options(synchronize_session=False)
    )
    record(decision, CertificateEventKind.CANCELLED, CertificateStatus.CANCELLED, [_event(case) for case in cases])
    return {id_of(case): Issued(_held(case).id, _held(case).number) for case in cases}


_WRONG = ReplacementReason.WRONG_INFORMATION.value


# --- new numbers ------------------------------------------------------------------------------------


def _issue(
    decision: Decision, cases: Sequence[Facts], kind: CertificateEventKind = CertificateEventKind.ISSUED
) -> dict[int, Issued]:
    """The first versions of the certificates that ``decide`` has created for these cases."""
    rows = {id_of(case): decision.created[id_of(case)] for case in cases}
    prints = [_version(case, rows[id_of(case)], 1, decision.indexes[id_of(case)], decision) for case in cases]
    decision.session.execute(insert(CertificateVersion), prints)
    events = [_event(case) | {"certificate_id": rows[id_of(case)]["id"]} for case in cases]
    record(decision, kind, CertificateStatus.VALID, events)
    return {application_id: Issued(row["id"], row["number"]) for application_id, row in rows.items()}


def _certificate(case: Facts, decision: Decision) -> Row:
    return {
        "number": decision.numbers[id_of(case)],
        "category": case.target_category,
        "person_id": case.person_id,
        "enterprise_id": case.enterprise_id,
        "holder": printed_person(case)["name"],
        "printed_enterprise": case.submitted["enterprise"]["name"],
        "issued_on": decision.on,
        "valid_from": decision.on,
        "status": CertificateStatus.VALID,
        "is_electronic": True,
        **_term(case, decision),
    }


def _term(case: Facts, decision: Decision) -> Row:
    """First day and last day of a new certificate.

    A divided one keeps those of the undivided; one of another province keeps its own (206号 nine), but is never longer than
    one of ours.
    """
    longest = add_years(decision.on, decision.office.validity_years) - timedelta(days=1)
    if held := case.certificate:
        return {"first_issued_on": held.first_issued_on, "valid_to": held.valid_to}
    if case.matter is MatterKind.NEW:
        return {"first_issued_on": decision.on, "valid_to": longest}
    kept = {name: date.fromisoformat(case.submitted_details[name]) for name in ("first_issued_on", "valid_to")}
    return kept | {"valid_to": min(kept["valid_to"], longest)}


def _use_up_passes(session: Session, cases: Sequence[Facts]) -> None:
    """A passed exam is good for one certificate."""
    used = [{"id": case.latest_pass.id, "used_by_application_id": case.application_id} for case in cases if case.latest_pass]
    if used:
        session.execute(update(ExamPass), used)


def _covered_by_c3(cases: Sequence[Facts], issued: dict[int, Issued], on: date) -> list[tuple[int, int | None, str]]:
    """C3 replaces the C1 or C2 it was added to (206号; inference, see domain.md 3.2)."""
    return [
        (held.id, case.application_id, issued[id_of(case)].number)
        for case in cases
        if case.category is Category.C3
        for held in case.certificates
        if held.category in (Category.C1, Category.C2) and held.in_force(on)
    ]


def _end(decision: Decision, ended: Sequence[tuple[int, int | None, str]]) -> None:
    """Cancelled in favour of another: (certificate id, application id, the number that replaces it)."""
    if not ended:
        return
    decision.session.execute(
        update(Certificate),
        [
            {"id": certificate_id, "status": CertificateStatus.CANCELLED, "status_reason": f"→ {number}"}
            for certificate_id, _application_id, number in ended
        ],
    )
    record(
        decision,
        CertificateEventKind.SUPERSEDED,
        CertificateStatus.CANCELLED,
        [
            {"certificate_id": certificate_id, "application_id": application_id, "reason": f"→ {number}"}
            for certificate_id, application_id, number in ended
        ],
    )


# --- a new version under the same number --------------------------------------------------------------------


def _new_version(
    decision: Decision, cases: Sequence[Facts], kind: CertificateEventKind, changes: Sequence[Row]
) -> dict[int, Issued]:
    """The next version of each certificate, with the changed columns; the version before it is marked as replaced."""
    session, ids = decision.session, [_held(case).id for case in cases]
    last = dict.fromkeys(ids, 0)
    for row in session.execute(
        select(CertificateVersion.certificate_id, func.max(CertificateVersion.version).label("version"))
        .where(among(CertificateVersion.certificate_id, ids))
        .group_by(CertificateVersion.certificate_id)
    ):
        last[row.certificate_id] = row.version
    session.execute(
        update(CertificateVersion)
        .where(among(CertificateVersion.certificate_id, ids), CertificateVersion.replaced_at.is_(None))
        .values(replaced_at=decision.at)
        .execution_options(synchronize_session=False)
    )
    rows = [_reprinted(case, decision.on) | change for case, change in zip(cases, changes, strict=True)]
    session.execute(update(Certificate), [_columns(row) for row in rows])
    session.execute(
        insert(CertificateVersion),
        [
            _version(case, row, last[row["id"]] + 1, decision.indexes[id_of(case)], decision)
            for case, row in zip(cases, rows, strict=True)
        ],
    )
    record(decision, kind, CertificateStatus.VALID, [_event(case) for case in cases])
    return {id_of(case): Issued(_held(case).id, _held(case).number) for case in cases}


def _reprinted(case: Facts, on: date) -> Row:
    """The certificate's row for its next version; all rows have the same columns, for one bulk statement."""
    held = _held(case)
    return {
        "id": held.id,
        "number": held.number,
        "enterprise_id": held.enterprise_id,
        "holder": printed_person(case)["name"],
        "printed_enterprise": case.submitted["enterprise"]["name"],
        "first_issued_on": held.first_issued_on,
        "issued_on": on,
        "valid_from": held.valid_from,
        "valid_to": held.valid_to,
        "status": CertificateStatus.VALID,
        "is_electronic": True,
    }


def _columns(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("number", "first_issued_on", "valid_from")}


def _version(case: Facts, row: Row, version: int, index: int, decision: Decision) -> Row:
    printed = face(case, row, version, decision.office)
    return {
        "certificate_id": row["id"],
        "version": version,
        "token": secrets.token_urlsafe(16),
        "status_index": index,
        "application_id": case.application_id,
        "face": printed,
        "id_number": printed["id_number"],
        "issued_at": decision.at,
    }


_PRINTED = ("name", "sex", "birth_date", "id_number", "position", "technical_title", "education", "major")  # of the person
_DAYS = ("first_issued_on", "issued_on", "valid_from", "valid_to")


def face(case: Facts, row: Row, version: int, office: Office) -> Row:
    """The stored content of a version (the fields of ZWFW C0317-2022, domain.md 2.6), with the id of the key that signs its
    QR code, so that the code stays the same whenever it is drawn.
    """
    person, enterprise = printed_person(case), case.submitted["enterprise"]

    def named(n: int) -> str:
        return identifier(office.issuer_code, row["first_issued_on"], row["id"], n)

    return {
        "number": row["number"],
        "category": case.target_category.value,
        **{name: person[name] for name in _PRINTED},
        "enterprise": enterprise["name"],
        "uscc": enterprise["uscc"],
        "photo": case.submitted["papers"].get("photo"),
        "issuer": office.issuer,
        "issuer_code": office.issuer_code,
        "seal_text": office.seal_text,
        "licence_identifier": named(version),
        "previous_identifier": named(version - 1) if version > 1 else "",
        "code_key": ring.newest.kid,
        **{day: f"{row[day]:%Y-%m-%d}" for day in _DAYS},
    }


def _correct_people(session: Session, cases: Sequence[Facts]) -> None:
    """The record as corrected, with what is derived from the ID number, as bulk statements derive nothing.

    Sign-ups and passes of the old identity follow.
    """
    rows = []
    for case in cases:
        now = printed_person(case)
        rows.append(
            {
                "id": case.person_id,
                "name": now["name"],
                "id_number": now["id_number"],
                "id_number_key": now["id_number"],
                "sex": sex(now["id_number"]),
                "birth_date": birth_date(now["id_number"]),
            }
            | _recorded(case)
        )
    if rows:
        session.execute(update(Person), rows)
        rebind(session, {case.person_id: (identity_of(case.person), identity_of(printed_person(case))) for case in cases})


# --- history ----------------------------------------------------------------------------------------


def record(decision: Decision, kind: CertificateEventKind, status: CertificateStatus, events: Sequence[Row]) -> None:
    """Add events to the history; each has ``certificate_id``, and ``application_id`` or ``reason``.

    Every change of a certificate comes here after its certificates and people are locked.
    """
    session = decision.session
    who = {"actor_id": decision.actor.id, "actor": decision.actor.name, "at": decision.at, "deed": kind, "status": status}
    status_list.note_change(session)
    session.execute(insert(CertificateEvent), [{"application_id": None, "reason": "", **event, **who} for event in events])


def _event(case: Facts) -> Row:
    held = case.certificate
    return {
        "certificate_id": held.id if held else None,
        "application_id": case.application_id,
        "reason": case.submitted_details.get("note", ""),
    }


def _held(case: Facts) -> CertificateFacts:
    assert case.certificate is not None  # noqa: S101 - a constraint ensures it for every matter that gets here
    return case.certificate


def id_of(case: Facts) -> int:
    assert case.application_id is not None  # noqa: S101 - what is decided is an application, no candidate
    return case.application_id
