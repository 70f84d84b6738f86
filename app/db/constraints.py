"""SQL conditions for constraints and indexes, made from the vocabulary.

Arguments are column names and vocabulary terms only, never user input: they are put into the SQL unescaped.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text

from app.core.vocabulary import REASONS, State, Term


def one_of(column: str, terms: Iterable[Term]) -> str:
    """SQL: the column holds one of these terms."""
    return f"{column} IN ({', '.join(repr(term.value) for term in terms)})"


def choice_check(table: str, column: str, terms: Iterable[Term]) -> CheckConstraint:
    return CheckConstraint(one_of(column, terms), name=f"ck_{table}_{column}")


def unique_in_states(name: str, states: Iterable[State], condition: str, *columns: str) -> Index:
    """A unique index: at most one application in these states per value of the columns."""
    return Index(name, *columns, unique=True, **partial_index(f"{condition} AND {one_of('state', states)}"))


def partial_index(condition: str) -> dict[str, Any]:
    """Arguments that make an index partial on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def ordered_by_place(table: str, *columns: str, also: Sequence[str] = (), **more: Any) -> Index:
    """An index for the lists of a prefecture's officers: rows of one prefecture in the order of the columns.

    ``region_code`` comes last, and what else a filter asks for (``also``): rows are counted by the index alone.
    See ``accounts.access.reach``.
    """
    return Index("_".join((f"ix_{table}_place", *columns)), text(IN_PREFECTURE), *columns, "id", "region_code", *also, **more)


IN_PREFECTURE = "substr(region_code, 1, 4)"  # as an expression of an index, and of every condition that shall use it


def lies_with(table: str, owner: str, *, name: str) -> ForeignKeyConstraint:
    """A foreign key that also holds ``region_code`` equal to the owner's, which the database passes on when it changes."""
    columns = [f"{owner}_id", "region_code"]
    return ForeignKeyConstraint(
        columns, [f"{owner}.id", f"{owner}.region_code"], name=f"fk_{table}_{name}", onupdate="CASCADE"
    )


def reason_fits_matter() -> str:
    """SQL: the reason is one of the matter's reasons."""
    whens = " ".join(f"WHEN {matter.value!r} THEN {one_of('reason_code', terms)}" for matter, terms in REASONS.items())
    return f"CASE matter {whens} ELSE reason_code = '' END"
