"""证照标识, and the record of an e-certificate as the national platform takes it (ZWFW C0317-2022, GB/T 36904-2018).

Law: a certificate keeps its serial for life, its version counts up with every print; nothing here asks the store.
"""

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

from app.vocabulary import CertificateDeed, CertificateStatus

ROOT = "1.2.156.3005.2"
TYPE = "11100000000013338W011"  # 建筑施工企业安全生产管理人员考核合格证书
RESIDENT_ID = "111"  # 居民身份证 (GB/T 36903-2018, annex A)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

OPERATIONS: Mapping[CertificateDeed, str] = {
    CertificateDeed.ISSUED: "01",
    CertificateDeed.EXTENDED: "02",
    CertificateDeed.SUSPENDED: "03",
    CertificateDeed.CANCELLED: "05",
    CertificateDeed.SUPERSEDED: "05",
    CertificateDeed.REVOKED: "05",
    CertificateDeed.WITHDRAWN: "05",
    CertificateDeed.REINSTATED: "06",
    CertificateDeed.REPLACED: "07",
    CertificateDeed.MOVED: "09",
}
RAN_OUT = "04"


def identifier(issuer_code: str, first_issued_on: date, certificate_id: int, version: int) -> str:
    """``1.2.156.3005.2.11100000000013338W011.11430000006122244L.20260000123.001.X``.

    The serial is the year and our own id, not the printed sequence: that one is counted anew for each category.
    """
    serial = f"{first_issued_on.year}{certificate_id:07d}"
    return sealed(f"{TYPE}.{issuer_code}.{serial}.{version:03d}")


def sealed(parts: str) -> str:
    """Type, issuer, serial and version with the root before them and the check character behind."""
    return f"{ROOT}.{parts}.{check_character(parts.replace('.', ''))}"


def check_character(text: str) -> str:
    """ISO 7064 MOD 37,36, over figures and capital letters."""
    rest = 36
    for character in text:
        rest = (rest + _ALPHABET.index(character)) % 36 or 36
        rest = rest * 2 % 37
    return _ALPHABET[(37 - rest) % 36]


def national_record(
    face: Mapping[str, Any],
    *,
    certificate_id: str,
    region_code: str,
    status: CertificateStatus,
    status_reason: str,
    last_deed: CertificateDeed,
    photo: bytes | None,
    old_number: str = "",
) -> dict[str, str]:
    """The fields of C0317-2022 from a stored face and how the certificate stands. Words of closed lists are Chinese.

    ``certificate_id`` has 32 characters and is the print's own; status and operation are the national codes.
    """
    expired = status is CertificateStatus.EXPIRED
    return {
        "eCertID": certificate_id,
        "provinceNum": region_code,
        "certNum": full_width(face["number"]),
        "oldcertNum": full_width(old_number),
        "issuAuth": face["issuer"],
        "issuAuthCode": face.get("issuer_code", ""),
        "issuedDate": face["first_issued_on"],
        "issuDate": face["issued_on"],
        "effectiveDate": face["valid_from"],
        "expiringDate": face["valid_to"],
        "categoryCode": face["category"],
        "name": face["name"],
        "gender": face["sex"],
        "birthDate": face["birth_date"],
        "identityCard": face["id_number"],
        "identityCardType": RESIDENT_ID,
        "companyName": face["enterprise"],
        "creditCode": face["uscc"],
        "appointment": face["position"],
        "technicalTitle": face["technical_title"],
        "educationDegree": face["education"],
        "major": face["major"],
        "photo": base64.b64encode(photo).decode() if photo else "",
        "certState": status.value,
        "certStatusDescription": status_reason,
        "associatedZzeCertID": face.get("previous_identifier", ""),
        "businessInformation": "",
        "operateType": RAN_OUT if expired else OPERATIONS[last_deed],
    }


def full_width(number: str) -> str:
    """As the national platform writes certificate numbers: brackets of full width."""
    return number.replace("(", "（").replace(")", "）")
