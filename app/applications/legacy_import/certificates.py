"""历史合格人员: paper certificates that the old system issued (R93, R133), without a version or a QR code of ours.

A number is free text and identifies one certificate. Once this system issued a version of it, no sheet changes it. The
status is taken from the sheet that brings a certificate, never from a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from app.applications.importers.importer import CheckFacts, ImportRun, JsonValues
from app.applications.legacy_import.columns import agree, category_in, title_of
from app.applications.legacy_import.merge import ADDED, MergeVerdict, RecordMerge, json_value
from app.applications.legacy_import.parties import RowDoubtful, RowRefused
from app.core.vocabulary import Category, CertificateEventKind, CertificateStatus, ImportKind
from app.files.spreadsheets import SheetLine
from app.models import Certificate, CertificateEvent, CertificateVersion, Enterprise, Person

_DAYS = ("first_issued_on", "issued_on", "valid_from", "valid_to")
_STANDING = ("status", "status_reason")
_COLUMNS = ("category", "enterprise_id", "holder", "printed_enterprise", *_DAYS, "status", "status_reason")


@dataclass(frozen=True, slots=True)
class LegacyCertificateStatus:
    id: int
    id_number: str
    enterprise_id: int
    now: JsonValues
    settled: bool


class CertificateMerge(RecordMerge):
    kind = ImportKind.CERTIFICATES

    def __init__(self, facts: CheckFacts) -> None:
        super().__init__(facts)
        self.existing: dict[str, LegacyCertificateStatus] = {}

    def key_of(self, line: SheetLine) -> str:
        return str(line.values["number"])

    def load(self, session: Session, lines: Sequence[SheetLine]) -> None:
        has_version = exists().where(CertificateVersion.certificate_id == Certificate.id)
        query = (
            select(
                *(getattr(Certificate, name) for name in ("id", "number", *_COLUMNS, "is_electronic")),
                Person.id_number,
                Enterprise.uscc,
                has_version.label("has_version"),
            )
            .join(Person, Person.id == Certificate.person_id)
            .join(Enterprise, Enterprise.id == Certificate.enterprise_id)
            .where(Certificate.number.in_([self.key_of(line) for line in lines]))
            .order_by(Certificate.id)
            .with_for_update(of=Certificate)
        )
        for row in session.execute(query):
            now = {
                "category": row.category.value,
                "uscc": row.uscc,
                "name": row.holder,
                "enterprise": row.printed_enterprise,
                "status": row.status.value,
                "status_reason": row.status_reason,
                **{day: getattr(row, day).isoformat() for day in _DAYS},
            }
            self.existing[row.number] = LegacyCertificateStatus(
                row.id, row.id_number, row.enterprise_id, now, row.is_electronic or row.has_version
            )

    # --- checking -------------------------------------------------------------------------------------------

    def judge(self, line: SheetLine, key: str) -> MergeVerdict:
        known = self.existing.get(key)
        if known is not None and known.id_number != line.values["id_number"]:
            raise RowRefused(_("This number is on record for another person: the ID number differs."))
        terms = self._terms(line)
        firm = self.parties.firm_of(line)
        if firm is None:
            raise RowRefused(_("Please name the enterprise that the certificate belongs to: its credit code, or its name."))
        human = self.parties.human_of(line, firm)
        sheet = {name: json_value(value) for name, value in terms.items()} | {
            "uscc": firm.uscc,
            "name": line.values["name"],
            "enterprise": line.values.get("enterprise") or (known.now["enterprise"] if known else firm.name),
        }
        if known is None:
            verdict = MergeVerdict(line, ADDED, key=key, taken=sheet)
        else:
            given = {name: value for name, value in sheet.items() if line.values.get(name) is not None or name == "uscc"}
            told = {name: given.pop(name) for name in _STANDING if name in given}
            verdict = self.compared(line, key, given, known.now, settled=known.settled)
            verdict.row_id = known.id
            last = self.records[key].values.get("status") if key in self.records else None
            if told.get("status", known.now["status"]) not in (known.now["status"], last):
                verdict.reasons.append(_kept_status(known.now["status"], told["status"]))
            after = {**known.now, **verdict.changes}
            if after["valid_to"] < after["valid_from"]:
                raise RowRefused(_("The last day of validity lies before the first."))
        verdict.firm, verdict.human = firm, human
        if human.works_elsewhere(firm):
            verdict.reasons.append(_("On the books this person has another employer, which is kept."))
        return verdict

    def _terms(self, line: SheetLine) -> dict[str, Any]:
        """Category, days and status of the row, with defaults derived from each other."""
        values = line.values
        issued_on = values["issued_on"] or values["valid_from"] or values["first_issued_on"]
        if issued_on is None:
            raise RowRefused(_("Please give the day of issue or the first day of validity."))
        days = {
            "first_issued_on": values["first_issued_on"] or issued_on,
            "issued_on": issued_on,
            "valid_from": values["valid_from"] or issued_on,
            "valid_to": values["valid_to"],
        }
        if days["valid_to"] < days["valid_from"]:
            raise RowRefused(_("The last day of validity lies before the first."))
        if days["issued_on"] > self.on or days["first_issued_on"] > days["issued_on"]:
            raise RowRefused(_("The days of issue cannot be right: the first one comes first, and none is still to come."))
        category, status = self._category(line), values["status"] or CertificateStatus.VALID
        reason = values["status_reason"] or ""
        if status is CertificateStatus.OTHER and not reason:
            raise RowRefused(_("The status “other” needs a note that says which."))
        if status is CertificateStatus.EXPIRED:  # not stored: computed from the last day
            if days["valid_to"] >= self.on:
                raise RowRefused(_("The status says expired, but the last day of validity is still to come."))
            status = CertificateStatus.VALID
        return {"category": category.value, **days, "status": status.value, "status_reason": reason}

    def _category(self, line: SheetLine) -> Category:
        """By its column, else by the number; where they differ, somebody must have said which of them holds."""
        given, told = line.values["category"], category_in(line.values["number"])
        found: Category | None = given or told
        if found is None:
            raise RowRefused(_("The number does not tell the category. Please fill it in."))
        if told and not agree(found, told) and (line.number, "category") not in self.answered:
            sentence = _("The number says %(told)s, the column says %(given)s.", told=told.value, given=found.value)
            raise RowDoubtful(sentence, "category", found.value, told.value)
        return found

    # --- writing -------------------------------------------------------------------------------------------

    def add(self, session: Session, new: Sequence[MergeVerdict], run: ImportRun) -> None:
        session.execute(insert(Certificate), [{**self._row(verdict), "number": verdict.key} for verdict in new])
        by_number = {verdict.key: verdict for verdict in new}
        for row in session.execute(select(Certificate.id, Certificate.number).where(Certificate.number.in_(by_number))):
            by_number[row.number].row_id = row.id
        self._record(session, new, run, lambda _verdict: "")

    def update(self, session: Session, changed: Sequence[MergeVerdict], run: ImportRun) -> None:
        session.execute(update(Certificate), [{**self._row(verdict), "id": verdict.row_id} for verdict in changed])
        self._record(session, changed, run, self._what_changed)

    def _row(self, verdict: MergeVerdict) -> dict[str, Any]:
        """All columns a sheet can set, so that one statement writes all rows; others keep their values."""
        known = self.existing.get(verdict.key)
        now: JsonValues = {**known.now, **verdict.changes} if known else verdict.taken
        assert verdict.human is not None  # noqa: S101 - set by ``judge``
        assert verdict.firm is not None  # noqa: S101
        row = {
            "category": Category(now["category"]),  # type: ignore[call-arg]
            "holder": now["name"],
            "printed_enterprise": now["enterprise"],
            "status": CertificateStatus(now["status"]),  # type: ignore[call-arg]
            "status_reason": now["status_reason"],
            **{day: date.fromisoformat(now[day]) for day in _DAYS},
        }
        if known is None:
            row |= {"person_id": verdict.human.id, "is_electronic": False}
        moved = known is None or "uscc" in verdict.changes
        return row | {"enterprise_id": verdict.firm.id if moved or known is None else known.enterprise_id}

    def _what_changed(self, verdict: MergeVerdict) -> str:
        fields = "、".join(str(title_of(self.kind, name)) for name in verdict.changes)
        return str(_("Corrected by a later sheet: %(fields)s", fields=fields))[:500]

    def _record(self, session: Session, verdicts: Sequence[MergeVerdict], run: ImportRun, why: Any) -> None:
        common = {
            "actor": run.actor,
            "at": run.at,
            "deed": CertificateEventKind.IMPORTED,
            "actor_id": None,
            "application_id": None,
        }
        rows = []
        for verdict in verdicts:
            known = self.existing.get(verdict.key)
            code = verdict.changes.get("status") or (known.now if known else verdict.taken)["status"]
            status = CertificateStatus(code)  # type: ignore[call-arg]
            rows.append({"certificate_id": verdict.row_id, "status": status, "reason": why(verdict), **common})
        session.execute(insert(CertificateEvent), rows)


def _kept_status(now: str, told: str) -> object:
    """One administrator alone never changes a status, not by a sheet either (domain.md 2.6)."""
    labels = {term.value: term.label for term in CertificateStatus}
    return _(
        "The status stays “%(now)s”, although the sheet says “%(told)s”: it is changed by a measure, which a reviewer "
        "proposes and an approver confirms, or by an application.",
        now=labels[now],
        told=labels[told],
    )
