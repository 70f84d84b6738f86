"""Certificates for signing in: which are accepted, and the code of each refusal."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from app.accounts.pki import demo_keys, trust
from app.accounts.pki import verify as pki_verify
from app.accounts.pki.trust import BadAuthority, BadRevocationList, check_list
from app.accounts.pki.verify import NotProved, statement, verify
from app.core.sign_in_vocabulary import ChallengeKind
from tests.certs import CLIENT, SERVER, YEAR, issued, sm_issued, trusting
from tests.make import NOON

DAY = timedelta(days=1)
SITE = "https://aq.example"
WORDS = statement(ChallengeKind.CERTIFICATE, SITE, "c" * 32, "n" * 64, NOON)


@pytest.fixture(scope="module")
def root():
    return issued("根", ca=True)


@pytest.fixture(scope="module")
def rsa_root():
    return issued("根 RSA", key=rsa.generate_private_key(65537, 2048), ca=True)


@pytest.fixture(scope="module")
def sm_root():
    return sm_issued("根 SM2", ca=True)


def asked(holder, known, *, words=WORDS, signature=None, chain=None, at=NOON):
    """The identity that ``verify`` returns, or the code of its refusal."""
    try:
        signed = holder.sign(WORDS) if signature is None else signature
        return verify(words, signed, holder.chain if chain is None else chain, known, at=at)
    except NotProved as error:
        return error.code


# --- accepted certificates -----------------------------------------------------------------
@pytest.mark.parametrize("facts", [{}, {"san": True}, {"eku": ()}, {"eku": (SERVER, CLIENT)}])
def test_valid_certificate_is_accepted(root, facts):
    holder = issued(by=root, **facts)
    known = asked(holder, trusting(root, lists=[root.crl()]))
    assert (known.holder, known.issuer_name, known.subject) == ("张三", "根", f"{holder.serial:x}")
    assert known.issuer == trust.digest_of(root.certificate)


def test_rsa_certificate_is_accepted(rsa_root):
    holder = issued(by=rsa_root, key=rsa.generate_private_key(65537, 2048))
    assert asked(holder, trusting(rsa_root, lists=[rsa_root.crl()])).holder == "张三"


def test_intermediate_authority_needs_a_pinned_list_of_its_own(root):
    issuing = issued("签发", by=root, ca=True)
    holder = issued(by=issuing)
    both = [*holder.chain, *issuing.chain]
    lists = [root.crl(), issuing.crl()]
    assert asked(holder, trusting(root, issuing, lists=lists), chain=both).holder == "张三"
    assert asked(holder, trusting(root, lists=lists), chain=both) == "list-missing"
    assert asked(holder, trusting(root, required=False, lists=lists), chain=both).holder == "张三"


def test_statement_holds_purpose_site_challenge_and_expiry():
    kinds = [statement(kind, SITE, "c", "n", NOON) for kind in pki_verify.STATEMENT_LABELS]
    assert len(set(kinds)) == 3
    assert kinds[0] == b"anguan-cert-login\0v1\0https://aq.example\0c\0n\0" + str(int(NOON.timestamp())).encode()


# --- refused certificates ------------------------------------------------------------------------
def small_rsa(root):
    return issued(by=root, key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - must be refused


def other_curve(root):
    return issued(by=root, key=ec.generate_private_key(ec.SECP384R1()))


def by_a_leaf(root):
    leaf = issued("叶", by=root)
    made = issued(by=leaf)
    made.above = (leaf.certificate,)
    return made


def by_a_namesake(root):
    return issued(by=issued("根", ca=True))


BAD = {
    "expired": (lambda root: issued(by=root, end=NOON - DAY), "certificate-expired"),
    "not yet": (lambda root: issued(by=root, start=NOON + DAY), "certificate-not-yet"),
    "for servers": (lambda root: issued(by=root, eku=(SERVER,)), "certificate-purpose"),
    "no key usage": (lambda root: issued(by=root, ku=()), "certificate-purpose"),
    "for encryption only": (lambda root: issued(by=root, ku=("key_encipherment",)), "certificate-purpose"),
    "an authority's own": (
        lambda root: issued(by=root, ca=True, ku=("digital_signature", "key_cert_sign")),
        "certificate-purpose",
    ),
    "unknown critical extension": (
        lambda root: issued(by=root, more=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x"), True),)),
        "authority-unknown",  # refused by the library
    ),
    "small RSA": (small_rsa, "key-weak"),
    "another curve": (other_curve, "key-weak"),
    "rogue authority of the same name": (by_a_namesake, "authority-unknown"),
    "issued by a leaf": (by_a_leaf, "authority-unknown"),
    "signed by itself": (lambda _root: issued(), "authority-unknown"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_certificate_is_refused_with_its_code(root, case):
    make, code = BAD[case]
    assert asked(make(root), trusting(root, lists=[root.crl()])) == code


def test_certificate_of_an_expired_authority_is_refused():
    old = issued("旧", ca=True, end=NOON - DAY)
    assert asked(issued(by=old), trusting(old, lists=[old.crl()])) == "authority-unknown"


def test_oversize_chain_is_refused_before_parsing(root):
    holder, known = issued(by=root), trusting(root, lists=[root.crl()])
    for chain in ([], holder.chain * 4, [holder.chain[0], b"\x30" * pki_verify.MAX_CHAIN_BYTES]):
        assert asked(holder, known, chain=chain) == "chain-size"
    for junk in (b"", b"\x30\x03abc", b"not a certificate", holder.chain[0][:-1]):
        assert asked(holder, known, chain=[junk]) == "certificate-unreadable"


def test_without_pinned_authority_every_certificate_is_refused(root):
    assert asked(issued(by=root), trusting()) == "authority-unknown"


# --- signatures ---------------------------------------------------------------------------------------
def test_signature_fits_its_own_statement_only(root):
    holder, known = issued(by=root), trusting(root, lists=[root.crl()])
    others = [
        statement(ChallengeKind.CERTIFICATE_SECOND, SITE, "c" * 32, "n" * 64, NOON),
        statement(ChallengeKind.CERTIFICATE_BIND, SITE, "c" * 32, "n" * 64, NOON),
        statement(ChallengeKind.CERTIFICATE, "https://evil.example", "c" * 32, "n" * 64, NOON),
        statement(ChallengeKind.CERTIFICATE, SITE, "d" * 32, "n" * 64, NOON),
        statement(ChallengeKind.CERTIFICATE, SITE, "c" * 32, "m" * 64, NOON),
        statement(ChallengeKind.CERTIFICATE, SITE, "c" * 32, "n" * 64, NOON + DAY),
    ]
    for words in others:
        assert asked(holder, known, signature=holder.sign(words)) == "signature-wrong"
    for signature in (b"", b"\0" * 64, issued(by=root).sign(WORDS), holder.sign(WORDS)[:-1]):
        assert asked(holder, known, signature=signature) == "signature-wrong"


# --- revocation lists ----------------------------------------------------------------------------------------------
def test_revoked_certificate_is_refused(root):
    holder = issued(by=root)
    assert asked(holder, trusting(root, lists=[root.crl(holder.serial)])) == "certificate-revoked"
    assert asked(holder, trusting(root, lists=[root.crl(holder.serial)], required=False)) == "certificate-revoked"


def test_missing_or_stale_list_is_refused(root):
    holder, stale = issued(by=root), root.crl(at=NOON - 9 * DAY, lasts=DAY)
    assert asked(holder, trusting(root)) == "list-missing"
    assert asked(holder, trusting(root, required=False)).holder == "张三"
    assert asked(holder, trusting(root, lists=[stale])) == "list-stale"
    assert asked(holder, trusting(root, lists=[stale], required=False)) == "list-stale"


def test_list_must_be_complete_current_newer_and_signed_by_its_authority(root):
    known = trusting(root, lists=[root.crl(7, number=5)])
    assert check_list(root.crl(7, 8, number=6), known, at=NOON).newly == {8}
    assert check_list(root.crl(7, number=5), known, at=NOON).newly == set()
    part = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    refused = {
        "older": root.crl(7, number=4),
        "stale": root.crl(number=6, at=NOON - 9 * DAY, lasts=DAY),
        "of tomorrow": root.crl(number=6, at=NOON + DAY),
        "by a namesake": issued("根", ca=True).crl(number=6),
        "by an unknown authority": issued("别人", ca=True).crl(number=6),
        "delta": root.crl(number=6, more=((x509.DeltaCRLIndicator(5), True),)),
        "part": root.crl(number=6, more=((part, True),)),
        "junk": b"no list",
        "tampered": root.crl(7, number=6)[:-4] + b"\0\0\0\0",
        "too large": b"\x30" * (trust.LARGEST_LIST + 1),
    }
    for case, data in refused.items():
        with pytest.raises(BadRevocationList):
            check_list(data, known, at=NOON)
        assert case


# --- SM2 ------------------------------------------------------------------------------------------------
def test_sm2_certificates_follow_the_same_rules(sm_root):
    holder, known = sm_issued(by=sm_root), trusting(sm_root, required=False)
    assert asked(holder, known).holder == "李四"
    assert asked(holder, known, words=WORDS + b"!") == "signature-wrong"
    spoilt = bytearray(holder.chain[0])
    spoilt[-1] ^= 1
    assert asked(holder, known, chain=[bytes(spoilt)]) in ("authority-unknown", "certificate-unreadable")
    assert asked(holder, trusting(sm_root)) == "list-missing"
    assert asked(sm_issued(by=sm_root, end=NOON - DAY), known) == "certificate-expired"
    assert asked(sm_issued(by=sm_issued("根 SM2", ca=True)), known) == "authority-unknown"
    assert asked(sm_issued(by=sm_issued("叶", by=sm_root)), known) == "authority-unknown"
    odd = ((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x"), True),)
    assert asked(sm_issued(by=sm_root, more=odd), known) == "certificate-purpose"
    assert asked(sm_issued(by=sm_root, more=((x509.ExtendedKeyUsage([SERVER]), False),)), known) == "certificate-purpose"


def test_rsa_and_sm2_authorities_can_both_be_pinned(root, sm_root):
    known = trusting(root, sm_root, required=False)
    assert asked(issued(by=root), known).holder == "张三"
    assert asked(sm_issued(by=sm_root), known).holder == "李四"


# --- the folder -------------------------------------------------------------------------------------------
def test_pinning_and_unpinning_take_effect_at_once(tmp_path, root):
    holder = issued(by=root)
    assert asked(holder, trust.load_trust(tmp_path, required=False)) == "authority-unknown"
    (digest,) = trust.pin(tmp_path, root.certificate.public_bytes(Encoding.PEM))
    assert asked(holder, trust.load_trust(tmp_path, required=False)).issuer == digest
    new = check_list(root.crl(holder.serial), trust.load_trust(tmp_path, required=True), at=NOON)
    trust.install_list(tmp_path, new)
    assert asked(holder, trust.load_trust(tmp_path, required=True)) == "certificate-revoked"
    trust.unpin(tmp_path, digest[:8])
    assert asked(holder, trust.load_trust(tmp_path, required=True)) == "authority-unknown"
    assert not list((tmp_path / "lists").iterdir())


def test_certificate_of_a_holder_cannot_be_pinned(tmp_path, root):
    for data in (issued(by=root).chain[0], b"junk", b"-----BEGIN CERTIFICATE-----\njunk"):
        with pytest.raises(BadAuthority):
            trust.pin(tmp_path, data)
    with pytest.raises(BadAuthority):
        trust.unpin(tmp_path, "")


def test_demonstration_key_is_accepted_until_revoked(tmp_path):
    made = demo_keys.create_key(tmp_path, "acceptance", "谭受理", "123456", at=NOON)
    chain = [made.public_bytes(Encoding.DER)]
    assert pki_verify.check_chain(chain, trust.load_trust(tmp_path, required=True), at=NOON).holder == "谭受理"
    demo_keys.revoke(tmp_path, "acceptance", at=NOON)
    trust.install_list(
        tmp_path, check_list(demo_keys.published_list(tmp_path), trust.load_trust(tmp_path, required=True), at=NOON)
    )
    with pytest.raises(NotProved, match="revoked"):
        pki_verify.check_chain(chain, trust.load_trust(tmp_path, required=True), at=NOON)
    for name in ("acceptance", "../x", "", "A"):
        with pytest.raises(demo_keys.DemoKeyError):
            demo_keys.create_key(tmp_path, name, "x", "123456", at=NOON)
    assert {oct(path.stat().st_mode)[-3:] for path in (tmp_path / "keys").iterdir()} == {"600"}
    assert made.not_valid_after_utc <= NOON + YEAR
