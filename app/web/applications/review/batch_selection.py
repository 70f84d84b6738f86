"""Which cases of a queue a batch is for: the ticked ones, or all that the list's query finds, also on other pages."""

import secrets
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from app.web import request_context
from app.web.base import ModelScreen
from app.web.base.access_filter import asked_ids
from app.web.base.query import ListQuery

Selection = tuple[list[int], dict[str, Any]]


def page_key() -> str:
    """A new key for a page with a batch form: the same form sent twice is one batch."""
    return secrets.token_urlsafe(12)


def selection_in(screen: ModelScreen, address: str) -> Selection:
    """The chosen ids in the order of the list at ``address``, and by what they were chosen, in words.

    Of all pages at most ``largest_batch`` are taken. They are fixed here: what joins the list later is not in the batch.
    """
    parts = urlsplit(address)
    query = parts.query if parts.path == url_for(f"{screen.endpoint}.list") else ""
    asked = screen.asked(MultiDict(parse_qsl(query)))
    whole = "whole" in request.form
    chosen_by = {"list": str(screen.list_title), "whole": whole, "filter": described(screen, asked)}
    if not whole:
        return asked_ids(), chosen_by
    found = screen.datamodel.within_reach(*asked.conditions.values())
    ordered = screen.datamodel.in_order(found, asked.sort, asked.descending).with_entities(screen.datamodel.get_pk())
    return [key for (key,) in ordered.limit(request_context.current_office().largest_batch)], chosen_by


def described(screen: ModelScreen, asked: ListQuery) -> list[list[str]]:
    """The filter in words: label and value of each filled field."""
    found = []
    for box in screen.boxes:
        given = [asked.values.get(name, "") for name in box.names]
        if any(given):
            words = {code: str(label) for code, label in box.options}
            found.append([str(box.label), " – ".join(words.get(value, value) for value in given)])
    return found
