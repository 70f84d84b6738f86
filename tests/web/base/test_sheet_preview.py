"""Pages of a sheet's rows, their filters, and what is answered on them."""

from werkzeug.datastructures import MultiDict

from app.core.vocabulary import RowOutcome
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import Column
from app.web.base.sheet_preview import (
    PlaceAsked,
    answered_cells,
    answers_noted,
    as_note,
    confirmed_proposals,
    lines_of,
    preview_page,
)
from tests import make

COLUMNS = (Column("name", "Name"), Column("id_number", "ID number"), Column("note", "Note"))
ADDED, _UPDATED, _UNCHANGED, DOUBTFUL, REFUSED = RowOutcome


def row(number: int, outcome: RowOutcome = ADDED, *, faults=None, readings=None, **cells) -> PreviewRow:
    return PreviewRow(number, outcome, cells, cells, {}, faults or {}, readings or {}, [])


def test_rows_of_one_outcome_fill_pages_of_a_hundred():
    rows = [row(n, REFUSED if n % 2 else ADDED) for n in range(2, 452)]
    page = preview_page(COLUMNS, rows, PlaceAsked(REFUSED, 3, 0), may_answer=True)
    assert ([line.number for line in page.lines][::24], page.pages, page.counts[ADDED]) == ([403, 451], 3, 225)
    last = preview_page(COLUMNS, rows, PlaceAsked(None, 99, 0), may_answer=True)
    assert (last.asked.page, len(last.lines), last.total) == (5, 50, 450)


def test_a_place_passes_through_the_address_and_nonsense_is_the_first_page():
    page = preview_page(COLUMNS, [row(2)], PlaceAsked(None, 1, 0), may_answer=True)
    for asked in (PlaceAsked(None, 1, 0), PlaceAsked(REFUSED, 7, 15)):
        assert PlaceAsked.of(page.place(*asked)) == asked
    for nonsense in ("", "x:y:z", "refusedd:-1", "::9999999999", "²:²"):
        assert PlaceAsked.of(nonsense) == (None, 1, 0)


def test_personal_numbers_are_masked_and_spellings_of_one_text_do_not_differ():
    number = make.id_number()
    line = preview_page(
        COLUMNS, [row(2, id_number=number, note=f"身份证{number}")], PlaceAsked(None, 1, 0), may_answer=True
    ).lines[0]
    assert not [cell for cell in line.cells if number in cell.stored + cell.shown]
    bad = row(2, REFUSED, faults={"note": f"{number}?"}, id_number=number)
    (cell,) = [
        cell for cell in preview_page(COLUMNS, [bad], PlaceAsked(None, 1, 0), may_answer=True).lines[0].cells if cell.fault
    ]
    assert number not in cell.fault
    full = PreviewRow(2, ADDED, {"name": "公司（甲）"}, {"name": "公司(甲)", "note": "x"}, {}, {}, {}, [])
    assert [
        cell.differs for cell in preview_page(COLUMNS, [full], PlaceAsked(None, 1, 0), may_answer=True).lines[0].cells
    ] == [False] * 3


def test_what_was_typed_counts_before_what_was_chosen_and_nothing_else_is_an_answer():
    form = {"cell:3:name": " 张三 ", "choice:3:name": "李四", "choice:4:name": "王五", "cell:5:name": " ", "cell:x:name": "a"}
    form |= {"cell:6:note": "长" * 600, "cell:99999999:name": "b", "go": "cell:1:name", "cell:7": "c"}
    for order in (form, dict(reversed(form.items()))):
        found = answered_cells(MultiDict(order))
        assert found.pop((6, "note")) == "长" * 500
        assert found.pop((7, "")) == "c"  # of no column: the reader leaves it
        assert found == {(3, "name"): "张三", (4, "name"): "王五"}
        assert answers_noted(as_note(found)) == found
    assert answers_noted(None) == {}


def test_a_refused_cell_of_a_closed_list_offers_the_list_and_faulty_columns_come_first():
    columns = (*COLUMNS, Column("kind", "Kind", choices=("A", "B")))
    rows = [row(2, REFUSED, faults={"kind": "Which?"}, kind="C"), row(3, kind="A")]
    first, second = preview_page(columns, rows, PlaceAsked(None, 1, 0), may_answer=True).lines
    assert [(cell.key, cell.readings) for cell in first.cells][:2] == [("kind", ["A", "B"]), ("name", [])]
    assert second.cells[0].readings == []
    doubted = row(2, DOUBTFUL, faults={"kind": "Which?"}, readings={"kind": ("B",)}, kind="C")
    (line,) = preview_page(columns, [doubted], PlaceAsked(None, 1, 0), may_answer=True).lines
    assert line.cells[0].readings == ("B",)


def test_proposals_stand_at_the_id_number_of_their_row_and_only_a_chosen_one_is_confirmed():
    bad = [row(n, REFUSED, faults={"id_number": "?", "note": "?"}, id_number="43") for n in (2, 3)]
    first, second = lines_of(COLUMNS, bad, 0, {3: {"t0ken": "4301******"}})
    assert [cell.proposals for line in (first, second) for cell in line.cells] == [
        {},
        {},
        {},
        {},
        {"t0ken": "4301******"},
        {},
    ]
    form = {"proposal:3": "t0ken", "proposal:4": "", "proposal:x": "t", "proposal:-1": "t", "cell:3:name": "张"}
    assert confirmed_proposals(MultiDict(form)) == {3: "t0ken"}
