"""The interface of seal providers: our own files, a service or a device. How to connect one: docs/SEAL.md.

A provider gets a digest, never the document. Its signature is verified with its own certificate before use: a wrong
answer counts as an unavailable seal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from flask_babel import lazy_gettext as _

from app.core.crypto import sm2
from app.core.errors import AppError


class Suite(Enum):
    """Curve and digest of a seal."""

    P256 = "ecdsa-p256-sha256"  # for PDF: readers everywhere verify it
    SM2 = "sm2-sm3"  # for OFD: GB/T 32918, GB/T 32905


class SealUse(Enum):
    """What a seal is for. Each use has keys and certificates of its own."""

    CERTIFICATES = "certificates"  # 电子证照专用章
    LETTERS = "letters"  # 行政审批专用章: slips, notices and decisions


class SealUnavailable(AppError):
    """Nothing can be sealed now. ``why`` is for the log and the administrator; it names neither token nor holder."""

    status = 503
    code = "seal-away"
    sentence = _(
        "What was decided counts, but the seal service does not answer at the moment. "
        "The file is made by itself as soon as it does; please come back in a few minutes."
    )

    def __init__(self, why: object) -> None:
        super().__init__()
        self.why = why


class NoSuchSeal(SealUnavailable):
    """The provider has no seal of this suite: waiting does not help."""

    status = 404
    code = "no-such-seal"
    sentence = _("This system keeps no seal for files of this kind. Please use the PDF.")


@dataclass(frozen=True)
class Seal:
    """A seal ready for use. ``chain``: certificates in DER, its own first; ``raw_sign``: signs a digest.

    ``body``: of a seal for OFD, the electronic seal (SESeal of GB/T 38540).
    """

    chain: tuple[bytes, ...]
    raw_sign: Callable[[bytes], bytes]
    body: bytes = b""

    @cached_property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.chain[0])

    @cached_property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def sign(self, digest: bytes) -> bytes:
        """A verified signature (DER) over a digest of 32 bytes. Raises ``SealUnavailable``."""
        signature = self.raw_sign(digest)
        if not self._verifies(signature, digest):
            raise SealUnavailable(_("what the provider answered is no signature of its certificate"))
        return signature

    def _verifies(self, signature: bytes, digest: bytes) -> bool:
        if (key := sm2.key_of(self.certificate)) is not None:
            return sm2.verifies(key, digest, signature)
        public = self.certificate.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        try:
            public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        except InvalidSignature:
            return False
        return True


class SealProvider(Protocol):
    """Holds the seal. ``demonstration``: what it seals has no legal force and must never be shown as valid."""

    @property
    def demonstration(self) -> bool: ...

    def offers(self, suite: Suite) -> bool:
        """Whether it has seals of this suite; answered without a request."""
        ...

    def seal(self, suite: Suite, *, at: datetime, use: SealUse = SealUse.CERTIFICATES) -> Seal:
        """The seal to use at this moment. Raises ``SealUnavailable``, or ``NoSuchSeal`` if it never has one of this suite."""
        ...


@dataclass(frozen=True, slots=True)
class NoSeal:
    """A provider without any seal, for jobs that seal nothing."""

    demonstration: bool = True

    def offers(self, suite: Suite) -> bool:  # noqa: ARG002
        return False

    def seal(self, suite: Suite, *, at: datetime, use: SealUse = SealUse.CERTIFICATES) -> Seal:
        raise NoSuchSeal(f"there is no seal of {use.value} for {suite.value} (asked at {at:%H:%M})")
