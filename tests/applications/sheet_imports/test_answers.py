"""What a person answers to a sheet: cells, words of a whole column, titles."""

import pytest

from app.applications import sheet_imports
from app.applications.sheet_imports import SheetAnswers
from app.core.errors import NotFound, Stale
from app.core.vocabulary import ImportPhase, Role, RowOutcome
from app.files.spreadsheets import Column, write
from app.models import AuditEntry, Certificate, ExamPass
from tests import make
from tests.applications.sheet_imports.conftest import ADMIN, confirm, count, course, hand_in, let_go, only, outcomes
from tests.applications.sheet_imports.sheets import CERTIFICATES, PASSES, row, sheet

ADDED, _UPDATED, _UNCHANGED, DOUBTFUL, REFUSED = RowOutcome


def answer(means, import_id, *, check=True, **given) -> None:
    shown = course(means, import_id).shown
    with means.sessions.begin() as session:
        sheet_imports.answer(session, import_id, shown, SheetAnswers(**given), ADMIN, at=make.NOON)
    if check:
        sheet_imports.check(means, import_id, at=make.NOON)


def preview(means, import_id, only_=None, page=0):
    let_go()
    with means.sessions() as session:
        return sheet_imports.page_of(session, import_id, only_, page)


def test_two_categories_in_a_cell_are_asked_about_and_become_two_rows(session, means):
    import_id = hand_in(
        means, PASSES, sheet(PASSES, row(PASSES, category="A类、B类"), row(PASSES, category="B+C1"), row(PASSES))
    )
    first, second, _third = preview(means, import_id)
    assert (first.outcome, first.readings["category"]) == (DOUBTFUL, ["A、B(各一行)", "A", "B"])
    assert preview(means, import_id, DOUBTFUL) == [first, second]
    answer(means, import_id, cells={(2, "category"): "A、B（各一行）", (3, "category"): "C1"})
    assert [(one.number, one.outcome, one.stored["category"]) for one in preview(means, import_id)] == [
        *((2, ADDED, "A"), (2, ADDED, "B")),
        *((3, ADDED, "C1"), (4, ADDED, "C1")),
    ]
    assert [one.shown["category"] for one in preview(means, import_id)] == ["A类、B类", "A类、B类", "B+C1", "C1"]
    answer(means, import_id, cells={(3, "category"): "B"})  # a second thought
    third = preview(means, import_id)[2]
    assert (third.shown["category"], third.stored["category"]) == ("B+C1", "B")
    confirm(means, import_id)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert (outcomes(means, import_id), count(session, ExamPass)) == (["added"] * 4, 4)


def test_a_word_is_mapped_once_for_a_column_and_for_the_sheets_that_follow(means):
    rows = [row(PASSES, category="C") for _n in range(3)]
    import_id = hand_in(means, PASSES, sheet(PASSES, *rows, row(PASSES, category="D")))
    found = course(means, import_id)
    assert (found.counts["refused"], found.layout["words"]["category"]) == (4, [["C", 3, []], ["D", 1, []]])
    answer(means, import_id, words={"category": {"C": "C3"}, "name": {}})
    assert [one.stored["category"] for one in preview(means, import_id, ADDED)] == ["C3"] * 3
    later = hand_in(means, PASSES, sheet(PASSES, row(PASSES, category="C"), row(PASSES, category="C1")))
    assert [one.stored["category"] for one in preview(means, later)] == ["C3", "C1"]
    assert course(means, later).mapping["words"] == {"category": {"C": "C3"}}


def test_a_category_that_does_not_fit_the_number_is_settled_by_a_person(session, means):
    given = row(CERTIFICATES, number="湘建安A(2018)0000001", category="B")
    import_id = hand_in(means, CERTIFICATES, sheet(CERTIFICATES, given))
    (one,) = preview(means, import_id)
    assert (one.outcome, one.readings) == (DOUBTFUL, {"category": ["B", "A"]})
    answer(means, import_id, cells={(2, "category"): "B"})
    confirm(means, import_id)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert only(session, Certificate).category.value == "B"


def test_a_refused_cell_is_corrected_in_place(means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES, name="张3"), row(PASSES, passed_on="去年")))
    assert [one.faults.keys() for one in preview(means, import_id, REFUSED)] == [{"name"}, {"passed_on"}]
    answer(means, import_id, cells={(2, "name"): "张三", (3, "passed_on"): "2025-03-05"})
    assert [one.outcome for one in preview(means, import_id)] == [ADDED] * 2


def test_titles_that_no_list_knows_are_mapped_by_hand(means):
    titles = {"name": "人", "id_number": "号", "category": "类别", "passed_on": "何时"}
    columns = [Column(key, title) for key, title in titles.items()]
    import_id = hand_in(means, PASSES, write(columns, [row(PASSES)], sheet_title="x"))
    assert course(means, import_id).phase is ImportPhase.UNREADABLE
    answer(means, import_id, titles={"name": "人", "id_number": "号", "passed_on": "何时", "x": "y"})
    found = course(means, import_id)
    assert (found.phase, found.counts["added"], "x" in found.mapping["titles"]) == (ImportPhase.CHECKED, 1, False)
    for later in (write(columns, [row(PASSES)], sheet_title="y"), sheet(PASSES, row(PASSES))):  # laid out so, or as usual
        found = course(means, hand_in(means, PASSES, later))
        assert (found.phase, found.counts["added"]) == (ImportPhase.CHECKED, 1), found.fault


def test_what_was_not_shown_is_not_confirmed_and_nobody_else_answers(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES, category="A、B")))
    before = course(means, import_id).shown
    answer(means, import_id, cells={(2, "category"): "A"})
    for stale in (before, "", before + "x"):
        with means.sessions() as other, pytest.raises(Stale):
            sheet_imports.confirm(other, import_id, stale, ADMIN, at=make.NOON)
        with means.sessions() as other, pytest.raises(Stale):
            sheet_imports.answer(other, import_id, stale, SheetAnswers(), ADMIN, at=make.NOON)
    shown, reviewer = course(means, import_id).shown, make.officer(Role.REVIEWER)
    with means.sessions() as other, pytest.raises(NotFound):
        sheet_imports.answer(other, import_id, shown, SheetAnswers(), reviewer, at=make.NOON)
    assert {"answers": 1, "words": 0, "titles": 0} in [line.change for line in session.query(AuditEntry)]
