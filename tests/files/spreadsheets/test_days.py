"""A day is read in every shape that offices write; what leaves it open is doubtful."""

from datetime import date

import pytest

from app.files.spreadsheets import Doubtful
from app.files.spreadsheets.days import read_day

FIFTH_OF_MARCH = """
2018-03-05|2018/3/5|2018.3.5|2018年3月5日|2018年03月05号|2018年3月5|20180305|2018 3 5|2018 - 3 - 5
二〇一八年三月五日|43164|43164.5
2018-03-05 00:00:00|2018/03/05 8:00|2018-03-05T08:00:00Z|2018/3/5 8:00:00 AM
Mar 5, 2018|March 5th 2018|5 March 2018|05-Mar-2018
"""
DOUBTFUL = {
    "2024年5月": ("2024-05-01", "2024-05-31"),
    "2024-02": ("2024-02-01", "2024-02-29"),
    "2023.2": ("2023-02-01", "2023-02-28"),
    "202405": ("2024-05-01", "2024-05-31"),
    "二〇二四年五月": ("2024-05-01", "2024-05-31"),
    "4/5/2026": ("2026-04-05", "2026-05-04"),
    "18.3.5": ("2018-03-05", "2005-03-18"),
    "18年3月5日": ("2018-03-05",),
    "2018-03-04T16:00:00.000Z": ("2018-03-05", "2018-03-04"),
}


def test_a_day_is_read_in_every_usual_shape() -> None:
    for text in FIFTH_OF_MARCH.replace("", "").strip().replace("\n", "|").split("|"):
        assert read_day(text) == date(2018, 3, 5), text
    assert read_day("4/4/2026") == date(2026, 4, 4)  # whichever comes first
    assert (read_day("13/5/2018"), read_day("5/13/2018")) == (date(2018, 5, 13), date(2018, 5, 13))
    assert read_day("二零二三年十二月二十三日") == date(2023, 12, 23)
    assert read_day("41702", from_1904=True) == date(2018, 3, 5)


@pytest.mark.parametrize("text", DOUBTFUL)
def test_what_leaves_the_day_open_is_doubtful_with_the_days_that_it_may_be(text: str) -> None:
    with pytest.raises(Doubtful) as caught:
        read_day(text)
    assert caught.value.readings == DOUBTFUL[text]
    assert str(caught.value.sentence).startswith(f"“{text}” ")


IMPOSSIBLE = (
    "长期|2018|0|60|99-13-13|2018-02-30|20181305|31/02/2018|2024年13月|2018-3/5|999999|2018-03-05 x|五月|Foo 5, 2018|1.5"
)


@pytest.mark.parametrize("text", IMPOSSIBLE.split("|"))
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_day(text)
    assert not isinstance(caught.value, Doubtful)
    assert "is not a date" in str(caught.value.args[0])
