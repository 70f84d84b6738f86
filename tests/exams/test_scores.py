"""The score sheet on its round: out, filled in, looked at, imported, made final."""

from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import delete, func, select, update

from app import exams
from app.core.errors import NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import AuditAction, Category, ImportKind, ImportPhase, PassSource, Role, RowOutcome, Sex, SignupState
from app.exams.scores import parse_mark, parse_verdict
from app.files.spreadsheets import CellError, read_lines
from app.models import AuditEntry, ExamPass, ExamSignup, Person
from tests import make
from tests.exams.conftest import CHANGSHA, CLERK, codes
from tests.exams.test_signups import committed_at_once
from tests.make import NOON
from tests.query_counter import queries

ANOTHER = "现场照片与身份证照片不是同一人"

ABSENT, ADMITTED, FAILED, PASSED, REJECTED, SELECTED, SUBMITTED = (
    *(SignupState.ABSENT, SignupState.ADMITTED, SignupState.FAILED, SignupState.PASSED),
    *(SignupState.REJECTED, SignupState.SELECTED, SignupState.SUBMITTED),
)
EXAM_DAY = NOON + timedelta(days=20)  # see ``make.notice``


@pytest.fixture
def sit(session, notice, enterprise):
    """``sit("李雷", "韩梅梅")``: admitted sign-ups of these people."""

    def sit(*names, state=ADMITTED, on=None, **facts):
        reason = {"reason": "学历证与填报的学历不一致"} if state is REJECTED else {}
        people = [make.person(enterprise, name=name) for name in names]
        made = [make.signup(on or notice, person, state=state, **reason, **facts) for person in people]
        session.add_all(made)
        session.commit()
        return made

    return sit


class Sheet:
    """The exported workbook as the clerk has it: cells by sign-up and title."""

    def __init__(self, data: bytes) -> None:
        self.book = load_workbook(BytesIO(data))
        self.sheet = self.book.active
        self.titles = [cell.value for cell in self.sheet[2]]

    def row(self, signup) -> int:
        column = self.titles.index("Sign-up number")
        return next(row[0].row for row in self.sheet.iter_rows(min_row=3) if row[column].value == signup.number)

    def put(self, signup, title, value):
        self.sheet.cell(self.row(signup), self.titles.index(title) + 1).value = value
        return self

    def get(self, signup, title):
        return self.sheet.cell(self.row(signup), self.titles.index(title) + 1).value

    def data(self) -> bytes:
        out = BytesIO()
        self.book.save(out)
        return out.getvalue()


def export(session, notice) -> Sheet:
    return Sheet(exams.signup_sheet(session, notice.id, CLERK, at=NOON)[1])


class Looked(NamedTuple):
    """A sheet as the check finds it."""

    rows: list[exams.ScoreRow]
    header: list[CellError]
    warnings: list[object]

    @property
    def changes(self):
        return [row.change for row in self.rows if row.change]

    @property
    def outcomes(self):
        return [row.preview.outcome for row in self.rows]

    @property
    def faults(self):
        """Row, title and sentence of each cell that stands in the way."""
        titles = {column.key: str(column.title) for column in exams.READ_COLUMNS}
        return [
            (row.preview.number, titles[key], sentence) for row in self.rows for key, sentence in row.preview.faults.items()
        ]


def look(session, notice, sheet, at=EXAM_DAY, answers=None, write=False):
    table = read_lines(sheet.data(), exams.READ_COLUMNS, answers=answers)
    checking, lines = exams.ScoreCheck(notice.id), list(table.lines)
    checking.note(lines)
    looked = Looked(checking.check(session, lines), table.errors, checking.warnings(session, at))
    if write:
        checking.write(session, looked.changes, CLERK, at=at)
    return looked


def bring_in(session, notice, sheet, at=EXAM_DAY, answers=None):
    return look(session, notice, sheet, at, answers, write=True)


def cells(looked):
    return [(row, title) for row, title, _sentence in looked.faults]


# --- one cell ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("0", Decimal(0)), ("100", Decimal(100)), ("59.99", Decimal("59.99")), ("85.500", Decimal("85.5")),
        ("85.", Decimal(85)), ("+7", Decimal(7)), ("-0", Decimal(0)), ("缺考", ABSENT), ("Absent", ABSENT),
    ],
)  # fmt: skip
def test_a_score_is_read_as_it_stands(text, mark):
    assert parse_mark(text) == mark
    assert str(parse_mark(text))[0] != "-"


@pytest.mark.parametrize(
    "text",
    ["-0.01", "100.01", "59.995", "85分", "八十", "1e2", "８５", "٨٥", "NaN", "inf", "-", "8 5", "9" * 400, "1,5", "缺"],
)
def test_what_is_not_a_score_is_named(text):
    with pytest.raises(ValueError) as refused:
        parse_mark(text)
    assert str(refused.value.args[0])


@given(st.integers(0, 10_000))
def test_every_score_with_two_decimals_is_a_score(hundredths):
    score = Decimal(hundredths) / 100
    assert parse_mark(str(score)) == score


@given(st.text(max_size=30))
def test_any_text_is_a_score_in_range_or_a_sentence(text):
    try:
        mark = parse_mark(text)
    except ValueError as error:
        mark = str(error.args[0])
    assert mark is ABSENT or (isinstance(mark, str) and mark) or 0 <= mark <= 100


@pytest.mark.parametrize(
    ("text", "passed"), [("合格", True), ("是", True), ("不合格", False), ("否", False), ("缺考", False)]
)
def test_a_verdict_is_understood_in_the_words_clerks_use(text, passed):
    assert parse_verdict(text) is passed


# --- out --------------------------------------------------------------------------------------------
def test_the_sheet_holds_what_the_clerk_needs_with_id_numbers_as_text(session, notice, sit):
    [signup] = sit("李雷")
    person = signup.person
    person.mobile = "13800000000"
    session.commit()
    sheet = export(session, notice)
    assert sheet.titles == [str(column.title) for column in exams.SCORE_COLUMNS]
    assert [sheet.get(signup, title) for title in sheet.titles] == [
        *(1, signup.number, "李雷", str(Sex(person.sex)), person.id_number, "湖南湘江建设有限公司", signup.enterprise.uscc),
        *("C1", str(person.position), "13800000000", str(ADMITTED), None, None, None),
    ]
    assert sheet.sheet.cell(sheet.row(signup), 5).data_type == "s"


def test_the_columns_are_those_of_the_office(session):
    assert [column.key for column in exams.SCORE_COLUMNS] == [
        *("serial", "number", "name", "sex", "id_number", "enterprise", "uscc", "category"),
        *("position", "mobile", "state", "score", "verdict", "remark"),
    ]


def test_all_submitted_sign_ups_are_exported_with_state_and_reason(session, notice, sit):
    [rejected], [selected], [waiting] = sit("甲某", state=REJECTED), sit("乙某", state=SELECTED), sit("丙某", state=SUBMITTED)
    sheet = export(session, notice)
    assert (sheet.get(rejected, "Review state"), sheet.get(rejected, "Remarks")) == ("Rejected", "学历证与填报的学历不一致")
    assert sheet.get(waiting, "Review state") == str(SUBMITTED)
    with pytest.raises(StopIteration):
        sheet.row(selected)


def test_a_name_that_begins_like_a_formula_stays_text(session, notice, sit, enterprise):
    enterprise.name = '=HYPERLINK("http://evil","x")'
    [signup] = sit("李雷")
    sheet = export(session, notice)
    assert sheet.get(signup, "Enterprise name") == enterprise.name
    assert sheet.sheet.cell(sheet.row(signup), 6).data_type == "s"


def test_what_is_logged_of_the_export_has_no_id_number(session, notice, sit):
    [signup] = sit("李雷")
    _name, data, summary = exams.signup_sheet(session, notice.id, CLERK, at=NOON)
    assert summary == {"rows": 1, "sha256": sha256(data).hexdigest()}
    assert signup.person.id_number not in str(summary)


def test_the_file_name_is_one_on_every_system(session, notice):
    notice.title = ' 2026/第1期:"安管"\n<考核>?. '
    session.commit()
    name, _data, _summary = exams.signup_sheet(session, notice.id, CLERK, at=NOON)
    assert name == "2026 第1期 安管 考核-Sign-up details-20260302.xlsx"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_nobody_else_exports_imports_or_submits(session, notice, role):
    other = make.officer(role)
    for action in (
        lambda: exams.signup_sheet(session, notice.id, other, at=NOON),
        lambda: exams.notice_to_score(session, notice.id, other),
        lambda: exams.submit_scores(session, notice.id, other, at=NOON),
    ):
        with pytest.raises(NotAllowed):
            action()


def test_a_notice_above_the_clerks_area_is_not_found(session, notice):
    for action in (
        lambda: exams.signup_sheet(session, notice.id, CHANGSHA, at=NOON),
        lambda: exams.notice_to_score(session, notice.id, CHANGSHA),
        lambda: exams.submit_scores(session, notice.id, CHANGSHA, at=NOON),
    ):
        with pytest.raises(NotFound):
            action()


# --- looking ----------------------------------------------------------------------------------------
def test_the_exported_sheet_filled_in_is_the_import(session, notice, sit):
    first, second, third = sit("李雷", "韩梅梅", "林涛")
    sheet = export(session, notice).put(first, "Score", 85.5).put(second, "Score", "缺考").put(third, "Score", "59.99")
    preview = look(session, notice, sheet.put(first, "Passed or not", "合格").put(third, "Passed or not", "不合格"))
    assert preview.faults == preview.warnings == []
    assert preview.changes == [
        (first.id, first.number, "李雷", None, Decimal("85.5")),
        (second.id, second.number, "韩梅梅", None, ABSENT),
        (third.id, third.number, "林涛", None, Decimal("59.99")),
    ]


def test_looking_writes_nothing(session, notice, sit):
    [signup] = sit("李雷")
    look(session, notice, export(session, notice).put(signup, "Score", 85))
    session.commit()
    assert (signup.score, notice.scores_imported_at) == (None, None)


@pytest.mark.parametrize(
    ("title", "value", "at"),
    [
        ("Sign-up number", "BM-000", "Sign-up number"),
        ("Sign-up number", None, "Sign-up number"),
        ("Full name", "韩梅梅", "Full name"),
        ("Full name", None, "Full name"),
        ("ID number", "11010519491231002X", "ID number"),
        ("ID number", 430102198506150000, "ID number"),  # ruined by Excel
        ("Score", 100.5, "Score"),
        ("Score", -1, "Score"),
        ("Score", 80.123, "Score"),
        ("Score", "优", "Score"),
        ("Score", "=40+45", "Score"),
        ("Passed or not", "不合格", "Passed or not"),
        ("Passed or not", "也许", "Passed or not"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_title_and_its_row_is_not_written(session, notice, sit, title, value, at):
    first, second = sit("李雷", "林涛")
    sheet = export(session, notice).put(first, "Score", 70).put(second, "Score", 85)
    row = sheet.row(second)
    sheet.put(second, title, value)
    assert cells(look(session, notice, sheet)) == [(row, at)]
    assert bring_in(session, notice, sheet).outcomes[1] in (RowOutcome.REFUSED, RowOutcome.DOUBTFUL)
    assert (first.score, second.score) == (70, None)


def test_a_slipped_row_names_every_cell_that_does_not_fit(session, notice, sit):
    first, second = sit("李雷", "韩梅梅")
    sheet = export(session, notice).put(first, "Score", 70)
    row = sheet.row(first)
    sheet.put(first, "Full name", second.person.name).put(first, "ID number", second.person.id_number)
    assert cells(look(session, notice, sheet)) == [(row, "Full name"), (row, "ID number")]


def test_names_and_numbers_are_compared_as_people_mean_them(session, notice, sit):
    [signup] = sit("买买提·艾力")
    wide = signup.person.id_number.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"})
    sheet = export(session, notice).put(signup, "Score", "８５").put(signup, "Full name", " 买买提•艾力 ")
    sheet.put(signup, "ID number", wide.lower())
    assert [change.new for change in look(session, notice, sheet).changes] == [Decimal(85)]


def test_a_number_of_another_notice_is_called_that(session, notice, sit):
    [here] = sit("李雷")
    other = make.notice()
    session.add(other)
    [there] = sit("林涛", on=other)
    sheet = export(session, notice).put(here, "Score", 70)
    row = sheet.row(here)
    [error] = look(session, notice, sheet.put(here, "Sign-up number", there.number)).faults
    assert (error[0], "another exam notice" in error[2]) == (row, True)


def test_the_same_number_twice_names_the_first_row(session, notice, sit):
    [signup] = sit("李雷")
    sheet = export(session, notice).put(signup, "Score", 70)
    first = sheet.row(signup)
    sheet.sheet.append([cell.value for cell in sheet.sheet[first]])
    [error] = look(session, notice, sheet).faults
    assert (*error[:2], f"row {first} " in error[2]) == (first + 1, "Sign-up number", True)


@pytest.mark.parametrize("state", [SUBMITTED, REJECTED])
def test_who_is_not_admitted_gets_no_score_and_may_stand_empty(session, notice, sit, state):
    [signup] = sit("李雷", state=state)
    sheet = export(session, notice)
    assert look(session, notice, sheet).outcomes == [RowOutcome.UNCHANGED]
    row = sheet.row(signup)
    assert cells(look(session, notice, sheet.put(signup, "Score", 70))) == [(row, "Score")]


def test_a_verdict_without_a_score_is_half_an_answer(session, notice, sit):
    [signup] = sit("李雷")
    sheet = export(session, notice).put(signup, "Passed or not", "合格")
    assert cells(look(session, notice, sheet)) == [(sheet.row(signup), "Score")]


@pytest.mark.parametrize(
    ("score", "verdict", "agrees"),
    [(60, "合格", True), (59.99, "合格", False), (60, "不合格", False), ("缺考", "合格", False)],
)
def test_the_verdict_must_agree_at_the_pass_mark(session, notice, sit, score, verdict, agrees):
    [signup] = sit("李雷")
    sheet = export(session, notice).put(signup, "Score", score).put(signup, "Passed or not", verdict)
    assert (look(session, notice, sheet).faults == []) is agrees


def test_admitted_people_who_are_not_in_the_sheet_are_a_warning(session, notice, sit):
    first, *rest = sit(*(f"考生{n:02d}号" for n in range(13)))
    sheet = export(session, notice).put(first, "Score", 70)
    for signup in rest:
        sheet.sheet.delete_rows(sheet.row(signup))
    preview = look(session, notice, sheet)
    assert preview.faults == []
    [warning] = preview.warnings
    assert str(warning).startswith("12 ")
    assert "考生10号 …" in str(warning)
    assert "考生11号" not in str(warning)
    assert not look(session, notice, sheet.put(first, "Score", "优")).warnings  # an unreadable row is not a missing one


def test_scores_before_the_exam_are_a_warning(session, notice, sit):
    [signup] = sit("李雷")
    sheet = export(session, notice).put(signup, "Score", 70)
    assert look(session, notice, sheet, EXAM_DAY - timedelta(days=1)).warnings
    assert not look(session, notice, sheet).warnings


def test_a_score_that_changes_is_shown_old_and_new(session, notice, sit):
    first, second = sit("李雷", "林涛", score=Decimal(70))
    sheet = export(session, notice).put(first, "Score", "缺考")
    preview = look(session, notice, sheet)
    assert [(change.old, change.new) for change in preview.changes] == [(Decimal(70), ABSENT)]
    assert preview.outcomes == [RowOutcome.UPDATED, RowOutcome.UNCHANGED]
    assert sheet.get(second, "Score") == 70


def test_a_sheet_without_its_columns_names_all_that_are_missing_at_once():
    book = Workbook()
    book.active.append(["Full name", "Score"])
    out = BytesIO()
    book.save(out)
    [error] = read_lines(out.getvalue(), exams.READ_COLUMNS).errors
    assert str(error.title) == "Sign-up number、ID number、Passed or not"


# --- importing --------------------------------------------------------------------------------------
def test_an_import_writes_all_and_may_be_repeated(session, notice, sit):
    first, second = sit("李雷", "林涛")
    sheet = export(session, notice).put(first, "Score", 70).put(second, "Score", "缺考")
    bring_in(session, notice, sheet)
    assert ((first.score, first.absent), (second.score, second.absent)) == ((70, False), (None, True))
    bring_in(session, notice, sheet.put(first, "Score", None).put(second, "Score", 88.25))
    assert ((first.score, first.absent), (second.score, second.absent)) == ((70, False), (Decimal("88.25"), False))
    assert (notice.scores_imported_at, {first.state, second.state}) == (EXAM_DAY, {ADMITTED})


def test_each_score_is_audited_with_its_old_and_new_value(session, notice, sit):
    [signup] = sit("李雷")
    sheet = export(session, notice).put(signup, "Score", 70)
    bring_in(session, notice, sheet)
    bring_in(session, notice, sheet.put(signup, "Score", "缺考"))
    changes = session.scalars(
        select(AuditEntry.change)
        .where(AuditEntry.table == "exam_signup", AuditEntry.deed == AuditAction.CHANGE)
        .order_by(AuditEntry.id)
    )
    assert list(changes) == [{"score": [None, "70.00"]}, {"score": ["70.00", "absent"]}]


def test_what_happened_since_the_check_counts(session, notice, sit):
    [signup] = sit("李雷")
    sheet = export(session, notice).put(signup, "Score", 70)
    assert look(session, notice, sheet).changes
    exams.review(session, [signup.id], False, CLERK, reason=ANOTHER, again=True, at=EXAM_DAY, office=Office())
    assert (bring_in(session, notice, sheet).outcomes, signup.score) == ([RowOutcome.REFUSED], None)


# --- final ------------------------------------------------------------------------------------------
def test_submitting_makes_the_scores_final_and_writes_the_pass_list(session, notice, sit):
    [fit], [weak], [gone] = sit("李雷", score=60), sit("林涛", score=Decimal("59.99")), sit("甲某", absent=True)
    [rejected], [selected] = sit("乙某", state=REJECTED), sit("丙某", state=SELECTED)
    assert exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY) == 1
    session.commit()
    assert [s.state for s in (fit, weak, gone, rejected, selected)] == [PASSED, FAILED, ABSENT, REJECTED, SELECTED]
    [passed] = session.scalars(select(ExamPass)).all()
    assert (passed.person_id, passed.category, passed.source, passed.signup_id) == (
        fit.person_id,
        Category.C1,
        PassSource.SYSTEM,
        fit.id,
    )
    assert (passed.passed_on, passed.originals_verified_at, notice.scores_submitted_at) == (notice.exam_on, None, EXAM_DAY)


def test_the_scores_of_another_notice_are_left_alone(session, notice, sit):
    other = make.notice()
    session.add(other)
    sit("李雷", score=80)
    [there] = sit("林涛", on=other, score=80)
    exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY)
    session.refresh(there)
    assert (there.state, session.scalar(select(func.count()).select_from(ExamPass))) == (ADMITTED, 1)


@pytest.mark.parametrize(("mark", "state"), [(0, PASSED), (100, FAILED)])
def test_the_pass_mark_is_the_notices_own(session, notice, sit, mark, state):
    notice.pass_mark = mark
    [signup] = sit("李雷", score=Decimal(mark) if mark == 0 else Decimal("99.99"))
    exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY)
    assert signup.state is state


def test_everything_that_is_still_open_is_reported_at_once(session, notice, sit):
    sit(*(f"考生{n:02d}号" for n in range(12)))
    sit("待审某", state=SUBMITTED)
    with pytest.raises(Unmet) as refused:
        exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY - timedelta(days=1))
    assert codes(refused.value) == {"before-exam", "signups-await-review", "scores-missing"}
    sentence = str(refused.value)
    assert all(words in sentence for words in ("待审某", "12 admitted", "考生09号 …", f"{notice.exam_on}"))
    assert "考生10号" not in sentence


def test_the_exam_day_is_the_offices_day(session, notice, sit):
    notice.exam_on = date(2026, 3, 22)
    sit("李雷", score=80)
    with pytest.raises(Unmet):
        exams.submit_scores(session, notice.id, CLERK, at=NOON.replace(day=21, hour=15, minute=59))
    assert exams.submit_scores(session, notice.id, CLERK, at=NOON.replace(day=21, hour=16)) == 1


def test_nobody_passes_for_somebody_else(session, notice, sit):
    swapped, honest = sit("李雷", "韩梅梅")
    bring_in(session, notice, export(session, notice).put(swapped, "Score", 90).put(honest, "Score", 80))
    session.execute(update(Person).where(Person.id == swapped.person_id).values(name="别人"))
    session.commit()
    with pytest.raises(Unmet) as error:
        exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY)
    assert [refusal.code for refusal in error.value.refusals] == ["identity-differs"]
    session.rollback()
    session.execute(update(Person).where(Person.id == swapped.person_id).values(name="李雷"))
    assert exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY) == 2
    identities = [passed.identity for passed in session.scalars(select(ExamPass).order_by(ExamPass.person_id))]
    assert identities == [make.identity(swapped.person), make.identity(honest.person)]


def test_an_exam_nobody_was_admitted_to_has_no_scores_to_submit(session, notice, sit):
    sit("李雷", state=REJECTED)
    with pytest.raises(Unmet) as refused:
        exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY)
    assert codes(refused.value) == {"nobody-admitted"}


def test_final_is_final(session, notice, sit):
    [signup] = sit("李雷", score=80)
    sheet = export(session, notice).put(signup, "Score", 10)
    exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY)
    session.commit()
    assert bring_in(session, notice, sheet).outcomes == [RowOutcome.REFUSED]
    for action in (
        lambda: exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY),
        lambda: exams.notice_to_score(session, notice.id, CLERK),
        lambda: exams.take_back(session, notice.id, [], CLERK, at=EXAM_DAY),
    ):
        with pytest.raises(Stale):
            action()
    assert (signup.state, signup.score) == (PASSED, 80)
    assert export(session, notice).get(signup, "Passed or not") == str(PASSED)


def test_two_who_submit_at_once_write_one_pass_list(system, session, notice, sit):
    sit("李雷", "林涛", score=80)

    def submit(session):
        try:
            return exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY)
        except Stale:
            session.rollback()
            return "stale"

    assert sorted(committed_at_once(system, submit, submit), key=str) == [2, "stale"]
    assert session.scalar(select(func.count()).select_from(ExamPass)) == 2


# --- many at once -----------------------------------------------------------------------------------
def test_the_number_of_statements_does_not_grow_with_the_number_of_scores(session, enterprise, sit):
    def walk(n):
        notice = make.notice()
        session.add(notice)
        made = sit(*(["李雷"] * n), on=notice)
        with queries(session.get_bind()) as statements:
            sheet = export(session, notice)
            for signup in made:
                sheet.put(signup, "Score", 80)
            look(session, notice, sheet)
            bring_in(session, notice, sheet)
            assert exams.submit_scores(session, notice.id, CLERK, at=EXAM_DAY) == n
            return len(statements)

    assert walk(1) == walk(300)


def test_a_score_whose_format_shows_another_number_is_asked_about_and_read_as_answered(session, notice, sit):
    percent, rounded, plain = sit("张三", "李四", "王五", score=None)
    sheet = export(session, notice).put(percent, "Score", 0.85).put(rounded, "Score", 59.6).put(plain, "Score", 70)
    column = sheet.titles.index("Score") + 1
    for signup, shape in ((percent, "0%"), (rounded, "0")):
        sheet.sheet.cell(sheet.row(signup), column).number_format = shape
    spots = [(sheet.row(signup), "score") for signup in (percent, rounded)]
    asked = look(session, notice, sheet)
    assert asked.outcomes == [RowOutcome.DOUBTFUL, RowOutcome.DOUBTFUL, RowOutcome.ADDED]
    assert {"59.6", "60"} <= set(asked.rows[1].preview.readings["score"])
    answers = dict(zip(spots, ("85", "59.6"), strict=True))
    bring_in(session, notice, sheet, answers=answers)
    assert [signup.score for signup in (percent, rounded, plain)] == [Decimal(85), Decimal("59.6"), Decimal(70)]
    again = look(session, notice, sheet.put(plain, "Score", 71), answers=answers)
    assert again.outcomes == [RowOutcome.UNCHANGED, RowOutcome.UNCHANGED, RowOutcome.UPDATED]
    assert (again.rows[2].preview.was["score"], again.rows[2].preview.stored["score"]) == ("70", "71")


def test_scores_of_one_import_are_taken_back_unless_they_were_changed_since(session, notice, sit):
    first, second = sit("李雷", "林涛")
    bring_in(session, notice, export(session, notice).put(first, "Score", 70).put(second, "Score", "缺考"))
    bring_in(session, notice, export(session, notice).put(first, "Score", 80))
    earlier = [exams.ImportedMark(first.id, None, Decimal(70)), exams.ImportedMark(second.id, None, ABSENT)]
    later = [exams.ImportedMark(first.id, Decimal(70), Decimal(80))]
    assert exams.take_back(session, notice.id, earlier, CLERK, at=EXAM_DAY) == [first.id]
    assert ((first.score, second.absent), notice.scores_imported_at) == ((80, True), EXAM_DAY)
    for marks, left in ((later, (70, True)), (earlier, (None, False))):
        assert exams.take_back(session, notice.id, marks, CLERK, at=EXAM_DAY) == []
        assert (first.score, second.absent) == left
    assert notice.scores_imported_at is None


def test_nothing_is_submitted_or_discarded_while_half_of_a_sheet_is_written(session, notice, sit):
    sit("李雷", score=80)
    session.add(make.sheet_import(ImportKind.SCORES, ImportPhase.IMPORTING, notice_id=notice.id))
    session.commit()
    for action in (exams.submit_scores, exams.discard_scores):
        with pytest.raises(Unmet) as refused:
            action(session, notice.id, CLERK, at=EXAM_DAY)
        assert codes(refused.value) == {"import-runs"}
        session.rollback()


MARKS = st.none() | st.just(ABSENT) | st.decimals(0, 100, places=2)
NAMES = st.sampled_from(["李雷", "欧阳·娜", "阿依古丽·买买提", "张㐂", "=1+1", "ＭＡＲＹ", "李 雷"])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(st.tuples(NAMES, MARKS), min_size=1, max_size=5))
def test_whatever_is_exported_can_be_imported_and_changes_nothing(session, notice, sit, people):
    session.execute(delete(ExamSignup))
    for name, mark in people:
        sit(name, score=None if mark is ABSENT else mark, absent=mark is ABSENT)
    preview = look(session, notice, export(session, notice))
    assert (preview.faults, preview.changes, preview.warnings) == ([], [], [])
    assert preview.outcomes == [RowOutcome.UNCHANGED] * len(people)


def test_only_what_is_to_be_filled_in_can_be_typed_over(session, notice, sit):
    signup, sheet = sit("李雷")[0], export(session, notice)
    locked = {
        title for title, cell in zip(sheet.titles, sheet.sheet[sheet.row(signup)], strict=True) if cell.protection.locked
    }
    assert (sheet.sheet.protection.sheet, sheet.sheet.protection.password) == (True, None)
    assert locked == {"No.", "Sign-up number", "Full name", "ID number"}
    assert not sheet.sheet.column_dimensions["L"].protection.locked  # the score, also below the table
