"""The status list: how every print stands, in two bits each, signed, for whoever must check a code without the network.

Law: an entry names nobody, and its place tells nothing of when or to whom a print was issued; what a reader may conclude is
written in ``Mark``; expiry is not in the list, because every code says its own.

IETF Token Status List as a JWT (``statuslist+jwt``). One entry for one print, so that an old print is told from the new one.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from threading import Lock

import jwt
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.crypto import base64url
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import CodeKey, PublicKeys, Ring
from app.core.errors import AppError
from app.core.vocabulary import CertificateStatus
from app.db import sequences
from app.models import Certificate, CertificateEvent, CertificateVersion, NumberSequence

SERIES = "status-list"
BITS = 2
BLOCK = 1 << 16  # places are dealt out at random within so many
MOST_BYTES = 1 << 26  # of an unpacked list from elsewhere: 268 million prints
RENEWED = timedelta(hours=1)  # an unchanged list is signed anew, so that whoever fetches it sees that it is fresh
PAUSE = timedelta(seconds=30)  # a list is put together no more often, however much is decided and however often asked for
TYPE = "statuslist+jwt"


class StatusMark(IntEnum):
    """What two bits say (Token Status List, section 7.1; 3 is left to the application)."""

    VALID = 0
    ENDED = 1  # cancelled, revoked, withdrawn, transferred out, or otherwise no longer to be relied upon
    SUSPENDED = 2
    UPDATED = 3  # a newer print of the certificate exists; look at that one


class BadStatusList(AppError):
    """Not a status list of ours, or one that somebody has changed."""

    code = "bad-status-list"
    sentence = _("The status list is damaged or was not issued by this system.")


# --- places -----------------------------------------------------------------------------------------


def places(session: Session, count: int) -> list[int]:
    """Places in the list for ``count`` new prints, in the caller's transaction: each given out once, in no order."""
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
    """What the list says of a print. An end outweighs a newer print, and that outweighs a suspension."""
    if status not in (CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED):
        return StatusMark.ENDED
    if is_replaced:
        return StatusMark.UPDATED
    return StatusMark.SUSPENDED if status is CertificateStatus.SUSPENDED else StatusMark.VALID


def packed(session: Session) -> bytes:
    """Every entry, four to a byte. Asks for what is *not* simply valid, which is little, in one query."""
    index = CertificateVersion.status_index
    given = session.scalar(select(NumberSequence.last).where(NumberSequence.key == SERIES)) or 0
    entries = bytearray(max(1, -(-given // BLOCK)) * BLOCK * BITS // 8)
    rows = session.execute(
        select(index, Certificate.status, CertificateVersion.replaced_at)
        .join(Certificate, Certificate.id == CertificateVersion.certificate_id)
        .where(
            index.is_not(None),
            (Certificate.status != CertificateStatus.VALID) | CertificateVersion.replaced_at.is_not(None),
        )
    )
    for row in rows:
        mark = mark_of(row.status, is_replaced=row.replaced_at is not None)
        entries[row.status_index // 4] |= mark << row.status_index % 4 * BITS
    return bytes(entries)


def signed(entries: bytes, key: CodeKey, *, uri: str, at: datetime, hours: int) -> str:
    """The list as a token that can be carried anywhere; good for so many hours."""
    at = at.astimezone(UTC)
    claims = {
        "sub": uri,
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=hours)).timestamp()),
        "ttl": int(RENEWED.total_seconds()),
        "status_list": {"bits": BITS, "lst": base64url.encode(zlib.compress(entries, 9))},
    }
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"typ": TYPE, "kid": key.kid})


@dataclass(frozen=True, slots=True)
class StatusList:
    """A list whose signature has been verified."""

    entries: bytes
    made_at: datetime
    expires_at: datetime

    def mark(self, place: int) -> StatusMark | None:
        """How the print at this place stands; None if the list is older than the print, and so knows nothing of it."""
        return StatusMark(self.entries[place // 4] >> place % 4 * BITS & 3) if 0 <= place < 4 * len(self.entries) else None

    def is_past(self, at: datetime) -> bool:
        return at >= self.expires_at


def current(session: Session, *, at: datetime, hours: int) -> StatusList:
    """The list as it is now, for whoever sits at the source and needs no signature."""
    return StatusList(packed(session), at, at + timedelta(hours=hours))


def opened(token: str, keys: PublicKeys) -> StatusList:
    """A list that came from elsewhere; ``BadList`` unless it is ours to the last bit. Its age is the reader's to judge."""
    try:
        head = jwt.get_unverified_header(token)
        if head.get("typ") != TYPE or head.get("kid") not in keys:
            raise BadStatusList
        # When it was made is compared with the caller's clock, not with that of this machine.
        options = {"require": ["iat", "exp"], "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, keys[head["kid"]], algorithms=["ES256"], options=options)  # type: ignore[arg-type]
        said = claims["status_list"]
        if said["bits"] != BITS:
            raise BadStatusList
        unpacking = zlib.decompressobj()
        entries = unpacking.decompress(base64url.decode(said["lst"]), MOST_BYTES)
        if not unpacking.eof:
            raise BadStatusList
        made, until = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, OSError, zlib.error) as fault:
        raise BadStatusList from fault
    return StatusList(entries, made, until)


# --- handing it out ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    entries: bytes
    stamp: tuple[int, int]
    made_at: datetime
    token: str
    kid: str


class Shelf:
    """The newest list, kept in the process that serves it. A request costs two look-ups by key; only a change costs more.

    Whatever happens to a certificate leaves a line in its history (``lifecycle``), so the newest line tells of every change.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None
        self._lock = Lock()

    def token(self, session: Session, ring: Ring, *, uri: str, at: datetime, hours: int) -> str:
        with self._lock:
            kept, key, stamp = self._kept, ring.newest, _stamp(session)
            if kept and kept.kid == key.kid and kept.made_at <= at:
                age = at - kept.made_at
                if age < PAUSE or (stamp == kept.stamp and age < RENEWED):
                    return kept.token
            entries = kept.entries if kept and kept.stamp == stamp else packed(session)
            token = signed(entries, key, uri=uri, at=at, hours=hours)
            self._kept = _Kept(entries, stamp, at, token, key.kid)
            return token


def _stamp(session: Session) -> tuple[int, int]:
    """Changes whenever the list does."""
    newest = select(func.max(CertificateEvent.id)).scalar_subquery()
    given = select(NumberSequence.last).where(NumberSequence.key == SERIES).scalar_subquery()
    event, last = session.execute(select(newest, given)).one()
    return event or 0, last or 0
