"""What each user has chosen for a list: columns, density, and views (filter, order, columns) under a name.

All of it stands in the address, too, so that a view can be passed on: whoever opens it sees the rows of their own reach.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import current_app, flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.core.errors import AppError, NotFound, Stale
from app.core.redaction import without_numbers
from app.db.session import db
from app.models import ListView
from app.web import request_context
from app.web.base.access_filter import ROW, without_controls
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import BaseView, route
from app.web.base.list_layout import address_of
from app.web.base.model_view import ModelScreen
from app.web.base.private_urls import SIGN
from app.web.base.query import LAYOUT

LONGEST_NAME, LONGEST_QUERY = 40, 1_000  # characters of the columns
MOST_VIEWS = 20  # of one list


class ListViewsView(BaseView):
    """Keeps and removes what the user has chosen; only ever the user's own."""

    route_base = "/list-views"
    class_permission_name = "ListViews"
    default_view = "keep"

    @route("/<screen>/keep", "POST")
    def keep(self, screen: str) -> Response:
        """Without a name as the usual layout of the list, else as a view."""
        shown = _screen(screen)
        try:
            address = _kept(shown)
            db.session.commit()
        except AppError as error:
            flash_refusals(error)
            return redirect(url_for(f"{screen}.list", **shown.asked(_sent_query()).args()))
        except IntegrityError as error:
            raise Stale from error
        flash(gettext("Saved."), "success")
        return redirect(address)

    @route(f"/{ROW}pk>/remove", "POST")
    def remove(self, pk: int) -> Response:
        found = db.session.get(ListView, pk)
        if found is None or found.account_id != request_context.current_actor().id:
            raise NotFound
        screen = found.screen
        db.session.delete(found)
        db.session.commit()
        flash(gettext("Deleted."), "success")
        listed = _listed(screen)
        return redirect(url_for(f"{listed.endpoint}.list") if listed else "/")


def _screen(name: str) -> Any:
    """The list of this endpoint, which the user may open; ``NotFound`` otherwise."""
    found = _listed(name)
    if found is None:
        raise NotFound
    return found


def _listed(name: str) -> Any:
    """The list of this endpoint; None if there is none that the user may open."""
    views: Any = getattr(current_app, "appbuilder").baseviews  # noqa: B009 - Flask's type does not know it
    found = next((view for view in views if isinstance(view, ModelScreen) and view.endpoint == name), None)
    return found if found is not None and found.may("list") else None


def _sent_query() -> MultiDict[str, str]:
    return MultiDict(parse_qsl(request.form.get("query", "")))


def _kept(screen: Any) -> str:
    """Store what was chosen, of which only what the list knows; the address of the list as it is shown then."""
    actor, form = request_context.current_actor(), request.form
    name = without_numbers(
        " ".join(without_controls(form.get("name", "")).split())[:LONGEST_NAME], _("Name of the view"), "name"
    )
    chosen = [column for column in screen.list_columns if column in form.getlist("columns") or column == screen.head_column]
    columns = "" if chosen == screen.list_columns else ",".join(chosen)
    args = {key: value for key, value in screen.asked(_sent_query()).args().items() if key not in LAYOUT}
    if name and any(str(value).startswith(SIGN) for value in args.values()):
        sentence = _("A view cannot hold an ID number or a mobile number. Please clear that field first.")
        raise AppError(sentence, code="number-in-view")
    query = urlencode(args) if name else ""
    if len(query) > LONGEST_QUERY:
        raise AppError(_("This query is too long to be saved. Please shorten what is searched for."), code="long-view")
    request_context.begin_writing()
    mine = select(ListView).where(ListView.account_id == actor.id, ListView.screen == screen.endpoint)
    rows = {row.name: row for row in db.session.scalars(mine)}
    if name and name not in rows and len(rows.keys() - {""}) >= MOST_VIEWS:
        raise AppError(
            _("There are %(n)s views of this list already. Please delete one first.", n=MOST_VIEWS), code="most-views"
        )
    row = rows.get(name) or ListView(account_id=actor.id, screen=screen.endpoint, name=name)
    row.query, row.columns, row.dense = query, columns, "dense" in form
    db.session.add(row)
    db.session.flush()
    return address_of(screen, row) if name else url_for(f"{screen.endpoint}.list", **args)
