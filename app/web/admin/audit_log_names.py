"""Names of the records that lines of the audit log are about, and of those that changed columns refer to.

One statement for a page, whatever stands on it. A record that is gone, or has no name, keeps its number alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, String, cast, literal, select, union_all
from sqlalchemy.orm import Session

from app.core.redaction import mask_numbers
from app.db.session import db
from app.models import (
    Account,
    Application,
    AuditEntry,
    Certificate,
    CertificateMeasure,
    CertificateVersion,
    Discrepancy,
    EmploymentRelease,
    Enterprise,
    ExamNotice,
    ExamNoticeFile,
    ExamPass,
    ExamSignup,
    ExternalIdentity,
    Filing,
    IdentityCorrection,
    Letter,
    Paper,
    Person,
    PrivilegedChange,
    Qualification,
    ScoreCorrection,
    SheetImport,
    StockReason,
)

Record = tuple[str, int | None]  # table and id, None for what has no id
Names = Mapping[Record, str]

_FULL_NAME = Account.last_name.concat(Account.first_name)  # as Account.get_full_name
# By table the id and the name, as few joins away as possible. None holds an ID number or a mobile.
NAMED: Mapping[str, Any] = {
    "ab_user": select(Account.id, _FULL_NAME),
    "application": select(Application.id, Application.number),
    "certificate": select(Certificate.id, Certificate.number),
    "certificate_version": select(CertificateVersion.id, Certificate.number).join(CertificateVersion.certificate),
    "certificate_measure": select(CertificateMeasure.id, CertificateMeasure.document_number),
    "discrepancy": select(Discrepancy.id, Discrepancy.holder),
    "employment_release": select(EmploymentRelease.id, Person.name).join(Person, Person.id == EmploymentRelease.person_id),
    "enterprise": select(Enterprise.id, Enterprise.name),
    "exam_notice": select(ExamNotice.id, ExamNotice.title),
    "exam_notice_file": select(ExamNoticeFile.id, ExamNoticeFile.filename),
    "exam_pass": select(ExamPass.id, Person.name).join(Person, Person.id == ExamPass.person_id),
    "exam_signup": select(ExamSignup.id, ExamSignup.number),
    "filing": select(Filing.id, Filing.number),
    "identity": select(ExternalIdentity.id, ExternalIdentity.label),
    "identity_correction": select(IdentityCorrection.id, IdentityCorrection.old_name),
    "legacy_import": select(SheetImport.id, SheetImport.filename),
    "letter": select(Letter.id, Letter.number),
    "paper": select(Paper.id, Paper.filename),
    "person": select(Person.id, Person.name),
    "privileged_change": select(PrivilegedChange.id, _FULL_NAME).join(Account, Account.id == PrivilegedChange.account_id),
    "qualification": select(Qualification.id, Qualification.number),
    "score_correction": select(ScoreCorrection.id, ExamSignup.number).join(
        ExamSignup, ExamSignup.id == ScoreCorrection.signup_id
    ),
    "stock_reason": select(StockReason.id, StockReason.text),
}


def names_of(session: Session, entries: Iterable[AuditEntry]) -> Names:
    """The names of all records that the lines are about, or that their changes refer to."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        for table, row in (as_record(entry.table, entry.row), *_references(entry)):
            if row is not None and table in NAMED:
                wanted[table].add(row)
    parts = [_named(NAMED[table].subquery(), table, ids) for table, ids in wanted.items()]
    found = session.execute(union_all(*parts)).all() if parts else ()
    return {(table, row): mask_numbers(name) for table, row, name in found if name}


def _named(records: Any, table: str, ids: Collection[int]) -> Select[Any]:
    row_id, name = records.c
    return select(literal(table), row_id, cast(name, String)).where(row_id.in_(ids))


def as_record(table: str, row: object) -> Record:
    """The record of a table by what is logged as its number; None where that is no id."""
    text = str(row)
    return table, int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _references(entry: AuditEntry) -> Sequence[Record]:
    owners = references(entry.table)
    return [
        as_record(owners[name], part)
        for name, value in entry.change.items()
        if name in owners
        for part in (value if isinstance(value, list) else [value])
    ]


@cache
def references(table: str) -> Mapping[str, str]:
    """The columns of a table that hold the id of a named record, and of which table; of details, the person."""
    found = db.metadata.tables.get(table)
    columns = () if found is None else found.columns
    of = {c.name: key.column.table.name for c in columns for key in c.foreign_keys if key.column.name == "id"}
    return {"person": "person", **{name: owner for name, owner in of.items() if owner in NAMED}}
