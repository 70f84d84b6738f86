"""How screens read rows: in few queries, with capped counts, always inside the base filters (row access)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask_appbuilder.models.filters import Filters
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import ColumnElement, func, literal, select, tuple_
from sqlalchemy.orm import Query, RelationshipProperty, selectinload

from app.core.errors import NotFound
from app.core.vocabulary import Term

COUNT_CAP = 10_000  # exact counts of more are not worth their cost
TALLY_CAP = 999  # a tab shows 999+ beyond it
PAGE_SIZES = (10, 20, 50, 100)
PART = 500  # rows read at a time where all of a list are
LARGEST_ID = 2**31 - 1


def as_id(text: str) -> int | None:
    """The id, or None if no column can hold it. The length is checked first: Python raises at 5,000 digits."""
    return int(text) if re.fullmatch("[0-9]{1,10}", text) and int(text) <= LARGEST_ID else None


class SelInterface(SQLAInterface):  # type: ignore[misc]
    """FAB's datamodel, bounded. ``eager``: relations, or chains of relations, to load with each row."""

    def __init__(self, obj: type, session: Any = None, eager: Sequence[Any] = ()) -> None:
        super().__init__(obj, session)
        self.eager = tuple(eager)
        self.reach: Filters | None = None

    def bound(self, base_filters: Sequence[Any], columns: Iterable[str]) -> "SelInterface":
        """A copy for one screen, with its base filters and the relations of its columns.

        A copy, because two screens may share the declared datamodel but must not share their filters.
        """
        chains = {tuple(path) for path in map(self.relations_on, columns) if path}
        copy = SelInterface(self.obj, self._session, (*self.eager, *sorted(chains)))
        copy.reach = copy.get_filters().add_filter_list(list(base_filters))
        return copy

    def relations_on(self, column: str) -> list[str]:
        """The relations of a dotted name: ``filing.enterprise.name`` → ``[filing, enterprise]``."""
        model, path = self.obj, []
        for part in column.split("."):
            prop = model.__mapper__.attrs.get(part)
            if not isinstance(prop, RelationshipProperty):
                break
            path.append(part)
            model = prop.mapper.class_
        return path

    def plain(self, column: str) -> bool:
        """Whether the name is a column of the table itself, hence sortable."""
        return column in self.list_columns

    def get_filters(self, search_columns: Any = None, search_filters: Any = None) -> Filters:  # noqa: ARG002
        """No search filters: FAB stores them on the view, which all threads share."""
        return Filters(self.filter_converter_class, self, search_columns=[], search_filters=search_filters)

    def get_search_columns_list(self) -> list[str]:
        """No search columns but those the screen names."""
        return []

    def get_order_columns_list(self, list_columns: Any = None) -> list[str]:
        return [column for column in list_columns or () if self.plain(column)]

    def within_reach(self, *conditions: ColumnElement[bool]) -> Query[Any]:
        query: Query[Any] = self.session.query(self.obj)
        query = self.reach.apply_all(query) if self.reach else query
        return query.filter(*conditions)

    def count(self, query: Query[Any], most: int = COUNT_CAP) -> int:
        """The number of rows, at most ``most + 1``."""
        capped = query.order_by(None).with_entities(self.get_pk()).limit(most + 1).subquery()
        return int(self.session.scalar(select(func.count()).select_from(capped)))

    def tally(self, query: Query[Any], column: str, words: Sequence[Term]) -> dict[Term, int]:
        """The number of rows for each term of a column, each at most ``TALLY_CAP + 1``, in one statement.

        Not by GROUP BY, which would read every closed case.
        """
        value, rows = getattr(self.obj, column), query.order_by(None).with_entities(self.get_pk())
        counts = [
            select(func.count()).select_from(rows.filter(value == word).limit(TALLY_CAP + 1).subquery()).scalar_subquery()
            for word in words
        ]
        return dict(zip(words, self.session.execute(select(*counts)).one(), strict=True)) if words else {}

    def page(self, query: Query[Any], sort: str, descending: bool, page: int, size: int) -> list[Any]:
        """One page of rows with their relations. What comes before it is passed over in an index, not read."""
        keys = self.in_order(query, sort, descending).with_entities(self.get_pk())
        return self._rows([key for (key,) in self.apply_pagination(keys, page, size)])

    def in_parts(self, query: Query[Any], sort: str, descending: bool, most: int) -> Iterator[list[Any]]:
        """The first ``most`` rows in this order with their relations, ``PART`` at a time."""
        keys = [key for (key,) in self.in_order(query, sort, descending).with_entities(self.get_pk()).limit(most)]
        for start in range(0, len(keys), PART):
            yield self._rows(keys[start : start + PART])

    def beyond(
        self, query: Query[Any], sort: str, descending: bool, row: int, size: int, *, back: bool = False
    ) -> tuple[list[Any], bool]:
        """The page that follows a row in this order, or precedes it, however deep; and whether there are more.

        Where the row stands is asked anew: a page may skip or repeat what has moved since the one before. Of a row that is
        out of reach or gone: no rows.
        """
        pk, column, down = self.get_pk(), self._order(sort), descending is not back
        here = self._as_pk(row)
        stands = self.within_reach(pk == here).with_entities(column).one_or_none()
        keys: list[Any] = []
        for part in [] if stands is None else self._following(column, stands[0], here, descending=down):
            found = self.in_order(query.filter(part), sort, down).with_entities(pk).limit(size + 1 - len(keys))
            keys += [key for (key,) in found] if len(keys) <= size else []
        shown = keys[:size]
        return self._rows(shown[::-1] if back else shown), len(keys) > size

    def _following(self, column: Any, value: Any, row: Any, *, descending: bool) -> list[ColumnElement[bool]]:
        """Conditions of what follows a row, one index scan each. Empty values stand where the database has them."""
        pk = self.get_pk()
        later = pk < row if descending else pk > row
        if column is pk:
            return [later]
        empty_last = (self.session.get_bind().dialect.name == "postgresql") is not descending
        if value is None:
            return [column.is_(None) & later, *([] if empty_last else [column.is_not(None)])]
        here, there = tuple_(column, pk), tuple_(literal(value, column.type), literal(row, pk.type))
        return [here < there if descending else here > there, *([column.is_(None)] if empty_last else [])]

    def _rows(self, keys: Sequence[Any]) -> list[Any]:
        """The rows with these ids, in their order, with their relations."""
        pk = self.get_pk()
        found = self.session.query(self.obj).filter(pk.in_(keys)).options(*self._loads()) if keys else ()
        rows = {self.get_pk_value(row): row for row in found}
        return [rows[key] for key in keys if key in rows]

    def in_order(self, query: Query[Any], sort: str, descending: bool) -> Query[Any]:
        """The id breaks ties, so that no row is on two pages."""
        pk = self.get_pk()
        column = self._order(sort)
        columns = [pk] if column is pk else [column, pk]
        return query.order_by(*(column.desc() if descending else column.asc() for column in columns))

    def _order(self, sort: str) -> Any:
        """The column that a list is sorted by: of a name the key by pinyin, the same on both databases (``db.derived``)."""
        if not sort or sort == self.get_pk_name():
            return self.get_pk()
        return getattr(self.obj, f"{sort}_sort", getattr(self.obj, sort))

    def query_count(self, query: Query[Any], filters: Any = None, select_columns: Any = None) -> int:  # noqa: ARG002
        return self.count(self._apply_inner_all(query, filters, aliases_mapping={}))

    def apply_pagination(self, query: Query[Any], page: int | None, page_size: int | None) -> Query[Any]:
        if page_size is None:
            return query
        size = min(max(page_size, 1), PAGE_SIZES[-1])
        return query.limit(size).offset(min(max(page or 0, 0), COUNT_CAP // size) * size)

    def get(self, id: Any, *_args: Any, **_kwargs: Any) -> Any:  # noqa: A002 - FAB's name
        """The row, or None if it does not exist, is not accessible, or the id is invalid."""
        return next(iter(self.get_many([id])), None)

    def get_many(self, ids: Iterable[Any]) -> list[Any]:
        """The accessible rows among these ids; the others are left out."""
        pks = [pk for pk in map(self._as_pk, ids) if pk is not None]
        if not pks:
            return []
        return list(self.within_reach(self.get_pk().in_(pks)).options(*self._loads()).all())

    def locked(self, item: Any) -> Any:
        """The row as it is stored now, locked until the end of the transaction. Raises ``NotFound`` if it was deleted."""
        key = self.get_pk_value(item)
        self.session.expire(item)
        found = self.session.get(self.obj, key, populate_existing=True, with_for_update={"key_share": True})
        if found is None:
            raise NotFound
        return found

    def _as_pk(self, given: Any) -> Any:
        """The id in its column's type, or None: PostgreSQL raises for text or a too large number, and for NUL in a text."""
        if self.get_pk().type.python_type is not int:
            return None if "\0" in str(given) else str(given)
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
