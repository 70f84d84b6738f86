"""The rows of an import as they are kept: what a cell shows, what is stored, what it replaces."""

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.applications import sheet_imports
from app.applications.sheet_imports import rows
from app.core.vocabulary import RowOutcome
from app.models import ImportedRow
from tests import make
from tests.applications.sheet_imports.conftest import ADMIN, confirm, count, course, hand_in, let_go, take
from tests.applications.sheet_imports.sheets import CERTIFICATES, OTHER, PASSES, USCC, row, sheet
from tests.query_counter import queries

ADDED, UPDATED, UNCHANGED, _DOUBTFUL, REFUSED = RowOutcome


def pages(means, import_id, only=None, page=0):
    let_go()
    with means.sessions() as session:
        return rows.page_of(session, import_id, only, page)


def test_a_row_shows_what_is_stored_beside_the_cell_and_old_beside_new(means, app):
    given = row(CERTIFICATES, status="暂扣", valid_to="2027-04-30")
    take(means, CERTIFICATES, given)
    later = [given | {"valid_to": date(2027, 12, 31)}, row(CERTIFICATES, name="张3")]
    changed, refused = pages(means, hand_in(means, CERTIFICATES, sheet(CERTIFICATES, *later)))
    assert (changed.outcome, changed.was, changed.stored["valid_to"]) == (UPDATED, {"valid_to": "2027-04-30"}, "2027-12-31")
    assert (changed.shown["status"], changed.stored["status"]) == ("暂扣", "Suspended")
    assert (changed.stored["first_issued_on"], changed.shown.get("first_issued_on")) == ("2024-05-01", None)
    assert (refused.outcome, refused.shown["name"], list(refused.faults)) == (REFUSED, "张3", ["name"])


CELLS = {
    "name": ["李雷", "张3", ""],
    "category": ["A", "C3类", "A、B", "B转A", "C"],
    "passed_on": ["2025-10-01", "2026-03-03", "去年", None],
    "uscc": [USCC, OTHER, "1", None],
}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({key: st.sampled_from(texts) for key, texts in CELLS.items()}), min_size=1, max_size=6))
def test_the_preview_is_what_the_import_does_row_by_row(means, cells):
    """Twice: the second time what was added is found unchanged, and the others are refused for the same reasons."""
    data = sheet(PASSES, *(row(PASSES, **one) for one in cells))
    import_id = hand_in(means, PASSES, data)
    promised = pages(means, import_id)
    confirm(means, import_id)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert pages(means, import_id) == promised
    expected = [UNCHANGED if one.outcome is ADDED else one.outcome for one in promised]
    assert [one.outcome for one in pages(means, hand_in(means, PASSES, data))] == expected


def test_a_page_has_a_hundred_rows_of_one_outcome_by_one_query(session, system, means):
    given = [row(PASSES, name="李雷" if n % 2 else "3") for n in range(210)]
    import_id = hand_in(means, PASSES, sheet(PASSES, *given))
    assert [len(pages(means, import_id, page=n)) for n in range(4)] == [100, 100, 10, 0]
    with queries(system.engine) as seen:
        found = pages(means, import_id, REFUSED, 1)
    assert [one.number for one in found] == [202, 204, 206, 208, 210]
    assert len(seen) <= 3  # with what begins and ends a transaction
    assert course(means, import_id).counts["refused"] == 105


def test_rows_go_with_the_sheet(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    shown = course(means, import_id).shown
    with means.sessions.begin() as other:
        sheet_imports.discard(other, import_id, shown, ADMIN, at=make.NOON)
    assert (count(session, ImportedRow), course(means, import_id).layout) == (0, None)
