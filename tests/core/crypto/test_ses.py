"""SM2 seals of OFD files: certificates as OpenSSL sees them, signatures, and tampered files."""

import io
import shutil
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.crypto import demo_ca, ses, sm2
from app.core.crypto.cms import UnsupportedSignature
from app.core.crypto.demo_ca import EmbeddedSeal, establish, renew, revoke
from app.core.crypto.seal_provider import NoSuchSeal, Seal, SealUnavailable, Suite
from app.core.crypto.verify_signature import Finding, TrustedRoots, trusted_roots, verify
from tests import make
from tests.seals import SITE, embedded

AT = make.NOON
PARTS = {"OFD.xml": b"<OFD/>", "Doc_0/Document.xml": b"<Document/>", "Doc_0/Res/font_1.ttf": b"font"}
BOX = (131.0, 213.0, 42.0, 42.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "seal"
    embedded(folder)
    return folder


@pytest.fixture(scope="module")
def parts(folder) -> dict[str, bytes]:
    return sealed(folder)


@pytest.fixture
def own(tmp_path) -> Path:
    embedded(tmp_path / "seal")
    return tmp_path / "seal"


def sealed(folder: Path) -> dict[str, bytes]:
    return {**PARTS, **ses.signature_parts(PARTS, EmbeddedSeal(folder).seal(Suite.SM2, at=AT), 5, BOX, at=AT)}


def packed(parts: dict[str, bytes]) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return output.getvalue()


def finding(parts: dict[str, bytes], folder: Path, at=AT) -> Finding:
    return verify(packed(parts), trusted_roots(folder), at=at).finding


# --- SM2 --------------------------------------------------------------------------------------------------------
def test_the_example_of_the_standard_is_verified():
    """GB/T 32918.5, the example over the recommended curve: public key, message and signature as printed there."""
    public = bytes.fromhex(
        "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    r = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    s = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    e = sm2.digest(public, b"message digest")
    assert e.hex() == "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
    signature = sm2.asn1.encode_der(sm2._Pair(r=int(r, 16), s=int(s, 16)))
    assert sm2.verifies(public, e, signature)
    assert not sm2.verifies(public, sm2.sm3(b"another"), signature)


def test_sm3_is_that_of_the_standard():
    assert sm2.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@settings(max_examples=40)
@given(st.binary(max_size=80))
def test_malformed_signatures_do_not_verify(junk):
    public = sm2.public_of(b"\1" * 32)
    assert not sm2.verifies(public, b"e" * 32, junk)
    assert not sm2.verifies(junk, b"e" * 32, sm2.sign(b"\1" * 32, public, b"e" * 32))


def test_a_public_key_that_begins_with_04_is_used_whole():
    private = (11).to_bytes(32, "big")
    public = sm2.public_of(private)
    assert public[0] == 4  # gmssl would strip it, and the zeros and fours after it
    assert sm2.verifies(public, b"e" * 32, sm2.sign(private, public, b"e" * 32))


def test_openssl_verifies_the_certificates(folder):
    """An independent check of curve, digest, encoding and signature."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here")
    command = ["openssl", "verify", "-vfyopt", "distid:1234567812345678", "-CAfile", folder / "sm2-root.pem"]
    done = subprocess.run([*command, folder / "seal-1-sm2.pem"], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip().endswith("OK"), done.stderr


# --- the seal -----------------------------------------------------------------------------------------------------
def test_a_sealed_file_is_genuine_and_marked_as_a_demonstration(folder, parts):
    verdict = verify(packed(parts), trusted_roots(folder), at=AT)
    assert verdict.finding is Finding.GENUINE
    assert (verdict.intact, verdict.whole, verdict.known, verdict.demonstration) == (True, True, True, True)
    assert verdict.signed_at == AT
    assert "演示" in verdict.signer


@pytest.mark.parametrize("name", [*PARTS, ses.LIST, ses.INFO, ses.VALUE, ses.BODY])
def test_a_changed_or_missing_part_is_found(folder, parts, name):
    data = parts[name]
    for place in (0, len(data) // 2, len(data) - 1):
        other = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        assert not verify(packed({**parts, name: other}), trusted_roots(folder), at=AT).good, place
    left = {key: data for key, data in parts.items() if key != name}
    assert finding(left, folder) in (Finding.ALTERED, Finding.NO_SEAL)


def test_an_additional_part_is_reported_as_appended(folder, parts):
    assert finding({**parts, "Doc_0/Annots/note.xml": b"<note/>"}, folder) is Finding.APPENDED


def test_an_unsealed_a_foreign_and_an_empty_file(folder, parts, own):
    assert finding(PARTS, folder) is Finding.NO_SEAL
    assert finding(sealed(own), folder) is Finding.UNKNOWN
    assert verify(packed(parts), TrustedRoots(), at=AT).finding is Finding.UNKNOWN
    assert verify(b"PK\3\4", trusted_roots(folder), at=AT).finding is Finding.UNKNOWN


def test_a_revoked_and_an_expired_seal_are_reported(own):
    parts = sealed(own)
    assert finding(parts, own, AT + timedelta(days=3 * 366)) is Finding.EXPIRED
    revoke(own, 1, "key-compromise", at=AT)
    assert finding(parts, own) is Finding.REVOKED
    with pytest.raises(SealUnavailable):
        EmbeddedSeal(own).seal(Suite.SM2, at=AT)
    renew(own, address=SITE, at=AT)
    assert finding(sealed(own), own) is Finding.GENUINE


def test_the_seal_body_of_another_seal_is_not_accepted(folder, own):
    """Picture and name of one seal, with the key of another."""
    mine, theirs = EmbeddedSeal(own).seal(Suite.SM2, at=AT), EmbeddedSeal(folder).seal(Suite.SM2, at=AT)
    mixed = ses.signature_parts(PARTS, Seal(mine.chain, mine.raw_sign, theirs.body), 5, BOX, at=AT)
    assert finding({**PARTS, **mixed}, own) is Finding.ALTERED


def test_without_gmssl_there_is_no_sm2_seal_and_init_makes_it_later(tmp_path, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(sm2, "available", lambda: False)
        folder = tmp_path / "seal"
        establish(folder, address=SITE, at=AT)
        with pytest.raises(NoSuchSeal) as no:
            EmbeddedSeal(folder).seal(Suite.SM2, at=AT)
        assert "anguan[sm]" in no.value.why
        assert not list(folder.glob("*sm2*"))
    assert establish(folder, address=SITE, at=AT)
    assert finding(sealed(folder), folder) is Finding.GENUINE
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_seal_in_another_place_than_ours_is_unknown_and_not_missing(folder):
    assert finding({"OFD.xml": b"<x/>"}, folder) is Finding.NO_SEAL
    for place in ("Doc_0/Signs/Sign_1/SignedValue.dat", "Signatures.xml"):
        assert finding({"OFD.xml": b"<x/>", place: b"x"}, folder) is Finding.UNKNOWN


# --- hostile files --------------------------------------------------------------------------------------------------
def test_an_oversized_zip_is_refused(monkeypatch):
    monkeypatch.setattr(ses, "LARGEST_PART", 1000)
    for parts in ({"a": b"0" * 1001}, {f"{n}": b"" for n in range(ses.MOST_PARTS + 1)}):
        with pytest.raises(UnsupportedSignature):
            ses.unzip_parts(packed(parts))


def test_a_zip_with_duplicate_names_is_refused(parts):
    output = io.BytesIO(packed(parts))
    with zipfile.ZipFile(output, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("OFD.xml", b"<other/>")
    with pytest.raises(UnsupportedSignature):
        ses.unzip_parts(output.getvalue())


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
def test_a_part_packed_as_no_ofd_is_has_an_unknown_seal(folder, parts, packing, damaged):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", packing) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    data = output.getvalue()
    if damaged:
        start = data.index(name := next(iter(parts)).encode()) + len(name)
        data = data[: start + 2] + bytes(40) + data[start + 42 :]
    assert verify(data, trusted_roots(folder), at=AT).finding is Finding.UNKNOWN


@settings(max_examples=60)
@given(st.floats(0, 0.999999), st.integers(1, 255))
def test_changing_any_byte_of_the_file_raises_nothing_unexpected(folder_and_file, where, flip):
    folder, data = folder_and_file
    place = int(where * len(data))
    verify(data[:place] + bytes((data[place] ^ flip,)) + data[place + 1 :], trusted_roots(folder), at=AT)
    verify(data[:place], trusted_roots(folder), at=AT)


@pytest.fixture(scope="module")
def folder_and_file(folder, parts):
    return folder, packed(parts)


def test_the_issuing_ca_for_pdf_cannot_issue_seals_for_ofd(folder):
    assert sm2.key_of(demo_ca.load_certificate(folder, "issuing")) is None
    assert not sm2.is_issued_by(demo_ca.load_certificate(folder, "seal-1-sm2"), demo_ca.load_certificate(folder, "root"))
