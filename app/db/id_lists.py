"""Conditions and rows for many ids: a batch asks a dozen queries about ten thousand rows.

``column.in_(ids)`` makes a parameter of each id, which costs more than finding the row.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Dialect, Executable, Row, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Ids(TypeDecorator[Collection[int]]):
    """Integers as one parameter: an array, on SQLite its JSON."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(BigInteger) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> list[int] | str | None:
        if value is None:
            return None
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class among(FunctionElement[bool]):  # noqa: N801 - reads as a function
    """``column.in_(ids)`` with all ids in one parameter."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: InstrumentedAttribute[Any], ids: Collection[int]) -> None:
        super().__init__(column, bindparam(None, ids, type_=_Ids(), unique=True))

    def self_group(self, against: object = None) -> "among":  # noqa: ARG002 - as the library calls it
        """As it is: in a WHERE, SQLite would be asked for ``… = 1`` and use no index."""
        return self


@compiles(among, "postgresql")
def _on_postgresql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(among, "sqlite")
def _on_sqlite(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = (compiler.process(part, **kw) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - compiled parts of a statement


def read_rows(session: Session, query: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
    """All rows of a query for columns, past the session's own handling of each value."""
    session.flush()
    return session.connection().execute(query).all()
