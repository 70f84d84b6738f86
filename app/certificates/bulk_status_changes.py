"""Suspends, reinstates, revokes or withdraws many certificates by spreadsheet; administrators only.

Rows that do not fit are left out and listed; the others are done in one transaction, exactly as they were checked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.certificates.status_changes import StatusOrder, apply_orders, by_numbers, is_possible
from app.core.clock import office_day
from app.core.errors import Refusal, Stale, Unmet
from app.core.identifiers import fold_certificate_number, fold_name
from app.core.office import Office
from app.core.vocabulary import AuditAction, CertificateEventKind, Role
from app.db import audit
from app.files import spreadsheets
from app.files.spreadsheets import Column, SheetRow, at_most
from app.models import Certificate

FINAL = (CertificateEventKind.REVOKED, CertificateEventKind.WITHDRAWN)
MOST_ERRORS = 20  # named at once where no row can be read
LONGEST_REASON, LONGEST_EVIDENCE = 400, 80  # together they fit into the reason of an event
# What officers write besides our labels.
WORDS: Mapping[str, CertificateEventKind] = {
    "暂扣": CertificateEventKind.SUSPENDED,
    "恢复": CertificateEventKind.REINSTATED,
    "暂扣发还": CertificateEventKind.REINSTATED,
    "撤销": CertificateEventKind.REVOKED,
    "吊销": CertificateEventKind.WITHDRAWN,
}
KNOWN = "暂扣、恢复、撤销、吊销"
MEASURES = (CertificateEventKind.SUSPENDED, CertificateEventKind.REINSTATED, *FINAL)


def _measure(text: str) -> CertificateEventKind:
    wanted = "".join(text.split()).casefold()
    for kind in MEASURES:
        if wanted in ("".join(str(kind).split()).casefold(), kind.value):
            return kind
    if wanted in WORDS:
        return WORDS[wanted]
    raise ValueError(_("“%(text)s” is not on the list: %(known)s.", text=text[:20], known=KNOWN))


COLUMNS = (
    Column("number", _("Certificate number"), parse=at_most(60), width=28),
    Column("name", _("Full name"), parse=at_most(50), width=14),
    Column("deed", _("Measure"), parse=_measure, width=12),
    Column("reason", _("Grounds"), parse=at_most(LONGEST_REASON), width=44),
    Column("evidence", _("Document number"), parse=at_most(LONGEST_EVIDENCE), width=24),
)
RESULT_COLUMNS = (Column("row", _("Row"), text=False, width=8), *COLUMNS[:3], Column("result", _("Result"), width=50))


@dataclass(frozen=True, slots=True)
class StatusChangeLine:
    """The result of one row; ``refused`` is the reason if nothing is done."""

    row: int
    number: str
    name: str
    measure: object
    refused: object = ""


@dataclass(slots=True)
class StatusChangePlan:
    """What a sheet does. ``digest`` covers the file and all its orders, so that neither changes unnoticed."""

    digest: str
    lines: list[StatusChangeLine] = field(default_factory=list)
    orders: list[StatusOrder] = field(default_factory=list)

    @property
    def counts(self) -> list[tuple[CertificateEventKind, int]]:
        found = Counter(order.kind for order in self.orders)
        return [(kind, found[kind]) for kind in MEASURES if found[kind]]

    @property
    def final(self) -> int:
        """How many certificates end permanently."""
        return sum(order.kind in FINAL for order in self.orders)

    @property
    def left(self) -> list[StatusChangeLine]:
        return [line for line in self.lines if line.refused]


def template() -> bytes:
    """An empty sheet to fill in."""
    note = _("Measure: %(known)s. What is revoked or withdrawn cannot be undone.", known=KNOWN)
    return spreadsheets.write(COLUMNS, (), sheet_title=_("Measures"), note=note)


def plan(session: Session, data: bytes, actor: Actor, *, on: date, office: Office, lock: bool = False) -> StatusChangePlan:
    """The dry run: the result of each row. Writes nothing; one query for all rows."""
    actor.demand(Role.ADMIN)
    reading = spreadsheets.read(data, COLUMNS, most_rows=office.largest_batch)
    if reading.errors and not reading.rows:  # above all, a column that is missing
        raise Unmet([Refusal("bad-cell", _cell(error)) for error in reading.errors[:MOST_ERRORS]])
    found = by_numbers(session, [row.values["number"] for row in reading.rows], actor, lock=lock)
    planned, first = StatusChangePlan(""), dict[str, int]()
    for row in reading.rows:
        _place(planned, row, found, first, on)
    planned.lines += [StatusChangeLine(error.row, "", "", "", _cell(error)) for error in reading.errors]
    planned.lines.sort(key=lambda line: line.row)
    planned.digest = sha256(data + repr(planned.orders).encode()).hexdigest()
    return planned


def carry_out(session: Session, data: bytes, actor: Actor, *, at: datetime, office: Office, digest: str) -> StatusChangePlan:
    """Do what was checked: ``Stale`` if the sheet, or a certificate in it, has changed since. The caller commits."""
    planned = plan(session, data, actor, on=office_day(at), office=office, lock=True)
    if planned.digest != digest:
        raise Stale(_("A certificate in the sheet has changed since it was checked. Please check the sheet once more."))
    if not planned.orders:
        raise Unmet.because(Refusal("nothing-to-do", _("There is nothing in this sheet that can be done.")))
    apply_orders(session, planned.orders, actor, at=at, office=office)
    summary = {kind.value: number for kind, number in planned.counts} | {"left": len(planned.left), "sha256": digest}
    audit.log(session, actor.name, AuditAction.CHANGE, Certificate, "", {"measures": summary}, at=at)
    return planned


def result_sheet(planned: StatusChangePlan, *, done: bool) -> bytes:
    """A workbook with the result of each row."""
    success = _("Done") if done else _("Can be done")
    rows = [
        {"row": line.row, "number": line.number, "name": line.name, "deed": line.measure, "result": line.refused or success}
        for line in planned.lines
    ]
    return spreadsheets.write(RESULT_COLUMNS, rows, sheet_title=_("Measures"))


def _place(
    planned: StatusChangePlan, row: SheetRow, found: Mapping[str, Certificate], first: dict[str, int], on: date
) -> None:
    given, number = row.values, fold_certificate_number(row.values["number"])
    certificate, kind = found.get(number), given["deed"]
    refused: object = ""
    if number in first:
        refused = _("This certificate stands in row %(row)s already.", row=first[number])
    elif certificate is None or fold_name(given["name"]).casefold() != certificate.holder.casefold():
        refused = _("No certificate in your region has this number and this name.")
    elif not is_possible(certificate, kind, on):
        refused = _("The certificate is now “%(status)s”; this cannot be done with it.", status=certificate.status_on(on))
    else:
        reason = _("%(reason)s (%(evidence)s)", reason=given["reason"], evidence=given["evidence"])
        planned.orders.append(StatusOrder(certificate.id, kind, str(reason)))
    first.setdefault(number, row.number)
    planned.lines.append(StatusChangeLine(row.number, number, fold_name(given["name"]), kind, refused))


def _cell(error: spreadsheets.CellError) -> object:
    return _("Row %(row)s, %(title)s: %(sentence)s", row=error.row, title=error.title, sentence=error.sentence)


def listed(lines: Sequence[StatusChangeLine], most: int) -> list[StatusChangeLine]:
    """Refused rows first."""
    return sorted(lines, key=lambda line: (not line.refused, line.row))[:most]
