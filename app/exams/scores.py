"""Scores: export of the sheet, the filled-in one row by row, submission (R58–R62). Submitted scores are final."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from app.core.errors import AppError, Refusal, Stale, Unmet
from app.core.identifiers import fold, fold_name
from app.core.vocabulary import SCORED, AuditAction, PassSource, RowOutcome, SignupState
from app.db.audit.log import log
from app.db.session import Choice
from app.eligibility.rules import ban_sentence
from app.exams.identity import identity_refusals
from app.exams.locking import as_exam_clerk, import_refusals, lock_notice, lock_notices, log_signups, notice_in_reach
from app.exams.notice_states import must_be_published, must_not_be_final
from app.files.row_preview import PreviewRow, preview_of
from app.files.spreadsheets import CellError, Column, Kind, SheetLine, titles, write
from app.models import Enterprise, ExamNotice, ExamPass, ExamSignup, Person

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


class ScoreRow(NamedTuple):
    """What a row of a score sheet does; no ``change``: nothing, or something stands in the way (``preview``)."""

    line: SheetLine
    preview: PreviewRow
    change: ScoreChange | None = None


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


def notice_to_score(session: Session, notice_id: int, actor: Actor) -> ExamNotice:
    """The notice, if the actor may bring scores to it now: ``Stale`` once they are final."""
    notice = notice_in_reach(session, notice_id, as_exam_clerk(actor))
    must_not_be_final(notice)
    must_be_published(notice)
    return notice


class ScoreCheck:
    """导入成绩 (R61): compares a sheet with the sign-ups of a notice, chunk by chunk; a fixed number of queries for each.

    May be repeated until the scores are submitted. An empty cell leaves a mark as it is.
    """

    def __init__(self, notice_id: int) -> None:
        self.notice_id = notice_id
        self._first: dict[str, int] = {}  # sign-up number → row
        self._unread = False  # whether a row may be that of anybody

    def note(self, lines: Iterable[SheetLine]) -> None:
        """Take note of the next rows, once each: a number may stand in one of them only."""
        for line in lines:
            if line.is_sound:
                self._first.setdefault(line.values["number"], line.number)
            else:
                self._unread = True

    def check(self, session: Session, lines: Sequence[SheetLine]) -> list[ScoreRow]:
        """What each row does. Locks the notice, and with it its sign-ups; writes nothing."""
        notice = lock_notices(session, ExamNotice.id == self.notice_id)[self.notice_id]
        if (closed := _closed(notice)) is not None:
            return [ScoreRow(one, preview_of(READ_COLUMNS, one, RowOutcome.REFUSED, reasons=[closed])) for one in lines]
        numbers = {line.values["number"] for line in lines if line.is_sound}
        entrants = _entrants(session, notice.id, ExamSignup.number.in_(numbers))
        rows = _Rows(entrants, _numbers_elsewhere(session, numbers - set(entrants)), notice.pass_mark, self._first)
        return [rows.judged(line) for line in lines]

    def write(self, session: Session, changes: Sequence[ScoreChange], actor: Actor, *, at: datetime) -> None:
        """Write these marks, still as a draft, and log each. The notice is locked since ``check``."""
        if not changes:
            return
        set_marks(session, [(change.signup_id, change.new) for change in changes])
        lines = [(change.signup_id, {"score": [plain_mark(change.old), plain_mark(change.new)]}) for change in changes]
        log_signups(session, lines, actor, at)
        session.get_one(ExamNotice, self.notice_id).scores_imported_at = at
        session.flush()

    def warnings(self, session: Session, at: datetime) -> list[object]:
        """What is odd about the sheet as a whole, once all its rows were noted."""
        notice, found = session.get_one(ExamNotice, self.notice_id), list[object]()
        if office_day(at) < notice.exam_on:
            found.append(_("The exam is on %(day)s: it has not taken place yet.", day=f"{notice.exam_on:%Y-%m-%d}"))
        admitted = sa.select(ExamSignup.number, Person.name).join(Person, Person.id == ExamSignup.person_id)
        admitted = admitted.where(ExamSignup.notice_id == notice.id, ExamSignup.state == SignupState.ADMITTED)
        people = session.execute(admitted.order_by(ExamSignup.id).execution_options(yield_per=1_000))
        missing = [] if self._unread else [row.name for row in people if row.number not in self._first]
        if missing:
            sentence = _(
                "%(n)s admitted people are not in this sheet (%(names)s). Their scores can be imported later.",
                n=len(missing),
                names=_names(missing),
            )
            found.append(sentence)
        return found


def _closed(notice: ExamNotice) -> object | None:
    """Why no score can be brought to this notice now."""
    try:
        must_not_be_final(notice)
        must_be_published(notice)
    except AppError as error:
        return error.sentence
    return None


def set_marks(session: Session, marks: Sequence[tuple[int, Mark]]) -> None:
    """Write marks of admitted sign-ups, whose notice the caller has locked. Raises ``Stale`` if one is no longer admitted."""
    table = ExamSignup.__table__
    statement = (
        sa.update(ExamSignup)
        .where(table.c.id == sa.bindparam("signup"), table.c.state == SignupState.ADMITTED)
        .values(score=sa.bindparam("mark"), absent=sa.bindparam("gone"))
    )
    written = session.connection().execute(
        statement,
        [
            {"signup": signup_id, "mark": mark if isinstance(mark, Decimal) else None, "gone": mark is SignupState.ABSENT}
            for signup_id, mark in marks
        ],
    )
    if written.rowcount != len(marks):  # sign-ups were written without locking the notice
        raise Stale
    session.expire_all()


def plain_mark(mark: Mark) -> str | None:
    """The mark as stored in the audit log and in the record of an import."""
    return mark.value if isinstance(mark, SignupState) else None if mark is None else str(mark)


def mark_of(plain: str | None) -> Mark:
    """The mark that ``plain_mark`` stored."""
    return SignupState.ABSENT if plain == SignupState.ABSENT.value else None if plain is None else Decimal(plain)


def _shown(mark: Mark) -> str:
    """A mark without trailing zeros."""
    return f"{mark.normalize():f}" if isinstance(mark, Decimal) else str(mark)


class _Rows(NamedTuple):
    """Judges the rows of a chunk by the stored sign-ups."""

    entrants: Mapping[str, _Entrant]
    elsewhere: frozenset[str]
    pass_mark: int
    first: Mapping[str, int]  # sign-up number → row

    def judged(self, line: SheetLine) -> ScoreRow:
        faults = list(self._faults(line)) if line.is_sound else []
        if not line.is_sound or faults:
            return ScoreRow(line, preview_of(READ_COLUMNS, line, RowOutcome.REFUSED, faults=faults))
        new, entrant = line.values["score"], self.entrants.get(line.values["number"])
        if new is None or entrant is None:  # only a row without a mark may belong to nobody
            return ScoreRow(line, preview_of(READ_COLUMNS, line, RowOutcome.UNCHANGED))
        stored = {"score": _shown(new)}
        if new == entrant.mark:
            return ScoreRow(line, preview_of(READ_COLUMNS, line, RowOutcome.UNCHANGED, stored=stored))
        change = ScoreChange(entrant.id, entrant.number, entrant.name, entrant.mark, new)
        if entrant.mark is None:
            return ScoreRow(line, preview_of(READ_COLUMNS, line, RowOutcome.ADDED, stored=stored), change)
        was = {"score": _shown(entrant.mark)}
        return ScoreRow(line, preview_of(READ_COLUMNS, line, RowOutcome.UPDATED, stored=stored, was=was), change)

    def _faults(self, row: SheetLine) -> Iterator[CellError]:
        number, mark = row.values["number"], row.values["score"]
        if mark is None:  # an empty row is skipped, but must not have a result
            if row.values["verdict"] is not None:
                yield _at(row, "score", _("A result is given without a score. Please fill in the score."))
            return
        first = self.first.get(number, row.number)
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


def _entrants(session: Session, notice_id: int, *which: sa.ColumnElement[bool]) -> dict[str, _Entrant]:
    """The submitted sign-ups of this notice, by sign-up number."""
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
        .where(ExamSignup.notice_id == notice_id, ExamSignup.state != SignupState.SELECTED, *which)
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


def _names(names: Sequence[str]) -> str:
    return "、".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")


# --- submission -----------------------------------------------------------------------------------------


def submit_scores(session: Session, notice_id: int, actor: Actor, *, at: datetime) -> int:
    """上报 (R62): make the scores final and write the pass list; returns how many passed.

    ``Stale`` if they are final already; ``Unmet`` with everything that is missing.
    """
    clerk = as_exam_clerk(actor)
    notice = lock_notice(session, notice_id, clerk)
    must_not_be_final(notice)
    must_be_published(notice)
    if refusals := [*import_refusals(session, notice_id), *_still_open(session, notice, at)]:
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
