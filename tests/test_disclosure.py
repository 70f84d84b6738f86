"""Numbers of people are found however they are written, and what merely looks like one is left alone."""

import logging

import pytest

from app.disclosure import MaskingFormatter, demand_none, numbers_in, personal, without_numbers
from app.errors import Unmet
from app.identity import ID_CHECKS, ID_WEIGHTS

ID, OLD, MOBILE = "430102198506150013", "430102850615001", "13873112345"


def luhn(body: str) -> str:
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body)))
    return body + str(-sum(n // 10 + n % 10 for n in doubled) % 10)


CARD = luhn("622202123456789012")  # 19 digits
CARD_16 = luhn("622575123456789")


def wide(text: str) -> str:
    return "".join(chr(ord(mark) + 0xFEE0) if mark.isascii() and mark.isalnum() else mark for mark in text)


@pytest.fixture(scope="module")
def numbers():
    body = ID[:17]
    sound = body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11]
    return {"id": sound, "old": OLD, "mobile": MOBILE, "card": CARD, "card 16": CARD_16}


@pytest.mark.parametrize("which", ["id", "old", "mobile", "card", "card 16"])
def test_a_number_is_found_in_every_writing(numbers, which):
    plain = numbers[which]
    cuts = {"id": (6, 14), "old": (6, 12), "mobile": (3, 7), "card": (4, 8, 12, 16), "card 16": (4, 8, 12)}[which]
    parts = [plain[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True)]
    writings = [
        plain,
        " ".join(parts),
        "-".join(parts),
        wide(plain),
        "\u200b".join(parts),
        "\u3000".join(parts),
        "\xa0".join(parts),
    ]
    writings += [f"No{plain}", f"张三{plain}先生", f"（{plain}）", f"{plain},{plain}", plain.lower()]
    for text in writings:
        found = {one.masked for one in numbers_in(text)}
        assert len(found) == 1, text
        assert plain not in without_numbers(text).replace(" ", "")
        assert personal(text), text
    assert "*" in found.pop()


def test_a_foreign_prefix_and_a_small_x_do_not_hide_one():
    assert [one.masked for one in numbers_in("+86 138-7311-2345")] == ["138****2345"]
    assert [one.masked for one in numbers_in("8613873112345")] == ["138****2345"]
    assert [one.masked for one in numbers_in("11010519491231002x")] == ["110105********002X"]


def test_two_numbers_side_by_side_are_two(numbers):
    assert len(list(numbers_in(f"{MOBILE} 13900001111"))) == 2
    assert len(list(numbers_in(f"{numbers['id']} {MOBILE}"))) == 2


@pytest.mark.parametrize(
    "text",
    [
        "湘建安C1(2025)0000001", "91430100MA4L1234X1", "11430000006122244L",
        "430000-XZ-20251124-0001", "2025-11-24 09:00-11:00",
        "0731-88888888", "430102198506150019", "430102********0013", "138****2345", "12345678901234567890123",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "v=1e240a13873112345bc", "2026.03.02 13:00 2026.03.05",
        "911101080000000000", "6222021234567890120", "一共 13 人，18 20260302 12",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_left_alone(text):
    assert list(numbers_in(text)) == []
    assert without_numbers(text) == text


def test_a_refusal_names_the_place_and_the_masked_number(numbers):
    with pytest.raises(Unmet) as no:
        demand_none({"title": ("标题", "考核通知"), "body": ("正文", f"联系人 {MOBILE}，{numbers['id']}")})
    assert [refusal.field for refusal in no.value.refusals] == ["body", "body"]
    assert "138****2345" in str(no.value)
    assert MOBILE not in str(no.value)
    assert "正文" in str(no.value)


def test_a_line_of_the_log_is_masked_with_its_traceback():
    try:
        raise RuntimeError(f"no such person {MOBILE}")
    except RuntimeError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "GET /?q=%s", (MOBILE,), (type(error), error, error.__traceback__)
        )
    line = MaskingFormatter("%(message)s").format(record)
    assert MOBILE not in line
    assert line.count("138****2345") == 2
