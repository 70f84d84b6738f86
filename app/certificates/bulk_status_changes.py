"""Proposes measures against many certificates by spreadsheet; reviewers only. Another person confirms them.

Rows that do not fit are left out and listed; the others become proposals in one transaction, exactly as they were checked.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.certificates.status_changes import (
    MOST_DOCUMENT_NUMBER,
    MOST_FACTS,
    MeasureDocument,
    Proposal,
    by_numbers,
    must_propose,
    pending_among,
    propose,
    unfit,
)
from app.core.clock import office_day
from app.core.errors import Refusal, Stale, Unmet
from app.core.identifiers import fold_certificate_number, fold_name
from app.core.office import Office
from app.core.spellings import term_parser
from app.core.vocabulary import MEASURES, PUNISHING, AuditAction, CertificateEventKind, MeasureGround, RowOutcome
from app.db import audit
from app.files import spreadsheets
from app.files.row_preview import PreviewRow, preview_of
from app.files.spreadsheets import Answers, Column, Kind, Layout, SheetLine, at_most
from app.models import Certificate, CertificateMeasure

MOST_ERRORS = 20  # named at once where no row can be read
# What officers write besides our labels.
WORDS: Mapping[str, CertificateEventKind] = {
    "暂扣": CertificateEventKind.SUSPENDED,
    "恢复": CertificateEventKind.REINSTATED,
    "暂扣发还": CertificateEventKind.REINSTATED,
    "撤销": CertificateEventKind.REVOKED,
    "吊销": CertificateEventKind.WITHDRAWN,
}
GROUND_WORDS: Mapping[str, MeasureGround] = {
    "事故": MeasureGround.ACCIDENT,
    "负责人未履职": MeasureGround.PRINCIPAL_DUTIES,
    "专职未履职": MeasureGround.OFFICER_DUTIES,
    "已整改": MeasureGround.SET_RIGHT,
    "无责任": MeasureGround.NOT_RESPONSIBLE,
    "欺骗贿赂": MeasureGround.DECEIT,
    "隐瞒虚假": MeasureGround.CONCEALMENT,
    "违规准予": MeasureGround.OFFICIAL_FAULT,
}
KNOWN = "暂扣、恢复、撤销、吊销"
KNOWN_GROUNDS = "、".join(GROUND_WORDS)

COLUMNS = (
    Column("number", _("Certificate number"), parse=at_most(60), width=28, also=spreadsheets.titles.CERTIFICATE_NUMBER),
    Column("name", _("Full name"), parse=at_most(50), width=14, also=spreadsheets.titles.NAME),
    Column("deed", _("Measure"), parse=term_parser(MEASURES, WORDS, KNOWN), width=12, choices=MEASURES),
    Column("ground", _("Ground of the measure"), parse=term_parser(MeasureGround, GROUND_WORDS, KNOWN_GROUNDS), width=18),
    Column("facts", _("Facts"), parse=at_most(MOST_FACTS), width=44),
    Column("evidence", _("Document number"), parse=at_most(MOST_DOCUMENT_NUMBER), width=24),
    Column("last_day", _("Last day of the suspension"), parse=date.fromisoformat, required=False, width=16, kind=Kind.DAY),
)


@dataclass(slots=True)
class StatusChangePlan:
    """What a sheet proposes. ``digest`` covers the file and all its proposals, so that neither changes unnoticed."""

    digest: str
    rows: list[PreviewRow] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    layout: Layout = field(default_factory=Layout)

    @property
    def counts(self) -> list[tuple[CertificateEventKind, int]]:
        found = Counter(proposal.kind for proposal in self.proposals)
        return [(kind, found[kind]) for kind in MEASURES if found[kind]]

    @property
    def final(self) -> int:
        """How many certificates would end permanently."""
        return sum(proposal.kind in PUNISHING for proposal in self.proposals)

    @property
    def left(self) -> list[PreviewRow]:
        """The rows of which nothing is proposed."""
        return [row for row in self.rows if row.outcome is not RowOutcome.ADDED]


def template() -> bytes:
    """An empty sheet to fill in."""
    note = _(
        "Measure: %(known)s. Grounds: %(grounds)s. What is revoked or withdrawn cannot be undone.",
        known=KNOWN,
        grounds=KNOWN_GROUNDS,
    )
    return spreadsheets.write(COLUMNS, (), sheet_title=_("Measures"), note=note, to_fill_in=True)


def plan(
    session: Session,
    data: bytes,
    actor: Actor,
    *,
    document: MeasureDocument | None = None,
    on: date,
    office: Office,
    answers: Answers | None = None,
    lock: bool = False,
) -> StatusChangePlan:
    """The dry run: the result of each row. Writes nothing; a fixed number of queries for all rows.

    ``answers``: texts in place of cells, by row and column key. Raises ``Unmet`` if a column is missing.
    """
    must_propose(actor)
    table = spreadsheets.read_lines(data, COLUMNS, most_rows=office.largest_batch, answers=answers)
    if table.errors:
        raise Unmet([Refusal("bad-cell", _cell(error)) for error in table.errors[:MOST_ERRORS]])
    lines = list(table.lines)
    found = by_numbers(session, [line.values["number"] for line in lines if line.is_sound], actor, lock=lock)
    pending = pending_among(session, [certificate.id for certificate in found.values()])
    planned, first = StatusChangePlan("", layout=table.layout), dict[str, int]()
    for line in lines:
        if line.is_sound:
            _place(planned, line, found, first, document, pending, on, office)
        else:
            planned.rows.append(preview_of(COLUMNS, line, RowOutcome.REFUSED))
    planned.digest = sha256(data + repr(planned.proposals).encode()).hexdigest()
    return planned


def carry_out(
    session: Session,
    data: bytes,
    actor: Actor,
    *,
    document: MeasureDocument | None = None,
    at: datetime,
    office: Office,
    digest: str,
    answers: Answers | None = None,
) -> StatusChangePlan:
    """Propose what was checked: ``Stale`` if the sheet, or a certificate in it, has changed since. The caller commits."""
    planned = plan(session, data, actor, document=document, on=office_day(at), office=office, answers=answers, lock=True)
    if planned.digest != digest:
        raise Stale(_("A certificate in the sheet has changed since it was checked. Please check the sheet once more."))
    if not planned.proposals:
        raise Unmet.because(Refusal("nothing-to-do", _("There is nothing in this sheet that can be done.")))
    propose(session, planned.proposals, actor, at=at, office=office)
    summary = {kind.value: number for kind, number in planned.counts} | {"left": len(planned.left), "sha256": digest}
    audit.log(session, actor.name, AuditAction.CREATE, CertificateMeasure, "", {"measures": summary}, at=at)
    return planned


def _place(
    planned: StatusChangePlan,
    row: SheetLine,
    found: Mapping[str, Certificate],
    first: dict[str, int],
    document: MeasureDocument | None,
    pending: Collection[int],
    on: date,
    office: Office,
) -> None:
    given, number = row.values, fold_certificate_number(row.values["number"])
    certificate, kind = found.get(number), given["deed"]
    refused: object = ""
    if number in first:
        refused = _("This certificate stands in row %(row)s already.", row=first[number])
    elif certificate is None or fold_name(given["name"]).casefold() != certificate.holder.casefold():
        refused = _("No certificate in your region has this number and this name.")
    else:
        term = given["last_day"] if kind is CertificateEventKind.SUSPENDED else None
        proposal = Proposal(certificate.id, kind, given["ground"], given["facts"], given["evidence"], term, document)
        refusals = list(unfit(certificate, proposal, on, office, pending))
        if refusals:
            refused = " ".join(str(refusal.sentence) for refusal in refusals)
        else:
            planned.proposals.append(proposal)
    first.setdefault(number, row.number)
    outcome, reasons = (RowOutcome.REFUSED, [refused]) if refused else (RowOutcome.ADDED, [])
    planned.rows.append(preview_of(COLUMNS, row, outcome, reasons=reasons))


def _cell(error: spreadsheets.CellError) -> object:
    return _("Row %(row)s, %(title)s: %(sentence)s", row=error.row, title=error.title, sentence=error.sentence)
