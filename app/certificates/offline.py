"""Checking a code without this system: the published keys prove who signed it, the status list says how the print stands.

Law: reads nothing but what it is given. What is not known is never called good; a list that is too old may still say that
something is over, because an end is final, and nothing else. ``app/static/js/verify.js`` does the same in a browser.
"""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _

from app.certificates import code
from app.certificates.code import Claims
from app.certificates.keys import PublicKeys
from app.certificates.statuslist import Mark, StatusList
from app.clock import office_day
from app.vocabulary import Term


class Standing(Term):
    """What whoever checked a code off line may conclude."""

    IN_FORCE = "in-force", _("In force, as far as the status list tells")
    SUSPENDED = "suspended", _("Suspended: it must not be used")
    ENDED = "ended", _("Cancelled, revoked or withdrawn: it must not be used")
    UPDATED = "updated", _("Updated: a newer version has replaced this print")
    EXPIRED = "expired", _("Expired: it must not be used")
    LIST_TOO_OLD = "list-too-old", _("The status list has expired: please check on line")
    UNKNOWN = "unknown", _("The status is not known off line: please check on line")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The signature is genuine (else there is no verdict); this is how the print stands, and by a list of what age."""

    claims: Claims
    standing: Standing
    listed_at: datetime | None


def check(text: str, keys: PublicKeys, listed: StatusList | None, *, at: datetime) -> Verdict:
    """What a code is worth, given as an address or as digits. ``Forged`` if nobody whose key is known has signed it."""
    claims = code.read(code.digits_in(text), keys)
    return Verdict(claims, _standing(claims, listed, at), listed.made_at if listed else None)


_FINAL = {Mark.ENDED: Standing.ENDED, Mark.UPDATED: Standing.UPDATED}


def _standing(claims: Claims, listed: StatusList | None, at: datetime) -> Standing:
    mark = listed.mark(claims.status_index) if listed and claims.status_index is not None else None
    if mark in _FINAL:
        return _FINAL[mark]
    if office_day(at) > claims.valid_to:
        return Standing.EXPIRED
    if mark is None or listed is None:
        return Standing.UNKNOWN
    if listed.is_past(at):
        return Standing.LIST_TOO_OLD
    return Standing.SUSPENDED if mark is Mark.SUSPENDED else Standing.IN_FORCE
