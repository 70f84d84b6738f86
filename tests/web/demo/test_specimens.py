"""Invented numbers are formally valid, and pictures are accepted as scans."""

from datetime import date
from types import SimpleNamespace

import pytest

from app.core.identifiers import parse_credit_code, parse_id_number
from app.files.inspect import inspect
from app.web.demo.specimens import id_number, portrait, scan, with_check


@pytest.mark.parametrize("woman", [True, False])
@pytest.mark.parametrize("born", [date(1950, 1, 1), date(2000, 2, 29)])
def test_an_invented_number_is_valid_and_of_the_right_sex(born, woman):
    number = parse_id_number(id_number(born, "张三", woman=woman))
    assert (number[:14], int(number[16]) % 2) == (f"430199{born:%Y%m%d}", not woman)


@pytest.mark.parametrize("stem", ["91430100MA4000001", "91430100MA4L00015"])
def test_a_credit_code_gets_its_check_character(stem):
    assert parse_credit_code(with_check(stem)).startswith(stem)


@pytest.mark.parametrize(
    "data", [scan(("学历证书", "张三")), scan(()), *(portrait(SimpleNamespace(name=name)) for name in ("李", "李雷", "𬭎"))]
)
def test_a_picture_is_accepted_as_a_scan(data):
    assert inspect(data, "样本.jpg", photo=False).mime == "image/jpeg"
