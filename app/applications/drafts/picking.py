"""What a picker of a filing form shows: an enterprise's certificates, or its people with a passed exam.

Searched, filtered, in an order, one page at a time. What is ticked already is shown on every page.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, case, false, func, or_, select
from sqlalchemy.orm import Session

from app.applications.drafts.candidates import FilingCandidate
from app.core.identifiers import fold
from app.core.vocabulary import ENDED, Category
from app.db.search import found
from app.models import Certificate, ExamPass, Person

Row = TypeVarTuple("Row")
PAGE = 50  # rows
ID_NUMBER = re.compile(r"\d{17}[\dX]")


@dataclass(frozen=True, slots=True)
class PickerQuery:
    """``text``: a part of the name or its pinyin, a whole ID number, the beginning of a certificate number."""

    text: str = ""
    category: Category | None = None
    by_name: bool = False  # else what expires first
    page: int = 1


EVERYTHING = PickerQuery()


@dataclass(frozen=True, slots=True)
class PickerPage:
    """The ticked candidates and those of one page; ``total`` match the query."""

    candidates: list[FilingCandidate]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return pages_of(self.total)


def pages_of(total: int) -> int:
    return max(ceil(total / PAGE), 1)


def certificates_of(session: Session, enterprise_id: int, asked: PickerQuery) -> Select[int]:
    """Ids of the certificates of this enterprise that have not ended and match, in the asked order."""
    wanted = [Certificate.enterprise_id == enterprise_id, Certificate.status.not_in(ENDED)]
    if asked.category is not None:
        wanted.append(Certificate.category == asked.category)
    if ID_NUMBER.fullmatch(number := fold(asked.text)):
        wanted.append(Certificate.person_id.in_(select(Person.id).where(Person.id_number_key == number)))
    elif asked.text:
        wanted.append(_any(found(session, column, asked.text) for column in (Certificate.holder, Certificate.number)))
    first = Certificate.holder_sort if asked.by_name else Certificate.valid_to
    return select(Certificate.id).where(*wanted).order_by(first, Certificate.id)


def passes_of(session: Session, enterprise_id: int, asked: PickerQuery) -> Select[int, Category]:
    """Person and category of the exams that this enterprise's people passed and that match; those not used up first."""
    wanted = [Person.enterprise_id == enterprise_id]
    if asked.category is not None:
        wanted.append(ExamPass.category == asked.category)
    if ID_NUMBER.fullmatch(number := fold(asked.text)):
        wanted.append(Person.id_number_key == number)
    elif asked.text:
        wanted.append(_any([found(session, Person.name, asked.text)]))
    unused = func.max(case((ExamPass.used_by_application_id.is_(None), 1), else_=0))
    pairs = select(ExamPass.person_id, ExamPass.category).join(Person, Person.id == ExamPass.person_id).where(*wanted)
    pairs = pairs.group_by(ExamPass.person_id, ExamPass.category, Person.name_sort)
    return pairs.order_by(unused.desc(), Person.name_sort, ExamPass.person_id, ExamPass.category)


def _any(conditions: Iterable[ColumnElement[bool] | None]) -> ColumnElement[bool]:
    """None of them, where nothing that was typed can be looked for."""
    return or_(false(), *(condition for condition in conditions if condition is not None))


def count(session: Session, query: Select[*tuple[Any, ...]]) -> int:
    return session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def of_page(query: Select[*Row], page: int) -> Select[*Row]:
    return query.limit(PAGE).offset((page - 1) * PAGE)
