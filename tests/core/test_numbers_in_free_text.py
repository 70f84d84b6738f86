"""ID numbers and mobiles in free text are refused with their place; what only looks like them is not."""

import string
from datetime import date

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.errors import Unmet
from app.core.identifiers import CREDIT_ALPHABET, ID_CHECKS, ID_WEIGHTS, parse_credit_code
from app.core.redaction import find_numbers, mask_numbers, number_refusals, without_numbers
from tests import make

ID, OLD, MOBILE = make.id_number(), "430102850615001", "13873112345"
DAYS = st.dates(date(1950, 1, 1), date(2049, 12, 31))


def codes(text: str) -> list[str]:
    return [refusal.code for refusal in number_refusals({"x": ("专业", text)})]


WRITINGS = (
    *(ID, f"土木工程{ID}", f"{ID}照片", f"scan{ID}front", f"{ID[:6]} {ID[6:14]} {ID[14:]}", f"{ID[:6]}-{ID[6:14]}-{ID[14:]}"),
    "".join(chr(ord(mark) + 0xFEE0) for mark in ID),
    "".join(chr(0x0660 + int(mark)) if mark.isdigit() else mark for mark in ID),
    *(
        "\u200b".join(ID),
        f"（{ID}）",
        OLD,
        f"旧号{OLD}。",
        MOBILE,
        f"电话{MOBILE}",
        "138 7311 2345",
        "138-7311-2345",
        "+86 13873112345",
    ),
)


@pytest.mark.parametrize("text", WRITINGS)
def test_a_number_is_refused_with_its_place_and_never_shown_in_full(text):
    with pytest.raises(Unmet) as caught:
        without_numbers(text, "专业", "major")
    [refusal] = caught.value.refusals
    assert (refusal.code, refusal.field) == ("personal-number", "major")
    assert str(refusal.sentence).startswith("专业")
    assert not any(number in str(refusal.sentence) for number in (ID, OLD, MOBILE))


def test_other_numbers_stay():
    for text in (
        "湘建安C1(2024)0000123",
        "0731-88665599",
        "张三，土建",
        "91430100MA4L1234X1",
        "湘建罚〔2026〕12号",
        "",
        "D243012345",
    ):
        assert without_numbers(text) == text
    assert codes("6222021234567890128") == []  # a bank card, or a document number like it


def with_check_digit(body: str) -> str:
    return body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11]


def test_numbers_of_documents_that_pass_for_personal_ones_are_masked_but_not_refused():
    permits = [with_check_digit(f"430102{day}{n:03}") for day in ("20190315", "20240605") for n in range(1, 23)]
    permits = [number for number in permits if number.isdecimal()]
    registered = [f"43010300{month:02}{day:02}{n}" for month, day, n in ((1, 1, 123), (12, 31, 999), (6, 15, 100))]
    grouped = [f"{number[:6]}-{number[6:14]}-{number[14:]}" for number in permits]
    for number in [*permits, *grouped, *registered, "HT-2024-13800138000"]:
        assert codes(number) == codes(f"施工许可证{number}，合同段") == [], number
        assert mask_numbers(f"编号{number}") != f"编号{number}", number


def test_people_of_working_age_are_refused_whatever_stands_before_the_number():
    today = clock.office_day(clock.now())
    for born in (today - relativedelta(years=16), today - relativedelta(years=99), date(1985, 6, 15)):
        assert codes(f"施工许可证{with_check_digit(f'430102{born:%Y%m%d}012')}") == ["personal-number"], born
    for born in (today - relativedelta(years=16, days=-1), today - relativedelta(years=100)):
        assert codes(with_check_digit(f"430102{born:%Y%m%d}012")) == [], born
    for text in (f"Tel-{MOBILE}", f"HT-{MOBILE}", f"2024-{MOBILE}", f"HT-2024 {MOBILE}", f"430103-{OLD}", "430103600101123"):
        assert codes(text) == ["personal-number"], text


@given(
    st.sampled_from("湘粤京沪"), st.sampled_from(["A", "B", "C1", "C2", "C3"]), st.integers(1990, 2049),
    st.integers(0, 9_999_999), st.sampled_from(["()", "（）"]), st.text(string.ascii_letters + "，。 建", max_size=9),
)  # fmt: skip
def test_a_certificate_number_is_no_personal_number(place, category, year, number, brackets, words):
    assert codes(f"{words}{place}建安{category}{brackets[0]}{year}{brackets[1]}{number:07}{words}") == []


@st.composite
def credit_codes(draw):
    """Codes of the departments that register enterprises and institutions, mostly of digits."""
    place = draw(st.sampled_from(["430100", "430219", "110105", "510104"]))
    body = (
        draw(st.sampled_from(["91", "12", "52", "11", "N2", "Y1"]))
        + place
        + draw(st.text("0123456789", min_size=8, max_size=8))
    )
    body += draw(st.sampled_from(CREDIT_ALPHABET))
    total = sum(CREDIT_ALPHABET.index(mark) * pow(3, place, 31) for place, mark in enumerate(body))
    return body + CREDIT_ALPHABET[(31 - total % 31) % 31]


def is_also_an_id_number(code: str) -> bool:
    weighted = code[:17].isdecimal() and sum(w * int(d) for w, d in zip(ID_WEIGHTS, code, strict=False))
    return weighted is not False and ID_CHECKS[weighted % 11] == code[17] and code[6:8] in ("19", "20")


@settings(max_examples=300)
@given(credit_codes())
def test_a_credit_code_is_no_personal_number(code):
    assert parse_credit_code(code) == code
    assert codes(f"统一社会信用代码{code}") == [] or is_also_an_id_number(code)


@given(DAYS, DAYS, st.times(), st.sampled_from(["{:%Y-%m-%d}", "{:%Y.%m.%d}", "{:%Y年%m月%d日}", "{:%Y/%m/%d}", "{:%Y%m%d}"]))
def test_days_and_times_are_no_personal_numbers(first, last, time, form):
    text = f"{form.format(first)}至{form.format(last)} {time:%H:%M:%S}"
    assert codes(text) == []
    assert codes(f"{form.format(first)} {time:%H:%M}") == []


@given(st.decimals(0, 10**10, places=2, allow_nan=False), st.sampled_from(["元", "万元", " 平方米", "%"]))
def test_amounts_are_no_personal_numbers(amount, unit):
    assert codes(f"{amount:,}{unit}") == codes(f"{amount}{unit}") == []


@given(st.text(max_size=60))
def test_any_text_is_searched_without_an_error(text):
    list(find_numbers(text))
    codes(text)
