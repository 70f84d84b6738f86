"""Row access of the current user as a base filter; ids and reasons sent by batch actions."""

import re
from typing import Any

from flask import request

from app.accounts.access import reach
from app.core.identifiers import INVISIBLE
from app.web import request_context
from app.web.base.datamodel import LARGEST_ID, as_id
from app.web.base.fab import BaseFilter

ROW = f"<int(max={LARGEST_ID}):"  # an id in a route; larger than any column: 404


class WithinReach(BaseFilter):
    """``base_filters = [["id", WithinReach, None]]``."""

    name = "Within reach"
    arg_name = "reach"

    def apply(self, query: Any, value: Any) -> Any:  # noqa: ARG002 - FAB's own signature
        return query.filter(reach(request_context.current_actor(), self.model))


def asked_ids() -> list[int]:
    """The row whose button was pressed (``?only=``), else the ticked rows; 0 for an invalid id."""
    given = [request.args["only"]] if "only" in request.args else request.form.getlist("rowid")
    return [as_id(text) or 0 for text in given]


def asked_reason() -> str:
    """The reason typed, without control characters, which PostgreSQL refuses."""
    return without_controls(request.form.get("reason", ""))


def without_controls(text: str) -> str:
    return re.sub("[\x00-\x08\x0b-\x1f\x7f]", "", text.replace("\r\n", "\n")).translate(INVISIBLE)
