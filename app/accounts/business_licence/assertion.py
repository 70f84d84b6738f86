"""What a licence platform asserts, and how it is believed: one key, one algorithm, one sender, one receiver, two minutes.

The key of the platform is pinned in the settings. Whatever a token says about keys or algorithms itself is not asked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask_babel import lazy_gettext as _

from app.core.errors import AppError
from app.core.vocabulary import LicenceHolder, LicenceStanding, LicenceStep

ALGORITHM = "ES256"
TYPE = "licence+jwt"  # what else the platform signs with its key is no assertion to us
MAX_LIFETIME = timedelta(seconds=120)  # from iat to exp
SKEW = timedelta(seconds=60)  # by how much a platform's clock may differ from ours
MOST_BYTES = 16 * 1024
_MARKS = {"cid": "[0-9a-f]{32}", "nonce": "[0-9a-f]{64}", "jti": "[!-~]{16,64}"}


class BadAssertion(AppError):
    """Not what our platform signed for us just now. ``why`` is for the log: whoever sent it learns no details."""

    status = 400
    code = "bad-assertion"
    sentence = _("This is no valid assertion of the licence platform.")

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


@dataclass(frozen=True, slots=True)
class LicenceTrust:
    """Whose assertions are believed, and to whom they must be addressed."""

    issuer: str
    audience: str
    key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Assertion:
    """One step on the telephone, as the platform signed it. What is said of a licence is empty unless it was confirmed."""

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
    """The assertion in a token; raises ``BadAssertion``. Whether it answers a ticket of ours is asked in ``tickets``."""
    if len(token) > MOST_BYTES:
        raise BadAssertion("too long")
    try:
        found = jwt.decode_complete(
            token, trust.key, algorithms=[ALGORITHM], audience=trust.audience, issuer=trust.issuer,
            options={"require": ["iss", "aud", "iat", "exp", "jti"], "strict_aud": True,
                     "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, RecursionError) as fault:
        raise BadAssertion(type(fault).__name__) from None
    if found["header"].get("typ") != TYPE or "crit" in found["header"]:
        raise BadAssertion("another type")
    _demand_in_time(found["payload"], at)
    return _assertion(found["payload"])


def _demand_in_time(claims: Mapping[str, Any], at: datetime) -> None:
    """By our own clock; PyJWT would ask the machine's."""
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
    for name, form in _MARKS.items():
        if not re.fullmatch(form, _text(claims, name, 64)):
            raise BadAssertion(f"{name} is malformed")
    try:
        step = LicenceStep(_text(claims, "event", 30))  # type: ignore[call-arg]
        told = Assertion(step, claims["cid"], claims["nonce"], claims["jti"])
        if step is not LicenceStep.CONFIRMED:
            return told
        return Assertion(
            step, told.cid, told.nonce, told.jti,
            number=_text(claims, "number", 8),
            uscc=_text(claims, "uscc", 40),
            name=_text(claims, "ent_name", 200),
            serial=_text(claims, "licence_sn", 64),
            holder=LicenceHolder(_text(claims, "holder_role", 30)),  # type: ignore[call-arg]
            standing=LicenceStanding(_text(claims, "licence_status", 30)),  # type: ignore[call-arg]
        )  # fmt: skip
    except ValueError:
        raise BadAssertion("a word that is not in the list") from None


def _text(claims: Mapping[str, Any], name: str, most: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or any(mark < " " for mark in value):
        raise BadAssertion(f"{name} is missing or malformed")
    return value
