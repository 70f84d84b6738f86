"""The plain rules of the comparison."""

from hypothesis import given
from hypothesis import strategies as st

from app.applications.reconciliation.rules import bare_number, unlike_number, year_in

SAME = ("湘建安A(2024)0000123", "湘建安A〔2024〕123", "湘建安A20240000123", "湘建安A[2024]第0000123号", "湘建安A-2024-123")
OTHER = (
    "湘建安B(2024)0000123",
    "湘建安A(2023)0000123",
    "湘建安A(2024)0000124",
    "湘建安A(2024)1230000",
    "粤建安A(2024)0000123",
)


def test_spellings_of_a_number_are_equal_and_other_numbers_are_not():
    assert {bare_number(one) for one in SAME} == {"湘建安A|2024|123"}
    assert len({bare_number(one) for one in (SAME[0], *OTHER)}) == 1 + len(OTHER)


@given(st.integers(1, 9_999_999), st.integers(1, 9_999_999))
def test_two_counts_are_the_same_number_only_if_they_are_equal(one, other):
    numbers = [f"湘建安C1(2024){count:07d}" for count in (one, other)]
    assert (bare_number(numbers[0]) == bare_number(numbers[1])) == (one == other)


def test_a_category_is_unlike_its_number_only_where_the_number_names_another():
    assert [unlike_number(category, "湘建安C2(2024)0000123") for category in ("A", "C1", "C2", "C")] == [
        True,
        True,
        False,
        False,
    ]
    assert not unlike_number("A", "A2024-17")  # tells nothing


def test_the_year_of_a_number_is_the_one_in_brackets_before_the_count():
    assert [year_in(one) for one in ("湘建安A(2024)0000123", "湘建安A(17)0000123", "A2024", "")] == [2024, 0, 0, 0]
