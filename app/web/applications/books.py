"""台账: the office's books of decisions, certificates and measures, by month, quarter or year.

Each is a list of what became final, in the order in which it did, to be read and exported as it stands here.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

from flask import g
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, and_, select

from app.core.clock import OFFICE_ZONE, add_months, office_day
from app.core.identifiers import mask_id
from app.core.vocabulary import DECIDED, LETTER_OF, TAKEN, Action, MatterKind, State
from app.db.session import db
from app.models import Application, CertificateMeasure, CertificateVersion, Letter
from app.web import request_context
from app.web.applications.review.queues import CaseList
from app.web.base import Link, OpenList, SelInterface, shown
from app.web.base.access_filter import WithinReach
from app.web.base.list_export import ExportedList
from app.web.base.query import Box

MONTHS, QUARTERS, YEARS = 24, 8, 5  # offered, back from today; others can be asked for in the address
_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})|Q([1-4]))?", re.ASCII)
_CLOSING = tuple(
    LETTER_OF[action] for action in (Action.DECLINE, Action.REFUSE_REVIEW, Action.REFUSE_APPROVAL, Action.APPROVE)
)


def days_of(period: str) -> tuple[date, date] | None:
    """The first day of ``2026``, ``2026Q4`` or ``2026-11``, and the day after its last; None for anything else."""
    if (found := _PERIOD.fullmatch(period)) is None or not 1900 <= int(found[1]) <= 2999:
        return None
    month = int(found[2] or 1) if not found[3] else int(found[3]) * 3 - 2
    if not 1 <= month <= 12:
        return None
    first = date(int(found[1]), month, 1)
    return first, add_months(first, 1 if found[2] else 3 if found[3] else 12)


class Periods:
    """The periods offered: months, quarters and years back from today; read anew for each page."""

    def __iter__(self) -> Iterator[tuple[str, object]]:
        month = request_context.today().replace(day=1)
        months = [add_months(month, -n) for n in range(MONTHS)]
        yield from ((f"{day:%Y-%m}", f"{day:%Y-%m}") for day in months)
        quarters = dict.fromkeys((day.year, (day.month + 2) // 3) for day in months)
        yield from ((f"{year}Q{n}", gettext("%(year)s, quarter %(n)s", year=year, n=n)) for year, n in [*quarters][:QUARTERS])
        yield from ((f"{month.year - n}", gettext("year %(year)s", year=month.year - n)) for n in range(YEARS))


def period_box(column: Any) -> Box:
    """The field that limits a register to one period, by the office's days."""

    def within(text: str) -> ColumnElement[bool] | None:
        if (days := days_of(text)) is None:
            return None
        first, after = (datetime.combine(day, time(), OFFICE_ZONE) for day in days)
        return and_(column >= first, column < after)

    return Box("period", _("Period"), "select", within, options=Periods())


class InBook(WithinReach):
    """What became final, within the access scope."""

    name = "In the register"

    def apply(self, query: Any, value: Any) -> Any:
        mine = super().apply(query, value)
        if self.model is CertificateMeasure:
            return mine.filter(CertificateMeasure.state.in_(TAKEN), CertificateMeasure.decided_at.is_not(None))
        return mine.filter(Application.state.in_(DECIDED), Application.closed_at.is_not(None))


class IssuedCertificate(InBook):
    """Approved, and so that a certificate was issued or printed anew."""

    name = "With a certificate"

    def apply(self, query: Any, value: Any) -> Any:
        issued = (Application.state == State.APPROVED, Application.matter != MatterKind.CANCELLATION)
        return super().apply(query, value).filter(*issued)


class DecisionBook(ExportedList, CaseList):
    """决定台账: every decision on an application, favourable or not."""

    route_base = "/books/decisions"
    class_permission_name = "DecisionBook"
    base_permissions = ["can_list", "can_export"]
    base_filters = [["id", InBook, None]]
    list_title = _("Register of decisions")
    list_columns = ["person.name", "matter", "enterprise.name", "letter", "closed_at", "state"]
    sub_columns = {**CaseList.sub_columns, "letter": "acceptance_number", "closed_at": "accepted_at"}
    tabs_column = ""
    order_columns = ["closed_at"]
    base_order = ("closed_at", "desc")
    search_by = {}
    search_columns = ["person.name", "matter"]
    label_columns = {
        **CaseList.label_columns,
        "acceptance_number": _("Acceptance number"),
        "accepted_at": _("Accepted on"),
        "letter": _("Number of the decision"),
        "closed_at": _("Decided on"),
        "state": _("Result"),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boxes.insert(0, period_box(Application.closed_at))

    def rows_loaded(self, rows: Sequence[Application]) -> None:
        """One query for the numbers of the decisions."""
        of = Letter.application_id.in_([row.id for row in rows])
        found = select(Letter.application_id, Letter.number).where(of, Letter.kind.in_(set(_CLOSING))).order_by(Letter.id)
        g.letter_numbers = dict(db.session.execute(found).all())

    def cell(self, column: str, item: Application) -> object | None:
        if column == "letter":
            return str(g.letter_numbers.get(item.id, "")) or shown(None)
        if column == "accepted_at":
            return shown(office_day(item.accepted_at) if item.accepted_at else None)
        return super().cell(column, item)

    def row_links(self, item: Application) -> list[Link]:
        return [self.read_link(item)]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("Nothing was decided yet."), None


class CertificateBook(DecisionBook):
    """发证台账: every certificate that was issued, renewed or printed anew, as it was printed then."""

    route_base = "/books/certificates"
    class_permission_name = "CertificateBook"
    base_filters = [["id", IssuedCertificate, None]]
    list_title = _("Register of certificates issued")
    list_columns = ["printed.name", "printed.number", "printed.enterprise", "printed.valid_from", "letter", "closed_at"]
    sub_columns = {
        "printed.name": "printed.id_number",
        "printed.number": "category",
        "printed.enterprise": "matter",
        "printed.valid_from": "printed.valid_to",
    }
    head_column = "printed.name"
    label_columns = {
        **DecisionBook.label_columns,
        "printed.name": _("Full name"),
        "printed.id_number": _("ID number"),
        "printed.number": _("Certificate number"),
        "printed.enterprise": _("Enterprise as printed"),
        "printed.valid_from": _("Valid from"),
        "printed.valid_to": _("Valid until"),
        "closed_at": _("Issued on"),
    }

    def rows_loaded(self, rows: Sequence[Application]) -> None:
        super().rows_loaded(rows)
        of = CertificateVersion.application_id.in_([row.id for row in rows])
        g.printed = dict(
            db.session.execute(select(CertificateVersion.application_id, CertificateVersion.face).where(of)).all()
        )

    def cell(self, column: str, item: Application) -> object | None:
        if not column.startswith("printed."):
            return super().cell(column, item)
        text = str(g.printed.get(item.id, {}).get(column.removeprefix("printed."), ""))
        return shown(mask_id(text) if column == "printed.id_number" and text else text)

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No certificate was issued yet."), None


class MeasureBook(ExportedList, OpenList):
    """措施台账: every measure that was taken."""

    datamodel = SelInterface(CertificateMeasure)
    route_base = "/books/measures"
    class_permission_name = "MeasureBook"
    base_permissions = ["can_list", "can_export"]
    base_filters = [["id", InBook, None]]
    list_title = _("Register of measures")
    list_columns = ["holder", "kind", "enterprise_name", "document_number", "last_day", "decided_at"]
    sub_columns = {
        "holder": "certificate.number",
        "kind": "ground",
        "last_day": "banned_until",
        "document_number": "proposed_by",
        "decided_at": "decided_by",
    }
    head_column = "holder"
    order_columns = ["decided_at"]
    base_order = ("decided_at", "desc")
    search_columns = ["kind"]
    label_columns = {
        "holder": _("Full name"),
        "certificate.number": _("Certificate number"),
        "kind": _("Measure"),
        "ground": _("Ground of the measure"),
        "enterprise_name": _("Enterprise"),
        "document_number": _("Document number"),
        "proposed_by": _("Proposed by"),
        "last_day": _("Last day of the suspension"),
        "banned_until": _("May not apply before"),
        "decided_at": _("Decided at"),
        "decided_by": _("Decided by"),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boxes.insert(0, period_box(CertificateMeasure.decided_at))

    def row_links(self, item: CertificateMeasure) -> list[Link]:  # noqa: ARG002
        return []

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No measure was taken yet."), None


def register(appbuilder: Any) -> None:
    place = {"category": "Books", "category_label": _("Registers"), "category_icon": "file-text"}
    add = appbuilder.add_view
    add(DecisionBook, "DecisionBooks", label=_("Register of decisions"), icon="list-check", **place)
    add(CertificateBook, "CertificateBooks", label=_("Register of certificates issued"), icon="certificate", **place)
    add(MeasureBook, "MeasureBooks", label=_("Register of measures"), icon="shield-check", **place)
