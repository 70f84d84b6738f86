"""Checks a list of pairs of holder's name and certificate number, in one query. Nothing of the list is stored.

The answer does not show which half of a pair was wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.identifiers import fold_certificate_number, fold_name, name_key
from app.core.vocabulary import CertificateStatus
from app.models import Certificate, Person

Pair = tuple[str, str]  # the holder's name and the certificate's number, as typed


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """The answer to one pair; no status where no certificate fits."""

    name: str
    number: str
    status: CertificateStatus | None
    valid_to: date | None


def check(session: Session, pairs: Sequence[Pair], *, on: date) -> list[ListAnswer]:
    """The answer to each pair, in the order of the list."""
    asked = {fold_certificate_number(number) for _name, number in pairs}
    rows = session.execute(
        select(Certificate, Person.name).join(Person, Person.id == Certificate.person_id).where(Certificate.number.in_(asked))
    )
    known = {certificate.number: (certificate, {name_key(certificate.holder), name_key(name)}) for certificate, name in rows}
    return [_answer(name, number, known, on) for name, number in pairs]


def _answer(name: str, number: str, known: Mapping[str, tuple[Certificate, set[str]]], on: date) -> ListAnswer:
    folded = fold_certificate_number(number)
    certificate, names = known.get(folded, (None, set[str]()))
    if certificate is None or name_key(name) not in names:
        return ListAnswer(fold_name(name), folded, None, None)
    return ListAnswer(fold_name(name), folded, certificate.status_on(on), certificate.valid_to)
