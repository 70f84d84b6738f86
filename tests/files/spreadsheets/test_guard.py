"""Workbooks that are refused before any parser sees them."""

import random
import tracemalloc
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.spreadsheets import SheetLimits, SheetRefused, read
from tests import hostile_sheets as hostile
from tests.files.spreadsheets.conftest import TABLE, cell_below
from tests.hostile_sheets import HEADER, ROW, workbook

NOISE = random.Random(1).randbytes(1 << 20)  # noqa: S311 anything that does not compress
SMALL = SheetLimits(file=1 << 20, part=1 << 20, other_part=1 << 18, unpacked=1 << 21, parts=16)
REFUSED = [
    ("empty-file", b""),
    ("not-text", b"%PDF-1.4"),
    ("not-text", b"\x89PNG\r\n\x1a\n\0\0"),
    ("not-xlsx", hostile.pack({"word/document.xml": "<x/>"})),
    ("web-page", "\ufeff \n<html><table><tr><td>姓名</td></tr></table>".encode()),
    ("bad-workbook", hostile.ole_file()),
    ("truncated", hostile.truncated()),
    ("truncated", b"PK\x03\x04" + bytes(100)),
    ("zip-trailer", hostile.appended(b"<script>")),
    ("zip-prefix", hostile.prefixed(b"GIF89a")),
    ("zip-prefix", hostile.prefixed(b"<html></html>")),
    ("zip-trailer", hostile.prefixed(b"PK\x03\x04")),
    ("zip-overlap", hostile.overlapping()),
    ("duplicate-part", hostile.duplicate_part()),
    ("too-many-parts", hostile.many_parts(100)),
    ("zip-method", hostile.pack(hostile.parts(), zipfile.ZIP_LZMA)),
    ("encrypted", hostile.encrypted_flag()),
    ("wrong-checksum", hostile.lying_size()),
    ("wrong-checksum", hostile.bad_checksum()),
    ("part-name", hostile.with_part("../../etc/cron.d/x")),
    ("part-name", hostile.with_part("/xl/x.xml")),
    ("part-name", hostile.with_part("xl\\x.xml")),
    ("part-name", hostile.with_part("C:x.xml")),
    ("macros", hostile.with_part("xl/vbaProject.bin")),
    ("macros", hostile.with_part("xl/macrosheets/sheet1.xml")),
    ("external-links", hostile.with_part("xl/externalLinks/externalLink1.xml")),
    ("macros", hostile.with_part("xl/theme/x.xml", content_type="application/vnd.ms-office.vbaProject")),
    ("macros", hostile.macro_main_type()),
    ("embedded-files", hostile.with_part("xl/embeddings/oleObject1.bin")),
    ("file-too-large", hostile.with_part("xl/media/image1.png", NOISE)),
    ("unpacks-too-large", hostile.zip_bomb(2 << 20)),
    ("unpacks-too-large", hostile.many_styles(20_000)),
    ("too-many-rows", hostile.last_cell_only()),
    ("too-many-columns", hostile.wide_rows()),
    ("too-many-rows", hostile.tall(1011)),
    ("too-many-rows", hostile.tall(1001)),
    ("xml-doctype", hostile.laughing_entities()),
    ("xml-doctype", hostile.outside_entity()),
    ("xml-encoding", hostile.utf16_sheet()),
    ("bad-xml", workbook(HEADER + "<row")),
    ("bad-xml", workbook(HEADER + ROW + ROW)),
    ("bad-xml", cell_below('<c r="B2"><v>1</v></c><c r="B2"><v>2</v></c>')),
    ("bad-xml", cell_below('<c r="B7"><v>1</v></c>')),
    ("bad-workbook", cell_below('<c r="B2" t="zz"><v>90</v></c>')),
    ("bad-workbook", cell_below('<c r="B2" t="s"><v>ninety</v></c>')),
    ("bad-ranges", workbook(tail='<mergeCell ref="A1:B"/>')),
    ("bad-ranges", workbook(tail='<mergeCell ref="&#65;1:B2"/>')),
    ("bad-ranges", hostile.overlapping_arrays(65)),
    ("long-text", workbook(HEADER + f'<row r="2"><c r="A2" t="str"><v>{"x" * 40_000}</v></c></row>')),
    ("bad-ranges", workbook(tail='<mergeCell ref="A1:B2"/>' * 5_001)),
    ("overlapping-ranges", workbook(tail='<mergeCell ref="A2:XFD1048576"/>' * 2)),
    ("odd-relation", hostile.two_targets("worksheets/sheet1.xml")),
    ("odd-relation", hostile.two_targets("xl/worksheets/sheet1.xml", key="rId2")),
    ("odd-relation", hostile.two_targets("./worksheets/sheet1.xml", key="rId2")),
    ("missing-part", hostile.without("_rels/.rels")),
    ("missing-part", hostile.without("xl/_rels/workbook.xml.rels")),
    ("no-visible-sheet", hostile.without(hostile.SHEET)),
    ("no-visible-sheet", hostile.pack(hostile.parts({"x": ("hidden", hostile.sheet())}))),
]


@pytest.mark.parametrize(("code", "data"), REFUSED)
def test_hostile_and_malformed_workbooks_are_refused(code: str, data: bytes) -> None:
    with pytest.raises(SheetRefused) as refused:
        read(data, TABLE, most_rows=1_000, limits=SMALL)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")


def test_a_zip_bomb_is_refused_in_constant_memory() -> None:
    data = hostile.zip_bomb(100 << 20)
    tracemalloc.start()
    with pytest.raises(SheetRefused):
        read(data, TABLE)
    assert tracemalloc.get_traced_memory()[1] < 80 << 20
    tracemalloc.stop()


def test_a_deeply_nested_workbook_is_read() -> None:
    assert len(read(hostile.nested(100_000), TABLE).rows) == 1


@given(at=st.integers(0, 3_000), value=st.integers(0, 255))
def test_a_damaged_byte_is_refused_or_makes_no_difference(at: int, value: int) -> None:
    data = bytearray(workbook())
    data[at % len(data)] = value
    with suppress(SheetRefused):
        assert [row.values for row in read(bytes(data), TABLE).rows] == [{"name": "张三", "score": 90}]


@given(st.data())
def test_damaged_sheet_xml_is_read_or_refused_and_raises_nothing_else(data: st.DataObject) -> None:
    body = bytearray(hostile.sheet().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(150, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(SPLINTERS))
    with suppress(SheetRefused):
        read(hostile.pack({**hostile.parts(), hostile.SHEET: bytes(body)}), TABLE)


SPLINTERS = [b"", b"0", b"9999999", b"-1", b"<", b"/>", b'"', b"&#0;", b"&lt;", b"s", b"d", b"e", b"A1", b"XFE", b"\xff"]
