"""Tables that hold nothing, or next to nothing: a portion may have people without certificates."""

from app.applications.reconciliation import comparing
from app.applications.reconciliation.rules import ComparisonRules
from app.core.discrepancy_vocabulary import DiscrepancyKind
from app.core.office import Office
from tests import make

NONE, NO_PASS = comparing.table(comparing.CERTIFICATE, ()), comparing.table(comparing.PASS, ())


def test_nothing_is_found_in_nothing():
    assert comparing.of_people(NONE, NO_PASS, ComparisonRules.of(Office(), make.TODAY)) == []
    assert comparing.of_numbers(NONE) == []
    numbers = comparing.Numbers()
    assert list(numbers.alike()) == []
    numbers.add(NONE)
    assert list(numbers.alike()) == []


def test_a_refused_row_of_which_little_can_be_read_says_what_can_be():
    rows = [("row:1:0", "", "", "", None, "二〇二七", ""), ("row:1:1", "湘A", "", "李雷", "2027-01-02", "2027-01-01", "x")]
    [found] = comparing.of_refused_rows(comparing.table(comparing.SHEET_ROW, rows), NONE, {})
    assert (found.kind, found.sides, found.holder) == (DiscrepancyKind.ENDS_FIRST, ("row:1:1",), "李雷")
