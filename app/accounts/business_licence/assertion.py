"""Verifies the signed assertions (JWT) of the licence platform.

Key, algorithm, issuer and audience are fixed by the settings; what a token says of keys or algorithms is ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask_babel import lazy_gettext as _

from app.core.errors import AppError
from app.core.sign_in_vocabulary import LicenceHolder, LicenceStanding, LicenceStep

ALGORITHM = "ES256"
TYPE = "licence+jwt"  # other tokens signed with the same key are refused
MAX_LIFETIME = timedelta(seconds=120)  # from iat to exp
SKEW = timedelta(seconds=60)  # by how much a platform's clock may differ from ours
MOST_BYTES = 16 * 1024
_PATTERNS = {"cid": "[0-9a-f]{32}", "nonce": "[0-9a-f]{64}", "jti": "[!-~]{16,64}"}


class BadAssertion(AppError):
    """Not a valid, current assertion for this system. ``why`` is for the log only, not for the sender."""

    status = 400
    code = "bad-assertion"
    sentence = _("This is no valid assertion of the licence platform.")

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


@dataclass(frozen=True, slots=True)
class LicenceTrust:
    """The accepted issuer with its key, and the audience its assertions must name."""

    issuer: str
    audience: str
    key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Assertion:
    """One step on the telephone, as signed by the platform. The licence's data are empty unless the step is CONFIRMED."""

    step: LicenceStep
    cid: str
    nonce: str
    jti: str
    number: str = ""  # the two digits that the holder typed on the telephone
    uscc: str = ""
    name: str = ""  # of the enterprise, as it stands on the licence
    serial: str = ""  # of the licence
    holder: LicenceHolder | None = None
    standing: LicenceStanding | None = None


def public_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The platform's key; raises ``ValueError`` for anything but a public key on P-256."""
    key = load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a public key on P-256")  # noqa: TRY004 - as for any other bad file
    return key


def read(token: bytes | str, trust: LicenceTrust, *, at: datetime) -> Assertion:
    """The assertion in a token; raises ``BadAssertion``. ``tickets`` checks which ticket it answers."""
    if len(token) > MOST_BYTES:
        raise BadAssertion("too long")
    try:
        decoded = jwt.decode_complete(
            token, trust.key, algorithms=[ALGORITHM], audience=trust.audience, issuer=trust.issuer,
            options={"require": ["iss", "aud", "iat", "exp", "jti"], "strict_aud": True,
                     "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise BadAssertion(type(error).__name__) from None
    if decoded["header"].get("typ") != TYPE or "crit" in decoded["header"]:
        raise BadAssertion("another type")
    _demand_in_time(decoded["payload"], at)
    return _assertion(decoded["payload"])


def _demand_in_time(claims: Mapping[str, Any], at: datetime) -> None:
    """Check the times against ``at``; PyJWT would use the system clock."""
    made, ends = claims["iat"], claims["exp"]
    if type(made) is not int or type(ends) is not int:
        raise BadAssertion("times are no whole numbers")
    now, skew = int(at.astimezone(UTC).timestamp()), int(SKEW.total_seconds())
    if not made < ends <= made + int(MAX_LIFETIME.total_seconds()):
        raise BadAssertion("good for too long")
    if made > now + skew:
        raise BadAssertion("from the future")
    if ends <= now - skew:
        raise BadAssertion("too old")


def _assertion(claims: Mapping[str, Any]) -> Assertion:
    for name, pattern in _PATTERNS.items():
        if not re.fullmatch(pattern, _text(claims, name, 64)):
            raise BadAssertion(f"{name} is malformed")
    try:
        step = LicenceStep(_text(claims, "event", 30))  # type: ignore[call-arg]
        assertion = Assertion(step, claims["cid"], claims["nonce"], claims["jti"])
        if step is not LicenceStep.CONFIRMED:
            return assertion
        return replace(
            assertion,
            number=_text(claims, "number", 8),
            uscc=_text(claims, "uscc", 40),
            name=_text(claims, "ent_name", 200),
            serial=_text(claims, "licence_sn", 64),
            holder=LicenceHolder(_text(claims, "holder_role", 30)),  # type: ignore[call-arg]
            standing=LicenceStanding(_text(claims, "licence_status", 30)),  # type: ignore[call-arg]
        )
    except ValueError:
        raise BadAssertion("a word that is not in the list") from None


def _text(claims: Mapping[str, Any], name: str, most: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or any(character < " " for character in value):
        raise BadAssertion(f"{name} is missing or malformed")
    return value
