"""证照标识 with its check character."""

from datetime import date

import pytest

from app.certificates import licence_number

# Published examples (domain.md 2.6).
EXAMPLES = [
    "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.002.S",
    "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
    "1.2.156.3005.2.11100000000013338W011.11110000000021135M.20230329701.003.Y",
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_published_examples_have_the_check_character_we_compute(example):
    parts, _dot, _check = example.removeprefix(f"{licence_number.ROOT}.").rpartition(".")
    assert licence_number.with_check_character(parts) == example


@pytest.mark.parametrize("example", EXAMPLES)
def test_any_one_changed_character_changes_the_check_character(example):
    text = example.removeprefix(f"{licence_number.ROOT}.")[:-2].replace(".", "")
    for place, character in enumerate(text):
        for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".replace(character, ""):
            assert licence_number.check_character(text[:place] + other + text[place + 1 :]) != example[-1]


def test_the_serial_stays_and_the_version_counts_up():
    named = [licence_number.identifier("11430000006122244L", date(2026, 3, 2), 403, n) for n in (1, 2, 12)]
    assert [name.split(".")[6:9] for name in named] == [
        ["11430000006122244L", "20260000403", "001"],
        ["11430000006122244L", "20260000403", "002"],
        ["11430000006122244L", "20260000403", "012"],
    ]
    assert len(set(named)) == 3
