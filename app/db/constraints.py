"""How a table words its promises: conditions in SQL, made of the vocabulary, so that both say the same.

Law: only words and columns go in here; nothing a person typed ever does.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import CheckConstraint, Index, text

from app.core.vocabulary import REASONS, State, Term


def one_of(column: str, words: Iterable[Term]) -> str:
    """SQL for *column holds one of these words*, so constraints follow the vocabulary."""
    return f"{column} IN ({', '.join(repr(word.value) for word in words)})"


def choice_check(table: str, column: str, words: Iterable[Term]) -> CheckConstraint:
    return CheckConstraint(one_of(column, words), name=f"ck_{table}_{column}")


def unique_in_states(name: str, states: Iterable[State], condition: str, *columns: str) -> Index:
    """A promise of the database: at most one application in these states per value of the columns."""
    return Index(name, *columns, unique=True, **partial_index(f"{condition} AND {one_of('state', states)}"))


def partial_index(condition: str) -> dict[str, Any]:
    """An index of some rows only, in the words of both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def reason_fits_matter() -> str:
    """SQL for *the matter knows this reason*."""
    whens = " ".join(f"WHEN {matter.value!r} THEN {one_of('reason_code', words)}" for matter, words in REASONS.items())
    return f"CASE matter {whens} ELSE reason_code = '' END"
