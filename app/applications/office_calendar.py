"""The office's calendar: days off and make-up working days; changing it moves the running deadlines.

Only the administrator changes it; changes are in the audit log. A year is imported whole or not at all. Every change
recomputes the running deadlines in the same transaction and returns how many moved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, and_, case, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.office_settings import calendar_of
from app.core.errors import NotFound, Refusal, Stale, Unmet
from app.core.vocabulary import AuditAction, Role, RowOutcome, State
from app.db import audit
from app.files.row_preview import PreviewRow, preview_of
from app.files.spreadsheets import (
    CellError,
    Column,
    Kind,
    Layout,
    SheetLine,
    at_most,
    cell_text,
    limit_errors,
    read_lines,
    write,
)
from app.models import Application, CalendarDay

FIRST_YEAR, LAST_YEAR = 2000, 2099
LONGEST_NAME = 40
MOST_ROWS = 800  # two years, every day of them


@dataclass(frozen=True, slots=True, order=True)
class DayEntry:
    """One day of the calendar: off, or worked to make up for a day off."""

    day: date
    working: bool
    name: str = ""


# --- as announced by the State Council ----------------------------------------------------------------

# year: the document, (holiday, first and last day off), (make-up working days, for which holiday)
Announced = tuple[str, tuple[tuple[str, str, str], ...], tuple[tuple[str, str], ...]]
OFFICIAL_HOLIDAYS: dict[int, Announced] = {
    2025: (
        "国务院办公厅关于2025年部分节假日安排的通知（国办发明电〔2024〕12号，2024年11月12日）",
        (
            ("元旦", "01-01", "01-01"),
            ("春节", "01-28", "02-04"),
            ("清明节", "04-04", "04-06"),
            ("劳动节", "05-01", "05-05"),
            ("端午节", "05-31", "06-02"),
            ("国庆节、中秋节", "10-01", "10-08"),
        ),
        (("01-26", "春节"), ("02-08", "春节"), ("04-27", "劳动节"), ("09-28", "国庆节、中秋节"), ("10-11", "国庆节、中秋节")),
    ),
    2026: (
        "国务院办公厅关于2026年部分节假日安排的通知（2025年11月4日）",
        (
            ("元旦", "01-01", "01-03"),
            ("春节", "02-15", "02-23"),
            ("清明节", "04-04", "04-06"),
            ("劳动节", "05-01", "05-05"),
            ("端午节", "06-19", "06-21"),
            ("中秋节", "09-25", "09-27"),
            ("国庆节", "10-01", "10-07"),
        ),
        (
            ("01-04", "元旦"),
            ("02-14", "春节"),
            ("02-28", "春节"),
            ("05-09", "劳动节"),
            ("09-20", "国庆节"),
            ("10-10", "国庆节"),
        ),
    ),
}


def announced(year: int) -> list[DayEntry]:
    """The days of a year as the State Council announced them; none for a year that is not in this module."""
    if year not in OFFICIAL_HOLIDAYS:
        return []
    _document, holidays, made_up = OFFICIAL_HOLIDAYS[year]
    days = [DayEntry(date.fromisoformat(f"{year}-{day}"), True, name) for day, name in made_up]
    for name, first, last in holidays:
        start, end = date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year}-{last}")
        days += [DayEntry(start + timedelta(days=n), False, name) for n in range((end - start).days + 1)]
    return sorted(days)


def seed_calendar(session: Session) -> int:
    """Add the announced years that have no day yet: a year with any day was set by the administrator. How many days."""
    missing = [year for year in OFFICIAL_HOLIDAYS if not _has_days(session, year)]
    days = [day for year in missing for day in announced(year)]
    _write(session, days)
    return len(days)


def _write(session: Session, days: Sequence[DayEntry]) -> None:
    if days:
        session.execute(insert(CalendarDay), [{"day": one.day, "working": one.working, "name": one.name} for one in days])


def _has_days(session: Session, year: int) -> bool:
    return bool(session.scalar(select(exists().where(_within(year)))))


def _within(*years: int) -> ColumnElement[bool]:
    return CalendarDay.day.between(date(min(years), 1, 1), date(max(years), 12, 31))


def unknown_year(session: Session, on: date, from_month: int) -> int | None:
    """A year without days that should have some by now: this one, or from that month on the next one."""
    wanted = [on.year, *([on.year + 1] if on.month >= from_month else [])]
    return next((year for year in wanted if not _has_days(session, year)), None)


def days_of(session: Session, *years: int) -> list[DayEntry]:
    """The days in these years, in order."""
    rows = session.execute(
        select(CalendarDay.day, CalendarDay.working, CalendarDay.name).where(_within(*years)).order_by(CalendarDay.day)
    )
    return [DayEntry(*row) for row in rows if row.day.year in years]


# --- one day ----------------------------------------------------------------------------------------


def set_day(session: Session, one: DayEntry, actor: Actor, *, seen: DayEntry | None = None) -> int:
    """Add or change one day; how many deadlines moved. The caller commits.

    ``seen`` is the day as the actor was shown it: what somebody else has entered since is refused, not overwritten.
    """
    actor.demand(Role.ADMIN)
    if sentence := _fault(one):
        raise Unmet.because(Refusal("bad-day", sentence, field="day"))
    if len(one.name) > LONGEST_NAME:
        sentence = _("At most %(n)s characters fit here.", n=LONGEST_NAME)
        raise Unmet.because(Refusal("name-too-long", sentence, field="name"))
    row = _locked_day(session, one.day)
    if row is None:
        row = CalendarDay(day=one.day)
        session.add(row)
    elif _entry(row) not in (seen, one):
        raise Unmet.because(_set_meanwhile(_entry(row)))
    row.working, row.name = one.working, one.name
    try:
        session.flush()
    except IntegrityError as error:  # somebody else entered the same day at this moment
        raise Stale from error
    return recompute_deadlines(session)


def delete_day(session: Session, day: date, actor: Actor, *, seen: DayEntry | None = None) -> int:
    """Remove a day, which is an ordinary one again; how many deadlines moved. The caller commits. ``seen`` as above."""
    actor.demand(Role.ADMIN)
    row = _locked_day(session, day)
    if row is None:
        raise NotFound
    if _entry(row) != seen:
        raise Unmet.because(_set_meanwhile(_entry(row)))
    session.delete(row)
    session.flush()
    return recompute_deadlines(session)


def day_entry(session: Session, day: date) -> DayEntry | None:
    """What is stored of a day, if it is no ordinary one."""
    row = session.get(CalendarDay, day, populate_existing=True)
    return None if row is None else _entry(row)


def _locked_day(session: Session, day: date) -> CalendarDay | None:
    return session.get(CalendarDay, day, with_for_update=True, populate_existing=True)


def _entry(row: CalendarDay) -> DayEntry:
    return DayEntry(row.day, row.working, row.name)


def _set_meanwhile(one: DayEntry) -> Refusal:
    sentence = _(
        "%(day)s is entered as “%(kind)s %(name)s” already. Press the same button once more if yours is to count.",
        day=one.day.isoformat(),
        kind=MADE_UP if one.working else OFF,
        name=one.name,
    )
    return Refusal("set-meanwhile", sentence, field="day")


def _fault(one: DayEntry) -> object:
    """What is wrong with a day; empty if nothing."""
    if not FIRST_YEAR <= one.day.year <= LAST_YEAR:
        return _("Please enter a day between %(first)s and %(last)s.", first=FIRST_YEAR, last=LAST_YEAR)
    if one.working and one.day.weekday() < 5:
        return _("%(day)s is no Saturday or Sunday: it is worked anyway.", day=one.day.isoformat())
    return ""


# --- running deadlines ---------------------------------------------------------------------------------


def recompute_deadlines(session: Session) -> int:
    """Recompute every running deadline of the office by the stored calendar, extensions included; how many moved.

    The day by which a correction is awaited stays as the notice named it. One query and one update, however many cases: a
    deadline follows from its first day and number of days.
    """
    calendar, running = calendar_of(session), (Application.due_on.is_not(None), Application.state != State.RETURNED)
    terms = session.execute(select(Application.due_from, Application.due_days).where(*running).distinct()).all()
    if not terms:
        return 0
    due = case(
        *(
            (and_(Application.due_from == start, Application.due_days == days), calendar.add_working_days(start, days))
            for start, days in terms
            if start is not None and days is not None  # guaranteed by a constraint
        ),
        else_=Application.due_on,
    )
    moved = session.execute(
        update(Application).where(*running, Application.due_on != due).values(due_on=due),
        execution_options={"synchronize_session": False},
    )
    return int(moved.rowcount)  # type: ignore[attr-defined]


# --- import and export of years -------------------------------------------------------------------------------

OFF, MADE_UP = "休", "班"
_KINDS = {OFF: False, "假": False, "放假": False, "休息": False, MADE_UP: True, "上班": True, "补班": True}


def _parse_kind(text: str) -> bool:
    if text not in _KINDS:
        raise ValueError(_("Please write 休 for a day off or 班 for a make-up working day."))
    return _KINDS[text]


CALENDAR_COLUMNS = (
    Column("day", _("Date"), parse=date.fromisoformat, width=14, kind=Kind.DAY),
    Column("working", _("Kind"), parse=_parse_kind, width=8, choices=(OFF, MADE_UP)),
    Column("name", _("Holiday"), parse=at_most(LONGEST_NAME), required=False, width=24),
)


@dataclass(slots=True)
class YearPreview:
    """What an import would change in the years of its days, or the errors of the sheet, cell by cell."""

    errors: list[CellError] = field(default_factory=list)
    days: list[DayEntry] = field(default_factory=list)
    added: list[DayEntry] = field(default_factory=list)
    changed: list[tuple[DayEntry, DayEntry]] = field(default_factory=list)  # before, after
    removed: list[DayEntry] = field(default_factory=list)
    rows: list[PreviewRow] = field(default_factory=list)  # every row as it was read
    layout: Layout = field(default_factory=Layout)

    @property
    def years(self) -> list[int]:
        return sorted({one.day.year for one in self.days})

    @property
    def changes(self) -> list[DayEntry]:
        """All changes as one list: equal only if the calendar has not changed meanwhile."""
        return [*self.added, *(one for pair in self.changed for one in pair), *self.removed]


def year_sheet(days: Iterable[DayEntry]) -> bytes:
    """Days as a workbook that can be edited and imported; without days, the template."""
    rows = [{"day": one.day, "working": MADE_UP if one.working else OFF, "name": one.name} for one in days]
    note = _("One day per row: 休 for a day off, 班 for a Saturday or Sunday that is worked.")
    return write(CALENDAR_COLUMNS, rows, sheet_title=_("Holidays"), note=note, to_fill_in=True)


def read_year(session: Session, data: bytes, actor: Actor) -> YearPreview:
    """The preview: every bad cell, or what would be added, changed and removed. Writes nothing.

    Raises ``SheetRefused`` if the file is no workbook or too large.
    """
    actor.demand(Role.ADMIN)
    table = read_lines(data, CALENDAR_COLUMNS, most_rows=MOST_ROWS)
    lines, errors = list(table.lines), list(table.errors)
    days = {line.number: _day_of(line) for line in lines if line.is_sound}
    known = {one.day: one for one in days_of(session, *{one.day.year for one in days.values()})} if days else {}
    days = {number: _as_stored(one, known.get(one.day)) for number, one in days.items()}
    rows, first = [], dict[date, int]()
    for line in lines:
        day = days.get(line.number)
        faults = _faults(line, day, first) if day else []
        rows.append(preview_of(CALENDAR_COLUMNS, line, _outcome(day, known), faults=faults))
        errors += [*line.errors, *faults]
    if not lines and not errors:
        errors.append(CellError(2, "", _("There is no day in this sheet. Please fill in one day per row.")))
    preview = YearPreview(errors=limit_errors(errors)) if errors else compare(session, list(days.values()))
    preview.rows, preview.layout = rows, table.layout
    return preview


def _day_of(line: SheetLine) -> DayEntry:
    return DayEntry(line.values["day"], line.values["working"], line.values["name"] or "")


def _as_stored(one: DayEntry, stored: DayEntry | None) -> DayEntry:
    """The stored day if the sheet says the same: a cell is read without full width and what cannot be seen."""
    same = stored and (stored.working, cell_text.fold(stored.name)) == (one.working, one.name)
    return stored if stored and same else one


def _faults(line: SheetLine, one: DayEntry, first: dict[date, int]) -> list[CellError]:
    """``first`` has the row of each day so far."""
    sentence, twin = _fault(one), first.setdefault(one.day, line.number)
    if not sentence and twin != line.number:
        sentence = _("This day stands in row %(n)s already.", n=twin)
    return [CellError(line.number, CALENDAR_COLUMNS[0].title, sentence)] if sentence else []


def _outcome(one: DayEntry | None, known: Mapping[date, DayEntry]) -> RowOutcome:
    if one is None:
        return RowOutcome.REFUSED
    before = known.get(one.day)
    return RowOutcome.ADDED if before is None else RowOutcome.UNCHANGED if before == one else RowOutcome.UPDATED


def compare(session: Session, days: Sequence[DayEntry]) -> YearPreview:
    """The changes if their years consisted of exactly these days."""
    preview = YearPreview(days=sorted(days))
    known = {one.day: one for one in days_of(session, *preview.years)}
    for one in preview.days:
        before = known.pop(one.day, None)
        if before is None:
            preview.added.append(one)
        elif before != one:
            preview.changed.append((before, one))
    preview.removed = list(known.values())
    return preview


def import_year(session: Session, seen: YearPreview, actor: Actor, *, at: datetime, digest: str = "") -> int:
    """Apply the preview, or raise ``Stale`` if the calendar changed since. How many deadlines moved. The caller commits.

    ``digest``: of the sheet, for the audit log.
    """
    actor.demand(Role.ADMIN)
    session.execute(select(CalendarDay.day).where(_within(*seen.years)).with_for_update()).all()
    now = compare(session, seen.days)
    if now.changes != seen.changes:
        raise Stale(_("Somebody changed the calendar in the meantime. Please check the file once more."))
    for year in now.years:
        session.execute(delete(CalendarDay).where(_within(year)), execution_options={"synchronize_session": False})
    _write(session, now.days)
    change = {"years": now.years, "added": len(now.added), "changed": len(now.changed), "removed": len(now.removed)}
    change |= {"sha256": digest} if digest else {}
    audit.log(session, actor.name, AuditAction.CHANGE, CalendarDay, "", {"import": change}, at=at)
    return recompute_deadlines(session)
