"""How a list is shown to a user: which columns, how dense, and the views that the user has saved of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import url_for
from sqlalchemy import select

from app.db.session import db
from app.models import ListView
from app.web import request_context
from app.web.base.query import ListQuery

ALL = "all"  # in the place of names of columns


@dataclass(frozen=True, slots=True)
class ListLayout:
    """As the address says, else as the user usually has it, else every column."""

    columns: Sequence[str]
    dense: bool
    views: Sequence[tuple[ListView, str]]  # with their addresses
    saved: bool  # whether somebody is signed in for whom it could be


def layout_of(screen: Any, asked: ListQuery) -> ListLayout:
    """One small query. Columns that the list does not know are left out; the one that names the row is always shown."""
    account_id = request_context.current_actor().id
    mine = select(ListView).where(ListView.account_id == account_id, ListView.screen == screen.endpoint)
    rows = db.session.scalars(mine.order_by(ListView.name)).all() if account_id else ()
    usual = next((row for row in rows if not row.name), None)
    if asked.layout or usual is None:
        columns, dense = asked.layout.get("columns", ""), asked.layout.get("dense") == "1"
    else:
        columns, dense = usual.columns, usual.dense
    names = {*columns.split(",")} if columns not in ("", ALL) else {*screen.list_columns}
    chosen = [column for column in screen.list_columns if column in names or column == screen.head_column]
    return ListLayout(chosen, dense, [(row, address_of(screen, row)) for row in rows if row.name], saved=bool(account_id))


def address_of(screen: Any, row: ListView) -> str:
    """The address of a saved view. It says the layout, so that it looks the same to whoever it is passed on to."""
    args: dict[str, Any] = dict(parse_qsl(row.query)) | {"columns": row.columns or ALL, "dense": "1" if row.dense else None}
    return url_for(f"{screen.endpoint}.list", **args)
