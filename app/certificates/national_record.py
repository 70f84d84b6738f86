"""The record of an e-certificate for the national platform (ZWFW C0317-2022), from its newest version.

Terms are Chinese, dates ISO, statuses and operations national codes. It holds the full ID number: callers log the access.
"""

import base64
from collections.abc import Mapping
from datetime import date
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates.pdf.seal_and_store import EDUCATIONS, POSITIONS, TITLES, photo_of
from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, CertificateStatus
from app.files.storage import Store
from app.models import Certificate, CertificateEvent, CertificateVersion

RESIDENT_ID = "111"  # 居民身份证 (GB/T 36903-2018, annex A)
RAN_OUT = "04"
NO_TITLE = "无"  # left out on the printed page
OPERATIONS: Mapping[CertificateEventKind, str] = {
    CertificateEventKind.ISSUED: "01",
    CertificateEventKind.EXTENDED: "02",
    CertificateEventKind.SUSPENDED: "03",
    CertificateEventKind.EXPIRED: RAN_OUT,
    CertificateEventKind.CANCELLED: "05",
    CertificateEventKind.SUPERSEDED: "05",
    CertificateEventKind.REVOKED: "05",
    CertificateEventKind.WITHDRAWN: "05",
    CertificateEventKind.REINSTATED: "06",
    CertificateEventKind.REPLACED: "07",
    CertificateEventKind.MOVED: "09",
    CertificateEventKind.IMPORTED: "07",
}


def national_record(session: Session, store: Store, certificate: Certificate, office: Office, *, on: date) -> dict[str, str]:
    """The fields of C0317-2022, by their national names. ``NotFound`` without an e-certificate."""
    version = next((version for version in certificate.versions if version.replaced_at is None), None)
    if version is None:
        raise NotFound
    status, kept, photo = certificate.status_on(on), version.face, photo_of(session, store, version.face)
    return {
        "eCertID": _name_of(version),
        "provinceNum": office.region_code,
        "certNum": full_width(kept["number"]),
        "oldcertNum": full_width(_number_before(session, certificate)),
        "issuAuth": kept["issuer"],
        "issuAuthCode": kept.get("issuer_code", office.issuer_code),
        "issuedDate": kept["first_issued_on"],
        "issuDate": kept["issued_on"],
        "effectiveDate": kept["valid_from"],
        "expiringDate": kept["valid_to"],
        "categoryCode": kept["category"],
        "name": kept["name"],
        "gender": kept["sex"],
        "birthDate": kept["birth_date"],
        "identityCard": kept["id_number"],
        "identityCardType": RESIDENT_ID,
        "companyName": kept["enterprise"],
        "creditCode": kept["uscc"],
        "appointment": POSITIONS.get(kept["position"], ""),
        "technicalTitle": TITLES.get(kept["technical_title"]) or NO_TITLE,
        "educationDegree": EDUCATIONS.get(kept["education"], ""),
        "major": kept["major"],
        "photo": base64.b64encode(photo).decode() if photo else "",
        "certState": status.value,
        "certStatusDescription": certificate.status_reason,
        "associatedZzeCertID": kept.get("previous_identifier", ""),
        "businessInformation": "",
        "operateType": _operation(session, certificate, status),
    }


def full_width(number: str) -> str:
    """As the national platform writes certificate numbers: brackets of full width."""
    return number.replace("(", "（").replace(")", "）")


def _name_of(version: CertificateVersion) -> str:
    """32 characters, fixed for the version. Not the token itself: that opens a page."""
    return sha256(version.token.encode()).hexdigest()[:32]


def _operation(session: Session, certificate: Certificate, status: CertificateStatus) -> str:
    if status is CertificateStatus.EXPIRED:
        return RAN_OUT
    kinds = select(CertificateEvent.deed).where(CertificateEvent.certificate_id == certificate.id)
    last = session.scalar(kinds.order_by(CertificateEvent.id.desc()).limit(1))
    return OPERATIONS[last or CertificateEventKind.ISSUED]


def _number_before(session: Session, certificate: Certificate) -> str:
    """The number that this certificate replaced; see ``lifecycle``."""
    before = select(Certificate.number).where(
        Certificate.person_id == certificate.person_id, Certificate.status_reason == f"→ {certificate.number}"
    )
    return session.scalar(before.order_by(Certificate.id.desc()).limit(1)) or ""
