"""What a file is, is told by its bytes."""

import pytest

from app.files.spreadsheets import SheetLimits, SheetRefused
from app.files.spreadsheets.opening import open_book
from tests.hostile_sheets import workbook


def test_a_file_is_opened_by_what_it_holds() -> None:
    opened = [type(open_book(data, SheetLimits())).__name__ for data in (workbook(), b"a,b\n1,2", "a\tb".encode("utf-16"))]
    assert opened == ["XlsxBook", "TextBook", "TextBook"]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty-file"), (b"<table>", "web-page"), (b"{\\rtf1, a}", "not-text"), (b"x" * 99, "file-too-large")],
)
def test_what_is_no_table_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(SheetRefused) as caught:
        open_book(data, SheetLimits(file=90))
    assert caught.value.code == code
