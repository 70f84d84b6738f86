"""The demonstration CA and PDF seals: keys, signatures as three validators see them, and tampered files."""

import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from app.certificates.pdf.render import SEAL_BOX, draw
from app.core import atomic_file
from app.core.crypto import cms, demo_ca, pades
from app.core.crypto.demo_ca import EmbeddedSeal, SealFolder, establish, renew, revoke, seal_statuses
from app.core.crypto.seal_provider import SealUnavailable, SealUse, Suite
from app.core.crypto.verify_signature import LONGEST_SIGNATURE, Finding, TrustedRoots, describe, trusted_roots, verify
from tests import make
from tests.certificates.pdf.conftest import FACE
from tests.seals import SITE, embedded

AT = make.NOON
WORDS = pades.SignatureTexts("演示印章", "示例厅 演示印章", "电子证照签发（演示印章，不具有法律效力）", "示例厅")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "seal"
    embedded(folder)
    return folder


@pytest.fixture(scope="module")
def pdf(folder) -> bytes:
    return stamped(folder)


@pytest.fixture
def own(tmp_path) -> Path:
    """A seal folder that the test may change."""
    embedded(tmp_path / "seal")
    return tmp_path / "seal"


def stamped(folder: Path, at: datetime = AT) -> bytes:
    return pades.sign_pdf(draw(FACE), EmbeddedSeal(folder).seal(Suite.P256, at=at), WORDS, SEAL_BOX, at=at)


def finding(data: bytes, folder: Path, at: datetime = AT) -> Finding:
    return verify(data, trusted_roots(folder), at=at).finding


def changed(pdf: bytes, place: int) -> bytes:
    return pdf[:place] + bytes((pdf[place] ^ 1,)) + pdf[place + 1 :]


def edited(pdf: bytes) -> bytes:
    """Saved again, as an incremental update."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = NumberObject(90)
    writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


class Sample(tuple[Path, bytes]):  # noqa: SLOT001
    """A folder and a PDF, with a short repr for failing tests."""

    def __repr__(self) -> str:
        return "a sample"


@pytest.fixture(scope="module")
def sample(folder, pdf) -> Sample:
    return Sample((folder, pdf))


# --- keys -----------------------------------------------------------------------------------------------------
def test_keys_are_readable_by_the_owner_only_and_never_replaced(own):
    modes = {path.name: path.stat().st_mode & 0o777 for path in own.iterdir()}
    assert set(modes.values()) == {0o600}
    assert own.stat().st_mode & 0o777 == 0o700
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    assert establish(own, address=SITE, at=AT + timedelta(days=30)) is False
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


@pytest.mark.parametrize("lost", ["root.pem", "issuing.pem", "issuing.crl", "seal-1.pem", "seal-1.key"])
def test_an_interrupted_set_up_of_the_ca_is_completed_without_new_keys(tmp_path, lost):
    folder = tmp_path / "seal"
    embedded(folder)
    keys = {path.name: path.read_bytes() for path in folder.glob("*.key") if path.name != lost}
    (folder / lost).unlink()
    if lost == "seal-1.key":
        (folder / "seal-1.pem").unlink()
    assert establish(folder, address=SITE, at=AT)
    assert {name: (folder / name).read_bytes() for name in keys} == keys
    assert finding(stamped(folder), folder) is Finding.GENUINE


def test_an_existing_file_is_not_replaced(own):
    with pytest.raises(FileExistsError):
        atomic_file.put_file(own / "root.key", b"another", once=True)
    assert not list(own.glob(".*"))


def test_after_a_renewal_the_new_seal_is_used_and_old_documents_stay_genuine(own):
    old, provider = stamped(own), EmbeddedSeal(own)
    before = provider.seal(Suite.P256, at=AT).fingerprint
    made = renew(own, address=SITE, at=AT)
    assert provider.seal(Suite.P256, at=AT).fingerprint == made.fingerprint != before
    assert [(one.use, one.number) for one in seal_statuses(own)] == [
        (SealUse.CERTIFICATES, 2), (SealUse.CERTIFICATES, 1), (SealUse.LETTERS, 1),
    ]  # fmt: skip
    assert finding(old, own) is finding(stamped(own), own) is Finding.GENUINE


def test_letters_have_a_seal_of_their_own_that_is_renewed_and_revoked_apart(own):
    provider, letters = EmbeddedSeal(own), SealUse.LETTERS
    first, certificates = provider.seal(Suite.P256, at=AT, use=letters), provider.seal(Suite.P256, at=AT)
    assert first.fingerprint != certificates.fingerprint
    assert "行政审批" in first.certificate.subject.rfc4514_string()
    pdf = pades.sign_pdf(draw(FACE), first, WORDS, SEAL_BOX, at=AT)
    assert finding(pdf, own) is Finding.GENUINE
    revoke(own, 1, "key-compromise", letters, at=AT)
    assert finding(pdf, own) is Finding.REVOKED
    assert provider.seal(Suite.P256, at=AT).fingerprint == certificates.fingerprint
    with pytest.raises(SealUnavailable) as no:
        provider.seal(Suite.P256, at=AT, use=letters)
    assert "renew --letters" in no.value.why
    made = renew(own, letters, address=SITE, at=AT)
    assert (made.number, provider.seal(Suite.P256, at=AT, use=letters).fingerprint) == (2, made.fingerprint)
    with pytest.raises(SealUnavailable):
        provider.seal(Suite.SM2, at=AT, use=letters)


def test_a_folder_from_before_letters_gets_their_seal_from_init(own):
    for suffix in ("key", "pem"):
        (own / f"letter-seal-1.{suffix}").unlink()
    with pytest.raises(SealUnavailable) as no:
        EmbeddedSeal(own).seal(Suite.P256, at=AT, use=SealUse.LETTERS)
    assert "anguan init" in no.value.why
    kept = (own / "seal-1.pem").read_bytes()
    assert establish(own, address=SITE, at=AT)
    assert EmbeddedSeal(own).seal(Suite.P256, at=AT, use=SealUse.LETTERS)
    assert (own / "seal-1.pem").read_bytes() == kept


def test_a_revoked_seal_seals_nothing_and_its_documents_are_reported_as_revoked(own):
    pdf = stamped(own)
    assert revoke(own, 1, "key-compromise", at=AT).revoked_at == AT
    with pytest.raises(SealUnavailable) as no:
        EmbeddedSeal(own).seal(Suite.P256, at=AT)
    assert "renew" in no.value.why
    verdict = verify(pdf, trusted_roots(own), at=AT)
    assert (verdict.finding, verdict.revoked_at, verdict.intact) == (Finding.REVOKED, AT, True)
    renew(own, address=SITE, at=AT)
    assert finding(stamped(own), own) is Finding.GENUINE
    assert finding(pdf, own) is Finding.REVOKED


def test_revoking_again_changes_nothing_and_an_unknown_seal_is_refused(own):
    revoke(own, 1, "superseded", at=AT)
    assert revoke(own, 1, "key-compromise", at=AT + timedelta(days=1)).revoked_at == AT
    with pytest.raises(SealFolder):
        revoke(own, 7, "superseded", at=AT)


def test_a_missing_or_expired_seal_is_reported_with_what_to_do(tmp_path, folder):
    with pytest.raises(SealUnavailable, match="seal service") as no:
        EmbeddedSeal(tmp_path / "none").seal(Suite.P256, at=AT)
    assert "anguan init" in no.value.why
    with pytest.raises(SealUnavailable) as no:
        EmbeddedSeal(folder).seal(Suite.P256, at=AT + timedelta(days=3 * 366))
    assert "renew" in no.value.why
    with pytest.raises(SealFolder):
        renew(tmp_path, address=SITE, at=AT)


def test_a_crl_that_ends_soon_is_renewed_with_its_entries(own):
    revoke(own, 1, "superseded", at=AT)
    pdf, later = stamped_by_first(own), AT + timedelta(days=300)
    assert establish(own, address=SITE, at=later)
    assert finding(pdf, own, later) is Finding.REVOKED


def stamped_by_first(folder: Path) -> bytes:
    seal, _revoked = demo_ca._newest(folder, 0)
    return pades.sign_pdf(draw(FACE), seal, WORDS, SEAL_BOX, at=AT)


# --- verification -----------------------------------------------------------------------------------------------
def test_a_sealed_pdf_is_genuine_and_marked_as_a_demonstration(folder, pdf):
    verdict = verify(pdf, trusted_roots(folder), at=AT)
    assert verdict.good
    assert (verdict.intact, verdict.whole, verdict.known, verdict.demonstration) == (True, True, True, True)
    assert verdict.signed_at == AT.replace(microsecond=0)
    assert "演示" in verdict.signer
    assert "legal force" in describe(verdict)[-1]


def test_sealing_again_at_the_same_time_gives_the_same_bytes(folder, pdf):
    assert stamped(folder) == pdf


@settings(max_examples=60)
@given(where=st.floats(0, 0.999999))
def test_changing_any_signed_byte_makes_the_file_not_genuine(sample, where):
    folder, pdf = sample
    hole = range(pdf.rindex(b"/Contents<") + 10, pdf.rindex(b">>\nendobj"))
    place = int(where * len(pdf))
    verdict = verify(changed(pdf, place), trusted_roots(folder), at=AT)
    # In the placeholder the case of hex digits does not matter.
    assert not verdict.good or place in hole


def test_a_changed_byte_of_the_page_is_reported_as_altered(folder, pdf):
    for place in (20, len(pdf) // 2, len(pdf) - 8):
        assert finding(changed(pdf, place), folder) is Finding.ALTERED


@pytest.mark.parametrize("more", [b"\n", b"%%EOF\n", b"\0"])
def test_appended_bytes_are_reported(folder, pdf, more):
    assert finding(pdf + more, folder) is Finding.APPENDED


def test_an_incremental_update_is_reported_as_appended(folder, pdf):
    assert finding(edited(pdf), folder) is Finding.APPENDED


def test_a_truncated_an_unsealed_and_an_empty_file(folder, pdf):
    for data in (pdf[:-700], draw(FACE), b"", b"%PDF-1.7", b"\xff" * 1000):
        assert finding(data, folder) in (Finding.NO_SEAL, Finding.ALTERED)
        assert not verify(data, trusted_roots(folder), at=AT).good


def test_a_seal_of_another_ca_is_unknown(folder, own):
    assert finding(stamped(own), folder) is Finding.UNKNOWN
    assert finding(stamped(own), own) is Finding.GENUINE


def test_an_office_can_trust_another_ca_whose_seal_is_no_demonstration(folder, own):
    (folder / "trust").mkdir()
    for name in ("root.pem", "issuing.pem", "root.crl", "issuing.crl"):
        shutil.copy(own / name, folder / "trust" / name)
    verdict = verify(stamped(own), trusted_roots(folder), at=AT)
    shutil.rmtree(folder / "trust")
    assert verdict.good
    assert not verdict.demonstration


def test_a_seal_is_genuine_while_its_certificate_and_crl_are_valid(folder, pdf):
    assert finding(pdf, folder, AT + timedelta(days=399)) is Finding.GENUINE
    assert finding(pdf, folder, AT + timedelta(days=401)) is Finding.UNLISTED
    assert finding(pdf, folder, AT + timedelta(days=3 * 365 + 1)) is Finding.EXPIRED
    assert finding(pdf, folder, AT - timedelta(days=1)) is Finding.EXPIRED
    assert (
        verify(pdf, TrustedRoots(trusted_roots(folder).roots, trusted_roots(folder).issuers), at=AT).finding
        is Finding.UNLISTED
    )


def test_a_ca_key_cannot_seal_and_a_seal_key_cannot_issue(folder):
    root, issuing = demo_ca.load_certificate(folder, "root"), demo_ca.load_certificate(folder, "issuing")
    key = demo_ca.load_key(folder, "issuing")
    chain = tuple(one.public_bytes(demo_ca.Encoding.DER) for one in (issuing, root))
    how = demo_ca.ec.ECDSA(demo_ca.Prehashed(demo_ca.HASH))
    forged = pades.sign_pdf(draw(FACE), demo_ca.Seal(chain, lambda d: key.sign(d, how)), WORDS, SEAL_BOX, at=AT)
    assert finding(forged, folder) is Finding.UNKNOWN
    below = demo_ca.load_key(folder, "seal-1")
    made = demo_ca._certificate("Seal 9", below.public_key(), demo_ca.load_certificate(folder, "seal-1"), below, AT, 1)
    chain = tuple(
        one.public_bytes(demo_ca.Encoding.DER) for one in (made, demo_ca.load_certificate(folder, "seal-1"), issuing, root)
    )
    forged = pades.sign_pdf(draw(FACE), demo_ca.Seal(chain, lambda d: below.sign(d, how)), WORDS, SEAL_BOX, at=AT)
    assert finding(forged, folder) is Finding.UNKNOWN


def test_the_signature_of_one_pdf_does_not_fit_another(folder, pdf):
    other = pades.sign_pdf(
        draw(FACE), EmbeddedSeal(folder).seal(Suite.P256, at=AT), WORDS, SEAL_BOX, at=AT + timedelta(seconds=1)
    )
    hole = slice(pdf.rindex(b"/Contents<") + 10, pdf.rindex(b">>\nendobj"))
    assert finding(other[: hole.start] + pdf[hole] + other[hole.stop :], folder) is Finding.ALTERED


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_no_bytes_crash_the_signature_reader(data):
    for head in (b"", b"\x30\x82\x01\x00", b"\x30\x80"):
        with pytest.raises(cms.UnsupportedSignature):
            cms.read(head + data, b"d" * 32)


def test_a_signature_longer_than_any_is_not_read(folder):
    digits = LONGEST_SIGNATURE
    pdf = b"%PDF-1.7\n<" + b"30" * (digits // 2) + b">"
    ranges = b"/ByteRange[0 %010d %010d %010d]" % (9, len(pdf), 0)
    assert verify(pdf + ranges, trusted_roots(folder), at=AT).finding is Finding.NO_SEAL


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2**34 - 1), min_size=3, max_size=3), st.binary(max_size=60))
def test_no_byte_range_crashes_the_verification(sample, numbers, rest):
    folder, pdf = sample
    data = b"%%PDF-1.7 /ByteRange[0 %d %d %d] " % tuple(numbers) + rest
    assert not verify(data, trusted_roots(folder), at=AT).good
    assert not verify(pdf[:500] + data, trusted_roots(folder), at=AT).good


# --- other readers -------------------------------------------------------------------------------------------------
def pyhanko(data: bytes, folder: Path, at: datetime = AT):
    """The verdict of an independent validator, with our root and CRLs."""
    root, issuing = (
        asn1_x509.Certificate.load(pem.unarmor((folder / f"{n}.pem").read_bytes())[2]) for n in ("root", "issuing")
    )
    lists = [asn1_crl.CertificateList.load(pem.unarmor(path.read_bytes())[2]) for path in folder.glob("*.crl")]
    context = ValidationContext(
        trust_roots=[root], other_certs=[issuing], crls=lists, allow_fetching=False, revocation_mode="hard-fail", moment=at
    )
    (signature,) = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures
    with ThreadPoolExecutor(1) as aside:  # it runs an event loop, and a browser's may be running here
        return aside.submit(validate_pdf_signature, signature, signer_validation_context=context).result(), signature


def test_pyhanko_finds_a_certifying_pades_signature_over_the_whole_file(folder, pdf):
    status, signature = pyhanko(pdf, folder, AT + timedelta(minutes=1))
    assert status.bottom_line
    assert (status.coverage.name, status.modification_level.name, status.docmdp_ok) == ("ENTIRE_FILE", "NONE", True)
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.docmdp_level.value == 1
    assert "演示" in signature.field_name
    assert "不具有法律效力" in signature.sig_object["/Reason"]


def test_pyhanko_reports_tampering(own, pdf, folder):
    at = AT + timedelta(minutes=1)
    assert not pyhanko(changed(pdf, 600), folder, at)[0].intact
    status, _signature = pyhanko(edited(pdf), folder, at)
    assert (status.bottom_line, status.intact) == (False, True)
    assert not pyhanko(pdf, own, at)[0].trusted  # another CA
    assert not pyhanko(pdf, folder, AT + timedelta(days=3 * 366))[0].bottom_line
    sealed = stamped(own)
    revoke(own, 1, "key-compromise", at=AT)
    status, _signature = pyhanko(sealed, own, at)
    assert status.revoked
    assert not status.bottom_line


@pytest.mark.poppler
def test_poppler_accepts_it_and_reports_a_changed_byte(tmp_path, pdf):
    output = pdfsig(tmp_path, pdf)
    for words in ("Signature is Valid", "ETSI.CAdES.detached", "Total document signed", "演示"):
        assert words in output
    assert "Signature is Valid" not in pdfsig(tmp_path, changed(pdf, 600))
    assert "Not total document signed" in pdfsig(tmp_path, edited(pdf))


def pdfsig(place: Path, pdf: bytes) -> str:
    (place / "paper.pdf").write_bytes(pdf)
    environment = os.environ | {"HOME": str(place), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["pdfsig", place / "paper.pdf"], capture_output=True, check=False, env=environment, timeout=60)
    return done.stdout.decode()


def test_the_sealed_file_is_a_valid_pdf_with_the_same_page(pdf):
    assert pdf.startswith(draw(FACE))
    with pikepdf.open(io.BytesIO(pdf)) as file:
        assert file.check_pdf_syntax() == []
        (page,) = file.pages
        assert [str(one.Subtype) for one in page.Annots] == ["/Link", "/Widget"]
        assert file.Root.AcroForm.SigFlags == 3


@pytest.mark.parametrize(
    "broken", [b"", b"%PDF-1.7\n", draw(FACE).replace(b"/Kids", b"/Kinds"), draw(FACE).replace(b"xref\n0", b"xrefs\n")]
)
def test_only_a_pdf_of_our_own_renderer_is_sealed(folder, broken):
    with pytest.raises(ValueError):
        pades.sign_pdf(broken, EmbeddedSeal(folder).seal(Suite.P256, at=AT), WORDS, SEAL_BOX, at=datetime.now(UTC))
