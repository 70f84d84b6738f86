"""CAs, certificates and CRLs, valid and invalid, for the tests of signing in with a certificate."""

from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.accounts.pki import trust
from app.accounts.pki.trust import PkiTrust
from app.core.crypto import sm2
from tests.make import NOON

YEAR = timedelta(days=365)
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
          "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in USAGES})


@dataclass
class Holder:
    """A key with its certificate and the CAs above it."""

    key: object
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...] = ()
    revoked: dict[int, object] = field(default_factory=dict)

    @property
    def chain(self) -> list[bytes]:
        return [one.public_bytes(Encoding.DER) for one in (self.certificate, *self.above)]

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, tuple):
            return sm2.sign(*self.key, sm2.digest(self.key[1], data))
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def crl(self, *serials: int, number=1, at=NOON, lasts=YEAR, more=()) -> bytes:
        """A CRL of this CA, in DER."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject).last_update(at)
        builder = builder.next_update(at + lasts).add_extension(x509.CRLNumber(number), critical=False)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical=critical)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def issued(
    words="张三", by: Holder | None = None, *, key=None, ca=False, ku=("digital_signature",), eku=(CLIENT,), san=False,
    start=NOON - YEAR, end=NOON + YEAR, more=(), depth=None, serial=0,
) -> Holder:  # fmt: skip
    """A certificate issued by a CA, or self-signed."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer, issuer = (by.key, by.certificate.subject) if by else (key, name(words))
    ku = ("key_cert_sign", "crl_sign") if ca and ku == ("digital_signature",) else ku
    builder = (
        x509.CertificateBuilder().subject_name(name(words)).issuer_name(issuer).public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=depth), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )  # fmt: skip
    if ku:
        builder = builder.add_extension(usage(*ku), critical=True)
    if eku and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return Holder(key, builder.sign(signer, hashes.SHA256()), (by.certificate, *by.above) if by and by.above else ())


def sm_issued(words="李四", by: Holder | None = None, *, ca=False, start=NOON - YEAR, end=NOON + YEAR, more=()) -> Holder:
    """As ``issued``, with SM2 and SM3."""
    pair = sm2.new_key_pair()
    signer, issuer = (by.key, by.certificate.subject) if by else (pair, name(words))
    own = usage("key_cert_sign", "crl_sign") if ca else usage("digital_signature")
    more = ((x509.BasicConstraints(ca=ca, path_length=None), True), (own, True), *more)
    made = sm2.certificate(name(words), pair[1], issuer, signer, start, end, more)
    return Holder(pair, x509.load_der_x509_certificate(made))


def trusting(*authorities: Holder, lists=(), required=True) -> PkiTrust:
    """Trust in these CAs, with CRLs in DER."""
    known = {trust.digest_of(one.certificate): one.certificate for one in authorities}
    read = [x509.load_der_x509_crl(one) for one in lists]
    of = {digest: each for each in read for digest, one in known.items() if trust.signed_by(each, one)}
    return PkiTrust(known, of, required)
