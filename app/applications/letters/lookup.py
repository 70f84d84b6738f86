"""Public lookup of letters, by name and number or by their file. Reads only; the holder's name is masked.

An unknown number and a wrong name get the same answer.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.identifiers import fold, mask_name, name_key
from app.models import Letter

_BRACKETS = str.maketrans("[{(【［（｛〈", "〔" * 8) | str.maketrans("]})】］）｝〉", "〕" * 8)


@dataclass(frozen=True, slots=True)
class PublicLetter:
    """One letter as the public may see it."""

    title: str
    number: str
    issued_on: date
    issuer: str
    masked_holder: str


def letter_numbered(session: Session, name: str, number: str) -> PublicLetter | None:
    """The letter with this number about a person of this name, in one query. Brackets of any kind will do."""
    typed = fold(number)
    asked = select(Letter).where(Letter.number.in_((number.strip(), typed, typed.translate(_BRACKETS))))
    letter = session.scalars(asked.limit(1)).one_or_none()
    if letter is None or name_key(letter.face["holder"]) != name_key(name):
        return None
    return _shown(letter)


def letter_sealed(session: Session, digest: str) -> PublicLetter | None:
    """The letter whose file has this digest."""
    letter = session.scalars(select(Letter).where(Letter.digest == digest).limit(1)).one_or_none()
    return _shown(letter) if letter else None


def _shown(letter: Letter) -> PublicLetter:
    return PublicLetter(
        letter.title, letter.number, letter.issued_on, letter.face["issuer"], mask_name(letter.face["holder"])
    )
