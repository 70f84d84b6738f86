"""A deadline as a badge: the day, and in words how near it is, in working days of the office's calendar."""

from datetime import date

from flask_babel import gettext
from markupsafe import Markup

from app.web import request_context
from app.web.base.links import shown


def due(on: date | None, *, extended: bool = False) -> object:
    """A deadline, and what it means today."""
    if on is None:
        return shown(None)
    word, tone = urgency(on)
    if extended:
        word = gettext("%(word)s, extended", word=word) if word else gettext("extended")
    if not word:
        return on.isoformat()
    return Markup('<span class="due {}">{} <b>{}</b></span>').format(tone, on.isoformat(), word)


def days_over(on: date) -> int:
    """How many working days a limit is overdue today; 0 until it has passed, and on days off right after it."""
    return max(0, request_context.current_office().calendar.working_days_between(on, request_context.today()))


def urgency(on: date) -> tuple[str, str]:
    """The words for a deadline today and their tone; empty while it is far."""
    today, office = request_context.today(), request_context.current_office()
    if on < today:
        days = days_over(on)
        return gettext("%(n)s working days overdue", n=days) if days else gettext("overdue"), "over"
    if on == today:
        return gettext("due today"), "soon"
    if on > office.calendar.add_working_days(today, office.due_soon_days):
        return "", ""
    return gettext("%(n)s working days left", n=office.calendar.working_days_between(today, on)), "soon"
