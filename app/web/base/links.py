"""How every page shows links and buttons, states and values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from flask_babel import format_date, gettext
from flask_babel.speaklater import LazyString
from markupsafe import Markup

from app.core.clock import office_time
from app.core.plain_text import plain
from app.core.vocabulary import Term

NOTHING = Markup('<span class="muted">—</span>')


@dataclass(frozen=True, slots=True)
class Link:
    """A link, or with ``post`` a button: a GET never changes anything."""

    label: object
    url: str
    icon: str = ""
    primary: bool = False
    danger: bool = False
    post: bool = False
    confirm: object = ""  # the sentence asked before it is done
    reason: Sequence[object] = ()  # not empty: a reason is required; these are offered. Travels as "reason"
    external: bool = False  # opens in a new tab (a PDF)
    download: bool = False  # answered with a file: the page and its other buttons stay


# The tone only repeats the word (never colour alone): todo = somebody must act, run = under way.
TONES = {
    "draft": "off",
    "asked": "todo",
    "lapsed": "off",
    "ready": "todo",
    "running": "run",
    "done": "ok",
    "dead": "bad",
    "planned": "todo",
    "discarded": "off",
    "waiting": "run",
    "left": "off",
    "passes": "ok",
    "warns": "todo",
    "fails": "bad",
    "awaiting_release": "todo",
    "release_refused": "bad",
    "abandoned": "off",
    "awaiting_acceptance": "todo",
    "returned": "todo",
    "not_accepted": "bad",
    "awaiting_review": "todo",
    "review_refused": "bad",
    "awaiting_approval": "todo",
    "approval_refused": "bad",
    "approved": "ok",
    "submit": "run",
    "release": "ok",
    "refuse_release": "bad",
    "release_by_office": "ok",
    "accept": "ok",
    "return": "todo",
    "decline": "bad",
    "endorse": "ok",
    "refuse_review": "bad",
    "approve": "ok",
    "refuse_approval": "bad",
    "selected": "off",
    "submitted": "todo",
    "admitted": "run",
    "rejected": "bad",
    "passed": "ok",
    "failed": "bad",
    "absent": "off",
    "added": "ok",
    "updated": "run",
    "unchanged": "off",
    "doubtful": "todo",
    "dry_run": "off",
    "undoing": "run",
    "undone": "off",
    "pending": "todo",
    "unread": "todo",
    "read": "off",
    "queued": "todo",
    "sent": "ok",
    "proposed": "todo",
    "confirmed": "ok",
    "refused": "bad",
    "retracted": "off",
    "ended": "off",
    "suspended": "todo",
    "reinstated": "ok",
    "revoked": "bad",
    "withdrawn": "bad",
    "open": "todo",
    "right": "ok",
    "to_correct": "run",
    "postponed": "off",
    "gone": "off",
    "01": "ok",
    "02": "todo",
    "03": "bad",
    "04": "off",
    "05": "bad",
    "06": "off",
    "07": "bad",
    "99": "off",
}


def tone(word: object) -> str:
    """The tone of a state, by its code; "" for anything else."""
    code = word.value if isinstance(word, Term) else word
    return TONES.get(str(code), "")


def long_day(day: date) -> str:
    return str(format_date(day, "long"))


def shown(value: object) -> object:
    """A value on a page: its text, a dash for nothing; markup as it is."""
    return value if isinstance(value, Markup) else text_of(value) or NOTHING


def text_of(value: object) -> str:
    """A value as text, for papers, sheets and sentences, too: office time, labels instead of codes, "" for nothing."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(gettext("Yes") if value else gettext("No"))
    if isinstance(value, datetime):
        return f"{office_time(value) if value.tzinfo else value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, LazyString)):
        return str(gettext(", ")).join(filter(None, map(text_of, value)))
    return plain(value)
