"""Scores: export of the sheet, preview and import of the filled-in one, submission (R58–R62).

An import reads the file again and writes all cells or none; submitted scores are final.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.clock import office_day
from app.core.errors import Refusal, Stale, Unmet
from app.core.identifiers import fold, fold_name
from app.core.vocabulary import SCORED, AuditAction, PassSource, RowOutcome, SignupState
from app.db.audit.log import log
from app.db.session import Choice
from app.eligibility.rules import ban_sentence
from app.exams.identity import identity_refusals
from app.exams.locking import as_exam_clerk, lock_notice, log_signups, notice_in_reach
from app.exams.notice_states import must_be_published, must_not_be_final
from app.files.row_preview import PreviewRow, preview_of
from app.files.spreadsheets import Answers, CellError, Column, Kind, Layout, SheetLine, read_lines, titles, write
from app.models import Enterprise, ExamNotice, ExamPass, ExamSignup, Person

MOST_ERRORS = 500  # listed at most
MOST_NAMES = 10
_TWO_PLACES = Decimal("0.01")

Mark = Decimal | SignupState | None  # a score, ``SignupState.ABSENT``, or nothing yet


def parse_mark(text: str) -> Decimal | SignupState:
    """A score from 0 to 100 with at most two decimals, or ``ABSENT`` for 缺考, absent and the label in the exported sheet."""
    if text.casefold() in {"缺考", "absent", str(SignupState.ABSENT).casefold()}:
        return SignupState.ABSENT
    if not re.fullmatch(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?", text):
        raise ValueError(
            _("“%(text)s” is not a score. Please type a number from 0 to 100, or 缺考 (absent).", text=text[:20])
        )
    score = Decimal(text)
    if not 0 <= score <= 100:
        raise ValueError(_("The score %(score)s does not lie between 0 and 100.", score=text[:20]))
    if score != score.quantize(_TWO_PLACES):
        raise ValueError(_("The score %(score)s has more than two decimals.", score=text[:20]))
    return abs(score.quantize(_TWO_PLACES))  # abs: there is a minus zero


def parse_verdict(text: str) -> bool:
    """Whether the cell means passed. Absent means not passed."""
    word = text.casefold()
    if word in {"合格", "是", "passed", "pass", "yes", str(SignupState.PASSED).casefold()}:
        return True
    failed = (SignupState.FAILED, SignupState.ABSENT)
    if word in {"不合格", "否", "缺考", "failed", "fail", "no", "absent", *(str(state).casefold() for state in failed)}:
        return False
    raise ValueError(
        _("“%(text)s” is neither 合格 (passed) nor 不合格 (failed). You may leave this cell empty.", text=text[:20])
    )


SCORE_COLUMNS = (
    Column("serial", _("No."), required=False, width=6, kind=Kind.NUMBER, locked=True),
    Column("number", _("Sign-up number"), parse=fold, width=26, also=titles.SIGNUP_NUMBER, locked=True),
    Column("name", _("Full name"), parse=fold_name, width=12, also=titles.NAME, locked=True),
    Column("sex", _("Sex"), required=False, width=6),
    Column("id_number", _("ID number"), parse=fold, numbers=True, width=22, also=titles.ID_NUMBER, locked=True),
    Column("enterprise", _("Enterprise name"), required=False, width=32),
    Column("uscc", _("Unified social credit code"), required=False, numbers=True, width=22),
    Column("category", _("Category"), required=False, width=8),
    Column("position", _("Position"), required=False, width=18),
    Column("mobile", _("Mobile number"), required=False, numbers=True, width=14),
    Column("state", _("Review state"), required=False, width=14),
    Column("score", _("Score"), parse=parse_mark, required=False, width=10, kind=Kind.NUMBER, also=titles.SCORE),
    Column(
        *("verdict", _("Passed or not")),
        parse=parse_verdict,
        required=False,
        width=10,
        also=titles.VERDICT,
        choices=(SignupState.PASSED, SignupState.FAILED),
    ),
    Column("remark", _("Remarks"), required=False, width=24),
)
_COLUMN = {column.key: column for column in SCORE_COLUMNS}
READ_COLUMNS = tuple(_COLUMN[key] for key in ("number", "name", "id_number", "score", "verdict"))


class ScoreChange(NamedTuple):
    """A mark that an import writes; ``old`` is None if there was none."""

    signup_id: int
    number: str
    name: str
    old: Mark
    new: Mark


@dataclass(slots=True)
class ScorePreview:
    """The effect of importing the file with this ``digest``, or its errors.

    ``counts``: ``rows`` with content and readable; of these ``scored``, ``absent`` and ``empty`` (skipped); of the marks
    ``unchanged`` and ``changed`` (had another mark before); ``missing`` admitted people who are not in the sheet.
    """

    digest: str
    errors: list[CellError] = field(default_factory=list)
    warnings: list[object] = field(default_factory=list)
    changes: list[ScoreChange] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    rows: list[PreviewRow] = field(default_factory=list)  # every row as it was read
    layout: Layout = field(default_factory=Layout)


class _Entrant(NamedTuple):
    """A stored sign-up of the notice."""

    id: int
    number: str
    state: SignupState
    score: Decimal | None
    absent: bool
    name: str
    id_number: str

    @property
    def mark(self) -> Mark:
        return SignupState.ABSENT if self.absent else self.score


# --- export -------------------------------------------------------------------------------------------

_SHEET_COLUMNS = (
    *(ExamSignup.number, ExamSignup.category, ExamSignup.state, ExamSignup.score, ExamSignup.absent),
    *(ExamSignup.reason.label("remark"), Person.name, Person.sex, Person.id_number, Person.position, Person.mobile),
    *(Enterprise.name.label("enterprise"), Enterprise.uscc),
)


def signup_sheet(session: Session, notice_id: int, actor: Actor, *, at: datetime) -> tuple[str, bytes, Mapping[str, Any]]:
    """导出报名明细 (R58): file name, workbook with every submitted sign-up and full ID numbers, and what to log of it.

    Only reads: drawing takes long. The caller logs the export before sending the file.

    是否合格 stays empty until the scores are final, so that a corrected score does not contradict an old result.
    """
    clerk = as_exam_clerk(actor)
    notice = notice_in_reach(session, notice_id, clerk)
    listed = (
        sa.select(*_SHEET_COLUMNS)
        .join(Person, Person.id == ExamSignup.person_id)
        .join(Enterprise, Enterprise.id == ExamSignup.enterprise_id)
        .where(ExamSignup.notice_id == notice_id, reach(clerk, ExamSignup))
        .order_by(ExamSignup.id)
        .execution_options(yield_per=1_000)  # rows in memory
    )
    serials = count(1)  # asked after each row, and so never for one that is not there
    rows = (_cells(next(serials), row) for row in session.execute(listed))
    hint = _(
        "Fill in the column Score (0 to 100, or 缺考 for absent), leave the sign-up numbers alone, then import this file."
    )
    data = write(SCORE_COLUMNS, rows, sheet_title=_("Sign-up details"), note=hint, to_fill_in=True)
    title = re.sub(r'[\s\\/:*?"<>|\x00-\x1f]+', " ", notice.title).strip(" .")
    summary = {"rows": next(serials) - 1, "sha256": sha256(data).hexdigest()}
    what = _("Sign-up details")
    return f"{title}-{what}-{office_day(at):%Y%m%d}.xlsx", data, summary


def _cells(serial: int, row: Any) -> Mapping[str, object]:
    return {
        "serial": serial,
        **row._mapping,
        "category": row.category.value,
        "score": SignupState.ABSENT if row.absent else row.score,
        "verdict": row.state if row.state in SCORED else None,
    }


# --- import --------------------------------------------------------------------------------------------


def read_scores(
    session: Session, notice_id: int, data: bytes, actor: Actor, *, at: datetime, answers: Answers | None = None
) -> ScorePreview:
    """导入成绩, the dry run: every bad cell by row and column, and what would change. Writes nothing.

    ``answers``: texts in place of cells, by row and column key. Raises ``SheetRefused`` for a file that is no workbook,
    ``Stale`` once the scores are final.
    """
    return _preview(session, notice_in_reach(session, notice_id, as_exam_clerk(actor)), data, at, answers)


def import_scores(
    session: Session, notice_id: int, data: bytes, actor: Actor, *, at: datetime, digest: str, answers: Answers | None = None
) -> ScorePreview:
    """导入成绩 (R61), all or nothing; may be repeated until the scores are submitted. An empty cell leaves a mark as it is.

    ``digest`` is that of the preview: ``Stale`` if this is another file. ``Unmet`` with every bad cell if there is any.
    """
    clerk = as_exam_clerk(actor)
    notice = lock_notice(session, notice_id, clerk)
    must_be_published(notice)
    preview = _preview(session, notice, data, at, answers)
    if preview.digest != digest:
        raise Stale(_("This is not the file that was checked. Please choose the file again and check it first."))
    if preview.errors:
        raise Unmet([_as_refusal(error) for error in preview.errors])
    if not preview.changes and not preview.counts["unchanged"]:
        raise Unmet.because(Refusal("no-scores", _("The column Score is empty in every row; there is nothing to import.")))
    _write_marks(session, preview.changes)
    lines = [(change.signup_id, {"score": [_plain(change.old), _plain(change.new)]}) for change in preview.changes]
    log_signups(session, lines, actor, at)
    notice.scores_imported_at = at
    summary = {"rows": len(preview.rows), "scores": len(preview.changes), "sha256": preview.digest}
    log(session, actor.name, AuditAction.CHANGE, notice, change={"import": summary}, at=at)
    session.flush()
    return preview


def _write_marks(session: Session, changes: Sequence[ScoreChange]) -> None:
    if not changes:
        return
    table = ExamSignup.__table__
    statement = (
        sa.update(ExamSignup)
        .where(table.c.id == sa.bindparam("signup"), table.c.state == SignupState.ADMITTED)
        .values(score=sa.bindparam("mark"), absent=sa.bindparam("gone"))
    )
    written = session.connection().execute(
        statement,
        [
            {
                "signup": change.signup_id,
                "mark": change.new if isinstance(change.new, Decimal) else None,
                "gone": change.new is SignupState.ABSENT,
            }
            for change in changes
        ],
    )
    if written.rowcount != len(changes):  # sign-ups were written without locking the notice
        raise Stale
    session.expire_all()


def _preview(session: Session, notice: ExamNotice, data: bytes, at: datetime, answers: Answers | None) -> ScorePreview:
    must_not_be_final(notice)
    table = read_lines(data, READ_COLUMNS, answers=answers)
    lines = list(table.lines)
    preview = ScorePreview(sha256(data).hexdigest(), list(table.errors), layout=table.layout)
    entrants = _entrants(session, notice.id)
    elsewhere = _numbers_elsewhere(session, {line.values["number"] for line in lines if line.is_sound} - set(entrants))
    check = _Check(entrants, elsewhere, notice.pass_mark)
    counts = dict.fromkeys(("rows", "scored", "absent", "empty", "unchanged", "changed", "missing"), 0)
    for line in lines:
        faults = list(check.faults(line)) if line.is_sound else []
        preview.errors += [*line.errors, *faults]
        counts["rows"] += line.is_sound
        if not line.is_sound or faults:
            preview.rows.append(preview_of(READ_COLUMNS, line, RowOutcome.REFUSED, faults=faults))
            counts["empty"] += line.is_sound and line.values["score"] is None
            continue
        preview.rows.append(_taken(line, preview, counts, entrants.get(line.values["number"])))
    preview.counts = counts
    _warn(preview, notice, [entrant for entrant in entrants.values() if entrant.number not in check.seen], at)
    preview.errors = _listed(preview.errors)
    return preview


def _taken(line: SheetLine, preview: ScorePreview, counts: dict[str, int], entrant: _Entrant | None) -> PreviewRow:
    """Note what a row without faults does; only one without a mark may belong to nobody."""
    new = line.values["score"]
    if new is None or entrant is None:
        counts["empty"] += 1
        return preview_of(READ_COLUMNS, line, RowOutcome.UNCHANGED)
    counts["absent" if new is SignupState.ABSENT else "scored"] += 1
    stored = {"score": _shown(new)}
    if new == entrant.mark:
        counts["unchanged"] += 1
        return preview_of(READ_COLUMNS, line, RowOutcome.UNCHANGED, stored=stored)
    preview.changes.append(ScoreChange(entrant.id, entrant.number, entrant.name, entrant.mark, new))
    if entrant.mark is None:
        return preview_of(READ_COLUMNS, line, RowOutcome.ADDED, stored=stored)
    counts["changed"] += 1
    return preview_of(READ_COLUMNS, line, RowOutcome.UPDATED, stored=stored, was={"score": _shown(entrant.mark)})


def _shown(mark: Mark) -> str:
    """A mark without trailing zeros."""
    return f"{mark.normalize():f}" if isinstance(mark, Decimal) else str(mark)


@dataclass(slots=True)
class _Check:
    """Checks row after row against the stored sign-ups."""

    entrants: Mapping[str, _Entrant]
    elsewhere: frozenset[str]
    pass_mark: int
    seen: dict[str, int] = field(default_factory=dict)  # sign-up number → row

    def faults(self, row: SheetLine) -> Iterator[CellError]:
        number, mark = row.values["number"], row.values["score"]
        first = self.seen.setdefault(number, row.number)
        if mark is None:  # an empty row is skipped, but must not have a result
            if row.values["verdict"] is not None:
                yield _at(row, "score", _("A result is given without a score. Please fill in the score."))
            return
        if first != row.number:
            yield _at(
                row, "number", _("This sign-up number stands in row %(row)s already. Please keep one of the two.", row=first)
            )
        entrant = self.entrants.get(number)
        if entrant is None:
            yield _at(row, "number", self._unknown(number))
            return
        yield from self._mismatches(row, entrant)
        if entrant.state is not SignupState.ADMITTED:
            sentence = _(
                "%(name)s is not admitted to this exam (%(state)s) and cannot have a score. Please clear the cell.",
                name=entrant.name,
                state=entrant.state.label,
            )
            yield _at(row, "score", sentence)
        passed = isinstance(mark, Decimal) and mark >= self.pass_mark
        if row.values["verdict"] not in (None, passed):
            sentence = _(
                "This does not agree with the score (pass mark: %(mark)s). Correct one of the two, or clear this cell.",
                mark=self.pass_mark,
            )
            yield _at(row, "verdict", sentence)

    def _unknown(self, number: str) -> object:
        if number in self.elsewhere:
            return _("The sign-up number %(number)s belongs to another exam notice.", number=number[:30])
        return _(
            "There is no sign-up with the number %(number)s. Please copy it from the exported sheet.", number=number[:30]
        )

    def _mismatches(self, row: SheetLine, entrant: _Entrant) -> Iterator[CellError]:
        if row.values["name"] != fold_name(entrant.name):
            sentence = _("This sign-up number belongs to %(name)s. Has the row slipped?", name=entrant.name)
            yield _at(row, "name", sentence)
        if row.values["id_number"] != entrant.id_number:
            yield _at(
                row, "id_number", _("This is not the ID number of the person with this sign-up number. Has the row slipped?")
            )


def _at(row: SheetLine, key: str, sentence: object) -> CellError:
    return CellError(row.number, _COLUMN[key].title, sentence)


def _entrants(session: Session, notice_id: int) -> dict[str, _Entrant]:
    """All submitted sign-ups of this notice, by sign-up number."""
    query = (
        sa.select(
            ExamSignup.id,
            ExamSignup.number,
            ExamSignup.state,
            ExamSignup.score,
            ExamSignup.absent,
            Person.name,
            Person.id_number,
        )
        .join(Person, Person.id == ExamSignup.person_id)
        .where(ExamSignup.notice_id == notice_id, ExamSignup.state != SignupState.SELECTED)
        .order_by(ExamSignup.id)
    )
    return {row.number: _Entrant(*row) for row in session.execute(query)}


def _numbers_elsewhere(session: Session, numbers: set[str]) -> frozenset[str]:
    """Which of these are sign-up numbers of other notices."""
    return (
        frozenset(session.scalars(sa.select(ExamSignup.number).where(ExamSignup.number.in_(numbers))))
        if numbers
        else frozenset()
    )


def _warn(preview: ScorePreview, notice: ExamNotice, unseen: list[_Entrant], at: datetime) -> None:
    if office_day(at) < notice.exam_on:
        preview.warnings.append(_("The exam is on %(day)s: it has not taken place yet.", day=f"{notice.exam_on:%Y-%m-%d}"))
    missing = [entrant for entrant in unseen if entrant.state is SignupState.ADMITTED]
    if missing and not preview.errors:  # an unreadable row is not a missing one
        preview.counts["missing"] = len(missing)
        preview.warnings.append(
            _(
                "%(n)s admitted people are not in this sheet (%(names)s). Their scores can be imported later.",
                n=len(missing),
                names=_names([entrant.name for entrant in missing]),
            )
        )


def _names(names: Sequence[str]) -> str:
    return "、".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")


def _listed(errors: list[CellError]) -> list[CellError]:
    errors = sorted(errors, key=lambda error: error.row)
    if len(errors) <= MOST_ERRORS + 1:  # the reading itself may have added such a last line
        return errors
    more = _(
        "%(n)s more cells have to be put right; only the first %(most)s are listed.",
        n=len(errors) - MOST_ERRORS,
        most=MOST_ERRORS,
    )
    return [*errors[:MOST_ERRORS], CellError(errors[MOST_ERRORS].row, "", more)]


def _as_refusal(error: CellError) -> Refusal:
    sentence = _("Row %(row)s, %(title)s: %(sentence)s", row=error.row, title=error.title, sentence=error.sentence)
    return Refusal("bad-cell", sentence)


def _plain(mark: Mark) -> str | None:
    """The mark as stored in the audit log."""
    return mark.value if isinstance(mark, SignupState) else None if mark is None else str(mark)


# --- submission -----------------------------------------------------------------------------------------


def submit_scores(session: Session, notice_id: int, actor: Actor, *, at: datetime) -> int:
    """上报 (R62): make the scores final and write the pass list; returns how many passed.

    ``Stale`` if they are final already; ``Unmet`` with everything that is missing.
    """
    clerk = as_exam_clerk(actor)
    notice = lock_notice(session, notice_id, clerk)
    must_not_be_final(notice)
    must_be_published(notice)
    if refusals := list(_still_open(session, notice, at)):
        raise Unmet(refusals)
    here = (ExamSignup.notice_id == notice_id) & (ExamSignup.state == SignupState.ADMITTED)
    session.execute(
        sa.update(ExamSignup).where(here).values(state=_result(notice.pass_mark)).execution_options(synchronize_session=False)
    )
    passed = _write_pass_list(session, notice)
    notice.scores_submitted_at = at
    summary = {"scores": "final", "pass_mark": notice.pass_mark, "passed": passed}
    log(session, actor.name, AuditAction.CHANGE, notice, change=summary, at=at)
    session.flush()
    session.expire_all()  # the bulk statement did not update loaded objects
    return passed


def _result(pass_mark: int) -> sa.ColumnElement[SignupState]:
    def literal(state: SignupState) -> sa.ColumnElement[SignupState]:
        return sa.literal(state, Choice(SignupState))

    return sa.case(
        (ExamSignup.absent, literal(SignupState.ABSENT)),
        (ExamSignup.score >= pass_mark, literal(SignupState.PASSED)),
        else_=literal(SignupState.FAILED),
    )


def _write_pass_list(session: Session, notice: ExamNotice) -> int:
    """One row for each who passed, dated with the day of the exam (Q8)."""
    passed = sa.select(
        ExamSignup.person_id,
        ExamSignup.category,
        sa.literal(notice.exam_on, sa.Date()),
        sa.literal(PassSource.SYSTEM, Choice(PassSource)),
        ExamSignup.id,
        sa.literal(""),
        ExamSignup.identity,
        Person.region_code,
    )
    passed = passed.join(Person, Person.id == ExamSignup.person_id)
    passed = passed.where(ExamSignup.notice_id == notice.id, ExamSignup.state == SignupState.PASSED).order_by(ExamSignup.id)
    columns = ["person_id", "category", "passed_on", "source", "signup_id", "originals_verified_by", "identity"]
    columns.append("region_code")
    session.execute(sa.insert(ExamPass).from_select(columns, passed))
    return session.scalar(sa.select(sa.func.count()).select_from(passed.subquery())) or 0


def _still_open(session: Session, notice: ExamNotice, at: datetime) -> Iterator[Refusal]:
    if office_day(at) < notice.exam_on:
        sentence = _("The exam is on %(day)s; scores can be submitted from that day on.", day=f"{notice.exam_on:%Y-%m-%d}")
        yield Refusal("before-exam", sentence)
    entrants = list(_entrants(session, notice.id).values())
    waiting = [entrant.name for entrant in entrants if entrant.state is SignupState.SUBMITTED]
    if waiting:
        sentence = _(
            "%(n)s sign-ups still await review (%(names)s). Please review them first.", n=len(waiting), names=_names(waiting)
        )
        yield Refusal("signups-await-review", sentence)
    admitted = [entrant for entrant in entrants if entrant.state is SignupState.ADMITTED]
    unmarked = [entrant.name for entrant in admitted if entrant.mark is None]
    if unmarked:
        sentence = _(
            "%(n)s admitted people have no score yet (%(names)s). Please import a score, or 缺考 (absent), for each of them.",
            n=len(unmarked),
            names=_names(unmarked),
        )
        yield Refusal("scores-missing", sentence)
    here = (ExamSignup.notice_id == notice.id) & (ExamSignup.state == SignupState.ADMITTED)
    for refused in identity_refusals(session, here).values():
        yield from refused
    barred = here & ~ExamSignup.absent & (Person.banned_until > notice.exam_on)
    asked = sa.select(Person.name, Person.banned_until, Person.banned_for).join(ExamSignup, ExamSignup.person_id == Person.id)
    for row in session.execute(asked.where(barred).order_by(ExamSignup.id)):
        sentence = _(
            "%(sentence)s Reject the sign-up in the review, or enter 缺考 (absent).",
            sentence=ban_sentence(row.name, row.banned_until, row.banned_for),
        )
        yield Refusal("banned", sentence)
    if not admitted:
        yield Refusal("nobody-admitted", _("Nobody was admitted to this exam, so there are no scores to submit."))
