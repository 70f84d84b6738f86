"""Expected errors. Views turn them into error pages; any other exception is a defect."""

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self

from flask_babel import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class FixPlace:
    """Where a refusal can be put right: a page, by its name, and the row and part on it."""

    page: str  # person | identity | identities | enterprise | qualification | filing | signup
    row: int | None = None
    part: str = ""  # the paper or field on that page


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for a refusal: a stable code for tests and machines, a sentence for the reader."""

    code: str
    sentence: object  # a lazily translated string
    field: str = ""  # the form field it belongs to, if any
    place: FixPlace | None = None


LEAST_REASON, LONGEST_REASON = 2, 500  # characters; the most as the columns hold


def reason_faults(reason: str) -> Iterator[Refusal]:
    """What is wrong with the length of a typed reason."""
    if len(reason) < LEAST_REASON:
        yield Refusal("reason-missing", _("Please give the reason in detail."), "reason")
    if len(reason) > LONGEST_REASON:
        yield Refusal("reason-too-long", _("The reason may have at most %(n)s characters.", n=LONGEST_REASON), "reason")


class AppError(Exception):
    """Base of every expected error. ``status`` is the HTTP status of the answer."""

    status = 422
    code = "refused"
    title: object = ""  # of its page; "": the usual one of the status
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


class SecondFactorRequired(NotAllowed):
    """The action needs a recent second factor; it may be repeated once that is shown."""

    code = "not-strong"
    sentence = _("For this, your second factor is asked for again. Nothing was done. Please show it, then do this once more.")

    def __init__(self) -> None:
        super().__init__()
        self.refusals = (Refusal(self.code, self.sentence, place=FixPlace("second")),)


class NotFound(AppError):
    """Does not exist or is outside the actor's access: the answer is the same for both."""

    status = 404
    code = "not-found"
    sentence = _("This record does not exist or is outside your area.")


class Stale(AppError):
    """The record was changed by somebody else, or is no longer at the stage that the page showed."""

    status = 409
    code = "stale"
    sentence = _("This record has moved on in the meantime. Please look at it again.")


class TooMany(AppError):
    """The rate limit is exceeded. ``retry_after`` is in seconds."""

    status = 429
    code = "too-many"
    sentence = _("Too many attempts. Please wait a few minutes and try again.")

    def __init__(self, sentence: object | None = None, *, retry_after: int = 60) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class ClockInDoubt(AppError):
    """The machine's clock has jumped and nobody has said that it is right (``applications.clock_check``)."""

    status = 503
    code = "clock-in-doubt"
    title = _("The system's clock is in doubt")
    sentence = _(
        "The system's clock seems to be wrong, so nothing that would bear its date is done. Nothing was changed. "
        "Please tell the system administrator, and try again later."
    )


class Unmet(AppError):
    """Conditions of the action are not met. ``refusals`` holds all of them, not just the first."""

    code = "unmet"

    @classmethod
    def because(cls, *refusals: Refusal) -> Self:
        return cls(refusals)

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(refusals[0].sentence if refusals else None)
        self.refusals = tuple(refusals)

    def __str__(self) -> str:
        return " ".join(str(refusal.sentence) for refusal in self.refusals)


class Obstacle(Enum):
    """Why nothing can be written. The value is what ``/readyz`` says."""

    DATABASE_READ_ONLY = "database_read_only"
    FILES_READ_ONLY = "files_read_only"
    FILES_AWAY = "files_away"
    DISK_FULL = "disk_full"
    DISK_FAULT = "disk_fault"


OBSTACLES = {
    Obstacle.DATABASE_READ_ONLY: _("the database can only be read"),
    Obstacle.FILES_READ_ONLY: _("no files can be stored"),
    Obstacle.FILES_AWAY: _("the object store of the files cannot be used"),
    Obstacle.DISK_FULL: _("the disk is full"),
    Obstacle.DISK_FAULT: _("the disk refuses what is written to it"),
}


class Unwritable(AppError):
    """Nothing can be written at present, whatever it is; reading goes on."""

    status = 503
    code = "unwritable"
    title = _("The system can only be read at the moment")
    retry_after = 60

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(self._sentence(OBSTACLES[obstacle]))
        self.obstacle = obstacle

    def _sentence(self, why: object) -> object:
        return _(
            "Nothing was saved, because %(why)s. Looking things up still works. Please tell the administrator, and try again "
            "later: what you typed is still in the form.",
            why=why,
        )


class Unlogged(Unwritable):
    """What must be logged when it is shown is not shown while it cannot be."""

    code = "unlogged"

    def _sentence(self, why: object) -> object:
        return _(
            "This shows personal data, and who sees it has to be logged. That is impossible now, because %(why)s. Please "
            "tell the administrator, and try again later.",
            why=why,
        )


class FilesAway(AppError):
    """The object store of the files does not answer, or refuses. ``why``: for the operator."""

    status = 503
    code = "files-away"
    title = _("The files cannot be reached at the moment")
    sentence = _(
        "The object store of the files cannot be used at present. Nothing is lost. Please tell the administrator, and try "
        "again later."
    )
    retry_after = 60

    def __init__(self, why: object) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return f"{self.sentence} ({self.why})"


def obstacle_of(error: OSError) -> Obstacle | None:
    """Why a file could not be written, if nobody can write one."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Obstacle.DISK_FULL
    return Obstacle.FILES_READ_ONLY if error.errno == errno.EROFS else None
