"""Columns computed from other columns of the row in Python: search text and sort keys of names.

They follow whatever way a row is written: objects of a session, INSERT and UPDATE statements for many rows. An UPDATE that
gives one value to many rows (``values``) must not set what they are computed from; ``tests/test_source_guards.py`` reads
the source for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, String, Text, bindparam, cast, event, inspect, select, update
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, Mapper, ORMExecuteState, Session, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.core.pinyin import LONGEST_KEY, sort_key
from app.core.search_text import search_fold, tokens

_LAST_PLACE = 16_383  # of a token in a tsvector
_SLICE = 5_000  # rows computed at a time when a column is new


class Derived(TypeDecorator[str]):
    """The type of a computed column; it knows its sources and how to compute it."""

    sources: tuple[str, ...] = ()

    def of(self, row: Mapping[Any, Any]) -> str:
        """The value for a row, given its sources."""
        raise NotImplementedError


class SearchText(Derived):
    """The tokens of a row's names and numbers (``core.search_text``): a tsvector, on SQLite the source of an FTS5 index.

    On SQLite the text begins and ends with a space, so that a phrase can also be looked for in the text itself.
    """

    impl = Text
    cache_ok = True

    def __init__(self, names: tuple[str, ...], numbers: tuple[str, ...]) -> None:
        super().__init__()
        self.names, self.numbers = names, numbers
        self.sources = (*names, *numbers)

    def of(self, row: Mapping[Any, Any]) -> str:
        return " ".join(tokens((row.get(name) for name in self.names), (row.get(name) for name in self.numbers)))

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name != "postgresql":
            return f" {value} "
        return " ".join(f"'{token}':{min(place, _LAST_PLACE)}" for place, token in enumerate(value.split(), start=1))


class SortKey(Derived):
    """A name's place in a list by pinyin (``core.pinyin.sort_key``), compared by bytes on both databases."""

    impl = String
    cache_ok = True

    def __init__(self, name: str) -> None:
        super().__init__(length=LONGEST_KEY)
        self.name = name
        self.sources = (name,)

    def of(self, row: Mapping[Any, Any]) -> str:
        return sort_key(search_fold(row.get(self.name) or ""))

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(LONGEST_KEY, collation="C" if dialect.name == "postgresql" else None))


def search_column(*names: str, numbers: tuple[str, ...] = ()) -> Mapped[str]:
    """The search text of the named columns of the same table; its index: ``db.search.INDEXES``."""
    return _column(SearchText(names, numbers))


def sort_column(name: str) -> Mapped[str]:
    return _column(SortKey(name))


def _column(kind: Derived) -> Mapped[str]:
    def compute(context: DefaultExecutionContext) -> str:
        return kind.of(context.get_current_parameters())  # type: ignore[no-untyped-call]

    return mapped_column(kind, default=compute, server_default="", deferred=True)


@cache
def derived_columns(model: Any) -> tuple[tuple[str, Derived], ...]:
    """Name and type of each computed column of a model."""
    mapper: Mapper[Any] = inspect(model)
    columns = ((prop.key, prop.columns[0].type) for prop in mapper.column_attrs)
    return tuple((key, kind) for key, kind in columns if isinstance(kind, Derived))


def fill_missing(connection: Connection, models: Iterable[Any]) -> None:
    """Compute the columns of rows that were stored before there were such columns."""
    look = inspect(connection)
    for model in models:
        derived, stored = dict(derived_columns(model)), model.__table__
        present = {one["name"] for one in look.get_columns(stored.name)} if look.has_table(stored.name) else set()
        if not present.issuperset(derived):
            continue
        sources = sorted({source for kind in derived.values() for source in kind.sources})
        empty = cast(stored.c[next(iter(derived))], Text) == ""
        rows = select(stored.c.id, *(stored.c[name] for name in sources)).where(empty).order_by(stored.c.id).limit(_SLICE)
        change = (
            update(stored).where(stored.c.id == bindparam("row")).values({key: bindparam(f"new_{key}") for key in derived})
        )
        last = 0
        while found := connection.execute(rows.where(stored.c.id > last)).mappings().all():
            last = found[-1]["id"]
            computed = ({f"new_{key}": kind.of(row) for key, kind in derived.items()} for row in found)
            connection.execute(change, [{"row": row["id"], **new} for row, new in zip(found, computed, strict=True)])
        if last:
            connection.exec_driver_sql(f"ANALYZE {stored.name}")  # without it nobody knows which words are common


@event.listens_for(Session, "before_flush")
def _follow_changed_objects(session: Session, *_: object) -> None:
    for thing in session.dirty:
        for key, kind in derived_columns(thing.__class__):
            if any(inspect(thing).attrs[source].history.has_changes() for source in kind.sources):
                setattr(thing, key, kind.of({source: getattr(thing, source) for source in kind.sources}))


@event.listens_for(Session, "do_orm_execute")
def _follow_changed_rows(state: ORMExecuteState) -> Any:
    """Of an UPDATE of many rows by their ids."""
    if not (state.is_update and state.is_executemany and state.bind_mapper):
        return None
    model: Any = state.bind_mapper.class_
    derived = derived_columns(model)
    rows: Sequence[Mapping[str, Any]] = state.parameters  # type: ignore[assignment]
    touched = [(key, kind) for key, kind in derived if any(source in rows[0] for source in kind.sources)]
    if not touched:
        return None
    known = _sources_of(state.session, model, {source for _key, kind in touched for source in kind.sources}, rows)
    return state.invoke_statement(
        params=[{key: kind.of({**stored, **row}) for key, kind in touched} for stored, row in zip(known, rows, strict=True)]
    )


def _sources_of(
    session: Session, model: Any, sources: set[str], rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """What is stored of the sources that the rows do not give."""
    missing = sorted(sources - rows[0].keys())
    if not missing:
        return [{}] * len(rows)
    columns = [getattr(model, name) for name in missing]
    found = session.execute(select(model.id, *columns).where(model.id.in_([row["id"] for row in rows])))
    stored = {row.id: dict(row._mapping) for row in found}
    return [stored[row["id"]] for row in rows]
