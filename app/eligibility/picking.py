"""What a picker shows: rows of an enterprise that are searched for, one page at a time. What is ticked stays over pages."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any, Generic, TypeVar, TypeVarTuple

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import Session

from app.core.identifiers import fold
from app.core.vocabulary import Category
from app.db.search import found
from app.models import Person

Row = TypeVarTuple("Row")
Candidate = TypeVar("Candidate")
PAGE = 50  # rows
_ID_NUMBER = re.compile(r"\d{17}[\dX]")


@dataclass(frozen=True, slots=True)
class PickerQuery:
    """``text``: a part of the name or its pinyin, a whole ID number, the beginning of a certificate number."""

    text: str = ""
    category: Category | None = None
    by_name: bool = False  # else what expires first
    page: int = 1


EVERYTHING = PickerQuery()


@dataclass(frozen=True, slots=True)
class PickerPage(Generic[Candidate]):
    """The candidates of one page, and where the ticked ones are shown on every page, those; ``total`` match the query."""

    candidates: list[Candidate]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return pages_of(self.total)


def pages_of(total: int) -> int:
    return max(ceil(total / PAGE), 1)


def people_of(session: Session, enterprise_id: int, text: str) -> Select[int]:
    """Ids of this enterprise's people who match, without an order."""
    return select(Person.id).where(Person.enterprise_id == enterprise_id, *person_is(session, text))


def person_is(session: Session, text: str) -> list[ColumnElement[bool]]:
    """The conditions on ``Person`` that what was typed amounts to."""
    if number := id_number_in(text):
        return [Person.id_number_key == number]
    return [any_of([found(session, Person.name, text)])] if text else []


def id_number_in(text: str) -> str:
    """The ID number that was typed as a whole; empty otherwise."""
    number = fold(text)
    return number if _ID_NUMBER.fullmatch(number) else ""


def any_of(conditions: Iterable[ColumnElement[bool] | None]) -> ColumnElement[bool]:
    """None of them, where nothing that was typed can be looked for."""
    return or_(false(), *(condition for condition in conditions if condition is not None))


def count(session: Session, query: Select[*tuple[Any, ...]]) -> int:
    return session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def of_page(query: Select[*Row], page: int) -> Select[*Row]:
    return query.limit(PAGE).offset((page - 1) * PAGE)
