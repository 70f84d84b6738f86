"""The statistics as a report on paper, in the language of the province, whoever asks for it. It names no officer."""

from datetime import date, datetime

from flask_babel import lazy_gettext as _

from app.applications.letters.text import in_chinese, long_day, long_month, section_title
from app.applications.statistics.summary import Period, Summary
from app.applications.statistics.tables import Table, enterprises, matters, months, officers, tables_of
from app.certificates.pdf.letters import Report, ReportTable
from app.core.clock import office_time
from app.core.office import Office

TITLES = {1: _("Monthly statistics"), 3: _("Quarterly statistics"), 12: _("Yearly statistics")}
NUMBERS = {1: _("No. %(month)s of %(year)s"), 3: _("Quarter %(quarter)s of %(year)s"), 12: _("Year %(year)s")}
OTHER_TITLE, OTHER_NUMBER = _("Statistics of several months"), _("%(first)s to %(last)s")
SUBJECT = _("Certification of safety personnel: %(kind)s")
SUMMARY = _(
    "In this period %(filed)s applications were filed and %(decided)s decided, of which %(agreed)s were agreed to, "
    "%(refused)s refused and %(declined)s not accepted; %(lapsed)s were closed for want of correction and %(withdrawn)s "
    "withdrawn."
)
SCOPE = _("Scope: %(region)s; %(matter)s; %(category)s.")
HELD_AT = _("Open cases and certificates are those of %(moment)s.")
MISSING = _("These months were never counted and are missing: %(months)s.")
COUNTED = _("Counted by the system at %(moment)s; months are those of the office’s calendar.")
NO_HOLDINGS = _("Open cases and certificates were not counted while these months ran.")


def length_of(period: Period) -> int:
    """12 of a calendar year, 3 of a quarter, 1 of a month, 0 of any other period."""
    length = len(period.months)
    return length if length in TITLES and (period.first.month - 1) % length == 0 else 0


def number_of(period: Period) -> str:
    """``2026年第11期``, or the quarter, year or months."""
    first = period.first
    values = {"month": first.month, "year": first.year, "quarter": (first.month + 2) // 3}
    if length := length_of(period):
        return in_chinese(NUMBERS[length], **values)
    return in_chinese(OTHER_NUMBER, first=long_month(first), last=long_month(period.last))


def report_of(found: Summary, office: Office, on: date) -> Report:
    """The report as it is drawn, signed on this day."""
    period = found.asked.period
    kind = in_chinese(TITLES.get(length_of(period), OTHER_TITLE))
    left_out = {officers.__name__, enterprises.__name__} | ({months.__name__} if period.first == period.last else set())
    shown = [table for table in tables_of(found) if table.rows and table.name not in left_out]
    return Report(
        issuer=office.issuer,
        title=in_chinese(SUBJECT, kind=kind),
        number=number_of(period),
        sentences=_sentences(found),
        tables=[_on_paper(number, table) for number, table in enumerate(shown, start=1)],
        signed_on=long_day(on),
        foot=in_chinese(COUNTED, moment=_moment(max(found.counted.values()))) if found.counted else "",
    )


def _sentences(found: Summary) -> list[str]:
    _name, filed, decided, agreed, refused, declined, lapsed, withdrawn = matters(found).rows[-1]
    numbers = {"filed": filed, "decided": decided, "agreed": agreed, "refused": refused, "declined": declined}
    said = [in_chinese(SUMMARY, **numbers, lapsed=lapsed, withdrawn=withdrawn), in_chinese(SCOPE, **_scope(found))]
    if found.holdings_at:
        said.append(in_chinese(HELD_AT, moment=_moment(found.holdings_at)))
    else:
        said.append(in_chinese(NO_HOLDINGS))
    if found.missing:
        said.append(in_chinese(MISSING, months="、".join(long_month(month) for month in found.missing)))
    return said


def _scope(found: Summary) -> dict[str, str]:
    asked = found.asked
    return {
        "region": found.named("region", asked.region or found.reach),
        "matter": in_chinese(asked.matter.label if asked.matter else _("every matter")),
        "category": in_chinese(asked.category.label if asked.category else _("every category")),
    }


def _on_paper(number: int, table: Table) -> ReportTable:
    rows = [[cell if isinstance(cell, str) else in_chinese(cell) for cell in row] for row in table.rows]
    note = in_chinese(table.note) if str(table.note) else ""
    title = section_title(number, in_chinese(table.title))
    return ReportTable(title, [in_chinese(head) for head in table.heads], rows, note, table.is_total)


def _moment(moment: datetime) -> str:
    return f"{office_time(moment):%Y-%m-%d %H:%M}"
