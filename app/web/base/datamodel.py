"""The way screens read their rows: few queries, capped counts, and never beyond the base filters.

Law: whoever asks for a row by its id asks inside the reader's reach; what lies outside does not exist.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from flask_appbuilder.models.filters import Filters
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Query, RelationshipProperty, selectinload

from app.core.vocabulary import Term

COUNT_CAP = 10_000  # counting further costs more than anyone learns from it (fab.md 5)
TALLY_CAP = 999  # what a tab can show; more is 999+
PAGE_SIZES = (10, 20, 50, 100)
LARGEST_ID = 2**31 - 1


def as_id(text: str) -> int | None:
    """What somebody sent as an id, if a column can hold it. Bounded before it is read: Python raises at 5,000 digits."""
    return int(text) if re.fullmatch("[0-9]{1,10}", text) and int(text) <= LARGEST_ID else None


class SelInterface(SQLAInterface):  # type: ignore[misc]
    """FAB's datamodel with bounds. ``eager`` names what a row needs besides: relations, or chains of them."""

    def __init__(self, obj: type, session: Any = None, eager: Sequence[Any] = ()) -> None:
        super().__init__(obj, session)
        self.eager = tuple(eager)
        self.reach: Filters | None = None

    def bound(self, base_filters: Sequence[Any], columns: Iterable[str]) -> "SelInterface":
        """A copy for one screen: inside its base filters, loading the relations its columns walk through.

        A copy, because two screens over one table may share the declared datamodel and must not share their reach.
        """
        chains = {tuple(path) for path in map(self.relations_on, columns) if path}
        copy = SelInterface(self.obj, self._session, (*self.eager, *sorted(chains)))
        copy.reach = copy.get_filters().add_filter_list(list(base_filters))
        return copy

    def relations_on(self, column: str) -> list[str]:
        """The relations a dotted name walks through: ``filing.enterprise.name`` → ``[filing, enterprise]``."""
        model, path = self.obj, []
        for part in column.split("."):
            prop = model.__mapper__.attrs.get(part)
            if not isinstance(prop, RelationshipProperty):
                break
            path.append(part)
            model = prop.mapper.class_
        return path

    def plain(self, column: str) -> bool:
        """Whether the name is a column of the table itself, which can be sorted and compared."""
        return column in self.list_columns

    def get_filters(self, search_columns: Any = None, search_filters: Any = None) -> Filters:  # noqa: ARG002
        """No search filters: FAB keeps them on the view, shared by all threads. The query bar keeps nothing."""
        return Filters(self.filter_converter_class, self, search_columns=[], search_filters=search_filters)

    def get_search_columns_list(self) -> list[str]:
        """Nothing is searched that the screen did not name."""
        return []

    def get_order_columns_list(self, list_columns: Any = None) -> list[str]:
        return [column for column in list_columns or () if self.plain(column)]

    def within_reach(self, *conditions: ColumnElement[bool]) -> Query[Any]:
        query: Query[Any] = self.session.query(self.obj)
        query = self.reach.apply_all(query) if self.reach else query
        return query.filter(*conditions)

    def count(self, query: Query[Any]) -> int:
        """How many rows, counted to just above ``COUNT_CAP``."""
        capped = query.order_by(None).with_entities(self.get_pk()).limit(COUNT_CAP + 1).subquery()
        return int(self.session.scalar(select(func.count()).select_from(capped)))

    def tally(self, query: Query[Any], column: str, words: Sequence[Term]) -> dict[Term, int]:
        """How many rows for each word of a column, each counted to just above ``TALLY_CAP``; one statement.

        Not one GROUP BY: that walks through every closed case of all years to tell that there are many.
        """
        value, rows = getattr(self.obj, column), query.order_by(None).with_entities(self.get_pk())
        counts = [
            select(func.count()).select_from(rows.filter(value == word).limit(TALLY_CAP + 1).subquery()).scalar_subquery()
            for word in words
        ]
        return dict(zip(words, self.session.execute(select(*counts)).one(), strict=True)) if words else {}

    def page(self, query: Query[Any], sort: str, descending: bool, page: int, size: int) -> list[Any]:
        """One page of rows with everything they show; the id breaks ties, so that no row is on two pages."""
        pk = self.get_pk()
        columns = [pk] if not sort or sort == self.get_pk_name() else [getattr(self.obj, sort), pk]
        query = query.order_by(*(column.desc() if descending else column.asc() for column in columns))
        query = self.apply_pagination(query, page, size).options(*self._loads())
        return list(query.all())

    def query_count(self, query: Query[Any], filters: Any = None, select_columns: Any = None) -> int:  # noqa: ARG002
        return self.count(self._apply_inner_all(query, filters, aliases_mapping={}))

    def apply_pagination(self, query: Query[Any], page: int | None, page_size: int | None) -> Query[Any]:
        if page_size is None:
            return query
        size = min(max(page_size, 1), PAGE_SIZES[-1])
        return query.limit(size).offset(min(max(page or 0, 0), COUNT_CAP // size) * size)

    def get(self, id: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: A002 - FAB's name
        """The row, or None when it does not exist, is out of reach, or the id cannot be one."""
        return next(iter(self.get_many([id])), None)

    def get_many(self, ids: Iterable[Any]) -> list[Any]:
        """The rows within reach among these ids; the others are silently not there."""
        pks = [pk for pk in map(self._as_pk, ids) if pk is not None]
        if not pks:
            return []
        return list(self.within_reach(self.get_pk().in_(pks)).options(*self._loads()).all())

    def _as_pk(self, given: Any) -> Any:
        """The id as its column keeps it: PostgreSQL answers text or a too large number with an error, not with nothing."""
        if self.get_pk().type.python_type is not int:
            return str(given)
        return as_id(str(given))

    def _loads(self) -> list[Any]:
        loads = []
        for chain in self.eager:
            model, load = self.obj, None
            for step in chain if isinstance(chain, tuple) else (chain,):
                attribute = getattr(model, step) if isinstance(step, str) else step
                load = selectinload(attribute) if load is None else load.selectinload(attribute)
                model = attribute.property.mapper.class_
            loads.append(load)
        return loads
