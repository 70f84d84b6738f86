"""Scores of an exam: confirmed only if every row is sound, as a draft until it is submitted (上报)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import exams
from app.accounts.access import Actor
from app.applications.importers.dependants import changed_since
from app.applications.importers.importer import (
    CheckedRow,
    CheckFacts,
    Importer,
    ImportRun,
    JsonValues,
    Obstacles,
    SheetCheck,
    Trace,
)
from app.core.errors import NotFound
from app.core.identifiers import fold
from app.core.vocabulary import ImportKind, Role
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import SheetLine
from app.models import ExamSignup, Person, SheetImport


class ScoreImporter(Importer):
    """Exam clerks of the notice's region. Undone while the scores are a draft."""

    kind, columns, whole = ImportKind.SCORES, exams.READ_COLUMNS, True

    def whose(self, session: Session, actor: Actor, about: int | None) -> JsonValues:
        actor.demand(Role.EXAM_CLERK)
        if about is None:
            raise NotFound
        notice = exams.notice_to_score(session, about, actor)
        return {"notice_id": notice.id, "region_code": notice.region_code}

    def begin(self, facts: CheckFacts) -> SheetCheck:
        return _ScoreSheet(facts)

    def undo(self, session: Session, batch: SheetImport, traces: Iterator[Trace], at: datetime) -> JsonValues:
        rows, marks = dict[int, int](), list[exams.ImportedMark]()
        for trace in traces:
            was, now = (exams.mark_of(values.get("score")) for values in (trace.was, trace.now))
            marks.append(exams.ImportedMark(trace.row_id, was, now))
            rows[trace.row_id] = trace.number
        actor = Actor(None, batch.by, frozenset())
        if since := exams.take_back(session, _notice_of(batch), marks, actor, at=at):
            raise Obstacles(changed_since([rows[signup_id] for signup_id in since]))
        return {"changed": len(marks)}

    def known_numbers(
        self,
        session: Session,
        batch: SheetImport,
        rows: Sequence[PreviewRow],
        actor: Actor,  # noqa: ARG002
    ) -> Mapping[int, Sequence[str]]:
        """That of the person with the row's sign-up number."""
        numbers = {row.number: fold(row.text("number")) for row in rows}
        query = select(ExamSignup.number, Person.id_number).join(Person, Person.id == ExamSignup.person_id)
        mine = ExamSignup.notice_id == batch.notice_id, ExamSignup.number.in_(numbers.values())
        known = {row[0]: row[1] for row in session.execute(query.where(*mine))}
        return {row: [known[number]] for row, number in numbers.items() if number in known}


class _ScoreSheet(SheetCheck):
    def __init__(self, facts: CheckFacts) -> None:
        self.at, self.scores = facts.at, exams.ScoreCheck(_notice_of(facts.batch))

    def note(self, lines: Sequence[SheetLine]) -> None:
        self.scores.note(lines)

    def check(self, session: Session, lines: Sequence[SheetLine]) -> list[CheckedRow]:
        return [_verdict(row) for row in self.scores.check(session, lines)]

    def write(self, session: Session, verdicts: Sequence[CheckedRow], run: ImportRun) -> None:
        actor = Actor(None, run.actor, frozenset())
        self.scores.write(session, [row.record for row in verdicts if row.record is not None], actor, at=run.at)

    def warnings(self, session: Session) -> Sequence[object]:
        return self.scores.warnings(session, self.at)


def _verdict(row: exams.ScoreRow) -> CheckedRow:
    if (change := row.change) is None:
        return CheckedRow(row.line, row.preview)
    before, after = ({"score": exams.plain_mark(mark)} for mark in (change.old, change.new))
    return CheckedRow(row.line, row.preview, change, change.signup_id, before, after)


def _notice_of(batch: SheetImport) -> int:
    assert batch.notice_id is not None  # noqa: S101 - as ``whose`` gave it
    return batch.notice_id
