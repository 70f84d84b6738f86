"""Tables in text form: the separator and the encoding are guessed, nothing else."""

import pytest

from app.files.spreadsheets import read, read_text
from app.files.spreadsheets.columns import Column, SheetRefused, at_most
from app.files.spreadsheets.text_table import decode_text

PAIR = (Column("number", "编号", at_most(6)), Column("name", "姓名"))


def rows(text, most=9):
    reading = read_text(text, PAIR, most_rows=most)
    return [(row.number, *row.values.values()) for row in reading.rows], [error.row for error in reading.errors]


@pytest.mark.parametrize("mark", ["\t", ",", ";", "，", "；", "  "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_is_divided_by_any_usual_mark_and_ended_by_any(mark, end):
    assert rows(f"1{mark}李雷{end}{end} ,;{end}2{mark}韩梅梅") == ([(1, "1", "李雷"), (4, "2", "韩梅梅")], [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("姓名,编号\n李雷,1", ([(2, "1", "李雷")], [])),  # a header may be in any order
        ('1,"李,雷"', ([(1, "1", "李,雷")], [])),
        ("1 李 雷", ([(1, "1", "李 雷")], [])),
        ("编号,编号\n1,2", ([], [1, 1])),  # one title twice, the other missing
        ("123456,甲", ([(1, "123456", "甲")], [])),
        ("1234567,甲", ([], [1])),
        ("1", ([], [1])),
        ("", ([], [])),
    ],
)
def test_cells_are_found_by_their_titles_or_their_order(text, found):
    assert rows(text) == found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_usual_encodings_are_read(encoding):
    assert decode_text("编号,𬭎".encode(encoding)) == "编号,𬭎"


@pytest.mark.parametrize("data", [b"\xff", b"a\0b", b"\xff\xfea", b"PK\x03\x04\0\0"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(SheetRefused) as refused:
        decode_text(data)
    assert refused.value.code == "not-text"


def test_one_row_too_many_is_refused_the_header_not_counted():
    assert len(rows("编号,姓名\n1,甲\n2,乙", most=2)[0]) == 2
    with pytest.raises(SheetRefused) as refused:
        rows("1,甲\n2,乙\n3,丙\n4,丁", most=2)
    assert refused.value.code == "too-many-rows"


# --- files --------------------------------------------------------------------------------------

FILE = (Column("name", "姓名"), Column("number", "编号", required=False), Column("note", "备注", required=False))


def test_a_file_has_one_separator_and_its_texts_may_go_over_lines():
    text = '姓名,编号,备注\r\n张三,"001","甲；乙\n丙"\r\n李四,="0012345678901234567",\r\n王五,=1+1,x\r\n'
    for data in (text.encode("utf-8-sig"), text.encode("gb18030"), text.encode("utf-16")):
        reading = read(data, FILE)
        assert [(row.number, *row.values.values()) for row in reading.rows] == [
            (2, "张三", "001", "甲;乙\n丙"),
            (3, "李四", "0012345678901234567", None),
        ]
        assert [(error.row, "formula" in str(error.sentence)) for error in reading.errors] == [(4, True)]
    assert read(text.replace(",", "\t").encode(), FILE).rows == reading.rows
    assert read(f"sep=;\n{text.replace(',', ';')}".encode(), FILE).rows[0].values == reading.rows[0].values


def test_rows_are_not_lost_behind_a_quotation_mark_that_is_not_closed():
    with pytest.raises(SheetRefused) as refused:
        read('姓名,编号,备注\n张三,1,"x\n李四,2,y\n'.encode(), FILE)
    assert refused.value.code == "bad-text"


def test_cells_copied_from_excel_may_hold_several_lines():
    assert rows('1\t"李\n雷"\n2\t韩梅梅') == ([(1, "1", "李\n雷"), (2, "2", "韩梅梅")], [])


def test_a_pasted_header_counts_only_above_the_rows():
    assert rows("名单\n姓名\t编号\n李雷\t1") == ([(3, "1", "李雷")], [])
    found, errors = rows("1\t李雷\n姓名\t编号\n韩梅梅\t2")
    assert (found[:2], errors) == ([(1, "1", "李雷"), (2, "姓名", "编号")], [])  # in order, and no line is lost


def test_a_text_without_any_separator_is_no_table():
    for data in (b"X5O!P%@AP", "就是一段文字".encode()):
        with pytest.raises(SheetRefused) as refused:
            read(data, FILE)
        assert refused.value.code == "not-text"
