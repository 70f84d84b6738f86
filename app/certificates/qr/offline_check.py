"""Checks a code without this system, by the published keys and a status list. ``verify.js`` does the same in browsers.

An expired list still proves that a certificate has ended, because an end is final; nothing else.
"""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _

from app.certificates.qr import payload
from app.certificates.qr.payload import Claims
from app.certificates.qr.status_list import StatusList, StatusMark
from app.core.clock import office_day
from app.core.crypto.signing_keys import PublicKeys
from app.core.vocabulary import Term


class OfflineStatus(Term):
    """The result of an offline check."""

    IN_FORCE = "in-force", _("In force, as far as the status list tells")
    SUSPENDED = "suspended", _("Suspended: it must not be used")
    ENDED = "ended", _("Cancelled, revoked or withdrawn: it must not be used")
    UPDATED = "updated", _("Updated: a newer version has replaced this print")
    EXPIRED = "expired", _("Expired: it must not be used")
    LIST_TOO_OLD = "list-too-old", _("The status list has expired: please check on line")
    UNKNOWN = "unknown", _("The status is not known off line: please check on line")


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """A genuine code (others raise ``Forged``), its status, and the age of the list used."""

    claims: Claims
    standing: OfflineStatus
    listed_at: datetime | None


def check(text: str, keys: PublicKeys, listed: StatusList | None, *, at: datetime) -> OfflineVerdict:
    """Check a code, given as an address or as digits. ``Forged`` if none of these keys has signed it."""
    claims = payload.read(payload.digits_in(text), keys)
    return OfflineVerdict(claims, _standing(claims, listed, at), listed.made_at if listed else None)


_FINAL = {StatusMark.ENDED: OfflineStatus.ENDED, StatusMark.UPDATED: OfflineStatus.UPDATED}


def _standing(claims: Claims, listed: StatusList | None, at: datetime) -> OfflineStatus:
    mark = listed.mark(claims.status_index) if listed and claims.status_index is not None else None
    if mark in _FINAL:
        return _FINAL[mark]
    if office_day(at) > claims.valid_to:
        return OfflineStatus.EXPIRED
    if mark is None or listed is None:
        return OfflineStatus.UNKNOWN
    if listed.is_past(at):
        return OfflineStatus.LIST_TOO_OLD
    return OfflineStatus.SUSPENDED if mark is StatusMark.SUSPENDED else OfflineStatus.IN_FORCE
