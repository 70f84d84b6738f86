"""Proposals for ID numbers that cannot be right."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from app.core.id_rescue import id_proposals
from app.core.identifiers import BadNumber, parse_id_number
from tests import make

MINE, OTHER = make.id_number(date(1985, 6, 15), 411), make.id_number(date(1971, 2, 3), 17, region="430204")
KNOWN = [OTHER, MINE]
NUMBERS = st.builds(make.id_number, st.dates(date(1930, 1, 1), date(2005, 1, 1)), st.integers(0, 998))
PLACES = st.integers(0, 17)


def numbers(text: str, known=KNOWN) -> list[str]:
    return [proposal.number for proposal in id_proposals(text, known)]


def test_a_rounded_number_is_looked_for_among_the_known_ones():
    digits = make.id_number(date(1985, 6, 15), 3)
    assert digits.isdecimal()
    for text in (f"{digits[0]}.{digits[1:6]}E+17", f"{digits[:15]}000", f"{digits[0]}.{digits[1:12]}e17"):
        assert numbers(text, [digits, OTHER]) == [digits]
        assert numbers(text, [OTHER]) == []
    up = str(int(digits[:6]) + 1)
    assert numbers(f"{up[0]}.{up[1:]}E+17", [digits]) == []  # 198506… is rounded down


def test_a_number_that_ends_in_x_was_never_typed_as_a_number():
    with_x = next(number for n in range(99) if (number := make.id_number(date(1985, 6, 15), n)).endswith("X"))
    assert numbers(f"{with_x[:15]}000", [with_x]) == []


def test_15_digits_are_computed_and_never_taken_by_themselves():
    old = MINE[:6] + MINE[8:17]
    assert numbers(old, []) == [MINE]
    assert numbers("430102851315123", []) == []  # no such day


def test_a_proposal_says_which_places_differ_and_shows_no_hidden_digit():
    swapped = MINE[:8] + MINE[9] + MINE[8] + MINE[10:]
    [found] = id_proposals(swapped, KNOWN)
    assert (found.number, found.shown) == (MINE, f"{MINE[:6]}********{MINE[-4:]} (places 9 and 10 swapped)")
    [wrong] = id_proposals(MINE[:17] + ("0" if MINE[17] != "0" else "1"), KNOWN)
    assert (wrong.number, str(wrong.difference)) == (MINE, "another character at place 18")


@given(NUMBERS, PLACES, PLACES)
def test_what_was_swapped_is_proposed_if_it_is_known_and_nothing_else_is(number, one, other):
    marks = list(number)
    marks[one], marks[other] = marks[other], marks[one]
    typed = "".join(marks)
    found = numbers(typed, [number])
    assert found == ([] if is_valid(typed) or "X" in typed[:17] or typed.endswith("000") else [number])
    assert numbers(typed, []) == []


@given(st.text("0123456789XE+. ", max_size=20) | NUMBERS, st.lists(NUMBERS, max_size=4))
def test_proposals_are_valid_known_and_none_for_a_valid_number(text, known):
    found = numbers(text, known)
    assert all(map(is_valid, found))
    assert len("".join(text.split())) == 15 or set(found) <= set(known)
    assert not (found and is_valid(text))


def is_valid(text: str) -> bool:
    try:
        parse_id_number(text)
    except BadNumber:
        return False
    return True
