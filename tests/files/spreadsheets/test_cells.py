"""Shown or stored: which of the two a column gets, and when it is asked."""

from datetime import datetime

import pytest

from app.files.spreadsheets import Doubtful, Kind
from app.files.spreadsheets.cell_text import fold
from app.files.spreadsheets.cells import FORMULA, Cell, Fault, FormattedNumber, FormattedText, cell_of, shown_in, text_of
from app.files.spreadsheets.number_format import number_format


def formatted(value: float, code: str) -> FormattedNumber:
    return FormattedNumber(value, number_format(code))


NUMBER = '"湘建安C1(2024)"0000000'
READ: list[tuple[Cell, Kind, str]] = [
    (formatted(123, NUMBER), Kind.TEXT, "湘建安C1(2024)0000123"),
    (formatted(5, "0.00"), Kind.TEXT, "5.00"),
    (formatted(5, "0.00"), Kind.NUMBER, "5"),
    (formatted(85.5, "0.00_ "), Kind.NUMBER, "85.5"),
    (formatted(1234, "#,##0"), Kind.NUMBER, "1234"),
    (formatted(85, '0"分"'), Kind.NUMBER, "85"),
    (formatted(123, "@"), Kind.TEXT, "123"),
    (formatted(45321, "yyyy/m/d"), Kind.TEXT, "2024/1/30"),
    (formatted(45321, "yyyy/m/d"), Kind.DAY, "2024-01-30"),
    (formatted(45321.75, "d-mmm-yy h:mm"), Kind.DAY, "2024-01-30"),
    (formatted(43164, '[DBNum1][$-804]yyyy"年"m"月"d"日";@'), Kind.DAY, "2018-03-05"),
    (formatted(20180305, "0"), Kind.DAY, "2018-03-05"),
    (formatted(20180305, '0000"年"00"月"00"日"'), Kind.DAY, "2018-03-05"),
    (43164.0, Kind.DAY, "2018-03-05"),
    (20180305.0, Kind.DAY, "2018-03-05"),
    (85.0, Kind.NUMBER, "85"),
    ("2018年3月5日", Kind.DAY, "2018-03-05"),
    (cell_of("B1", number_format('"湘建安"@')), Kind.TEXT, "湘建安B1"),
    ("８５", Kind.NUMBER, "85"),
    ("", Kind.DAY, ""),
    (datetime(2018, 3, 5), Kind.DAY, "2018-03-05"),  # noqa: DTZ001 a cell has no time zone
]
DOUBTFUL: list[tuple[Cell, Kind, tuple[str, ...]]] = [
    (formatted(0.85, "0%"), Kind.NUMBER, ("85", "0.85")),
    (formatted(59.6, "0"), Kind.NUMBER, ("60", "59.6")),
    (formatted(0, '0;-0;"缺考"'), Kind.NUMBER, ("缺考", "0")),
    (formatted(85, "yyyy/m/d"), Kind.NUMBER, ("85",)),
    (formatted(5, '0"万"'), Kind.NUMBER, ("5万", "5")),
    (formatted(123, ";;;"), Kind.TEXT, ("123",)),
    (formatted(123, "[DBNum1]0"), Kind.TEXT, ("123",)),
    (formatted(43164, "[DBNum1]0"), Kind.DAY, ("2018-03-05",)),
    (formatted(5, "[DBNum1]0"), Kind.DAY, ()),
    (formatted(43164, '[DBNum1]yyyy"年"m"月"'), Kind.TEXT, ()),
    (formatted(45429, 'yyyy"年"m"月"'), Kind.DAY, ("2024-05-17", "2024-05-01", "2024-05-31")),
    (formatted(45429, 'm"月"d"日"'), Kind.DAY, ("2024-05-17",)),
    (FormattedText("B1", ""), Kind.TEXT, ("B1",)),
    (FormattedText("85", "85分"), Kind.NUMBER, ("85分", "85")),
    (FormattedText("2018-03-05", ""), Kind.DAY, ()),
    (2024.5, Kind.DAY, ("2024-05-01", "2024-05-31")),
    (2024.1, Kind.DAY, ("2024-01-01", "2024-01-31", "2024-10-01", "2024-10-31")),
]
REFUSED: list[tuple[Cell, Kind, str]] = [
    (4.30102199001010e17, Kind.TEXT, "has lost the last digits"),
    (formatted(4.30102199001010e17, "0"), Kind.TEXT, "has lost the last digits"),
    ("4.30102E+17", Kind.TEXT, "has lost the last digits"),
    (float("inf"), Kind.NUMBER, "number that can be read"),
    (True, Kind.NUMBER, "TRUE or FALSE"),
    (Fault(FORMULA), Kind.TEXT, "formula"),
    (formatted(0.5, "h:mm"), Kind.DAY, "is not a date"),
    (formatted(-1, "yyyy/m/d"), Kind.DAY, "is not a date"),
    (formatted(-1, "yyyy/m/d"), Kind.TEXT, "is not a date"),
    (formatted(60, "yyyy/m/d"), Kind.DAY, "is not a date"),
    (formatted(85, "0"), Kind.DAY, "is not a date"),
]


def test_a_column_gets_what_is_shown_or_stored_where_both_mean_the_same() -> None:
    for cell, kind, text in READ:
        assert text_of(cell, kind, from_1904=False) == text, (cell, kind)


def test_where_they_differ_the_cell_is_doubtful_and_both_are_named() -> None:
    for cell, kind, readings in DOUBTFUL:
        with pytest.raises(Doubtful) as caught:
            text_of(cell, kind, from_1904=False)
        assert caught.value.readings == readings, (cell, kind)
        if isinstance(cell, FormattedNumber):
            assert "store" in str(caught.value.sentence)


def test_what_cannot_be_read_is_refused_with_a_sentence() -> None:
    for cell, kind, sentence in REFUSED:
        with pytest.raises(ValueError) as caught:
            text_of(cell, kind, from_1904=False)
        assert not isinstance(caught.value, Doubtful)
        assert sentence in str(caught.value.args[0]), (cell, kind)


def test_a_count_of_days_follows_the_workbook() -> None:
    for cell in (41702.0, formatted(41702, "yyyy/m/d"), "41702"):
        assert text_of(cell, Kind.DAY, from_1904=True) == "2018-03-05"
    assert shown_in(formatted(41702, "yyyy/m/d"), from_1904=True) == "2018/3/5"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("'0731", "0731"),
        ("＇湘建安", "湘建安"),
        ("'=1", "'=1"),
        ("张三_x000D_", "张三"),
        ("张\u3164三\u2800", "张三"),
        ("\u202d430199\u202c", "430199"),
        ("４３０１９９", "430199"),
    ],
)
def test_what_cannot_be_seen_is_no_part_of_a_text(text: str, folded: str) -> None:
    assert fold(text) == folded
