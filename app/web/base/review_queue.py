"""A row's position in the queue it is decided from, and the scans of the viewer; for any table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from app.core.errors import Refusal
from app.web.base.datamodel import COUNT_CAP
from app.web.base.model_view import ModelScreen


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """How a request to a page of review went: what was refused, and whether full numbers are shown."""

    status: int = 200
    refusals: Sequence[Refusal] = ()
    revealed: bool = False
    unexplained: object = ""


OPENED = ReviewPage()
NO_DECISION = Refusal("no-decision", _("Please choose a result first."), "decision")


def for_decision(number: str) -> str:
    """Why whoever decides a matter sees its full numbers; for the audit log."""
    return str(gettext("Deciding %(number)s", number=number))


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A row among the rows of the list it was opened from, and the list's URL."""

    title: object
    address: str
    ids: tuple[int, ...]
    row: int
    page: Callable[[int, str], str]  # URL of a row's page, given its id and the list's URL

    @property
    def number(self) -> int:
        """From 1; 0 if the row is not, or no longer, in the list."""
        return self.ids.index(self.row) + 1 if self.row in self.ids else 0

    @property
    def before(self) -> str:
        return self.page(self.ids[self.number - 2], self.address) if self.number > 1 else ""

    @property
    def after(self) -> str:
        """The next row's URL; for a row that has left the list, the first."""
        return self.page(self.ids[self.number], self.address) if self.number < len(self.ids) else ""

    @property
    def following(self) -> str:
        """Where to go after deciding: the next row, else the first remaining one, else the list."""
        rest = [key for key in self.ids if key != self.row]
        return self.after or (self.page(rest[0], self.address) if rest else self.address)


def position_in(screen: ModelScreen, address: str, row: int, page: Callable[[int, str], str]) -> QueuePosition:
    """The row's position in the screen's list at ``address`` (with query), or in its usual list if that is no URL of it."""
    home, parts = url_for(f"{screen.endpoint}.list"), urlsplit(address)
    if parts.path != home:
        address, parts = home, urlsplit(home)
    asked = screen.asked(MultiDict(parse_qsl(parts.query)))
    query = screen.datamodel.within_reach(*asked.conditions.values())
    ids = screen.datamodel.in_order(query, asked.sort, asked.descending).with_entities(screen.datamodel.get_pk())
    return QueuePosition(screen.list_title, address, tuple(key for (key,) in ids.limit(COUNT_CAP)), row, page)


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan for the viewer; without ``url`` it was not handed in."""

    label: object
    url: str = ""
    small: str = ""
    pdf: bool = False
    name: str = ""
    item: str = ""  # key of its correction mark, if it can be marked
    gone: object = ""  # in place of ``url``: when and why it was removed
    before: "Scan | None" = None  # the scan of the previous submission, if different
