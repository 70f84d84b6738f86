import io
from dataclasses import replace
from datetime import date, timedelta

import pypdf
import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates.pdf.seal_and_store import KINDS, POSITIONS, SEXES, address_of, face_of, paper_of
from app.certificates.qr import payload, symbol
from app.certificates.qr.payload import Claims
from app.core.crypto import signing_keys
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import NoSeal, SealUnavailable
from app.core.crypto.signing_keys import ring
from app.core.crypto.verify_signature import Finding, trusted_roots, verify
from app.core.office import Office
from app.core.vocabulary import Category, Position, Sex
from app.files.storage import FileMissing
from app.models import AuditEntry, CertificateVersion, Paper
from tests import make
from tests.hostile_files import jpeg
from tests.pdf_text import requested
from tests.seals import embedded

OFFICE = Office(public_url="https://ag.example.gov.cn")


def issued(session, store, **face):
    """A version as an approval leaves it, with a photo in the store."""
    enterprise = make.enterprise()
    person = make.person(enterprise, name="古丽·买买提")
    certificate = make.certificate(person)
    session.add_all([enterprise, person, certificate])
    session.flush()
    photo = make.paper(person_id=person.id, enterprise_id=enterprise.id)
    photo.digest = store.put(jpeg(413, 579))
    session.add(photo)
    session.flush()
    kept = {
        "number": certificate.number, "category": "C1", "name": person.name, "sex": person.sex.value,
        "birth_date": f"{person.birth_date}", "id_number": person.id_number, "position": "safety_officer",
        "technical_title": "", "education": "", "major": "", "enterprise": enterprise.name, "uscc": enterprise.uscc,
        "photo": photo.id, "issuer": OFFICE.issuer, "seal_text": OFFICE.seal_text, "first_issued_on": "2024-05-01",
        "issued_on": "2024-05-01", "valid_from": "2024-05-01", "valid_to": "2027-04-30",
    }  # fmt: skip
    version = CertificateVersion(
        certificate=certificate, version=1, token="t" * 22, face={**kept, **face}, issued_at=make.NOON
    )
    session.add(version)
    session.commit()
    return version


@pytest.fixture
def seal(tmp_path) -> EmbeddedSeal:
    return embedded(tmp_path / "seal")


@pytest.fixture
def paper(seal):
    """``paper(session, store, version)``: as a view requests it."""

    def asked(session, store, version, *, later=timedelta(0), provider=seal):
        return requested(paper_of, session, store, version, OFFICE, provider, at=make.NOON + later)

    return asked


def test_the_pdf_has_the_stored_content_and_is_marked_as_a_specimen(session, store, paper):
    version = issued(session, store)
    text = pypdf.PdfReader(io.BytesIO(paper(session, store, version))).pages[0].extract_text()
    for words in (version.face["number"], "古丽·买买提", "专职安全生产管理人员", "演示"):
        assert words in text


def test_the_code_leads_to_the_public_page_of_this_version(session, store):
    version = issued(session, store)
    face = face_of(session, store, version, OFFICE)
    assert face.address.startswith("https://ag.example.gov.cn/v/1")
    read = payload.read(payload.digits_in(face.address), ring.public)
    assert read == Claims(version.certificate_id, 1, version.face["number"], "古丽·买买提", date(2027, 4, 30), None)
    assert face.specimen


@pytest.mark.parametrize("name", ["李雷", "欧阳𬭎翀", "阿不都热合曼·吐尔逊·买买提艾力"])
def test_the_code_is_read_from_a_picture_of_150_dots_an_inch(session, store, paper, name):
    version = issued(session, store, name=name)
    page = pypdfium2.PdfDocument(paper(session, store, version))[0]
    (found,) = zxingcpp.read_barcodes(page.render(scale=150 / 72).to_pil())
    assert found.text == address_of(version, OFFICE)
    corners = [getattr(found.position, corner) for corner in ("top_left", "top_right")]
    across = abs(corners[1].x - corners[0].x)
    modules = len(symbol.matrix(found.text))
    assert across / 150 * 25.4 * (modules + 2 * symbol.QUIET) / modules >= 30  # millimetres, the quiet zone included


def test_a_version_keeps_its_code_after_a_key_rotation(session, store, tmp_path):
    ring.open(tmp_path / "codes.json")
    signing_keys.make(tmp_path / "codes.json", at=make.NOON)
    version = issued(session, store, code_key=ring.newest.kid)
    before = address_of(version, OFFICE)
    signing_keys.rotate(tmp_path / "codes.json", at=make.NOON)
    assert address_of(version, OFFICE) == before


def test_the_pdf_is_sealed_and_the_row_has_seal_and_time(session, store, paper, seal):
    version = issued(session, store)
    verdict = verify(paper(session, store, version), trusted_roots(seal.folder), at=make.NOON)
    session.commit()
    session.refresh(version)
    assert verdict.finding is Finding.GENUINE
    assert (version.sealed_by, version.sealed_at) == (verdict.fingerprint, make.NOON)


def test_without_a_seal_nothing_is_stored_and_afterwards_the_pdf_is_made(session, store, paper):
    version = issued(session, store)
    before = {path for path in store.folder.rglob("*") if path.is_file()}
    with pytest.raises(SealUnavailable):
        paper(session, store, version, provider=NoSeal())
    session.rollback()
    assert session.scalar(select(CertificateVersion.digest)) is None
    assert {path for path in store.folder.rglob("*") if path.is_file()} == before
    assert paper(session, store, version).startswith(b"%PDF")


def test_only_a_lawful_seal_makes_a_page_that_is_no_specimen(session, store, paper, seal):
    lawful = replace(seal, demonstration=False)
    text = pypdf.PdfReader(io.BytesIO(paper(session, store, issued(session, store), provider=lawful))).pages[0].extract_text()
    assert "演示" not in text
    assert "样张" not in text


def test_a_pdf_is_drawn_once_and_stored_without_an_audit_entry(session, store, paper):
    version = issued(session, store)
    lines = session.scalar(select(AuditEntry.id).order_by(AuditEntry.id.desc()))
    first = paper(session, store, version)
    session.commit()
    session.refresh(version)
    assert store.read(version.digest) == first == paper(session, store, version)
    assert session.scalar(select(AuditEntry.id).order_by(AuditEntry.id.desc())) == lines


def test_of_two_concurrent_drawings_the_first_is_stored(system, session, store, paper):
    version = issued(session, store)
    session.commit()
    with Session(system.engine) as one:
        first = one.get_one(CertificateVersion, version.id)
        kept = paper(one, store, first)
        one.commit()
    # ``version`` still knows of none, and time has passed, so what is made now is another file
    assert paper(session, store, version, later=timedelta(seconds=5)) == kept
    session.commit()
    session.refresh(version)
    assert store.read(version.digest) == kept


def test_a_pdf_missing_from_the_store_is_drawn_again(session, store, paper):
    version = issued(session, store)
    first = paper(session, store, version)
    session.commit()
    session.refresh(version)
    store.path(version.digest).unlink()
    assert paper(session, store, version) == first


def test_a_lost_photo_is_refused_and_nothing_is_stored(session, store, paper):
    version = issued(session, store)
    photo = session.get_one(Paper, version.face["photo"])
    photo.digest = "f" * 64
    session.commit()
    with pytest.raises(FileMissing):
        paper(session, store, version)
    assert session.scalar(select(CertificateVersion.digest)) is None


def test_every_category_sex_and_post_has_its_chinese_words():
    assert set(KINDS) == set(Category)
    assert set(SEXES) == {term.value for term in Sex}
    assert set(POSITIONS) == {term.value for term in Position}
