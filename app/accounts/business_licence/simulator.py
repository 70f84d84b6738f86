"""A simulated licence platform with its telephone, for demonstration and tests; it can misbehave on request.

Like a real one it answers by signed tokens only. Its state is in files, shared by all processes. ``core.settings`` refuses
it in production.
"""

import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask_babel import lazy_gettext as _

from app.accounts.business_licence.assertion import ALGORITHM, MAX_LIFETIME, TYPE, Assertion, LicenceTrust, read
from app.accounts.business_licence.provider import LicencePlatformUnavailable, Ticket
from app.core.crypto import base64url
from app.core.crypto.encryption import keyring
from app.core.errors import NotFound, Stale
from app.core.sign_in_vocabulary import LicenceHolder, LicenceStanding, LicenceStep
from app.core.vocabulary import Term

ISSUER, CLIENT = "sim", "anguan-demo"
RETENTION = timedelta(hours=1)  # of a ticket in the simulator
P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of the curve


class SimulatedFault(Term):
    """Faults the simulator can produce."""

    NONE = "none", _("Behaves well")
    DUPLICATE = "duplicate", _("Delivers three times")
    LATE = "late", _("Delivers after the code has expired")
    BAD_SIGNATURE = "bad_signature", _("Signs with another key")
    ALG_NONE = "alg_none", _("Does not sign (alg none)")
    HS256 = "hs256", _("Signs with the public key as a password (HS256)")
    WRONG_AUDIENCE = "wrong_audience", _("Addresses another system")
    OTHER_TICKET = "other_ticket", _("Answers another ticket")
    REPLAYED = "replayed", _("Sends the answer to an earlier ticket again")
    DOWN = "down", _("Answers HTTP 500")
    FAST_CLOCK = "fast_clock", _("Clock ten minutes fast")
    SLOW_CLOCK = "slow_clock", _("Clock ten minutes slow")


@dataclass(frozen=True, slots=True)
class Licence:
    """A fictitious licence in the telephone's wallet."""

    uscc: str
    name: str
    holder: LicenceHolder = LicenceHolder.STAFF
    standing: LicenceStanding = LicenceStanding.NORMAL

    @property
    def code(self) -> str:
        """Identifies the licence within a wallet."""
        return sha256(f"{self.uscc}{self.name}{self.holder.value}{self.standing.value}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback of the platform, and when it arrives."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class SimulatedPlatform:
    """The platform and its telephone. ``address``: base URL of this site; ``folder``: state of the platform."""

    folder: Path
    address: str

    # --- ``LicenceProvider`` ---

    @property
    def trust(self) -> LicenceTrust:
        return LicenceTrust(ISSUER, CLIENT, self._key.public_key())

    def start(self, ticket: Ticket, *, at: datetime) -> str:
        self._forget_old(at)
        self._write(
            ticket.cid,
            {
                "nonce": ticket.nonce, "site": ticket.site, "place": ticket.place,
                "begun_at": ticket.begun_at.isoformat(), "expires_at": ticket.expires_at.isoformat(),
            },
        )  # fmt: skip
        return f"{self.address}/q/{ticket.cid}"

    def parse_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Assertion:  # noqa: ARG002 - the protocol's
        return read(body, self.trust, at=at)

    def query(self, cid: str, *, at: datetime) -> Assertion | None:
        known = self.known(cid)
        if known.get("down"):
            raise LicencePlatformUnavailable("HTTP 500")
        return read(known["said"], self.trust, at=at) if "said" in known else None

    def health(self, *, at: datetime) -> None:
        """It runs in our own process."""

    # --- steps on the telephone ---

    def known(self, cid: str) -> dict[str, Any]:
        """The stored state of a ticket; raises ``NotFound``."""
        try:
            return dict(json.loads(self._path(cid).read_text()))
        except OSError:
            raise NotFound from None

    def scan(self, cid: str, *, at: datetime) -> Delivery:
        """The telephone scans the code."""
        known = self.known(cid)
        if datetime.fromisoformat(known["expires_at"]) <= at:
            raise Stale(_("This code has expired. Please refresh it on the sign-in page and scan it again."))
        return self._delivery(self._signed(self._claims(cid, known, LicenceStep.SCANNED, at)), at)

    def decline(self, cid: str, *, at: datetime) -> Delivery:
        return self._delivery(self._signed(self._claims(cid, self.known(cid), LicenceStep.REJECTED, at)), at)

    def confirm(self, cid: str, licence: Licence, number: str, fault: SimulatedFault, *, at: datetime) -> Iterator[Delivery]:
        """The holder typed the number and confirmed; the resulting callbacks, spoiled by ``fault``."""
        known = self.known(cid)
        claims = self._claims(cid, known, LicenceStep.CONFIRMED, at) | {
            "number": number, "uscc": licence.uscc, "ent_name": licence.name, "licence_sn": f"SIM-{licence.uscc}",
            "holder_role": licence.holder.value, "licence_status": licence.standing.value,
        }  # fmt: skip
        if fault is SimulatedFault.DOWN:
            self._write(cid, known | {"down": True})
            return
        token = self._spoiled(claims, fault)
        arrives = at
        if fault is SimulatedFault.LATE:
            arrives = max(at, datetime.fromisoformat(known["expires_at"])) + timedelta(seconds=1)
        else:
            self._write(cid, known | {"said": token})
        if fault in (SimulatedFault.NONE, SimulatedFault.DUPLICATE):
            (self.folder / "last.jwt").write_text(token)
        for _time in range(3 if fault is SimulatedFault.DUPLICATE else 1):
            yield self._delivery(token, arrives)

    # --- internals ---

    @property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        """Derived from the application's secret, so that all processes share it and no file holds it."""
        number = int(keyring.digest("1", "licence.simulator") + keyring.digest("2", "licence.simulator"), 16)
        return ec.derive_private_key(number % (P256 - 1) + 1, ec.SECP256R1())

    def _claims(self, cid: str, known: Mapping[str, Any], step: LicenceStep, at: datetime) -> dict[str, Any]:
        made = int(at.timestamp())
        return {
            "iss": ISSUER, "aud": CLIENT, "cid": cid, "nonce": known["nonce"], "event": step.value,
            "iat": made, "exp": made + int(MAX_LIFETIME.total_seconds()), "jti": secrets.token_hex(16),
        }  # fmt: skip

    def _signed(self, claims: Mapping[str, Any], key: ec.EllipticCurvePrivateKey | None = None) -> str:
        return jwt.encode(dict(claims), key or self._key, algorithm=ALGORITHM, headers={"typ": TYPE})

    def _spoiled(self, claims: dict[str, Any], fault: SimulatedFault) -> str:
        if fault is SimulatedFault.BAD_SIGNATURE:
            return self._signed(claims, ec.generate_private_key(ec.SECP256R1()))
        if fault is SimulatedFault.ALG_NONE:
            return jwt.encode(claims, "", algorithm="none", headers={"typ": TYPE})
        if fault is SimulatedFault.HS256:
            return hs256_by_public_key(claims, self.trust.key)
        if fault is SimulatedFault.REPLAYED and (self.folder / "last.jwt").is_file():
            return (self.folder / "last.jwt").read_text()
        if fault in (SimulatedFault.FAST_CLOCK, SimulatedFault.SLOW_CLOCK):
            off = 600 if fault is SimulatedFault.FAST_CLOCK else -600
            return self._signed(claims | {"iat": claims["iat"] + off, "exp": claims["exp"] + off})
        if fault in (SimulatedFault.OTHER_TICKET, SimulatedFault.REPLAYED):
            return self._signed(claims | {"cid": self._another(claims["cid"])})
        return self._signed(claims | {"aud": "another-system"} if fault is SimulatedFault.WRONG_AUDIENCE else claims)

    def _another(self, cid: str) -> str:
        """The newest other ticket."""
        others = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        return next((path.stem for path in others if path.stem != cid), secrets.token_hex(16))

    def _delivery(self, token: str, at: datetime) -> Delivery:
        return Delivery({"Content-Type": "application/jwt"}, token.encode(), at)

    def _path(self, cid: str) -> Path:
        if not re.fullmatch("[0-9a-f]{32}", cid):
            raise NotFound
        return self.folder / f"{cid}.json"

    def _write(self, cid: str, known: Mapping[str, Any]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.folder / f"{cid}.{secrets.token_hex(4)}"
        fresh.touch(0o600)
        fresh.write_text(json.dumps(known, ensure_ascii=False))
        fresh.replace(self._path(cid))

    def _forget_old(self, at: datetime) -> None:
        for path in self.folder.glob("*.json"):
            if path.stat().st_mtime < (at - RETENTION).timestamp():
                path.unlink(missing_ok=True)


def hs256_by_public_key(claims: Mapping[str, Any], key: ec.EllipticCurvePublicKey) -> str:
    """A token signed by HMAC with the public key, as accepted by verifiers that let a token choose its algorithm."""
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [json.dumps({"alg": "HS256", "typ": TYPE}), json.dumps(dict(claims), ensure_ascii=False)]
    body = ".".join(base64url.encode(part.encode()) for part in parts)
    return f"{body}.{base64url.encode(hmac.new(pem, body.encode(), sha256).digest())}"
