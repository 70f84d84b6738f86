"""节假日: a year of the office as a picture, days put in and taken out by hand, next year's from a sheet.

Law: what a click or a sheet does to running deadlines is said at once; between check and import the checked days travel
signed, so that what is imported is what was shown.
"""

from calendar import Calendar as Weeks
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any

from flask import current_app, flash, redirect, request, send_file, url_for
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.applications import office_calendar
from app.applications.office_calendar import DayEntry, YearPreview
from app.core.errors import AppError, Stale
from app.core.vocabulary import AuditAction
from app.db.session import db
from app.models import CalendarDay
from app.web import request_context
from app.web.base.fab import BaseView, route
from app.web.forms import AppForm, ChoiceField, DayField, Required, TextField, TextLength, UploadField

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WAITS = 60 * 60  # seconds between the check and the import
FIRST, LAST = office_calendar.FIRST_YEAR, office_calendar.LAST_YEAR


class DayForm(AppForm):
    day = DayField(_("Date"), validators=[Required()])
    kind = ChoiceField(_("Kind"), choices=[("off", _("Day off")), ("on", _("Make-up working day"))])
    name = TextField(_("Holiday"), validators=[TextLength(office_calendar.LONGEST_NAME)])


class CalendarSheetForm(AppForm):
    sheet = UploadField(_("Sheet of holidays"), accept=(".xlsx",), limit_mb=10, needed=True)


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of the picture."""

    day: date
    tone: str  # off | on | rest (an ordinary weekend) | "" (an ordinary working day)
    name: str
    today: bool


@dataclass(frozen=True, slots=True)
class Month:
    name: str
    weeks: list[list[Cell | None]]  # None: a day of the month before or after
    said: list[tuple[str, str, str]]  # (tone, days, holiday), for reading


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
            known = {one.day: one for one in office_calendar.days_of(db.session, chosen.year)}.get(chosen)
            form.kind.data = "on" if (known.working if known else chosen.weekday() >= 5) else "off"
            form.name.data = known.name if known else ""
        return self._page(_year(), form)

    @route("/set", "POST")
    def set(self) -> Response:
        """Write one day down."""
        form = DayForm()
        if not form.validate() or form.day.data is None:
            return self._page(_year(), form, 422)
        one = DayEntry(form.day.data, form.kind.data == "on", (form.name.data or "").strip())
        try:
            moved = office_calendar.set_day(db.session(), one, request_context.current_actor())
            db.session.commit()
        except AppError as no:
            db.session.rollback()
            if no.status != AppError.status:
                raise
            for refusal in no.refusals:
                form[refusal.field or "day"].errors = [refusal.sentence]
            return self._page(one.day.year if FIRST <= one.day.year <= LAST else _year(), form, 422)
        flash(_told(gettext("%(day)s is written down.", day=one.day.isoformat()), moved), "success")
        return redirect(url_for("CalendarView.show", year=one.day.year))

    @route("/remove", "POST")
    def remove(self) -> Response:
        """Make one day an ordinary one again."""
        day = _day(request.form.get("day", "")) or request_context.today()
        moved = office_calendar.delete_day(db.session(), day, request_context.current_actor())
        db.session.commit()
        flash(_told(gettext("%(day)s is an ordinary day again.", day=day.isoformat()), moved), "success")
        return redirect(url_for("CalendarView.show", year=day.year))

    @route("/sheet", "GET", "POST")
    def sheet(self) -> Response:
        """The upload, and after it the dry run."""
        form, preview, ticket = CalendarSheetForm(), None, ""
        if form.validate_on_submit() and form.sheet.data is not None:
            try:
                preview = office_calendar.read_year(
                    db.session(), request_context.uploaded_bytes(form.sheet.data), request_context.current_actor()
                )
            except AppError as no:
                form.sheet.errors = [refusal.sentence for refusal in no.refusals]
            else:
                ticket = _ticket(preview) if preview.changes else ""
        return self._sheet_page(form, preview, ticket)

    @route("/confirm", "POST")
    def confirm(self) -> Response:
        """All of the checked sheet, or nothing."""
        try:
            seen = _redeemed(request.form.get("ticket", ""))
            moved = office_calendar.import_year(db.session(), seen, request_context.current_actor(), at=request_context.now())
            db.session.commit()
        except Stale as no:
            db.session.rollback()
            form = CalendarSheetForm(formdata=None)
            form.sheet.errors = [refusal.sentence for refusal in no.refusals]
            return self._sheet_page(form, None, "")
        years = gettext(", ").join(map(str, seen.years))
        flash(_told(gettext("The days of %(years)s were imported.", years=years), moved), "success")
        return redirect(url_for("CalendarView.show", year=seen.years[-1]))

    @route("/export.xlsx")
    def export(self) -> Response:
        year = _year()
        days = office_calendar.days_of(db.session, year)
        data = office_calendar.year_sheet(days)
        request_context.note_reading(CalendarDay, AuditAction.EXPORT, list="holidays", rows=len(days), year=year)
        name = gettext("Holidays %(year)s", year=year)
        return send_file(BytesIO(data), XLSX, as_attachment=True, download_name=f"{name}.xlsx")

    @route("/template.xlsx")
    def template(self) -> Response:
        name = gettext("Template for importing holidays")
        return send_file(BytesIO(office_calendar.year_sheet([])), XLSX, as_attachment=True, download_name=f"{name}.xlsx")

    def _page(self, year: int, form: DayForm, status: int = 200) -> Response:
        days = office_calendar.days_of(db.session, year)
        known = {one.day for one in days}
        page = self.render_template(
            "almanac/year.html",
            title=gettext("Holidays"),
            year=year,
            years=(year - 1 if year > FIRST else None, year + 1 if year < LAST else None),
            months=months_of(year, days, request_context.today()),
            counts=(sum(not one.working for one in days), sum(one.working for one in days)),
            form=form,
            known=form.day.data in known,
            missing=office_calendar.unknown_year(
                db.session, request_context.today(), request_context.current_office().calendar_month
            ),
            paper=office_calendar.OFFICIAL_HOLIDAYS.get(year, ("",))[0] if days else "",
        )
        return Response(page, status, mimetype="text/html")

    def _sheet_page(self, form: CalendarSheetForm, preview: YearPreview | None, ticket: str) -> Response:
        bad = bool(form.errors) or (preview is not None and bool(preview.errors))
        page = self.render_template(
            "almanac/sheet.html",
            title=gettext("Import holidays"),
            crumbs=[(gettext("Holidays"), url_for("CalendarView.show"))],
            form=form,
            preview=preview,
            lines=_lines(preview) if preview else [],
            kinds=f"{office_calendar.OFF} / {office_calendar.MADE_UP}",
            ticket=ticket,
        )
        return Response(page, 422 if bad else 200, mimetype="text/html")


# --- the picture ----------------------------------------------------------------------------------------


def months_of(year: int, days: Iterable[DayEntry], today: date) -> list[Month]:
    """The year as twelve tables of weeks, Monday first."""
    known = {one.day: one for one in days}
    return [_month(year, number, known, today) for number in range(1, 13)]


def _month(year: int, number: int, known: dict[date, DayEntry], today: date) -> Month:
    def cell(day: date) -> Cell | None:
        if day.month != number:
            return None
        one = known.get(day)
        tone = ("on" if one.working else "off") if one else "rest" if day.weekday() >= 5 else ""
        return Cell(day, tone, one.name if one else "", day == today)

    weeks = [[cell(day) for day in week] for week in Weeks().monthdatescalendar(year, number)]
    said = _runs([one for day, one in sorted(known.items()) if day.month == number])
    return Month(format_date(date(year, number, 1), "LLLL"), weeks, said)


def _runs(days: Sequence[DayEntry]) -> list[tuple[str, str, str]]:
    """Days in words: what follows on each other, of one kind and name, is one line."""
    runs: list[list[DayEntry]] = []
    for one in days:
        last = runs[-1][-1] if runs else None
        if last and (one.day - last.day).days == 1 and (one.working, one.name) == (last.working, last.name):
            runs[-1].append(one)
        else:
            runs.append([one])
    return [
        (
            "on" if run[0].working else "off",
            str(run[0].day.day) if len(run) == 1 else f"{run[0].day.day}–{run[-1].day.day}",
            run[0].name,
        )
        for run in runs
    ]


def _lines(preview: YearPreview) -> list[tuple[str, DayEntry, DayEntry | None]]:
    """What an import does, day by day: ``(tone, day, what stood there before)``."""
    lines: list[tuple[str, DayEntry, DayEntry | None]] = [("added", one, None) for one in preview.added]
    lines += [("changed", after, before) for before, after in preview.changed]
    lines += [("removed", one, None) for one in preview.removed]
    return sorted(lines, key=lambda line: line[1].day)


# --- what is asked and told -----------------------------------------------------------------------------


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST <= day.year <= LAST else None


def _year() -> int:
    text = request.values.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else request_context.today().year
    return min(max(year, FIRST), LAST)


def _told(what: str, moved: int) -> str:
    if not moved:
        return str(gettext("%(what)s No running deadline is touched by it.", what=what))
    return str(gettext("%(what)s %(n)s running deadlines were counted anew and fall on another day.", what=what, n=moved))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="calendar")


def _ticket(preview: YearPreview) -> str:
    """What was checked and what it would do, for this administrator only."""
    return str(
        _signer().dumps(
            [request_context.current_actor().id, _plain(preview.days), [_plain(part) for part in _parts(preview)]]
        )
    )


def _parts(preview: YearPreview) -> tuple[list[DayEntry], list[DayEntry], list[DayEntry], list[DayEntry]]:
    before, after = [pair[0] for pair in preview.changed], [pair[1] for pair in preview.changed]
    return preview.added, before, after, preview.removed


def _plain(days: Iterable[DayEntry]) -> list[list[Any]]:
    return [[one.day.isoformat(), one.working, one.name] for one in days]


def _redeemed(ticket: str) -> YearPreview:
    """The preview that this very administrator was shown within the hour."""
    try:
        holder, days, parts = _signer().loads(ticket, max_age=WAITS)
    except (BadSignature, ValueError):
        holder, days, parts = None, [], []
    if holder is None or holder != request_context.current_actor().id:
        raise Stale(_("The check of this sheet has expired. Please choose the file again and check it once more."))
    added, before, after, removed = ([DayEntry(date.fromisoformat(day), *more) for day, *more in part] for part in parts)
    known = [DayEntry(date.fromisoformat(day), *more) for day, *more in days]
    return YearPreview(days=known, added=added, changed=list(zip(before, after, strict=True)), removed=removed)
