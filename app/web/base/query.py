"""The query bar of a list: its fields, and parsing the query string. Invalid parts are ignored."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, cast

from flask_babel import lazy_gettext as _
from sqlalchemy import Boolean, ColumnElement, Date, DateTime, Integer, String, or_
from werkzeug.datastructures import MultiDict

from app.core.clock import OFFICE_ZONE
from app.core.identifiers import INVISIBLE
from app.core.search_text import variants
from app.db import search
from app.db.session import Choice, Choices, UtcDateTime, db
from app.web.base.datamodel import LARGEST_ID, PAGE_SIZES, SelInterface, as_id
from app.web.base.private_urls import decode_param, encode_param

LONGEST = 100  # characters of one query field
LAYOUT = ("columns", "dense")
_LAYOUT = re.compile(r"[\w.,]{1,500}", re.ASCII)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Box:
    """One field of the query bar: ``kind`` is text, select or range (then the names end in _from and _to)."""

    name: str
    label: object
    kind: str
    holds: Callable[[str], ColumnElement[bool] | None]
    until: Callable[[str], ColumnElement[bool] | None] | None = None
    options: Iterable[tuple[str, object]] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.name}_from", f"{self.name}_to") if self.kind == "range" else (self.name,)

    def conditions(self, values: Mapping[str, str]) -> dict[str, ColumnElement[bool]]:
        """The conditions of the valid values, by parameter name."""
        asks = (self.holds, self.until or self.holds)
        found = {name: ask(values[name]) for name, ask in zip(self.names, asks, strict=False) if values.get(name)}
        return {name: condition for name, condition in found.items() if condition is not None}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parsed query of one request; every value here is applied."""

    values: dict[str, str]
    conditions: dict[str, ColumnElement[bool]] = field(repr=False)
    sort: str
    descending: bool
    page: int  # from 1
    size: int
    usual: tuple[str, bool, int]  # default sort, descending, size
    sortable: Sequence[str] = ()
    layout: Mapping[str, str] = field(default_factory=dict)  # columns and density, where the address says them
    beyond: tuple[int, bool] | None = None  # the page after a row, or (True) before it, where pages have no numbers

    def args(self, **changes: Any) -> dict[str, Any]:
        """Parameters of the same list with changes; None removes one, and any change starts at page 1."""
        args: dict[str, Any] = {name: encode_param(value) for name, value in self.values.items()}
        if (self.sort, self.descending) != self.usual[:2]:
            args["sort"] = f"{'-' if self.descending else ''}{self.sort}"
        if self.size != self.usual[2]:
            args["size"] = self.size
        args |= self.layout
        if self.page > 1:
            args["page"] = self.page
        if self.beyond:
            args["before" if self.beyond[1] else "after"] = self.beyond[0]
        args |= dict.fromkeys(("page", "after", "before")) | changes
        return {name: value for name, value in args.items() if value not in (None, "", 1 if name == "page" else None)}


def ask(
    source: MultiDict[str, str], boxes: Sequence[Box], sortable: Sequence[str], usual: tuple[str, bool, int]
) -> ListQuery:
    """Parse a query string: unknown, empty and invalid parts are left out, numbers are clamped."""
    given = {
        name: _UNPRINTABLE.sub("", decode_param(value)).translate(INVISIBLE).strip()[:LONGEST]
        for name, value in source.items()
    }
    conditions: dict[str, ColumnElement[bool]] = {}
    for box in boxes:
        conditions |= box.conditions(given)
    sort, descending = given.get("sort", "").lstrip("-"), given.get("sort", "").startswith("-")
    if sort not in sortable:
        sort, descending = usual[:2]
    size = _number(given.get("size"), usual[2])
    return ListQuery(
        values={name: given[name] for name in conditions},
        conditions=conditions,
        sort=sort,
        descending=descending,
        page=max(_number(given.get("page"), 1), 1),
        size=min(PAGE_SIZES, key=lambda allowed: (abs(allowed - size), allowed)) if size != usual[2] else size,
        usual=usual,
        sortable=sortable,
        layout={name: text for name in LAYOUT if _LAYOUT.fullmatch(text := source.get(name, ""))},
        beyond=next(((row, name == "before") for name in ("after", "before") if (row := as_id(given.get(name, "")))), None),
    )


def has_empty_fields(source: MultiDict[str, str]) -> bool:
    """Whether the query has empty fields, as forms without script send them; redirected to a URL without them."""
    return any(value == "" for value in source.values())


def boxes_for(
    datamodel: SelInterface,
    columns: Sequence[str],
    labels: Mapping[str, object],
    own: Mapping[str, Callable[[str], ColumnElement[bool] | None]],
) -> list[Box]:
    """A field for each column. Not for relations: a select of all their rows would disclose their names."""
    found = []
    for name in dict.fromkeys((*columns, *own)):
        label = labels.get(name, name)
        if name in own:
            found.append(Box(name, label, "text", own[name]))
        elif (reached := _reach(datamodel, name)) is not None:
            column, steps = reached
            if search.is_searched(column):
                found.append(Box(name, label, "text", partial(_found, column, steps)))
            else:
                found.append(_box(name, label, column, partial(_lift, steps)))
    return found


def _reach(datamodel: SelInterface, name: str) -> tuple[Any, list[Any]] | None:
    """The column of a dotted name, and the relations that lead to it."""
    steps, model = [], datamodel.obj
    for part in datamodel.relations_on(name):
        steps.append(getattr(model, part))
        model = steps[-1].property.mapper.class_
    leaf = name.rsplit(".", maxsplit=1)[-1]
    if len(steps) == name.count(".") + 1 or leaf not in model.__mapper__.columns:
        return None
    return getattr(model, leaf), steps


def _lift(steps: Sequence[Any], condition: Any) -> ColumnElement[bool]:
    """A condition on what the relations lead to, as a condition on the row."""
    for step in reversed(steps):
        condition = step.any(condition) if step.property.uselist else step.has(condition)
    return cast("ColumnElement[bool]", condition)


def _found(column: Any, steps: Sequence[Any], text: str) -> ColumnElement[bool] | None:
    """By the index of the table whose name or number it is; through a relation by the column that refers to it."""
    key = next(iter(steps[-1].property.local_columns)) if steps else None
    condition = search.found(db.session(), column, text, key)
    return None if condition is None else _lift(steps[:-1], condition)


def _box(name: str, label: object, column: Any, wrap: Callable[[Any], ColumnElement[bool]]) -> Box:
    kind = column.type
    if isinstance(kind, (Choice, Choices)):
        words = {str(term.value): term for term in kind.term}
        among = isinstance(kind, Choices)
        options = tuple((code, term.label) for code, term in words.items())

        def word(code: str) -> ColumnElement[bool]:
            return wrap(column.contains(f",{code},") if among else column == words[code])

        return Box(name, label, "select", lambda text: word(text) if text in words else None, options=options)
    if isinstance(kind, Boolean):
        answers = {"yes": True, "no": False}
        options = (("yes", _("Yes")), ("no", _("No")))
        return Box(name, label, "select", lambda t: wrap(column.is_(answers[t])) if t in answers else None, options=options)
    if isinstance(kind, (Date, DateTime, UtcDateTime)):
        zone = OFFICE_ZONE if isinstance(kind, UtcDateTime) else None

        def bound(day: date) -> date:
            return day if isinstance(kind, Date) else datetime.combine(day, time(), zone)

        return Box(
            name,
            label,
            "range",
            lambda text: None if (day := _parse(text)) is None else wrap(column >= bound(day)),
            lambda text: None if (day := _parse(text)) is None else wrap(column < bound(day + timedelta(days=1))),
        )
    if isinstance(kind, Integer):
        return Box(name, label, "text", lambda text: None if (n := _whole(text)) is None else wrap(column == n))
    if isinstance(kind, String):
        return Box(name, label, "text", lambda text: wrap(contains(column, text)))
    return Box(name, label, "text", lambda text: wrap(column == text))


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """Case-insensitive substring match, of any of the ``variants``; ``%`` and ``_`` are literal."""
    literal = (name.replace("/", "//").replace("%", "/%").replace("_", "/_") for name in variants(text))
    return or_(*(column.ilike(f"%{name}%", escape="/") for name in literal))


def _parse(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2999 else None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) and abs(int(text)) <= LARGEST_ID else None


def _number(text: str | None, otherwise: int) -> int:
    number = _whole(text or "")
    return otherwise if number is None else number
