"""Counts for a page: up to a limit, because counting a million rows takes longer than anybody waits for a number."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

Key = TypeVar("Key")
MOST_ON_TILE = 9_999
MOST_IN_MENU = 999


def counts(
    session: Session, table: type[Any], conditions: Mapping[Key, tuple[ColumnElement[bool], ...]], most: int
) -> dict[Key, int]:
    """The number of rows of a table that meet each set of conditions, each at most ``most + 1``. One statement.

    Not by GROUP BY, which would read every row.
    """
    if not conditions:
        return {}
    found = (select(table.id).where(*each).limit(most + 1).subquery() for each in conditions.values())
    asked = select(*(select(func.count()).select_from(rows).scalar_subquery() for rows in found))
    return dict(zip(conditions, session.execute(asked).one(), strict=True))


def shown_count(number: int, most: int) -> str:
    """``9999+`` for a number that was counted up to its limit."""
    return f"{most}+" if number > most else str(number)
