"""The ways the house says no. A door turns these into a page; nothing else catches them.

Law: every expected no is a ``AppError``; anything else that is raised is a fault of ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from flask_babel import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class FixPlace:
    """Where something can be put right: a page of the house, by its name, and the row and part on it."""

    page: str  # person | enterprise | qualification | filing | signup
    row: int | None = None
    part: str = ""  # the paper or field on that page


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for a no: a code that machines and tests hold on to, a sentence for the person who reads it."""

    code: str
    sentence: object  # a lazily translated string
    field: str = ""  # the form field it belongs to, if any
    place: FixPlace | None = None


class AppError(Exception):
    """Base of every expected no. ``status`` is what an HTTP door answers with."""

    status = 422
    code = "refused"
    sentence: object = _("The request was refused.")

    def __init__(self, sentence: object | None = None, *, code: str = "", field: str = "") -> None:
        super().__init__()
        self.sentence = self.sentence if sentence is None else sentence
        self.code = code or self.code
        self.refusals: tuple[Refusal, ...] = (Refusal(self.code, self.sentence, field),)

    def __str__(self) -> str:
        return str(self.sentence)


class NotAllowed(AppError):
    """The actor is known, and may not do this."""

    status = 403
    code = "not-allowed"
    sentence = _("You may not do this with your account.")


class NotStrong(NotAllowed):
    """The riskiest deeds want the second factor again; whoever shows it may go on."""

    code = "not-strong"
    sentence = _("For this, your second factor is asked for again. Nothing was done. Please show it, then do this once more.")

    def __init__(self) -> None:
        super().__init__()
        self.refusals = (Refusal(self.code, self.sentence, place=FixPlace("second")),)


class NotFound(AppError):
    """Nothing there, or nothing that this actor may know of: the two are never told apart."""

    status = 404
    code = "not-found"
    sentence = _("This record does not exist or is outside your area.")


class Stale(AppError):
    """Somebody else was quicker, or the thing is no longer at the stage that was seen."""

    status = 409
    code = "stale"
    sentence = _("This record has moved on in the meantime. Please look at it again.")


class TooMany(AppError):
    """Asked too often within a time. ``retry_after`` is in seconds."""

    status = 429
    code = "too-many"
    sentence = _("Too many attempts. Please wait a few minutes and try again.")

    def __init__(self, sentence: object | None = None, *, retry_after: int = 60) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unmet(AppError):
    """What was asked is possible, but conditions are not met. Carries all of them, not just the first."""

    code = "unmet"

    @classmethod
    def because(cls, *refusals: Refusal) -> Self:
        return cls(refusals)

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(refusals[0].sentence if refusals else None)
        self.refusals = tuple(refusals)

    def __str__(self) -> str:
        return " ".join(str(refusal.sentence) for refusal in self.refusals)
