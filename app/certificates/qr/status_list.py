"""The signed status list, for offline checks: two bits for every certificate version (IETF Token Status List, JWT).

Indexes are shuffled, so that they do not show when or to whom a version was issued. Expiry is not in the list: every
code has its own last day.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from threading import Lock

import jwt
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import office_day
from app.core.crypto import base64url
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import CodeKey, PublicKeys, Ring
from app.core.errors import AppError
from app.core.vocabulary import CertificateStatus
from app.db import sequences
from app.models import Certificate, CertificateVersion, NumberSequence

SERIES = "status-list"
CHANGES = "status-list-changes"
BITS = 2
BLOCK = 1 << 16  # indexes are shuffled within blocks of this size
MOST_BYTES = 1 << 26  # of an unpacked list from elsewhere: 268 million versions
RENEW_AFTER = timedelta(hours=1)  # an unchanged list is signed anew, to show that it is fresh
LEAST_INTERVAL = timedelta(seconds=30)  # between two lists, however often certificates change
TYPE = "statuslist+jwt"


class StatusMark(IntEnum):
    """The two bits of an entry (Token Status List, section 7.1; 3 is left to the application)."""

    VALID = 0
    ENDED = 1  # cancelled, revoked, withdrawn, transferred out, or otherwise no longer to be relied upon
    SUSPENDED = 2
    UPDATED = 3  # a newer version of the certificate exists


class BadStatusList(AppError):
    """A status list that this system did not sign, or that was changed."""

    code = "bad-status-list"
    sentence = _("The status list is damaged or was not issued by this system.")


# --- indexes -----------------------------------------------------------------------------------------


def take_indexes(session: Session, count: int) -> list[int]:
    """Indexes for ``count`` new versions, in the caller's transaction: each given out once, shuffled."""
    return [_shuffled(n - 1) for n in sequences.next_numbers(session, SERIES, count)]


def _shuffled(n: int) -> int:
    """A keyed permutation within each block (a Feistel network of four rounds over 8 + 8 bits)."""
    block, within = divmod(n, BLOCK)
    left, right = divmod(within, 256)
    for table in _tables(block):
        left, right = right, left ^ table[right]
    return block * BLOCK + left * 256 + right


@lru_cache(maxsize=8)
def _tables(block: int) -> tuple[bytes, ...]:
    return tuple(
        bytes(int(keyring.lasting_digest(f"{block}/{turn}/{half}", SERIES)[:2], 16) for half in range(256))
        for turn in range(4)
    )


# --- the list ---------------------------------------------------------------------------------------


def mark_of(status: CertificateStatus, *, is_replaced: bool) -> StatusMark:
    """The entry of a version. An end outweighs a newer version, and that outweighs a suspension."""
    if status not in (CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED):
        return StatusMark.ENDED
    if is_replaced:
        return StatusMark.UPDATED
    return StatusMark.SUSPENDED if status is CertificateStatus.SUSPENDED else StatusMark.VALID


def pack_entries(session: Session, *, on: date) -> bytes:
    """All entries as on a day, four to a byte. One query for those that are not simply valid, which are few."""
    index = CertificateVersion.status_index
    given = session.scalar(select(NumberSequence.last).where(NumberSequence.key == SERIES)) or 0
    entries = bytearray(max(1, -(-given // BLOCK)) * BLOCK * BITS // 8)
    rows = session.execute(
        select(index, Certificate.status, Certificate.valid_to, Certificate.suspended_to, CertificateVersion.replaced_at)
        .join(Certificate, Certificate.id == CertificateVersion.certificate_id)
        .where(
            index.is_not(None), (Certificate.status != CertificateStatus.VALID) | CertificateVersion.replaced_at.is_not(None)
        )
    )
    for row in rows:
        mark = mark_of(row.status.on(on, row.valid_to, row.suspended_to), is_replaced=row.replaced_at is not None)
        entries[row.status_index // 4] |= mark << row.status_index % 4 * BITS
    return bytes(entries)


def sign_list(entries: bytes, key: CodeKey, *, uri: str, at: datetime, hours: int) -> str:
    """The list as a signed token that expires after ``hours``."""
    at = at.astimezone(UTC)
    claims = {
        "sub": uri,
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=hours)).timestamp()),
        "ttl": int(RENEW_AFTER.total_seconds()),
        "status_list": {"bits": BITS, "lst": base64url.encode(zlib.compress(entries, 9))},
    }
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"typ": TYPE, "kid": key.kid})


@dataclass(frozen=True, slots=True)
class StatusList:
    """A list whose signature has been verified."""

    entries: bytes
    made_at: datetime
    expires_at: datetime

    def mark(self, index: int) -> StatusMark | None:
        """The entry of a version; None if the list is older than the version."""
        return StatusMark(self.entries[index // 4] >> index % 4 * BITS & 3) if 0 <= index < 4 * len(self.entries) else None

    def is_past(self, at: datetime) -> bool:
        return at >= self.expires_at


def current(session: Session, *, at: datetime, hours: int) -> StatusList:
    """The list as it is now, for whoever sits at the source and needs no signature."""
    return StatusList(pack_entries(session, on=office_day(at)), at, at + timedelta(hours=hours))


def opened(token: str, keys: PublicKeys) -> StatusList:
    """A list from elsewhere; ``BadStatusList`` unless signed with one of these keys. Its age is not judged."""
    try:
        head = jwt.get_unverified_header(token)
        if head.get("typ") != TYPE or head.get("kid") not in keys:
            raise BadStatusList
        # Its times are compared with the caller's clock, not with that of this machine.
        options = {"require": ["iat", "exp"], "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, keys[head["kid"]], algorithms=["ES256"], options=options)  # type: ignore[arg-type]
        content = claims["status_list"]
        if content["bits"] != BITS:
            raise BadStatusList
        unpacking = zlib.decompressobj()
        entries = unpacking.decompress(base64url.decode(content["lst"]), MOST_BYTES)
        if not unpacking.eof:
            raise BadStatusList
        made, until = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, OSError, zlib.error) as fault:
        raise BadStatusList from fault
    return StatusList(entries, made, until)


# --- publishing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    entries: bytes
    stamp: tuple[int, ...]
    made_at: datetime
    token: str
    kid: str


class StatusListCache:
    """The newest list, cached per process. A request costs two look-ups by key unless something has changed.

    Every change of a certificate moves a counter in its own transaction (``lifecycle.record``), so whoever changes one later
    also commits later, and the counter shows every change that a reader can see.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None
        self._lock = Lock()

    def token(self, session: Session, ring: Ring, *, uri: str, at: datetime, hours: int) -> str:
        with self._lock:
            kept, key, stamp = self._kept, ring.newest, _stamp(session, office_day(at))
            if kept and kept.kid == key.kid and kept.made_at <= at:
                age = at - kept.made_at
                if age < LEAST_INTERVAL or (stamp == kept.stamp and age < RENEW_AFTER):
                    return kept.token
            entries = kept.entries if kept and kept.stamp == stamp else pack_entries(session, on=office_day(at))
            token = sign_list(entries, key, uri=uri, at=at, hours=hours)
            self._kept = _Kept(entries, stamp, at, token, key.kid)
            return token


def note_change(session: Session) -> None:
    """A certificate changes in the caller's transaction; others who change one wait for its end."""
    sequences.next_numbers(session, CHANGES)


def _stamp(session: Session, on: date) -> tuple[int, ...]:
    """Changes whenever the list does: with a change of a certificate, and with the day, which ends suspensions."""
    counters = select(NumberSequence.key, NumberSequence.last).where(NumberSequence.key.in_((CHANGES, SERIES)))
    moved = {row.key: row.last for row in session.execute(counters)}
    return moved.get(CHANGES, 0), moved.get(SERIES, 0), on.toordinal()
