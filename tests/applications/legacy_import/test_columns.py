"""What is written in the cells of the old system, and how it is read."""

from datetime import date

from app.applications.legacy_import.columns import parse_status
from app.core.vocabulary import OLD_SYSTEM
from app.files.spreadsheets import Column, Kind
from app.models import Account, Certificate, ExamPass, Person
from tests import hostile_sheets, make
from tests.applications.sheet_imports.conftest import count, only, results, take
from tests.applications.sheet_imports.sheets import ACCOUNTS, CERTIFICATES, OTHER, PASSES, row, sheet


def test_a_number_of_15_digits_is_asked_about_and_becomes_no_person(session, means):
    take(means, PASSES, row(PASSES, id_number="110105491231002"), row(PASSES, id_number="11010519491231002X", category="B"))
    assert only(session, Person).id_number == "11010519491231002X"
    assert [(result, "15 digits" in why) for result, why in results(means, 1)] == [("doubtful", True), ("added", False)]


REFUSED = [
    (PASSES, {"id_number": "110105194912310021"}, "check digit"),
    (PASSES, {"id_number": "110105491331002"}, "does not exist"),
    (PASSES, {"id_number": "11010519491231"}, "has 14"),
    (PASSES, {"id_number": None}, "Please fill this in"),
    (PASSES, {"name": "张3"}, "does not belong there"),
    (PASSES, {"category": "C"}, "C1, C2 or C3"),
    (PASSES, {"category": "D类"}, "is not a category"),
    (PASSES, {"category": "C1和C2合并为C3"}, "names C1、C2、C3"),
    (PASSES, {"category": "B转A"}, "names B、A"),
    (CERTIFICATES, {"category": "A类、B类"}, "several categories: A、B"),
    (CERTIFICATES, {"number": "湘建安A(2018)1转湘建安B(2019)2"}, "does not tell the category"),
    (PASSES, {"passed_on": "2026-03-03"}, "still to come"),
    (PASSES, {"passed_on": "2025-02-29"}, "is not a date"),
    (PASSES, {"passed_on": "去年"}, "is not a date"),
    (PASSES, {"passed_on": "1899-01-01"}, "cannot be right"),
    (PASSES, {"uscc": "91430100MA4L000151"}, "check character"),
    (PASSES, {"uscc": None, "enterprise": "查无此企业"}, "add its credit code"),
    (PASSES, {"uscc": OTHER, "enterprise": None}, "add its name"),
    (CERTIFICATES, {"uscc": None, "enterprise": None}, "name the enterprise"),
    (CERTIFICATES, {"valid_to": "2024-04-30"}, "lies before the first"),
    (CERTIFICATES, {"issued_on": None}, "day of issue"),
    (CERTIFICATES, {"issued_on": "2026-03-03", "valid_to": "2029-01-01"}, "still to come"),
    (CERTIFICATES, {"first_issued_on": "2025-01-01"}, "the first one comes first"),
    (CERTIFICATES, {"status": "99"}, "needs a note"),
    (CERTIFICATES, {"status": "失效"}, "says expired"),
    (CERTIFICATES, {"status": "挂失"}, "is not on the list"),
    (CERTIFICATES, {"number": "A-17"}, "does not tell the category"),
    (CERTIFICATES, {"number": "湘" * 41}, "at most 40"),
    (ACCOUNTS, {"uscc": "1234"}, "has 18 characters"),
    (ACCOUNTS, {"uscc": None}, "Please fill this in"),
    (ACCOUNTS, {"mobile": "123"}, "11 digits"),
    (ACCOUNTS, {"region": "巴黎"}, "is not a region"),
    (ACCOUNTS, {"username": "a b"}, "no spaces"),
    (ACCOUNTS, {"address": "长" * 201}, "At most 200"),
]


def test_bad_cells_refuse_their_own_row_and_no_other(session, means, app):
    for kind in OLD_SYSTEM:
        bad = [(cell, sentence) for of, cell, sentence in REFUSED if of is kind]
        good = [row(kind)] if kind is ACCOUNTS else [row(kind), row(kind)]
        firms = {"uscc": OTHER} if kind is ACCOUNTS else {}
        import_id = take(means, kind, *good, *(row(kind, **(firms | cell)) for cell, _sentence in bad))
        found = results(means, import_id)
        assert [result for result, _reason in found[: len(good)]] == ["added"] * len(good)
        for (result, reason), (cell, sentence) in zip(found[len(good) :], bad, strict=True):
            expected = "doubtful" if "several categories" in sentence else "refused"
            assert (result, sentence in reason) == (expected, True), (kind, cell, reason)
    assert (count(session, ExamPass), count(session, Certificate), count(session, Account)) == (2, 2, 1)


def test_statuses_come_as_codes_numbers_and_words():
    cells = ("01", "1", "有效", "正常", "2", "暂扣", "04", "已注销", "过期", "99")
    codes = ("01", "01", "01", "01", "02", "02", "04", "04", "05", "99")
    assert tuple(parse_status(cell).value for cell in cells) == codes


def test_headings_of_other_offices_and_cells_as_excel_keeps_them_are_understood(session, means):
    titles = {
        "name": "持证人姓名",
        "id_number": "身份证号*",
        "number": "证书 编号",
        "valid_to": "有效期止",
        "issued_on": "发证时间",
    }
    titles |= {"uscc": "信用代码", "enterprise": "工作单位"}
    columns = [
        Column(key, title, kind=Kind.NUMBER if key in ("valid_to", "issued_on") else Kind.TEXT)
        for key, title in titles.items()
    ]
    days = {"issued_on": date(2024, 5, 1), "valid_to": 46507}
    take(means, CERTIFICATES, data=sheet(CERTIFICATES, row(CERTIFICATES, **days), columns=[*columns, Column("x", "序号")]))
    assert (only(session, Certificate).issued_on, only(session, Certificate).valid_to) == (
        date(2024, 5, 1),
        date(2027, 4, 30),
    )


def test_a_formula_is_not_taken_for_a_value(session, means):
    cells = {"A": "姓名", "B": "身份证号", "C": "类别", "D": "考试通过时间"}
    head = "".join(hostile_sheets.text_cell(f"{place}1", title) for place, title in cells.items())
    sound = ("张三", make.id_number(), "A", "2025-10-01")
    first = "".join(hostile_sheets.text_cell(f"{place}2", text) for place, text in zip("ABCD", sound, strict=True))
    formula = '<c r="A3" t="str"><f>"李"&amp;"四"</f><v>李四</v></c>'
    rows = f'<row r="1">{head}</row><row r="2">{first}</row><row r="3">{formula}</row>'
    found = results(means, take(means, PASSES, data=hostile_sheets.workbook(rows)))
    assert (found[0][0], found[1][0], "formula" in found[1][1]) == ("added", "refused", True)
