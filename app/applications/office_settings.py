"""Office parameters that administrators set: numbers, switches, texts; and the office with them and its calendar.

The environment wins over the stored value, which wins over the default. An unreadable stored value is ignored here and
shown on the settings page. Every change is in the audit log, with the value before and after.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.clock import Calendar
from app.core.errors import NotFound, Refusal, Stale, Unmet
from app.core.office import ADJUSTABLE, BY_NAME, Adjustable, Office, Positions, Section, Value, numbers_letters, stored_text
from app.core.redaction import number_refusals
from app.core.vocabulary import AuditAction, Position, Role, Term
from app.db import audit
from app.models import CalendarDay, Parameter, PastParameter

DEMO_CLOCK = "demo_days_ahead"  # in the table of parameters, none of ``ADJUSTABLE``; see ``demo_clock``
CLOCK_DOUBT = "clock_doubt"  # likewise; see ``clock_check``
LAST_BACKUP = "last_backup"  # likewise; see ``backup.last_backup``
SMS_TEXT = "sms:"  # likewise, before the name of a text; see ``own_sms_texts``
EDITORS = (Role.ADMIN, Role.SECURITY_ADMIN)


# Asked by every request, and so built once and of plain columns: those of mapped ones cost three times as much.
_STORED = select(*Parameter.__table__.c["name", "value"])
_DAYS = select(*CalendarDay.__table__.c["day", "working"])


def office_of(session: Session, base: Office) -> Office:
    """``base`` (defaults and environment) with the stored parameters and the calendar. Two small queries."""
    stored: dict[str, str] = dict(session.connection().execute(_STORED).all())
    return replace(
        base,
        **_valid(stored, base),
        calendar=calendar_of(session),
        days_ahead=days_ahead(stored.get(DEMO_CLOCK), base),
        sms_texts={name.removeprefix(SMS_TEXT): text for name, text in stored.items() if name.startswith(SMS_TEXT)},
        clock_doubt=clock_doubt(stored.get(CLOCK_DOUBT)),
    )


def days_ahead(stored: str | None, base: Office) -> int:
    """By how many days the office's clock is set ahead; never in production."""
    return int(stored) if stored and base.demonstration else 0


def clock_doubt(stored: str | None) -> datetime | None:
    """The last moment that was believed, while the machine's clock is not."""
    return datetime.fromisoformat(stored) if stored else None


def past_values(session: Session) -> list[PastParameter]:
    """Values of parameters before they were changed, the newest change first. One small query."""
    return list(session.scalars(select(PastParameter).order_by(PastParameter.until.desc(), PastParameter.id.desc())))


def office_at(office: Office, pasts: Iterable[PastParameter], at: datetime) -> Office:
    """The office as it was at ``at``: parameters changed since have the value before (see ``past_values``)."""
    then = {past.name: past.value for past in pasts if past.until > at}
    return replace(office, **_valid(then, office))


def calendar_of(session: Session) -> Calendar:
    """The stored days off and make-up working days."""
    return _calendar(tuple(session.connection().execute(_DAYS).all()))


@lru_cache(maxsize=4)
def _calendar(days: tuple[tuple[date, bool], ...]) -> Calendar:
    off, on = (frozenset(day for day, working in days if working is wanted) for wanted in (False, True))
    return Calendar(off, on)


def _valid(stored: Mapping[str, str], base: Office) -> dict[str, Any]:
    """The readable values, without those the environment pins and names that no longer exist."""
    readable = {name: _read(name, text) for name, text in stored.items() if name in BY_NAME and name not in base.pinned}
    return {name: value for name, value in readable.items() if value is not None}


def _read(name: str, text: str) -> Value | None:
    try:
        return BY_NAME[name].read(text)
    except ValueError:
        return None


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One parameter: its value in force, the stored row (who set it when), and whether the environment pins it."""

    one: Adjustable
    value: Value
    stored: Parameter | None
    pinned: bool

    @property
    def unreadable(self) -> bool:
        """The stored value cannot be read, so the default is in force."""
        return self.stored is not None and _read(self.one.name, self.stored.value) is None


def editor_of(section: Section) -> Role:
    """Who sets the parameters of a section: the security administrator for signing in, else the administrator."""
    return Role.SECURITY_ADMIN if section is Section.SECURITY else Role.ADMIN


def lines(session: Session, base: Office) -> dict[str, SettingLine]:
    """Every parameter by name, in the order of their declaration. One query."""
    stored = {row.name: row for row in session.scalars(select(Parameter))}
    in_force = replace(base, **_valid({name: row.value for name, row in stored.items()}, base))
    return {
        one.name: SettingLine(one, getattr(in_force, one.name), stored.get(one.name), one.name in base.pinned)
        for one in ADJUSTABLE
    }


def display_value(one: Adjustable, value: Value) -> object:
    """A value as shown to people: with its unit, a switch as a word."""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, Positions):
        return "、".join(str(position) for position in value)
    if isinstance(value, tuple):
        return _("%(value)s %(unit)s", value="、".join(map(str, value)), unit=one.unit)
    if isinstance(value, int):
        return _("%(value)s %(unit)s", value=f"{value / one.scale:g}", unit=one.unit)
    return value.label if isinstance(value, Term) else value


# --- changing -----------------------------------------------------------------------------------


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
    """Set these parameters, all or none; returns them as they were before. The caller commits.

    ``seen`` holds the values the actor was shown: one that somebody else changed meanwhile is refused, not overwritten.
    Raises ``NotAllowed``, ``NotFound`` for an unknown name, ``Unmet`` with every refusal, ``Stale`` if two set the same
    parameter for the first time at once.
    """
    actor.demand(*EDITORS)
    if not wanted.keys() <= BY_NAME.keys():
        raise NotFound
    for name in wanted:
        actor.demand(editor_of(BY_NAME[name].section))
    before = _locked_lines(session, base)
    new = {name: value for name, value in wanted.items() if before[name].unreadable or value != before[name].value}
    refused = [refusal for name, value in new.items() for refusal in _refusals_of(before[name], value, seen.get(name))]
    if not refused:
        refused += contradictions(_office(before, base, new), new)
    if refused:
        raise Unmet(refused)
    for name, value in new.items():
        _note(session, before[name], stored_text(value), actor, at, address)
        values = {"value": stored_text(value), "changed_at": at, "changed_by": actor.name}
        if (row := before[name].stored) is None:
            session.add(Parameter(name=name, **values))  # not merged: that would overwrite a row added meanwhile
        else:
            for column, stored in values.items():
                setattr(row, column, stored)
    _flush(session)
    return [before[name] for name in new]


def restore(
    session: Session, name: str, actor: Actor, *, seen: datetime | None, base: Office, at: datetime, address: str = ""
) -> SettingLine:
    """Delete the stored value, so that the default is in force; returns the parameter as it was before. Idempotent.

    ``seen`` is when the value that the actor was shown was set: a later one is refused. The caller commits. Raises
    ``NotAllowed``, ``NotFound``, and ``Unmet`` if the default contradicts another parameter.
    """
    actor.demand(*EDITORS)
    if name not in BY_NAME:
        raise NotFound
    actor.demand(editor_of(BY_NAME[name].section))
    before = _locked_lines(session, base)
    line = before[name]
    if line.stored is None:
        return line
    if line.stored.changed_at != seen:
        raise Unmet.because(_set_meanwhile(line))
    would_be = _office(before, base, {} if line.pinned else {name: line.one.default})
    if refused := list(contradictions(would_be, [name])):
        raise Unmet(refused)
    _note(session, line, stored_text(line.one.default), actor, at, address)
    session.delete(line.stored)
    _flush(session)
    return line


def contradictions(office: Office, changed: Collection[str]) -> Iterator[Refusal]:
    """Parameters that contradict each other or themselves, if one of them is among ``changed``."""
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
        (
            "letter-number",
            ("letter_number",),
            not numbers_letters(office.letter_number),
            _("The number of letters must hold the year and the running number once each, with no figure beside the latter."),
        ),
    )
    for code, names, wrong, sentence in crossed:
        if wrong and (at_fault := [name for name in names if name in changed]):
            yield Refusal(code, sentence, at_fault[0])


def _locked_lines(session: Session, base: Office) -> dict[str, SettingLine]:
    """As ``lines``, with the stored rows locked until the commit."""
    locked = select(Parameter).with_for_update().execution_options(populate_existing=True)  # read earlier in the request
    session.scalars(locked).all()
    return lines(session, base)


def _office(before: Mapping[str, SettingLine], base: Office, new: Mapping[str, Value]) -> Office:
    """The office as it would be with the new values."""
    values: dict[str, Any] = {name: line.value for name, line in before.items()} | dict(new)
    return replace(base, **values)


def _refusals_of(line: SettingLine, value: Value, seen: Value | None) -> Iterator[Refusal]:
    one = line.one
    if line.pinned:
        locked = _("“%(label)s” is set by the operator and cannot be changed here.", label=one.label)
        yield Refusal("pinned", locked, one.name)
    elif type(value) is not type(one.default) or not one.holds(value):
        yield Refusal("out-of-bounds", _("Please choose a value within %(bounds)s.", bounds=bounds(one)), one.name)
    elif seen != line.value:
        yield _set_meanwhile(line)
    elif isinstance(value, str) and one.name != "support":
        yield from number_refusals({one.name: (one.label, value)})


def _set_meanwhile(line: SettingLine) -> Refusal:
    sentence = _(
        "%(who)s has meanwhile set this to “%(value)s”. Save once more if yours is to count.",
        who=line.stored.changed_by if line.stored else _("Somebody"),
        value=display_value(line.one, line.value),
    )
    return Refusal("set-meanwhile", sentence, line.one.name)


def bounds(one: Adjustable) -> object:
    """The bounds of a parameter, as shown to people."""
    if isinstance(one.default, Term | Positions):
        words = Position if isinstance(one.default, Positions) else type(one.default)
        return "、".join(str(term) for term in words)
    if isinstance(one.default, str):
        return _("%(least)s to %(most)s characters", least=one.least, most=one.most)
    return _("%(least)s to %(most)s", least=f"{one.least // one.scale}", most=display_value(one, one.most))


def _note(session: Session, line: SettingLine, after: str, actor: Actor, at: datetime, address: str) -> None:
    was = line.stored.value if line.unreadable and line.stored else stored_text(line.value)
    session.add(PastParameter(name=line.one.name, value=stored_text(line.value), until=at))
    audit.log(
        session, actor.name, AuditAction.CHANGE, Parameter, line.one.name, {"value": [was, after]}, at=at, address=address
    )


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:  # somebody else inserted the same parameter meanwhile
        raise Stale from error
