"""The PDF and OFD of a certificate version: drawn from its stored face and sealed when first needed.

Nothing unsealed is stored, and of two files drawn at the same time the first is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.certificates.pdf import ofd_writer, render
from app.certificates.qr import payload
from app.core.crypto.pades import SignatureTexts, sign_pdf
from app.core.crypto.seal_provider import SealProvider, Suite
from app.core.crypto.ses import signature_parts
from app.core.crypto.signing_keys import ring
from app.core.office import Office
from app.core.vocabulary import Category, Education, Position, Sex, TechnicalTitle
from app.db.id_lists import among
from app.files.storage import Store
from app.models import CertificateVersion, Paper

# Printed, and so Chinese in every language of the screens (建质〔2015〕206号 one and six).
KINDS: Mapping[Category, str] = {
    Category.A: "建筑施工企业主要负责人",
    Category.B: "建筑施工企业项目负责人",
    Category.C1: "建筑施工企业机械类专职安全生产管理人员",
    Category.C2: "建筑施工企业土建类专职安全生产管理人员",
    Category.C3: "建筑施工企业综合类专职安全生产管理人员",
    Category.C: "建筑施工企业专职安全生产管理人员",
}
SEXES: Mapping[str, str] = {Sex.MALE.value: "男", Sex.FEMALE.value: "女"}
POSITIONS: Mapping[str, str] = {
    Position.LEGAL_REPRESENTATIVE.value: "法定代表人",
    Position.GENERAL_MANAGER.value: "总经理（总裁）",
    Position.SAFETY_DEPUTY.value: "分管安全生产的副总经理（副总裁）",
    Position.PRODUCTION_DEPUTY.value: "分管生产经营的副总经理（副总裁）",
    Position.TECHNICAL_DIRECTOR.value: "技术负责人",
    Position.SAFETY_DIRECTOR.value: "安全总监",
    Position.PROJECT_MANAGER.value: "项目负责人",
    Position.SAFETY_OFFICER.value: "专职安全生产管理人员",
}
TITLES: Mapping[str, str] = {
    TechnicalTitle.SENIOR_PLUS.value: "正高级",
    TechnicalTitle.SENIOR.value: "高级",
    TechnicalTitle.INTERMEDIATE.value: "中级",
    TechnicalTitle.JUNIOR.value: "初级",
    TechnicalTitle.NONE.value: "",
}
EDUCATIONS: Mapping[str, str] = {
    Education.POSTGRADUATE.value: "研究生",
    Education.BACHELOR.value: "本科",
    Education.COLLEGE.value: "大专",
    Education.SECONDARY.value: "中专",
    Education.OTHER.value: "其他",
}


_DAYS = ("birth_date", "first_issued_on", "issued_on", "valid_from", "valid_to")
REASON = "电子证照签发"
DEMONSTRATION = "演示印章，不具有法律效力"


@dataclass(frozen=True, slots=True)
class SealedPdf:
    """A sealed PDF, and whose seal is on it since when."""

    data: bytes
    sealed_by: str
    sealed_at: datetime

    def columns(self) -> dict[str, object]:
        """What the row of the version stores beside the digest."""
        return {"fault": "", "sealed_by": self.sealed_by, "sealed_at": self.sealed_at}


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file of a version, in the store. ``row``: what ``keep`` has to record; None if it was made before."""

    data: bytes
    column: Any = None
    row: Mapping[str, object] | None = None


def paper_of(
    session: Session, store: Store, version: CertificateVersion, office: Office, provider: SealProvider, *, at: datetime
) -> MadeFile:
    """The sealed PDF of a version, made now if it never was or if the store has lost it. Reads the tables only; see ``keep``.

    Raises ``Unprintable``, ``Missing`` or ``Unreadable`` (the photo), ``FileMissing`` (its bytes) or ``SealUnavailable``, and
    stores nothing then.
    """
    if version.digest and store.has(version.digest):
        return MadeFile(store.read(version.digest))
    made = render_sealed(session, store, version, office, provider, at=at)
    return _stored(store, version, CertificateVersion.digest, made.data, made.columns())


def ofd_of(
    session: Session, store: Store, version: CertificateVersion, office: Office, provider: SealProvider, *, at: datetime
) -> MadeFile:
    """The same page as OFD, sealed with SM2; made at the first request. Reads the tables only; see ``keep``.

    Raises what ``paper_of`` raises, and ``NoSuchSeal`` where there is no SM2 seal.
    """
    if version.ofd and store.has(version.ofd):
        return MadeFile(store.read(version.ofd))
    seal = provider.seal(Suite.SM2, at=at)
    page = render.page_of(face_of(session, store, version, office, specimen=provider.demonstration))
    made = ofd_writer.document_of(page)
    signed = made.closed(signature_parts(made.opened(sealed=True), seal, made.page, ofd_writer.SEAL_BOX, at=at))
    return _stored(store, version, CertificateVersion.ofd, signed, {})


def _stored(store: Store, version: CertificateVersion, column: Any, data: bytes, more: Mapping[str, object]) -> MadeFile:
    digest = store.put(data)  # the file first: no row may name one that does not exist
    row = {"version_id": version.id, "previous": getattr(version, column.key), column.key: digest, **more}
    return MadeFile(data, column, row)


def keep(session: Session, made: MadeFile) -> str:
    """Record a file that was made; "" if that was it, else the digest of the one of a concurrent request that was first.

    The caller commits.
    """
    if made.row is None:
        return ""
    record_files(session, made.column, [made.row])
    recorded = session.scalar(select(made.column).where(CertificateVersion.id == made.row["version_id"]))
    return "" if recorded == made.row[made.column.key] else str(recorded)


def record_files(session: Session, column: Any, rows: Sequence[Mapping[str, object]]) -> None:
    """Write the digests of drawn files into ``column``, in one statement, except where it has changed since it was read.

    A row has ``version_id``, ``previous`` (the value that was read) and the new values by column name. The caller commits.
    """
    same = (
        CertificateVersion.id == bindparam("version_id"),
        column.is_not_distinct_from(bindparam("previous", type_=column.type)),
    )
    # Not through the session: the audit log records what people do, and drawing is nobody's action.
    session.connection().execute(update(CertificateVersion.__table__).where(*same), rows)


def render_sealed(
    session: Session, store: Store, version: CertificateVersion, office: Office, provider: SealProvider, *, at: datetime
) -> SealedPdf:
    """Draw and seal the PDF. Stores nothing."""
    seal = provider.seal(Suite.P256, at=at)  # first: without one, nothing need be drawn
    face = face_of(session, store, version, office, specimen=provider.demonstration)
    return SealedPdf(sign_pdf(render.draw(face), seal, _words(face), render.SEAL_BOX, at=at), seal.fingerprint, at)


def _words(face: render.Face) -> SignatureTexts:
    """What a PDF reader shows about the seal; on a specimen, that it has no legal effect."""
    if face.specimen:
        field, reason = DEMONSTRATION, f"{REASON}（{DEMONSTRATION}）"
    else:
        field, reason = face.seal_text, REASON
    return SignatureTexts(field=field, signer=f"{face.issuer} {field}", reason=reason, place=face.issuer)


def face_of(
    session: Session, store: Store, version: CertificateVersion, office: Office, *, specimen: bool = True
) -> render.Face:
    """What is printed, as it was stored when the certificate was issued. Without a lawful seal it is a specimen."""
    kept = version.face
    category = Category(kept["category"])  # type: ignore[call-arg]
    days: dict[str, Any] = {day: date.fromisoformat(kept[day]) for day in _DAYS}
    return render.Face(
        category=category.value,
        kind=KINDS[category],
        **{name: kept[name] for name in ("number", "name", "id_number", "enterprise", "issuer", "seal_text")},
        **days,
        sex=SEXES[kept["sex"]],
        position=POSITIONS.get(kept["position"], ""),
        photo=photo_of(session, store, kept),
        address=address_of(version, office),
        licence_identifier=str(kept.get("licence_identifier", "")),
        technical_title=TITLES.get(kept.get("technical_title") or "", ""),
        schooling=_schooling(kept),
        specimen=specimen,
    )


def _schooling(kept: Mapping[str, Any]) -> str:
    """Degree and major in one field."""
    parts = (EDUCATIONS.get(kept.get("education") or "", ""), kept.get("major") or "")
    return "\u3000".join(part for part in parts if part)


def address_of(version: CertificateVersion, office: Office) -> str:
    """The content of the QR code: the address of the public page, ending in the signed payload."""
    return f"{office.public_url}/v/{payload.write(claims_of(version), ring.signer(version.face.get('code_key', '')))}"


def claims_of(version: CertificateVersion) -> payload.Claims:
    """The signed content of the QR code: nothing that is not printed on the page as well."""
    kept = version.face
    until = date.fromisoformat(kept["valid_to"])
    return payload.Claims(version.certificate_id, version.version, kept["number"], kept["name"], until, version.status_index)


def photo_of(session: Session, store: Store, kept: Mapping[str, Any]) -> bytes | None:
    """The photo as submitted, even if the enterprise has replaced it since."""
    if kept.get("photo") is None:
        return None
    paper = session.get(Paper, kept["photo"])
    return store.read(paper.digest) if paper and paper.digest else None


def load_photos(session: Session, versions: Sequence[CertificateVersion]) -> list[Paper]:
    """The rows of the photos of many versions, in one query; while they are kept, ``photo_of`` asks for none of them."""
    wanted = {version.face["photo"] for version in versions if version.face.get("photo") is not None}
    return list(session.scalars(select(Paper).where(among(Paper.id, wanted))))
