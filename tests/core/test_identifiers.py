from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.identifiers import (
    BadNumber,
    age,
    birth_date,
    fold_name,
    is_mobile,
    mask_id,
    mask_id_publicly,
    mask_mobile,
    parse_credit_code,
    parse_id_number,
    parse_landline,
    parse_mobile,
    parse_name,
    parse_telephone,
    sex,
)
from app.core.vocabulary import Sex
from tests import make

ID = "11010519491231002X"
GOOD_CODES = ("91350100M000100Y43", "91110000600037341L", "11430000006122244L", "91430100MA4L000150")


@pytest.mark.parametrize("typed", [ID, ID.lower(), " 1101 0519 4912 31002X ", "１１０１０５１９４９１２３１００２Ｘ"])
def test_an_id_number_is_parsed_in_any_spelling(typed):
    assert parse_id_number(typed) == ID


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "id-missing"),
        ("110105491231002", "id-length"),
        ("11010519491231002Y", "id-characters"),
        ("110105194912310021", "id-check"),
        (make.id_number(region="000000", sequence=1), "id-region"),
        (make.id_number(date(1, 1, 1), sequence=1), "id-birth-date"),
    ],
)
def test_a_wrong_id_number_is_refused_with_a_code_for_its_fault(typed, code):
    with pytest.raises(BadNumber) as no:
        parse_id_number(typed)
    assert no.value.refusals[0].code == code
    assert no.value.refusals[0].field == "id_number"


@given(st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(0, 998), st.integers(0, 16), st.integers(1, 9))
def test_one_mistyped_digit_is_always_found(born, sequence, place, shift):
    number = make.id_number(born, sequence)
    mistyped = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    with pytest.raises(BadNumber):
        parse_id_number(mistyped)


def test_on_a_day_a_person_must_be_born_and_old_enough():
    number = make.id_number(date(2008, 3, 2), sequence=1)
    assert parse_id_number(number, on=date(2026, 3, 2), least_age=18) == parse_id_number(number) == number
    for on, code in ((date(2026, 3, 1), "too-young"), (date(2008, 3, 1), "id-birth-date")):
        with pytest.raises(BadNumber) as no:
            parse_id_number(number, on=on, least_age=18)
        assert no.value.refusals[0].code == code


def test_every_character_that_gbk_kept_in_the_private_use_area_has_its_place():
    assert all(fold_name(chr(0xE815 + n)).isprintable() for n in range(80))


def test_sex_birth_date_and_age_are_read_from_the_number():
    assert sex("11010519491231002X") is Sex.FEMALE
    assert birth_date("11010519491231002X") == date(1949, 12, 31)
    assert (age(date(1966, 3, 2), date(2026, 3, 1)), age(date(1966, 3, 2), date(2026, 3, 2))) == (59, 60)
    assert age(date(2000, 2, 29), date(2026, 2, 28)) == 25


@pytest.mark.parametrize("code", GOOD_CODES)
def test_credit_codes_in_use_are_accepted_also_those_with_remainder_zero(code):
    assert parse_credit_code(code.lower()) == code


@pytest.mark.parametrize(
    ("typed", "code"),
    [("9143", "uscc-length"), ("9143010OMA4L000150", "uscc-characters"), ("91430100MA4L000151", "uscc-check")],
)
def test_a_wrong_credit_code_is_refused_with_a_code_for_its_fault(typed, code):
    with pytest.raises(BadNumber) as no:
        parse_credit_code(typed)
    assert no.value.refusals[0].code == code


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" 李 雷 ", "李雷"),
        ("古丽•买买提", "古丽·买买提"),
        ("古丽・买买提", "古丽·买买提"),
        ("𬭎岩", "𬭎岩"),
        ("Ｌｉ", "Li"),
        ("李\u200b\u202a\u2066雷\ufeff\u200f", "李雷"),
        ("张〇", "张〇"),
        ("\ue81e岩", "龴岩"),
        ("\ue863岩", "䶮岩"),
    ],
)
def test_a_name_is_stored_in_one_form(typed, stored):
    assert parse_name(typed) == fold_name(typed) == stored


@pytest.mark.parametrize("typed", ["李", "李雷1", "李<b>", "李雷!", "雷" * 51, "张三.", ".张三", "古丽··买", "张\ue000"])
def test_an_invalid_name_is_refused(typed):
    with pytest.raises(BadNumber):
        parse_name(typed)


@pytest.mark.parametrize("typed", ["13800000000", "+86 138-0000-0000", "１３８００００００００"])
def test_a_mobile_number_is_parsed_in_any_spelling(typed):
    assert parse_mobile(typed) == "13800000000"


@pytest.mark.parametrize("typed", ["12800000000", "1380000000", "138000000000", "电话"])
def test_an_invalid_mobile_number_is_refused(typed):
    with pytest.raises(BadNumber):
        parse_mobile(typed)


def test_a_landline_where_a_mobile_is_needed_is_refused_as_what_it_is():
    for typed in ("0731-84441234", "（010）6234 5678", "0731-84441234转801"):
        with pytest.raises(BadNumber, match="landline") as refusal:
            parse_mobile(typed)
        assert refusal.value.code == "landline"
    for typed in ("84441234", "0731"):
        with pytest.raises(BadNumber, match="11 digits"):
            parse_mobile(typed)
    assert parse_landline("073184441234") == "0731-84441234"
    for typed in ("13800000000", "84441234"):
        with pytest.raises(BadNumber, match="area code"):
            parse_landline(typed)


def test_masks_hide_all_but_the_allowed_characters():
    assert mask_id_publicly("43010219850615002X") == "430*************2X"
    assert mask_id("43010219850615002X") == "430102********002X"
    assert mask_mobile("13812345678") == "138****5678"
    assert mask_id_publicly("123") == "***"


def test_a_telephone_is_a_mobile_or_a_landline_with_its_area_code():
    for typed in ("0731-84441234", "(0731)84441234", "（0731）8444 1234", "073184441234", "86-0731-84441234"):
        assert parse_telephone(typed) == "0731-84441234"
    assert parse_telephone("0731-84441234转801") == "0731-84441234-801"
    assert parse_telephone("+86 138-0000-0000") == "13800000000"
    assert [is_mobile(parse_telephone(typed)) for typed in ("13800000000", "010-62345678")] == [True, False]
    for typed in ("84441234", "0731-84441234/13800000000", "0731", "00731-84441234", "0731-14441234"):
        with pytest.raises(BadNumber):
            parse_telephone(typed)
