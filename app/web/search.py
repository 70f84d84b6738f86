"""One search over all lists of the user: people, certificates, applications, sign-ups, enterprises, accounts.

It asks the lists' own query fields within the lists' own reach, so it finds and shows nothing that they do not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for
from flask_babel import gettext
from sqlalchemy import ColumnElement, select
from werkzeug.wrappers import Response

from app.core.identifiers import INVISIBLE, fold
from app.db.counting import shown_count
from app.models import Person
from app.web.base.fab import BaseView, route
from app.web.base.links import Link
from app.web.base.model_view import EVERY, ModelScreen
from app.web.base.private_urls import LONGEST, decode_param, encode_param, redirect_if_personal

LEAST = 2  # characters: one is found in nearly every row
ROWS, COUNTED = 5, 99  # shown, and counted, of each list
ID_NUMBER = re.compile(r"[0-9]{15}|[0-9]{17}[0-9X]")
# list -> its query fields that are asked, in this order, until one finds something
_CASE = ("person.name", "number", "enterprise.name")
LISTS = {
    "PersonScreen": ("name",),
    "CertificateScreen": ("holder", "number", "enterprise.name"),
    "DueScreen": _CASE,
    "NewApplicationScreen": _CASE[:2],
    "RenewalScreen": _CASE[:2],
    "TransferScreen": _CASE[:2],
    "ReplacementScreen": _CASE[:2],
    "CancellationScreen": _CASE[:2],
    "ClosedScreen": _CASE,
    "SignupScreen": ("person.name",),
    "SignupReviewScreen": ("person.name", "enterprise.name"),
    "NoticeScreen": ("title", "number"),
    "EnterpriseAdminScreen": ("name", "uscc"),
    "AccountScreen": ("username", "first_name"),
    "AppointmentScreen": ("username", "first_name"),
}


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row of a list: who or what it is, more about it, its state, where it opens."""

    title: object
    about: tuple[object, ...]
    state: object
    link: Link | None


@dataclass(frozen=True, slots=True)
class FoundIn:
    """What one list holds: its first rows, how many there are, and the URL of the list with just them ("" if it has none)."""

    list_title: object
    rows: tuple[FoundRow, ...]
    count: str
    url: str


class SearchView(BaseView):
    """全局查找: ``/search?q=``; the box at the top of every page leads here."""

    route_base = "/search"
    class_permission_name = "Search"
    default_view = "find"

    @route("/")
    def find(self) -> Response | str:
        if (private := redirect_if_personal()) is not None:
            return private
        text = decode_param(request.args.get("q", "")).translate(INVISIBLE).strip()[:LONGEST]
        short = 0 < len(text) < LEAST
        found = [] if short or not text else [one for screen in _screens() if (one := _found_in(screen, text))]
        return str(
            self.render_template("search.html", title=gettext("Search"), text=text, short=short, least=LEAST, found=found)
        )


def _screens() -> Iterator[ModelScreen]:
    views = {type(view).__name__: view for view in getattr(current_app, "appbuilder").baseviews}  # noqa: B009 - not typed
    return (views[name] for name in LISTS if name in views and views[name].may("list"))


def _found_in(screen: ModelScreen, text: str) -> FoundIn | None:
    for name, condition in _conditions(screen, text):
        query = screen.datamodel.within_reach(condition)
        if rows := screen.datamodel.page(query, "", True, 0, ROWS):
            screen.rows_loaded(rows)
            count = screen.datamodel.count(query, COUNTED) if len(rows) == ROWS else len(rows)
            return FoundIn(
                screen.list_title,
                tuple(_row(screen, row) for row in rows),
                shown_count(count, COUNTED),
                _list_url(screen, name, text),
            )
    return None


def _conditions(screen: ModelScreen, text: str) -> Iterator[tuple[str, ColumnElement[bool]]]:
    """Query field and condition. An ID number is asked of the person alone, and by its key: it is nowhere else."""
    model = screen.datamodel.obj
    if ID_NUMBER.fullmatch(number := fold(text)):
        people = select(Person.id).where(Person.id_number_key == number)
        if model is Person or hasattr(model, "person_id"):
            yield "id_number", (model.id if model is Person else model.person_id).in_(people)
        return
    boxes = {box.name: box for box in screen.boxes}
    for name in LISTS[type(screen).__name__]:
        if name in boxes and (condition := boxes[name].holds(text)) is not None:
            yield name, condition


def _row(screen: ModelScreen, row: Any) -> FoundRow:
    columns = [column for column in screen.list_columns if column != screen.head_column]
    about = [screen.sub_columns.get(screen.head_column), *(c for c in columns if c not in screen.tag_columns)]
    state = next((screen.walk(row, column) for column in columns if column in screen.tag_columns), None)
    shown = tuple(screen.value(column, row) for column in about[:4] if column)
    return FoundRow(screen.value(screen.head_column, row), shown, state, next(iter(screen.row_links(row)), None))


def _list_url(screen: ModelScreen, field: str, text: str) -> str:
    if not any(box.name == field for box in screen.boxes):
        return ""
    args: dict[str, Any] = {field: encode_param(text)}
    if screen.tabs_column and screen.first_tab():
        args[screen.tabs_column] = EVERY
    return url_for(f"{screen.endpoint}.list", **args)
