"""文件验真: anybody may upload a file and learns whether it is genuine; it is not stored."""

import io

import pytest
from cryptography import x509
from sqlalchemy import select

from app.certificates.pdf.render import SEAL_BOX, draw
from app.certificates.pdf.seal_and_store import paper_of
from app.core import clock
from app.core.crypto import pades
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import Suite
from app.core.office import Office
from app.core.vocabulary import CertificateStatus
from app.files.folder_store import FolderStore
from app.models import AuditEntry, CertificateVersion
from app.web import request_context
from app.web.public.signature_check import LARGEST_PAPER
from tests.certificates.pdf.conftest import FACE
from tests.certificates.pdf.test_seal_and_store import issued
from tests.pdf_text import requested
from tests.seals import embedded

AT = clock.now()
WORDS = pades.SignatureTexts("演示", "演示", "演示", "湖南")


@pytest.fixture
def sealed(system) -> bytes:
    return stamped(EmbeddedSeal(system.settings.seals))


def stamped(seal: EmbeddedSeal) -> bytes:
    return pades.sign_pdf(draw(FACE), seal.seal(Suite.P256, at=AT), WORDS, SEAL_BOX, at=AT)


def hand_in(client, data: bytes, name: str = "证书.pdf"):
    return client.post("/verify-file", data={"paper": (io.BytesIO(data), name)}, content_type="multipart/form-data")


def test_a_genuine_file_is_reported_as_such_with_the_demonstration_seal_named(client, sealed):
    answer = hand_in(client, sealed)
    assert answer.status_code == 200
    assert "演示" in answer.text
    assert "cert todo" in answer.text  # amber, not green
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "meddle", [lambda pdf: pdf.replace(b"/Lang", b"/Long"), lambda pdf: pdf + b"x", lambda pdf: pdf[:900]]
)
def test_a_changed_file_is_red(client, sealed, meddle):
    answer = hand_in(client, meddle(sealed))
    assert answer.status_code == 200
    assert "cert bad" in answer.text


def test_a_seal_of_an_unknown_authority_is_red(client, tmp_path):
    embedded(tmp_path / "seal")
    assert "cert bad" in hand_in(client, stamped(EmbeddedSeal(tmp_path / "seal"))).text


@pytest.mark.parametrize(
    ("data", "name"), [(b"", "a.pdf"), (b"%PDF" + b"0" * LARGEST_PAPER, "a.pdf")], ids=("empty", "large")
)
def test_what_cannot_be_checked_is_refused_at_its_field(client, data, name):
    answer = hand_in(client, data, name)
    assert answer.status_code == 422
    assert 'id="paper-e"' in answer.text


def test_a_file_of_any_other_kind_gets_its_answer_in_words(client):
    """What counts is the content: a name says nothing."""
    answer = hand_in(client, b"MZ\x90", "a.exe")
    assert (answer.status_code, "cert bad" in answer.text) == (200, True)


def test_no_file_at_all_is_refused_too(client):
    assert client.post("/verify-file", data={}).status_code == 422


def test_a_file_on_record_shows_the_present_status_of_its_certificate(client, session, system):
    store, version = FolderStore(system.settings.blobs), issued(session, FolderStore(system.settings.blobs))
    pdf = requested(paper_of, session, store, version, Office(), EmbeddedSeal(system.settings.seals), at=AT)
    session.commit()
    assert version.face["number"] in hand_in(client, pdf).text
    version.certificate.status = CertificateStatus.REVOKED
    version.replaced_at = AT
    session.commit()
    answer = hand_in(client, pdf).text
    assert str(version.certificate.person.id_number) not in answer
    assert "cert bad" in answer


def test_the_file_is_not_stored_and_nothing_is_logged(client, session, system, sealed):
    def there():
        files = sorted(path for path in system.settings.home.rglob("*") if "anguan.db" not in path.name)
        return files, session.scalars(select(AuditEntry.id)).all(), session.scalars(select(CertificateVersion.id)).all()

    before = there()
    session.rollback()
    hand_in(client, sealed)
    assert there() == before


def test_too_many_checks_are_refused(client, sealed, app):
    with app.test_request_context():
        most = request_context.current_office().lookups_per_minute
    answers = [hand_in(client, b"%PDF", "a.pdf").status_code for _n in range(most + 1)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {200}


def test_root_and_revocation_lists_are_published_and_no_key_is(client, system):
    root = x509.load_pem_x509_certificate(client.get("/seal/root.pem").data)
    for name in ("root.crl", "issuing.crl"):
        x509.load_der_x509_crl(client.get(f"/seal/{name}").data)
    assert "演示" in root.subject.rfc4514_string()
    seal = x509.load_pem_x509_certificate((system.settings.seals / "seal-1.pem").read_bytes())
    (point,) = seal.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name[0].value.endswith("/seal/issuing.crl")
    for name in ("root.key", "issuing.key", "seal-1.key", "seal-1.pem", "..%2fkeys.json", "trust"):
        assert client.get(f"/seal/{name}").status_code == 404
