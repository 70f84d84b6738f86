"""历史考试通过人员: who passed which exam when (R65, R66), one row per person and category.

Once the originals were verified or an application rests on the pass, no sheet changes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.applications.importers.importer import CheckFacts, ImportRun
from app.applications.legacy_import.merge import ADDED, MergeVerdict, RecordMerge
from app.applications.legacy_import.parties import RowRefused
from app.core.vocabulary import ImportKind, PassSource
from app.files.spreadsheets import SheetLine
from app.models import ExamPass, Person


@dataclass(frozen=True, slots=True)
class LegacyPassStatus:
    id: int
    passed_on: date
    settled: bool


class PassMerge(RecordMerge):
    kind = ImportKind.PASSES

    def __init__(self, facts: CheckFacts) -> None:
        super().__init__(facts)
        self.existing: dict[str, LegacyPassStatus] = {}

    def key_of(self, line: SheetLine) -> str:
        return f"{line.values['id_number']}:{line.values['category'].value}"

    def load(self, session: Session, lines: Sequence[SheetLine]) -> None:
        numbers = {line.values["id_number"] for line in lines}
        query = (
            select(
                Person.id_number,
                ExamPass.id,
                ExamPass.category,
                ExamPass.passed_on,
                ExamPass.originals_verified_at,
                ExamPass.used_by_application_id,
            )
            .join(Person, Person.id == ExamPass.person_id)
            .where(Person.id_number_key.in_(numbers), ExamPass.source == PassSource.LEGACY)
            .order_by(ExamPass.passed_on, ExamPass.id)  # the latest of several wins, as for applications
            .with_for_update(of=ExamPass)
        )
        for row in session.execute(query):
            settled = row.originals_verified_at is not None or row.used_by_application_id is not None
            self.existing[f"{row.id_number}:{row.category.value}"] = LegacyPassStatus(row.id, row.passed_on, settled)

    def judge(self, line: SheetLine, key: str) -> MergeVerdict:
        passed_on: date = line.values["passed_on"]
        if passed_on > self.on:
            raise RowRefused(_("The exam was passed on a day that is still to come. Please check the date."))
        sheet, known = {"passed_on": passed_on.isoformat()}, self.existing.get(key)
        if known is None and key in self.records:
            sentence = _("This was taken over before, and name or ID number of the person have been corrected here since.")
            raise RowRefused(sentence)
        firm = self.parties.firm_of(line)
        human = self.parties.human_of(line, firm)
        if known is None:
            verdict = MergeVerdict(line, ADDED, key=key, taken=sheet)
        else:
            verdict = self.compared(line, key, sheet, {"passed_on": known.passed_on.isoformat()}, settled=known.settled)
            verdict.row_id = known.id
        verdict.firm, verdict.human = firm, human
        if human.works_elsewhere(firm):
            verdict.reasons.append(_("On the books this person has another employer, which is kept."))
        return verdict

    def add(self, session: Session, new: Sequence[MergeVerdict], run: ImportRun) -> None:  # noqa: ARG002
        by_pass = {(_person(verdict), verdict.line.values["category"]): verdict for verdict in new}
        rows = [
            {"person_id": person_id, "category": category, "passed_on": verdict.line.values["passed_on"]}
            | {"source": PassSource.LEGACY, "originals_verified_by": "", "identity": _identity(verdict)}
            for (person_id, category), verdict in by_pass.items()
        ]
        session.execute(insert(ExamPass), rows)
        people = {person_id for person_id, _category in by_pass}
        mine = select(ExamPass.id, ExamPass.person_id, ExamPass.category).where(
            ExamPass.person_id.in_(people), ExamPass.source == PassSource.LEGACY
        )
        for row in session.execute(mine.order_by(ExamPass.id)):
            if (row.person_id, row.category) in by_pass:
                by_pass[row.person_id, row.category].row_id = row.id

    def update(self, session: Session, changed: Sequence[MergeVerdict], run: ImportRun) -> None:  # noqa: ARG002
        session.execute(
            update(ExamPass),
            [{"id": verdict.row_id, "passed_on": date.fromisoformat(verdict.changes["passed_on"])} for verdict in changed],
        )


def _identity(verdict: MergeVerdict) -> dict[str, str]:
    assert verdict.human is not None  # noqa: S101 - set by ``judge``
    return {"name": verdict.human.name, "id_number": verdict.human.id_number}


def _person(verdict: MergeVerdict) -> int:
    assert verdict.human is not None  # noqa: S101 - set by ``judge``, with an id by ``write``
    assert verdict.human.id is not None  # noqa: S101
    return verdict.human.id
