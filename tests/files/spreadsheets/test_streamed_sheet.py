"""Rows go to the file one by one, and the workbook is whole for every reader."""

import tempfile
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from app.files.spreadsheets import Column, Kind, write
from app.files.spreadsheets.streamed_sheet import Cell, StreamedSheet, format_index

COLUMNS = (Column("a", "甲"), Column("b", "乙", kind=Kind.NUMBER))


def test_what_stands_in_a_cell_is_what_was_given() -> None:
    texts = ["<b>&amp;</b>", "_x0041_", "_x004", "  两边  ", "一\n二", "𠮷", "]]>", '"引"', "长" * 40_000]
    out = BytesIO()
    book = Workbook(out, {"constant_memory": True})
    sheet = book.add_worksheet("表", StreamedSheet)
    text = format_index(book.add_format({"num_format": "@"}))
    sheet.write_string(1, 1, "上")
    rows: list[list[Cell]] = [[(text, value), (0, number)] for number, value in enumerate(texts)]
    assert sheet.append([*rows, [(text, None), (0, Decimal("1E+2"))]], columns=2) == 11
    sheet.autofilter(1, 0, 11, 1)
    book.close()
    found = load_workbook(out).active
    assert found is not None
    # openpyxl leaves escaped underscores as they are written; calamine reads them as Excel does.
    assert [cell.value for cell in found["A"][2:]] == [*texts[:1], "_x005F_x0041_", *texts[2:-1], "长" * 32_767, None]
    assert CalamineWorkbook.from_filelike(BytesIO(out.getvalue())).get_sheet_by_index(0).to_python()[2] == ["_x0041_", 1.0]
    assert [cell.value for cell in found["B"]] == [None, "上", *range(9), 100]
    assert {cell.number_format for cell in found["A"][2:]} == {"@"}
    assert found.dimensions == "A1:B12"
    reading_only = load_workbook(out, read_only=True).active  # which trusts the stated extent
    assert reading_only is not None
    assert len(list(reading_only.rows)) == 12


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(count: int) -> int:
        rows = ({"a": f"第{n}行", "b": n} for n in range(count))
        tracemalloc.start()
        size = len(write(COLUMNS, rows, sheet_title="x"))
        peaked = tracemalloc.get_traced_memory()[1] - size
        tracemalloc.stop()
        return peaked

    peak(1)  # what is imported at the first sheet
    assert peak(8_000) < peak(500) + 500_000


def test_nothing_stays_on_the_disk_if_the_rows_break_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Iterator[dict[str, object]]:
        yield {"a": "1"}
        assert [*tmp_path.rglob("*")]
        raise RuntimeError("broken off")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="broken off"):
        write(COLUMNS, rows(), sheet_title="x")
    assert not [*tmp_path.rglob("*")]
