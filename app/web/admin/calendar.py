"""节假日: the office's calendar as a year of months, single days edited, whole years imported from a sheet.

Every change reports how many running deadlines it moved; what is imported is what the preview showed.
"""

import json
from calendar import Calendar as Weeks
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications import office_calendar
from app.applications.office_calendar import DayEntry, YearPreview
from app.core.errors import AppError, Stale, Unmet
from app.core.vocabulary import AuditAction
from app.db.session import db
from app.models import CalendarDay
from app.web import request_context
from app.web.base.fab import BaseView, route
from app.web.base.sheet_results import ReadSheet, offer, offer_next
from app.web.base.staged_upload import StagedUpload, remove
from app.web.base.workbook import send_workbook
from app.web.forms import SHEETS, AppForm, ChoiceField, DayField, Required, TextField, TextLength, UploadField

UPLOAD = StagedUpload("calendar")
FIRST, LAST = office_calendar.FIRST_YEAR, office_calendar.LAST_YEAR


class DayForm(AppForm):
    day = DayField(_("Date"), validators=[Required()])
    kind = ChoiceField(_("Kind"), choices=[("off", _("Day off")), ("on", _("Make-up working day"))])
    name = TextField(_("Holiday"), validators=[TextLength(office_calendar.LONGEST_NAME)])


class CalendarSheetForm(AppForm):
    sheet = UploadField(_("Sheet of holidays"), accept=SHEETS, limit_mb=10, needed=True)


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a month's table."""

    day: date
    tone: str  # off | on | rest (an ordinary weekend) | "" (an ordinary working day)
    name: str
    today: bool


@dataclass(frozen=True, slots=True)
class Month:
    name: str
    weeks: list[list[Cell | None]]  # None: a day of the month before or after
    runs: list[tuple[str, str, str]]  # (tone, days, holiday), as text


class CalendarView(BaseView):
    """The office's calendar, for the administrator."""

    route_base = "/calendar"
    class_permission_name = "Calendar"
    default_view = "show"

    @route("/")
    def show(self) -> Response:
        form = DayForm(formdata=None)
        chosen = _day(request.args.get("day", ""))
        if chosen is not None:
            form.day.data = chosen
            entry = {entry.day: entry for entry in office_calendar.days_of(db.session, chosen.year)}.get(chosen)
            form.kind.data = "on" if (entry.working if entry else chosen.weekday() >= 5) else "off"
            form.name.data = entry.name if entry else ""
        return self._page(_year(), form)

    @route("/set", "POST")
    def set(self) -> Response:
        form = DayForm()
        if not form.validate() or form.day.data is None:
            return self._page(_year(), form, 422)
        entry = DayEntry(form.day.data, form.kind.data == "on", (form.name.data or "").strip())
        try:
            moved = office_calendar.set_day(db.session(), entry, request_context.current_actor(), seen=_seen(entry.day))
            db.session.commit()
        except AppError as error:
            return self._refused(form, error)
        flash(_with_effect(gettext("%(day)s is written down.", day=entry.day.isoformat()), moved), "success")
        return redirect(url_for("CalendarView.show", year=entry.day.year))

    @route("/remove", "POST")
    def remove(self) -> Response:
        form, day = DayForm(), _day(request.form.get("day", "")) or request_context.today()
        try:
            moved = office_calendar.delete_day(db.session(), day, request_context.current_actor(), seen=_seen(day))
            db.session.commit()
        except AppError as error:
            return self._refused(form, error)
        flash(_with_effect(gettext("%(day)s is an ordinary day again.", day=day.isoformat()), moved), "success")
        return redirect(url_for("CalendarView.show", year=day.year))

    def _refused(self, form: DayForm, error: AppError) -> Response:
        """The page with what was typed and the reason; the day as it is stored now counts as seen from here on."""
        db.session.rollback()
        if error.status not in (Unmet.status, Stale.status):
            raise error
        for refusal in error.refusals:
            form[refusal.field or "day"].errors = [refusal.sentence]
        day = form.day.data
        return self._page(day.year if day and FIRST <= day.year <= LAST else _year(), form, error.status)

    @route("/sheet", "GET", "POST")
    def sheet(self) -> Response:
        """The upload form; after an upload, the preview."""
        form, data, preview, ticket = CalendarSheetForm(), b"", None, ""
        if form.validate_on_submit() and form.sheet.data is not None:
            data = request_context.uploaded_bytes(form.sheet.data)
            try:
                preview = office_calendar.read_year(db.session(), data, request_context.current_actor())
            except AppError as error:
                form.sheet.errors = [refusal.sentence for refusal in error.refusals]
            else:
                ticket = UPLOAD.stage(data, note=_plain(preview)) if preview.changes else ""
        return self._sheet_page(form, preview, ticket, data)

    @route("/confirm", "POST")
    def confirm(self) -> Response:
        """Imports the whole sheet or nothing."""
        try:
            file, session, actor = UPLOAD.staged(), db.session(), request_context.current_actor()
            seen, now = _preview(file.note), office_calendar.read_year(session, file.data, actor)
            moved = office_calendar.import_year(session, seen, actor, at=request_context.office_now(), digest=file.digest)
            session.commit()
        except Stale as error:
            db.session.rollback()
            form = CalendarSheetForm(formdata=None)
            form.sheet.errors = [refusal.sentence for refusal in error.refusals]
            return self._sheet_page(form, None, "")
        remove(file)
        years = gettext(", ").join(map(str, seen.years))
        flash(_with_effect(gettext("The days of %(years)s were imported.", years=years), moved), "success")
        offer_next(_sheet(file.data, now))
        return redirect(url_for("CalendarView.show", year=seen.years[-1]))

    @route("/export.xlsx")
    def export(self) -> Response:
        year = _year()
        days = office_calendar.days_of(db.session, year)
        request_context.note_reading(CalendarDay, AuditAction.EXPORT, list="holidays", rows=len(days), year=year)
        return send_workbook(office_calendar.year_sheet(days), gettext("Holidays %(year)s", year=year))

    @route("/template.xlsx")
    def template(self) -> Response:
        return send_workbook(office_calendar.year_sheet([]), gettext("Template for importing holidays"))

    def _page(self, year: int, form: DayForm, status: int = 200) -> Response:
        days = office_calendar.days_of(db.session, year)
        known = {entry.day: entry for entry in days}
        return self.rendered(
            "admin/calendar.html",
            status,
            title=gettext("Holidays"),
            year=year,
            years=(year - 1 if year > FIRST else None, year + 1 if year < LAST else None),
            months=months_of(year, days, request_context.today()),
            counts=(sum(not entry.working for entry in days), sum(entry.working for entry in days)),
            form=form,
            known=_text(known.get(form.day.data or date.min)),
            missing=office_calendar.unknown_year(
                db.session, request_context.today(), request_context.current_office().calendar_month
            ),
            paper=office_calendar.OFFICIAL_HOLIDAYS.get(year, ("",))[0] if days else "",
        )

    def _sheet_page(self, form: CalendarSheetForm, preview: YearPreview | None, ticket: str, data: bytes = b"") -> Response:
        has_errors = bool(form.errors) or (preview is not None and bool(preview.errors))
        return self.rendered(
            "admin/calendar_sheet.html",
            422 if has_errors else 200,
            title=gettext("Import holidays"),
            crumbs=[(gettext("Holidays"), url_for("CalendarView.show"))],
            form=form,
            preview=preview,
            lines=_changes(preview) if preview else [],
            kinds=f"{office_calendar.OFF} / {office_calendar.MADE_UP}",
            ticket=ticket,
            results=offer(_sheet(data, preview)) if preview else None,
        )


def _sheet(data: bytes, preview: YearPreview) -> ReadSheet:
    return ReadSheet(data, office_calendar.CALENDAR_COLUMNS, preview.layout, preview.rows, None, "calendar_day")


def months_of(year: int, days: Iterable[DayEntry], today: date) -> list[Month]:
    """The year as twelve tables of weeks, Monday first."""
    known = {entry.day: entry for entry in days}
    return [_month(year, number, known, today) for number in range(1, 13)]


def _month(year: int, number: int, known: dict[date, DayEntry], today: date) -> Month:
    def cell(day: date) -> Cell | None:
        if day.month != number:
            return None
        entry = known.get(day)
        tone = ("on" if entry.working else "off") if entry else "rest" if day.weekday() >= 5 else ""
        return Cell(day, tone, entry.name if entry else "", day == today)

    weeks = [[cell(day) for day in week] for week in Weeks().monthdatescalendar(year, number)]
    runs = _runs([entry for day, entry in sorted(known.items()) if day.month == number])
    return Month(format_date(date(year, number, 1), "LLLL"), weeks, runs)


def _runs(days: Sequence[DayEntry]) -> list[tuple[str, str, str]]:
    """Consecutive days of one kind and name as one ``(tone, days, holiday)``."""
    runs: list[list[DayEntry]] = []
    for entry in days:
        last = runs[-1][-1] if runs else None
        if last and (entry.day - last.day).days == 1 and (entry.working, entry.name) == (last.working, last.name):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return [
        (
            "on" if run[0].working else "off",
            str(run[0].day.day) if len(run) == 1 else f"{run[0].day.day}–{run[-1].day.day}",
            run[0].name,
        )
        for run in runs
    ]


def _changes(preview: YearPreview) -> list[tuple[str, DayEntry, DayEntry | None]]:
    """What an import does, day by day: ``(tone, entry, previous entry)``."""
    lines: list[tuple[str, DayEntry, DayEntry | None]] = [("added", one, None) for one in preview.added]
    lines += [("changed", after, before) for before, after in preview.changed]
    lines += [("removed", one, None) for one in preview.removed]
    return sorted(lines, key=lambda line: line[1].day)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST <= day.year <= LAST else None


def _text(entry: DayEntry | None) -> str:
    """A day as the form carries it; ``_seen`` reads it back."""
    return json.dumps(_row(entry)) if entry else ""


def _seen(day: date) -> DayEntry | None:
    """The stored entry of a day, if it is the one that the form showed."""
    stored = office_calendar.day_entry(db.session(), day)
    return stored if stored and _text(stored) == request.form.get("seen") else None


def _year() -> int:
    text = request.values.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else request_context.today().year
    return min(max(year, FIRST), LAST)


def _with_effect(what: str, moved: int) -> str:
    """The message with the number of deadlines moved."""
    if not moved:
        return str(gettext("%(what)s No running deadline is touched by it.", what=what))
    return str(gettext("%(what)s %(n)s running deadlines were counted anew and fall on another day.", what=what, n=moved))


def _plain(preview: YearPreview) -> list[Any]:
    """The preview in JSON types; ``_preview`` reads it back."""
    before, after = [pair[0] for pair in preview.changed], [pair[1] for pair in preview.changed]
    parts = (preview.days, preview.added, before, after, preview.removed)
    return [[_row(entry) for entry in part] for part in parts]


def _row(entry: DayEntry) -> list[Any]:
    return [entry.day.isoformat(), entry.working, entry.name]


def _preview(plain: list[Any]) -> YearPreview:
    parts = ([DayEntry(date.fromisoformat(day), *rest) for day, *rest in part] for part in plain)
    days, added, before, after, removed = parts
    return YearPreview(days=days, added=added, changed=list(zip(before, after, strict=True)), removed=removed)
