"""What the administrator sets in the system: the office's numbers, switches and texts, and its calendar.

Law: what the environment says wins, then what is stored, then the default. A stored value that cannot be read breaks nothing:
it is passed over here and shown on the screen. Every change leaves a line in the diary, from what to what.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.clock import Calendar
from app.core.errors import (
    NotFound,
    Refusal,
    Stale,
    Unmet,
)
from app.core.office import (
    ADJUSTABLE,
    BY_NAME,
    Adjustable,
    Office,
    Section,
    Value,
    written,
)
from app.core.vocabulary import AuditAction, Role, Term
from app.db import audit
from app.models import CalendarDay, Parameter, PastParameter

EDITORS = (Role.ADMIN, Role.SECURITY_ADMIN)


def office_of(session: Session, base: Office) -> Office:
    """``base`` (defaults and environment) as the administrator has set it, with the calendar. Two small queries."""
    with session.no_autoflush:
        stored = {row.name: row.value for row in session.execute(select(Parameter.name, Parameter.value))}
        return replace(base, **_valid(stored, base), calendar=calendar_of(session))


def past_values(session: Session) -> list[PastParameter]:
    """What parameters were before they were changed, the newest change first. One small query."""
    return list(session.scalars(select(PastParameter).order_by(PastParameter.until.desc(), PastParameter.id.desc())))


def office_at(office: Office, pasts: Iterable[PastParameter], at: datetime) -> Office:
    """The office as it stood at this moment: of what was changed since, the value before (``past_values``)."""
    then = {past.name: past.value for past in pasts if past.until > at}
    return replace(office, **_valid(then, office))


def calendar_of(session: Session) -> Calendar:
    """The days off and the make-up days as they are stored."""
    days = session.execute(select(CalendarDay.day, CalendarDay.working)).all()
    off, on = (frozenset(day for day, working in days if working is wanted) for wanted in (False, True))
    return Calendar(off, on)


def _valid(stored: Mapping[str, str], base: Office) -> dict[str, Any]:
    """What can be read of it, less what the environment has pinned and what there is no longer."""
    readable = {name: _read(name, text) for name, text in stored.items() if name in BY_NAME and name not in base.pinned}
    return {name: value for name, value in readable.items() if value is not None}


def _read(name: str, text: str) -> Value | None:
    try:
        return BY_NAME[name].read(text)
    except ValueError:
        return None


# --- as they stand ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One parameter as it stands: what counts, why, and who set it when."""

    one: Adjustable
    value: Value
    stored: Parameter | None
    pinned: bool

    @property
    def unreadable(self) -> bool:
        """Something is stored that says nothing, so that the default counts."""
        return self.stored is not None and _read(self.one.name, self.stored.value) is None


def editor_of(section: Section) -> Role:
    """Who sets the parameters of a section: how one signs in is the security administrator's, all else the system's."""
    return Role.SECURITY_ADMIN if section is Section.SECURITY else Role.ADMIN


def lines(session: Session, base: Office) -> dict[str, SettingLine]:
    """Every parameter by its name, in the order of the declaration. One query."""
    stored = {row.name: row for row in session.scalars(select(Parameter))}
    counts = replace(base, **_valid({name: row.value for name, row in stored.items()}, base))
    return {
        one.name: SettingLine(one, getattr(counts, one.name), stored.get(one.name), one.name in base.pinned)
        for one in ADJUSTABLE
    }


def display_value(one: Adjustable, value: Value) -> object:
    """A value as people read it: with its unit, a switch as a word."""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, tuple):
        return _("%(value)s %(unit)s", value="、".join(map(str, value)), unit=one.unit)
    if isinstance(value, int):
        return _("%(value)s %(unit)s", value=f"{value / one.scale:g}", unit=one.unit)
    return value.label if isinstance(value, Term) else value


# --- setting them -----------------------------------------------------------------------------------


def change(
    session: Session,
    wanted: Mapping[str, Value],
    seen: Mapping[str, Value],
    actor: Actor,
    *,
    base: Office,
    at: datetime,
    address: str = "",
) -> list[SettingLine]:
    """Set these parameters, all or none; how they stood before. The caller commits.

    ``seen`` is what the actor believes each to be: what somebody else has set to something else meanwhile is told of, not
    overwritten. Raises ``NotAllowed``, ``NotFound`` for a name that is none, ``Unmet`` with everything that stands in the
    way, ``Stale`` where two set the same thing in the same moment.
    """
    actor.demand(*EDITORS)
    if not wanted.keys() <= BY_NAME.keys():
        raise NotFound
    for name in wanted:
        actor.demand(editor_of(BY_NAME[name].section))
    before = _locked_lines(session, base)
    new = {name: value for name, value in wanted.items() if before[name].unreadable or value != before[name].value}
    standing = [refusal for name, value in new.items() for refusal in _refusals_of(before[name], value, seen.get(name))]
    if not standing:
        standing += contradictions(_office(before, base, new), new)
    if standing:
        raise Unmet(standing)
    for name, value in new.items():
        _note(session, before[name], written(value), actor, at, address)
        set_now = {"value": written(value), "changed_at": at, "changed_by": actor.name}
        if (row := before[name].stored) is None:
            session.add(Parameter(name=name, **set_now))  # not merged: that would overwrite what came in between
        else:
            for column, held in set_now.items():
                setattr(row, column, held)
    _flush(session)
    return [before[name] for name in new]


def restore(session: Session, name: str, actor: Actor, *, base: Office, at: datetime, address: str = "") -> SettingLine:
    """Let the default count again; how it stood before. The caller commits. Doing so twice changes nothing.

    Raises ``NotAllowed``, ``NotFound``, and ``Unmet`` where the default does not go with what else is set.
    """
    actor.demand(*EDITORS)
    if name not in BY_NAME:
        raise NotFound
    actor.demand(editor_of(BY_NAME[name].section))
    before = _locked_lines(session, base)
    line = before[name]
    if line.stored is None:
        return line
    would_be = _office(before, base, {} if line.pinned else {name: line.one.default})
    if standing := list(contradictions(would_be, [name])):
        raise Unmet(standing)
    _note(session, line, written(line.one.default), actor, at, address)
    session.delete(line.stored)
    _flush(session)
    return line


def contradictions(office: Office, changed: Collection[str]) -> Iterator[Refusal]:
    """What cannot go together, as far as one of the two was changed now."""
    crossed = (
        (
            "ages-cross",
            ("least_age", "age_limit_c"),
            office.least_age >= office.age_limit_c,
            _("The least age must lie under the age limit, or nobody could be a safety officer."),
        ),
        (
            "window-too-wide",
            ("renewal_window_months", "validity_years"),
            office.renewal_window_months >= office.validity_years * 12,
            _("The window of renewal must be shorter than the validity of a certificate."),
        ),
    )
    for code, names, wrong, sentence in crossed:
        if wrong and (at_fault := [name for name in names if name in changed]):
            yield Refusal(code, sentence, at_fault[0])


def _locked_lines(session: Session, base: Office) -> dict[str, SettingLine]:
    """The lines, with what is stored locked until the commit."""
    locked = select(Parameter).with_for_update().execution_options(populate_existing=True)  # a page has read them before
    session.scalars(locked).all()
    return lines(session, base)


def _office(before: Mapping[str, SettingLine], base: Office, new: Mapping[str, Value]) -> Office:
    """The office as it would be."""
    found: dict[str, Any] = {name: line.value for name, line in before.items()} | dict(new)
    return replace(base, **found)


def _refusals_of(line: SettingLine, value: Value, seen: Value | None) -> Iterator[Refusal]:
    one = line.one
    if line.pinned:
        locked = _("“%(label)s” is set by the operator and cannot be changed here.", label=one.label)
        yield Refusal("pinned", locked, one.name)
    elif type(value) is not type(one.default) or not one.holds(value):
        yield Refusal("out-of-bounds", _("Please choose a value within %(bounds)s.", bounds=bounds(one)), one.name)
    elif seen != line.value:
        told_so = _(
            "%(who)s has meanwhile set this to “%(value)s”. Save once more if yours is to count.",
            who=line.stored.changed_by if line.stored else _("Somebody"),
            value=display_value(one, line.value),
        )
        yield Refusal("set-meanwhile", told_so, one.name)


def bounds(one: Adjustable) -> object:
    """How far a number or a text may go, as people read it."""
    if isinstance(one.default, Term):
        return "、".join(str(term) for term in type(one.default))
    if isinstance(one.default, str):
        return _("%(least)s to %(most)s characters", least=one.least, most=one.most)
    return _("%(least)s to %(most)s", least=f"{one.least // one.scale}", most=display_value(one, one.most))


def _note(session: Session, line: SettingLine, after: str, actor: Actor, at: datetime, address: str) -> None:
    was = line.stored.value if line.unreadable and line.stored else written(line.value)
    session.add(PastParameter(name=line.one.name, value=written(line.value), until=at))
    audit.log(
        session, actor.name, AuditAction.CHANGE, Parameter, line.one.name, {"value": [was, after]}, at=at, address=address
    )


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as twin:  # both set what nobody had set before; the other one's line is there now
        raise Stale from twin
