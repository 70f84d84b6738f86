"""The picker of a form, as the form sends it: what is searched for and which page. What is ticked comes along."""

from flask import request

from app.core.vocabulary import CURRENT_CATEGORIES
from app.eligibility.picking import PickerQuery
from app.web.base.datamodel import as_id
from app.web.forms import is_restored

FIND, CHOOSE, SEARCH, TICK, PAGE = "find", "choose", "search", "tick", "page"  # values of the button ``then``, before a colon
LONGEST = 100  # characters of what is searched for
MOST_PAGES = 100_000


def is_look() -> bool:
    """Whether the posted form is only shown again: by a button of the picker, or restored."""
    return _pressed()[0] in (FIND, CHOOSE, SEARCH, TICK, PAGE) or is_restored()


def ticks_all() -> bool:
    return _pressed()[0] == TICK


def ticked_for() -> str:
    """The category whose button was pressed to tick all who can have it."""
    button, which = _pressed()
    return which if button == TICK else ""


def picker_query() -> PickerQuery:
    """What the form searches for; everything on a GET."""
    sent, (button, which) = request.form, _pressed()
    page = which if button == PAGE else "1" if button == FIND else sent.get("page", "1")
    return PickerQuery(
        sent.get("find", "").strip()[:LONGEST],
        next((one for one in CURRENT_CATEGORIES if one.value == sent.get("kind")), None),
        sent.get("order") == "name",
        min(as_id(page) or 1, MOST_PAGES),
    )


def _pressed() -> tuple[str, str]:
    button, _colon, which = request.form.get("then", "").partition(":")
    return button, which
