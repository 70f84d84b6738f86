"""Tables that hold nothing, or next to nothing: a portion may have people without certificates."""

from app.applications.reconciliation import comparing
from app.applications.reconciliation.rules import ComparisonRules
from app.core.discrepancy_vocabulary import DiscrepancyKind
from app.core.office import Office
from app.models import Discrepancy
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


def test_a_refused_row_without_a_name_names_nobody_else():
    number, who = "湘建安C1(2024)0000123", make.id_number()
    held = [(1, 7, 9, number, "C1", "01", "李雷", *["2024-05-01"] * 3, "2027-04-30", "李雷", "1990-01-01")]
    rows = [(f"row:1:{n}", number, known, "", "2024-05-01", "2027-04-30", "x") for n, known in enumerate(("", who))]
    said, books = comparing.table(comparing.SHEET_ROW, rows), comparing.table(comparing.CERTIFICATE, held)
    assert comparing.of_refused_rows(said, books, {who: (7, "李雷")}) == []


def test_the_subject_of_a_number_fits_its_column_whatever_the_number():
    facts = ("C1", "01", "李雷", *["2024-05-01"] * 3, "2027-04-30", "李雷", "1990-01-01")
    held = comparing.table(comparing.CERTIFICATE, [(n, n, 9, "1a" * 20, *facts) for n in (1, 2)])
    [found] = comparing.of_numbers(held)
    assert len(found.subject) == Discrepancy.__table__.c.subject.type.length
