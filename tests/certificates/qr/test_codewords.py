"""The codewords are those of qrcode, for every version and kind of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import create_data

from app.certificates.qr.codewords import VERSIONS, TooLong, codewords, version_for
from app.certificates.qr.symbol import MASK, matrix

TEXTS = ("https://ag.example.gov.cn/v/" + "123456789" * 40, "中文 mixed 123 ABC", "A" * 300, "7")


def stock(text: str, level: int = ERROR_CORRECT_M) -> QRCode:
    code = QRCode(error_correction=level, mask_pattern=MASK)
    code.add_data(text)
    code.best_fit()
    return code


@given(st.text(max_size=300) | st.text("0123456789", max_size=900) | st.text("ABC $%", max_size=600))
def test_any_text_has_the_codewords_of_the_library(text: str) -> None:
    for level in (ERROR_CORRECT_M, ERROR_CORRECT_H):
        code = stock(text, level)
        assert version_for(code.data_list, level) == code.version
        assert codewords(code.data_list, code.version, level) == create_data(code.version, level, code.data_list)


def test_every_version_has_the_codewords_of_the_library() -> None:
    for version in range(1, VERSIONS + 1):
        code = QRCode(error_correction=ERROR_CORRECT_M)
        code.add_data("v:12345")
        assert codewords(code.data_list, version, ERROR_CORRECT_M) == create_data(version, ERROR_CORRECT_M, code.data_list)


def test_the_symbol_is_that_of_the_library() -> None:
    for text in (*TEXTS, *("1" * 5_500, "1" * 40)):
        code = stock(text)
        code.make(fit=False)
        assert matrix(text) == [bytes(map(bool, row)) for row in code.modules]


def test_a_text_at_each_limit_has_the_version_of_the_library() -> None:
    for count in range(1, 5_600, 37):
        assert version_for(stock("1" * count).data_list, ERROR_CORRECT_M) == stock("1" * count).version
    code = QRCode(error_correction=ERROR_CORRECT_M)
    code.add_data("1" * 6_000)
    with pytest.raises(TooLong):
        version_for(code.data_list, ERROR_CORRECT_M)
