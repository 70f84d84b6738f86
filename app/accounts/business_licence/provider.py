"""Interface to a licence platform, which runs the app on the telephone."""

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
    """A ticket as announced to the platform, with what it shows to the holder of the licence."""

    cid: str
    nonce: str
    site: str
    place: str  # the address of the asking browser
    begun_at: datetime
    expires_at: datetime


class LicenceProvider(Protocol):
    """A licence platform. Every method returns within seconds or raises ``LicencePlatformUnavailable``."""

    def start(self, ticket: Ticket, *, at: datetime) -> str:
        """Announce a ticket; returns the content of its QR code."""

    def parse_callback(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Assertion:
        """The assertion in a callback of the platform; raises ``BadAssertion``."""

    def query(self, cid: str, *, at: datetime) -> Assertion | None:
        """The latest step on the telephone, if any; raises ``BadAssertion``."""

    def health(self, *, at: datetime) -> None:
        """Returns if the platform answers."""
