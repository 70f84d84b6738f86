"""Search of names and numbers: the full-text index of each searched table, and the conditions that use it.

A rare word is looked up in the index and its rows are sorted; for a common one the list is better read in its own order.
Neither planner can tell them apart for the beginning of a token, so the rows are counted first, as far as ``COMMON``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Select,
    any_,
    cast,
    exists,
    false,
    func,
    inspect,
    literal,
    or_,
    select,
    table,
    union_all,
)
from sqlalchemy import column as plain_column
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.core.search_text import numbered, search_fold, spelt
from app.db.derived import SearchText, derived_columns

COMMON = 3_000  # rows: about as quickly read and sorted as a page of a list of a million is filled in the order of the list
MOST_LISTED = 500  # rows found in several places, named one by one in a statement


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """What a row must hold: all these tokens side by side, or a token that begins like one of these."""

    phrase: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.phrase or self.beginnings)

    def fts5(self) -> str:
        phrase = [f'"{" ".join(self.phrase)}"'] if self.phrase else []
        return " OR ".join([*phrase, *(f'"{one}" *' for one in self.beginnings)])

    def tsquery(self) -> str:
        phrase = [" <-> ".join(f"'{token}'" for token in self.phrase)] if self.phrase else []
        return " | ".join([*phrase, *(f"'{one}':*" for one in self.beginnings)])

    def within(self, text: Any) -> ColumnElement[bool]:
        """The same, asked of the stored text of one row (SQLite)."""
        phrase = [f" {' '.join(self.phrase)} "] if self.phrase else []
        return or_(*(func.instr(text, part) > 0 for part in [*phrase, *(f" {one}" for one in self.beginnings)]))


def is_searched(column: Any) -> bool:
    """Whether a column of a model is found through its table's index."""
    kind = _search_type(column.class_)
    return kind is not None and column.key in kind.sources


def found(session: Session, column: Any, text: str, key: Any = None) -> ColumnElement[bool] | None:
    """The rows whose name or number in a searched column is found by what was typed; None if it holds no letter or digit.

    A name is found by any part of it, by its pinyin and by its initials from any of its characters on; a number from the
    beginning of any of its parts on. The condition is on the column's own table, or, with ``key``, on the table whose column
    ``key`` refers to it.
    """
    wanted = _wanted(column, text)
    if not wanted:
        return None
    by_index, by_row = _forms(session, column.class_, wanted, key)
    return by_index if by_row is by_index else CommonWord(by_index, by_row)


def found_in_any(
    session: Session, model: Any, text: str, places: Mapping[Any, Any], *others: ColumnElement[bool]
) -> ColumnElement[bool]:
    """The rows of ``model`` found in any of several searched columns, or by one of ``others``, which have their own indexes.

    ``places``: searched columns, each with the column of ``model`` that refers to its table, or None for its own.
    """
    asked = [(column.class_, _wanted(column, text), key) for column, key in places.items()]
    forms = [_forms(session, *one) for one in asked if one[1]]
    branches = [select(model.id).where(condition) for condition in (*(by_index for by_index, _by_row in forms), *others)]
    if not branches:  # nothing in it can be searched for
        return false()
    ids = session.scalars(union_all(*branches).limit(MOST_LISTED + 1)).all()
    if len(ids) <= MOST_LISTED:
        return model.id.in_(set(ids))  # type: ignore[no-any-return]
    return or_(*(by_row for _by_index, by_row in forms), *others)


def _wanted(column: Any, text: str) -> SearchTerms:
    kind = _search_type(column.class_)
    if kind is not None and column.key in kind.numbers:
        return SearchTerms(beginnings=tuple(filter(None, [numbered(text)])))
    folded = search_fold(text)
    return SearchTerms(tuple(folded), tuple(filter(None, [spelt(folded)])))


def _forms(session: Session, model: Any, wanted: SearchTerms, key: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The condition by the search index, and asked of each row; one for both unless SQLite finds a common word."""
    own = model.id if key is None else key
    if session.get_bind().dialect.name == "postgresql":
        holds: ColumnElement[bool] = model.search.op("@@", is_comparison=True)(cast(wanted.tsquery(), TSQUERY))
        hits = select(model.id).where(holds)
        ids = _first_of_postgres(session, hits)
        few: ColumnElement[bool] = own == any_(literal(ids, ARRAY(Integer)))
        condition = few if len(ids) <= COMMON else holds if key is None else key.in_(hits)
        return condition, condition
    index = table(name := index_name(model), plain_column("rowid"), plain_column(name))
    hits = select(index.c.rowid).where(index.c[name].op("MATCH")(wanted.fts5()))
    ids = list(session.scalars(hits.limit(COMMON + 1)))
    few = own.in_(select(func.json_each(json.dumps(ids)).table_valued("value").c.value))
    if len(ids) <= COMMON and (key is None or _are_few(session, select(key).where(few))):
        return few, few
    by_row = wanted.within(model.search)
    return own.in_(hits), by_row if key is None else exists().where(model.id == key, by_row)


def _are_few(session: Session, rows: Select[Any]) -> bool:
    return (session.scalar(select(func.count()).select_from(rows.limit(COMMON + 1).subquery())) or 0) <= COMMON


def _first_of_postgres(session: Session, hits: Select[Any]) -> list[int]:
    """Of the hits as many as tell whether a word is common, by the search index.

    PostgreSQL must be made to use it: it takes the beginning of a token for one in fifty of all, and hopes to meet some soon.
    """
    others = ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan")
    session.execute(select(*(func.set_config(name, "off", True) for name in others)))
    ids = list(session.scalars(hits.limit(COMMON + 1)))
    session.execute(select(*(func.set_config(name, "on", True) for name in others)))
    return ids


class CommonWord(FunctionElement[bool]):
    """A condition of two equal forms: by the search index, and asked of each row (SQLite).

    Rows that are wanted in an order are read in it and asked, until there are enough for a page; rows that are only counted
    come from the index, until there are enough for the count.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, by_index: ColumnElement[bool], by_row: ColumnElement[bool]) -> None:
        super().__init__(by_index, by_row)

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """Not compared with 1, as SQLAlchemy would have it: SQLite would use no index then."""
        return self


@compiles(CommonWord)
def _form_for_the_statement(element: CommonWord, compiler: SQLCompiler, **options: Any) -> str:
    by_index, by_row = element.clauses
    is_ordered = bool(compiler.stack[-1]["selectable"]._order_by_clauses)  # type: ignore[attr-defined] # nothing public tells
    return f"({compiler.process(by_row if is_ordered else by_index, **options)})"


def _search_type(model: Any) -> SearchText | None:
    return next((kind for _key, kind in derived_columns(model) if isinstance(kind, SearchText)), None)


# --- the indexes ------------------------------------------------------------------------------------------------------


def search_index(table_name: str) -> Index:
    """PostgreSQL's index on the column ``search``; new entries wait in a list that is kept short, as each search reads it."""
    kept = {"gin_pending_list_limit": 256}  # kB
    index = Index(f"ix_{table_name}_search", "search", postgresql_using="gin", postgresql_with=kept)
    return index.ddl_if(dialect="postgresql")


def index_name(model: Any) -> str:
    return f"{model.__tablename__}_search"


def install(connection: Connection, models: Iterable[Any]) -> None:
    """SQLite: make what is missing of the indexes and of the triggers that keep them.

    After every migration, because a table that was rebuilt has lost its triggers.
    """
    look = inspect(connection)
    for model in models:
        if _search_type(model) is None or not look.has_table(model.__tablename__):
            continue
        name, of = index_name(model), model.__tablename__
        if "search" not in {stored["name"] for stored in look.get_columns(of)}:
            continue
        is_new = not look.has_table(name)
        for statement in _fts5(name, of):
            connection.exec_driver_sql(statement)
        if is_new:
            for command in ("rebuild", "optimize"):
                connection.exec_driver_sql(f"INSERT INTO {name} ({name}) VALUES ('{command}')")  # noqa: S608 - our own names


def _fts5(name: str, of: str) -> tuple[str, ...]:
    """Without the number of tokens of each row, which only ranking needs. Beginnings of pinyin have an index of their own, as
    thousands of tokens begin with ``·zh``.
    """
    options = f"search, content='{of}', content_rowid='id', tokenize='ascii', columnsize=0, prefix='3 4 5'"
    differs = "WHEN old.search IS NOT new.search"
    add = f"INSERT INTO {name} (rowid, search) VALUES (new.id, new.search);"  # noqa: S608
    remove = f"INSERT INTO {name} ({name}, rowid, search) VALUES ('delete', old.id, old.search);"  # noqa: S608
    return (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5({options})",
        f"CREATE TRIGGER IF NOT EXISTS {name}_added AFTER INSERT ON {of} BEGIN {add} END",
        f"CREATE TRIGGER IF NOT EXISTS {name}_removed AFTER DELETE ON {of} BEGIN {remove} END",
        f"CREATE TRIGGER IF NOT EXISTS {name}_changed AFTER UPDATE OF search ON {of} {differs} BEGIN {remove} {add} END",
    )
