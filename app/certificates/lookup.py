"""Public lookup of certificates, by name and number or by QR code. Reads only; ID numbers are masked.

An unknown number and a wrong name get the same answer after the same work.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import Row, Select, and_, bindparam, func, or_, select, union, update
from sqlalchemy.orm import Session, aliased

from app.certificates.qr import payload
from app.core.clock import office_day
from app.core.crypto.signing_keys import ring
from app.core.errors import NotFound
from app.core.identifiers import IDENTITY, fold_certificate_number, mask_id_publicly, name_key
from app.core.vocabulary import Category, CertificateStatus
from app.models import Certificate, CertificateEvent, CertificateVersion, Enterprise, Person

SLICE = 500  # versions indexed in one statement
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,32}")
UNKNOWN_CODE = _(
    "This code belongs to no electronic certificate of this system. Scan it once more, or look it up by name and number."
)
NOT_ON_RECORD = _(
    "The code bears our signature, but there is no such certificate on record. Please ask the issuing authority about it."
)
_INSTEAD = "→ "  # written by ``lifecycle`` before the number that replaces a certificate


@dataclass(frozen=True, slots=True)
class PublicCertificate:
    """One certificate as the public may see it. ``since``: the first day of the status, where known."""

    holder: str
    masked_id_number: str
    category: Category
    number: str
    enterprise: str
    first_issued_on: date
    issued_on: date
    valid_from: date
    valid_to: date
    status: CertificateStatus
    since: date | None
    reason: str
    successor: str
    licence_identifier: str


@dataclass(frozen=True, slots=True)
class ScannedCertificate:
    """The certificate of a scanned code as it is now, and whether the scanned version is the newest.

    ``is_signed``: the code has a valid signature. Older versions have a token, which only this system resolves.
    """

    certificate: PublicCertificate
    version: int
    newest: int
    replaced_at: datetime | None
    is_signed: bool

    @property
    def is_outdated(self) -> bool:
        return self.version < self.newest


def certificates_of(session: Session, name: str, number: str, *, on: date) -> tuple[PublicCertificate, ...]:
    """Every certificate of the person with this name and this ID or certificate number (R129, R130), in one query.

    What is printed on one of them finds them, and so do name and ID number on record. Empty both for an unknown number and
    for a wrong name.
    """
    typed = fold_certificate_number(number)
    rows = session.execute(_of_number(), {"known": typed, "printed": typed, "certificate": typed}).all()
    names = {name_key(known_as) for row in rows for known_as in (_printed(row)["name"], row.Certificate.holder, row.name)}
    if name_key(name) not in names:
        return ()
    return tuple(_shown(row, on) for row in rows)


@cache
def _of_number() -> Select[Any]:
    """Built once: that takes longer than the query. The parameters have the types of their columns."""
    known = union(
        select(Person.id).where(Person.id_number_key == bindparam("known")),
        select(Certificate.person_id)
        .join(CertificateVersion, CertificateVersion.certificate_id == Certificate.id)
        .where(CertificateVersion.id_number == bindparam("printed"), CertificateVersion.replaced_at.is_(None)),
        select(Certificate.person_id).where(Certificate.number == bindparam("certificate")),
    )
    return (
        _as_it_stands(Person.name)
        .where(Certificate.person_id.in_(known.subquery().select()))
        .order_by(Certificate.category, Certificate.issued_on.desc(), Certificate.id)
    )


def index_printed_numbers(session: Session) -> int:
    """Make versions from before the index found by the ID number they show; how many. Idempotent. The caller commits."""
    unindexed = select(CertificateVersion.id, CertificateVersion.face).where(CertificateVersion.id_number.is_(None))
    ordered = unindexed.order_by(CertificateVersion.id).limit(SLICE)
    done, last = 0, 0
    while rows := session.execute(ordered.where(CertificateVersion.id > last)).all():
        last = rows[-1].id
        found = [{"id": row.id, "id_number": row.face["id_number"]} for row in rows if "id_number" in row.face]
        if found:
            session.execute(update(CertificateVersion), found)
        done += len(found)
    return done


def certificate_scanned(session: Session, text: str, *, on: date) -> ScannedCertificate:
    """The certificate of a code (R131), in one query; ``NotFound`` also if it is not electronic (R133)."""
    claims = payload.read(text, ring.public) if payload.is_signed(text) else None
    if claims is None and not TOKEN.fullmatch(text):
        raise payload.Forged if text.isdigit() else NotFound(UNKNOWN_CODE)
    asked: dict[str, Any] = {"token": text}
    if claims:
        asked = {"certificate": claims.certificate_id, "version": claims.version}
    row = session.execute(_of_code(claims is not None), asked).one_or_none()
    if row is None or (claims and not _matches_record(claims, row.printed)):
        raise NotFound(NOT_ON_RECORD if claims else UNKNOWN_CODE)
    return ScannedCertificate(_shown(row, on), row.version, row.newest, row.replaced_at, claims is not None)


@cache
def _of_code(signed: bool) -> Select[Any]:
    """Built once. By certificate and version for a signed code, else by token."""
    scanned = aliased(CertificateVersion)
    is_asked = scanned.token == bindparam("token")
    if signed:
        is_asked = and_(scanned.certificate_id == bindparam("certificate"), scanned.version == bindparam("version"))
    later = select(func.max(CertificateVersion.version)).where(CertificateVersion.certificate_id == Certificate.id)
    return (
        _as_it_stands(
            scanned.version,
            scanned.replaced_at,
            scanned.face.label("printed"),
            later.correlate(Certificate).scalar_subquery().label("newest"),
        )
        .join(scanned, scanned.certificate_id == Certificate.id)
        .where(is_asked, Certificate.is_electronic)
    )


def certificate_sealed(session: Session, digest: str, *, on: date) -> ScannedCertificate | None:
    """The certificate whose PDF or OFD has this digest, as it is now."""
    mine = or_(CertificateVersion.digest == digest, CertificateVersion.ofd == digest)
    token = session.scalar(select(CertificateVersion.token).where(mine).limit(1))
    return certificate_scanned(session, token, on=on) if token else None


def _matches_record(claims: payload.Claims, printed: Mapping[str, Any]) -> bool:
    """Whether the claims agree with the stored version: a stolen key could sign anything."""
    return (claims.number, claims.name) == (printed.get("number"), payload.shorten_name(printed.get("name", "")))


def _as_it_stands(*more: Any) -> Select[Any]:
    """Certificates with everything that is shown, one row each."""
    current = aliased(CertificateVersion)
    since = select(func.max(CertificateEvent.at)).where(
        CertificateEvent.certificate_id == Certificate.id, CertificateEvent.status == Certificate.status
    )
    return (
        select(
            Certificate,
            Person.id_number,
            Enterprise.name.label("enterprise"),
            current.face,
            since.correlate(Certificate).scalar_subquery().label("since"),
            *more,
        )
        .join(Person, Person.id == Certificate.person_id)
        .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
        .outerjoin(current, and_(current.certificate_id == Certificate.id, current.replaced_at.is_(None)))
    )


def _shown(row: Row[Any], on: date) -> PublicCertificate:
    certificate: Certificate = row.Certificate
    status, reason, printed = certificate.status_on(on), certificate.status_reason, _printed(row)
    return PublicCertificate(
        holder=printed["name"],
        masked_id_number=mask_id_publicly(printed["id_number"]),
        category=certificate.category,
        number=certificate.number,
        enterprise=row.enterprise,
        first_issued_on=certificate.first_issued_on,
        issued_on=certificate.issued_on,
        valid_from=certificate.valid_from,
        valid_to=certificate.valid_to,
        status=status,
        since=_since(status, certificate.valid_to, row.since),
        reason=reason if status is CertificateStatus.OTHER else "",  # 99 means nothing without it
        successor=reason.removeprefix(_INSTEAD) if reason.startswith(_INSTEAD) else "",
        licence_identifier=(row.face or {}).get("licence_identifier", ""),
    )


def _printed(row: Row[Any]) -> dict[str, str]:
    """Name and ID number as printed; a paper certificate of the old system has no stored content."""
    return {"name": row.Certificate.holder, "id_number": row.id_number} | {
        field: row.face[field] for field in IDENTITY if field in (row.face or {})
    }


def _since(status: CertificateStatus, valid_to: date, at: datetime | None) -> date | None:
    if status is CertificateStatus.EXPIRED:
        return valid_to + timedelta(days=1)
    return office_day(at) if at and status is not CertificateStatus.VALID else None
