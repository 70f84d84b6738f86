"""What a number shows under a format. The expected texts were typed from Excel's own display."""

from decimal import Decimal

import pytest

from app.files.spreadsheets.number_format import BUILT_IN, Shape, moment_of, number_format

SHOWN = [
    # code, value, text, the number that the digits say
    ('"湘建安C1(2024)"0000000', 123, "湘建安C1(2024)0000123", None),
    ("0%", 0.85, "85%", "85"),
    ("0.00%", 0.8567, "85.67%", "85.67"),
    ("0", 59.6, "60", "60"),
    ("0", 59.5, "60", "60"),  # Excel rounds away from zero
    ("0.00", 1.005, "1.01", "1.01"),  # as if it counted in decimals
    ("0", -0.4, "0", "0"),
    ("0.00", 5, "5.00", "5.00"),
    ("000000", 430, "000430", "430"),
    ("#,##0", 999, "999", "999"),
    ("#,##0.00", 1234567.891, "1,234,567.89", "1234567.89"),
    ("0.0#", 5.1, "5.1", "5.10"),
    ("#", 0, "", "0"),
    ("000-0000-0000", 13812345678, "138-1234-5678", None),
    ("0.00;(0.00)", -5, "(5.00)", "-5.00"),
    ("0.00_);[Red](0.00)", -5, "(5.00)", "-5.00"),
    ('0;-0;"无"', 0, "无", None),
    ("0 ;-0;;@", 0, "", None),
    (";;;", 5, "", None),
    ('0"分"', 85, "85分", "85"),
    ('General;"负"General', -5.5, "负5.5", "-5.5"),
    ("0.00;@", -5, "-5.00", "-5.00"),
    ('G/通用格式"分"', 5.5, "5.5分", "5.5"),
    ('0"万"', 5, "5万", None),  # the digits are not the number
    ("0,", 12345, "12", None),
    ("¥#,##0.00", 1234.5, "¥1,234.50", "1234.50"),
    ('[$¥-804]#,##0', 1234, "¥1,234", "1234"),
    ('_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ ', 1234.5, " 1,234.50 ", "1234.50"),
    ("yyyy/m/d", 45321, "2024/1/30", None),
    ("yyyy\\-mm\\-dd;@", 45321, "2024-01-30", None),
    ('[$-804]yyyy"年"m"月"', 45321, "2024年1月", None),
    ("[$-F800]dddd, mmmm dd, yyyy", 45321, "Tuesday, January 30, 2024", None),
    ("[$-zh-CN]yyyy/m/d", 45321, "2024/1/30", None),
    ("[$-x-sysdate]yyyy/mm/dd", 45321, "2024/01/30", None),
    ("d-mmm-yy", 45321, "30-Jan-24", None),
    ("yyyy-mm-dd h:mm:ss", 45321.25, "2024-01-30 6:00:00", None),
    ("h:mm AM/PM", 0.75, "6:00 PM", None),
    ("mm:ss", 0.5, "00:00", None),
]  # fmt: skip


def test_a_number_is_shown_as_excel_shows_it() -> None:
    for code, value, text, number in SHOWN:
        shown = number_format(code).shown(value)
        assert shown is not None, code
        assert (shown.text, shown.number) == (text, number and Decimal(number)), code


UNKNOWN = [
    "0.00E+00",
    "# ?/?",
    "[h]:mm",
    "[DBNum1]0",
    "[>100]0;0.0",
    "aaaa",
    "湘建安C1(2024)0000000",
    "0!.0",
    "[$-1010804]0",
    '"open',
    "y0",
    "0;0;0;0;0",
]


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_format_that_is_not_drawn_says_so(code: str) -> None:
    assert number_format(code).shape is Shape.UNKNOWN
    assert number_format(code).shown(5) is None


@pytest.mark.parametrize("code", ["General", "@", "G/通用格式", "", "[Red]General", "General;General;General;@"])
def test_a_general_format_shows_the_number_itself(code: str) -> None:
    assert number_format(code).shape is Shape.GENERAL


def test_a_date_format_says_which_parts_of_the_day_it_shows() -> None:
    wanted = {
        'yyyy"年"m"月"d"日"': "ymd",
        'm"月"d"日"': "md",
        "mmm-yy": "ym",
        "h:mm:ss": "",
        "dddd": "",
        "yyyy-mm h:mm": "ym",
    }
    assert {code: number_format(code).parts for code in wanted} == wanted


def test_every_format_that_a_file_may_name_by_number_alone_is_a_known_kind() -> None:
    unknown = {key for key, code in BUILT_IN.items() if number_format(code).shape is Shape.UNKNOWN}
    assert unknown == {11, 12, 13, 46, 47, 48}  # powers of ten, fractions, elapsed hours, parts of seconds


def test_a_format_may_show_a_text_otherwise_than_it_is_stored() -> None:
    wanted = {
        '"湘建安"@': "湘建安B1", "@": "B1", "0.00": "B1", "General": "B1", "0;-0;0;@_ ": "B1", ";;;": "", '0;0;0;"无"': "无",
        "yyyy/m/d;@": "B1", '0;-0;0;@"号"': "B1号", "[DBNum1]0": "B1",
    }  # fmt: skip
    assert {code: number_format(code).shown_text("B1") for code in wanted} == wanted


def test_a_format_longer_than_excel_allows_is_not_looked_at() -> None:
    assert number_format("[" * 1_000_000).shape is Shape.UNKNOWN


def test_days_are_counted_from_1900_or_1904_and_only_those_that_excel_shows() -> None:
    def day(value: float, *, from_1904: bool = False) -> str | None:
        found = moment_of(value, from_1904=from_1904)
        return found.date().isoformat() if found else None

    assert [day(value) for value in (0, 1, 59, 60, 61, 43164, 3_000_000)] == [
        None, "1900-01-01", "1900-02-28", None, "1900-03-01", "2018-03-05", None,
    ]  # fmt: skip
    assert [day(value, from_1904=True) for value in (-1, 0, 41702, 43164)] == [None, "1904-01-01", "2018-03-05", "2022-03-06"]
