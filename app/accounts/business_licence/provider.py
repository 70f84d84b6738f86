"""Whoever runs the app on the telephone: what the house asks of such a platform, and what it gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask_babel import lazy_gettext as _

from app.accounts.business_licence.assertion import Assertion
from app.core.errors import AppError


class LicencePlatformUnavailable(AppError):
    """The platform does not answer. ``why`` is for the log."""

    status = 503
    code = "licences-away"
    sentence = _(
        "The business licence platform does not answer at present. Please try again in a minute, or sign in another way."
    )

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the platform is told of a ticket: enough to show its holder where and from where somebody wants to come in."""

    cid: str
    nonce: str
    site: str
    place: str  # the address of the asking browser
    begun_at: datetime
    expires_at: datetime


class LicenceProvider(Protocol):
    """A licence platform. Every method answers within seconds, or raises ``LicencesAway``."""

    def start(self, ticket: Ticket, *, at: datetime) -> str:
        """Announce a ticket; what its square code shall say."""

    def parse_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Assertion:
        """What the platform sent to us by itself; raises ``BadAssertion``."""

    def query(self, cid: str, *, at: datetime) -> Assertion | None:
        """The last step on the telephone, if there was one; raises ``BadAssertion``, too."""

    def health(self, *, at: datetime) -> None:
        """Nothing if the platform answers."""
