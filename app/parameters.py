"""What the administrator sets in the system: the office's numbers, switches and texts, and its calendar.

Law: what the environment says wins, then what is stored, then the default. A stored value that cannot be read breaks nothing:
it is passed over here and shown on the screen.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import Calendar
from app.config import BY_NAME, Office
from app.models import CalendarDay, Parameter


def office_of(session: Session, base: Office) -> Office:
    """``base`` (defaults and environment) as the administrator has set it, with the calendar. Two small queries."""
    with session.no_autoflush:
        stored = {row.name: row.value for row in session.execute(select(Parameter.name, Parameter.value))}
        return replace(base, **_valid(stored, base), calendar=calendar_of(session))


def calendar_of(session: Session) -> Calendar:
    """The days off and the make-up days as they are stored."""
    days = session.execute(select(CalendarDay.day, CalendarDay.working)).all()
    off, on = (frozenset(day for day, working in days if working is wanted) for wanted in (False, True))
    return Calendar(off, on)


def _valid(stored: Mapping[str, str], base: Office) -> dict[str, Any]:
    """What can be read of it, less what the environment has pinned and what there is no longer."""
    found: dict[str, Any] = {}
    for name, text in stored.items():
        if name in BY_NAME and name not in base.pinned:
            try:
                found[name] = BY_NAME[name].read(text)
            except ValueError:
                continue
    return found
