"""What the house asks of whoever keeps the seal, be it a file of our own, a service or a device.

Law: a provider is given a digest and never the paper; what it answers is checked against its own certificate before
anybody keeps it, so that a wrong answer is an absent seal and not a broken paper. How to connect one: docs/SEAL.md.
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
    """How a seal signs: the curve and the digest go together."""

    P256 = "ecdsa-p256-sha256"  # for PDF: what readers everywhere can check
    SM2 = "sm2-sm3"  # for OFD: GB/T 32918, GB/T 32905


class SealAway(AppError):
    """No seal can be set now. ``why`` is for the log and the administrator; it names neither token nor holder."""

    status = 503
    code = "seal-away"
    sentence = _(
        "The e-certificate is issued, but the seal service does not answer at the moment. "
        "The file is made by itself as soon as it does; please come back in a few minutes."
    )

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class NoSuchSeal(SealAway):
    """The provider has no seal of this suite at all: nothing to wait for."""

    status = 404
    code = "no-such-seal"
    sentence = _("This system keeps no seal for files of this kind. Please use the PDF.")


@dataclass(frozen=True)
class Seal:
    """A seal that is ready: ``chain`` in DER, its own certificate first, and the way to have a digest signed.

    ``body``: of a seal for OFD, the electronic seal as its maker made it (SESeal of GB/T 38540).
    """

    chain: tuple[bytes, ...]
    press: Callable[[bytes], bytes]
    body: bytes = b""

    @cached_property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.chain[0])

    @cached_property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def sign(self, digest: bytes) -> bytes:
        """A signature (DER) over a digest of 32 bytes, proven to be one."""
        signature = self.press(digest)
        if not self._proves(signature, digest):
            raise SealAway("what the provider answered is no signature of its certificate")
        return signature

    def _proves(self, signature: bytes, digest: bytes) -> bool:
        if (key := sm2.key_of(self.certificate)) is not None:
            return sm2.fits(key, digest, signature)
        public = self.certificate.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        try:
            public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        except InvalidSignature:
            return False
        return True


class SealProvider(Protocol):
    """Whoever keeps the seal. ``demonstration``: nothing it seals may ever be called valid."""

    @property
    def demonstration(self) -> bool: ...

    def offers(self, suite: Suite) -> bool:
        """Whether it has seals of this suite, for whoever draws a link; told without asking anybody."""
        ...

    def seal(self, suite: Suite, *, at: datetime) -> Seal:
        """The seal to use at this moment. Raises ``SealAway``, or ``NoSuchSeal`` if it never has one of this suite."""
        ...


@dataclass(frozen=True, slots=True)
class NoSeal:
    """Nobody keeps a seal: for work that sets none."""

    demonstration: bool = True

    def offers(self, suite: Suite) -> bool:  # noqa: ARG002
        return False

    def seal(self, suite: Suite, *, at: datetime) -> Seal:
        raise NoSuchSeal(f"nobody keeps a seal for {suite.value} (asked at {at:%H:%M})")
