"""The legacy import: lenient about formats, strict about identity, and idempotent, also interrupted or concurrent."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.applications import legacy_import
from app.applications.legacy_import import run as import_run
from app.applications.legacy_import.batches import RESULT_COLUMNS
from app.applications.legacy_import.columns import COLUMNS, parse_category, parse_day, parse_status, template
from app.core.errors import NotAllowed, Stale
from app.core.office import Office
from app.core.vocabulary import (
    AccountSource,
    AuditAction,
    Category,
    CertificateEventKind,
    CertificateStatus,
    LegacyKind,
    LegacyPhase,
    PassSource,
    Role,
)
from app.files.spreadsheets import Column, SheetRefused, read, write
from app.files.storage import Store
from app.models import (
    Account,
    AuditEntry,
    Certificate,
    CertificateEvent,
    CertificateVersion,
    Enterprise,
    ExamPass,
    LegacyChunk,
    LegacyImport,
    LegacyRecord,
    Person,
)
from tests import hostile_sheets, make
from tests.query_counter import queries

ACCOUNTS, PASSES, CERTIFICATES = LegacyKind
ADMIN = make.officer(Role.ADMIN)
SECOND = timedelta(seconds=1)
FIRM, USCC = "湖南湘江建设有限公司", "91430100MA4L000150"
OTHER = make.uscc(777777)
USUAL = {
    ACCOUNTS: {"enterprise": FIRM, "uscc": USCC},
    PASSES: {"name": "李雷", "category": "C1", "passed_on": "2025-10-01", "enterprise": FIRM, "uscc": USCC},
    CERTIFICATES: {"name": "李雷", "enterprise": FIRM, "uscc": USCC, "issued_on": "2024-05-01", "valid_to": "2027-04-30"},
}


def row(kind: LegacyKind, **cells) -> dict[str, object]:
    usual = dict(USUAL[kind])
    if kind is not ACCOUNTS:
        usual["id_number"] = make.id_number()
    if kind is CERTIFICATES and "number" not in cells:
        usual["number"] = f"湘建安C1(2018){make.id_number()[-8:-1]}"
    return usual | cells


def sheet(kind: LegacyKind, *rows: dict[str, object], columns=None) -> bytes:
    return write(columns or COLUMNS[kind], rows, sheet_title="原系统")


OPEN: list[Session] = []


def let_go() -> None:
    """SQLite has one writer: so the test's own session must be closed while the code writes."""
    OPEN[-1].rollback()


@pytest.fixture
def means(system, session, tmp_path) -> legacy_import.ImportContext:
    OPEN.append(session)
    store = Store(tmp_path / "blobs")
    return legacy_import.ImportContext(sessionmaker(system.engine, expire_on_commit=False), store, lambda _done, _all: None)


def hand_in(means, kind, data, *, at=make.NOON) -> int:
    let_go()
    with means.sessions.begin() as session:
        course = legacy_import.receive(session, means.store, kind, data, "旧数据.xlsx", ADMIN, at=at, office=Office())
    legacy_import.check(means, course.id, at=at)
    return course.id


def confirm(means, import_id, *, at=make.NOON) -> None:
    let_go()
    with means.sessions.begin() as session:
        digest = session.get_one(LegacyImport, import_id).sha256
        legacy_import.confirm(session, import_id, digest, ADMIN, at=at)


def take(means, kind, *rows, data=b"", at=make.NOON) -> int:
    import_id = hand_in(means, kind, data or sheet(kind, *rows), at=at)
    confirm(means, import_id, at=at)
    legacy_import.take_over(means, import_id, at=at)
    return import_id


def course(means, import_id) -> LegacyImport:
    let_go()
    with means.sessions() as session:
        return session.get_one(LegacyImport, import_id)


def results(means, import_id) -> list[tuple[str, str]]:
    """Result and reason of each row in the report."""
    let_go()
    with means.sessions.begin() as session:
        data = legacy_import.report_of(session, means.store, import_id, ADMIN, at=make.NOON)
    loose = [replace(column, required=False) for column in RESULT_COLUMNS]
    return [(one.values["result"].removeprefix("Row "), one.values["reason"] or "") for one in read(data, loose).rows]


def outcomes(means, import_id) -> list[str]:
    return [result for result, _reason in results(means, import_id)]


def count(session, model) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found


def only(session, model):
    session.rollback()
    session.expire_all()
    return session.scalars(select(model)).one()


# --- what a row becomes ----------------------------------------------------------------------------------------


def test_a_certificate_comes_with_its_person_its_enterprise_and_one_line_of_history(session, means):
    number = make.id_number()
    take(means, CERTIFICATES, row(CERTIFICATES, id_number=number, number="湘建安C （2018） 0000001", valid_from="2024-05-02"))
    found = only(session, Certificate)
    assert (found.number, found.category, found.holder) == ("湘建安C(2018)0000001", Category.C, "李雷")
    assert (found.first_issued_on, found.issued_on, found.valid_from) == (*[date(2024, 5, 1)] * 2, date(2024, 5, 2))
    assert (found.is_electronic, found.versions, found.status) == (False, [], CertificateStatus.VALID)
    assert (found.person.id_number, found.person.enterprise.uscc) == (number, USCC)
    assert (found.enterprise.region_code, found.enterprise.source) == ("430100", AccountSource.LEGACY)
    assert [event.deed for event in found.events] == [CertificateEventKind.IMPORTED]


def test_a_pass_is_one_of_the_old_system_and_nobody_has_seen_its_originals(session, means):
    take(means, PASSES, row(PASSES))
    found = only(session, ExamPass)
    assert (found.source, found.passed_on, found.category) == (PassSource.LEGACY, date(2025, 10, 1), Category.C1)
    assert (found.originals_verified_at, found.person.enterprise.name) == (None, FIRM)


def test_an_account_comes_without_a_password_and_must_have_one_changed(session, means, app):
    take(means, ACCOUNTS, row(ACCOUNTS, username="Ｘiangjiang", contact="周敏", mobile="13800000000", region="株洲"))
    found = only(session, Account)
    assert (found.username, found.first_name, found.mobile) == ("xiangjiang", "周敏", "13800000000")
    assert (found.password, found.must_change_password, [role.name for role in found.roles]) == (
        *(None, True),
        ["enterprise_clerk"],
    )
    assert (found.enterprise.uscc, found.enterprise.region_code, found.enterprise.contact) == (USCC, "430200", "周敏")


def test_one_person_in_all_three_sheets_is_one_person_of_one_enterprise(session, means, app):
    number = make.id_number()
    take(means, ACCOUNTS, row(ACCOUNTS))
    take(means, PASSES, *(row(PASSES, id_number=number, category=category, uscc=None) for category in ("A", "B")))
    take(means, CERTIFICATES, *(row(CERTIFICATES, id_number=number, number=f"湘建安C({n})1") for n in (2016, 2018)))
    assert [count(session, model) for model in (Enterprise, Person, ExamPass, Certificate, Account)] == [1, 1, 2, 2, 1]


def test_a_number_of_15_digits_is_the_person_of_18(session, means):
    take(means, PASSES, row(PASSES, id_number="110105491231002"), row(PASSES, id_number="11010519491231002X", category="B"))
    assert only(session, Person).id_number == "11010519491231002X"
    assert "converted to 18" in results(means, 1)[0][1]


REFUSED = [
    (PASSES, {"id_number": "110105194912310021"}, "check digit"),
    (PASSES, {"id_number": "110105491331002"}, "does not exist"),
    (PASSES, {"id_number": "11010519491231"}, "has 14"),
    (PASSES, {"id_number": None}, "Please fill this in"),
    (PASSES, {"name": "张3"}, "does not belong there"),
    (PASSES, {"category": "C"}, "C1, C2 or C3"),
    (PASSES, {"category": "D类"}, "is not a category"),
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
    (CERTIFICATES, {"status": "挂失"}, "is not a status"),
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
    for kind in LegacyKind:
        bad = [(cell, sentence) for of, cell, sentence in REFUSED if of is kind]
        good = [row(kind)] if kind is ACCOUNTS else [row(kind), row(kind)]
        firms = {"uscc": OTHER} if kind is ACCOUNTS else {}
        import_id = take(means, kind, *good, *(row(kind, **(firms | cell)) for cell, _sentence in bad))
        found = results(means, import_id)
        assert [result for result, _reason in found[: len(good)]] == ["added"] * len(good)
        for (result, reason), (cell, sentence) in zip(found[len(good) :], bad, strict=True):
            assert (result, sentence in reason) == ("refused", True), (kind, cell, reason)
    assert (count(session, ExamPass), count(session, Certificate), count(session, Account)) == (2, 2, 1)


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        *(
            (text, "2018-03-05")
            for text in ("2018-03-05", "2018/3/5", "2018.3.5", "20180305", "2018年3月5日", "2018 年 3 月 5 日")
        ),
        *((text, "2018-03-05") for text in ("2018-03-05 00:00:00", "2018-03-05T08:30", "43164", "2018-3-05", "2018/03/5")),
        *((text, None) for text in ("18-3-5", "2018-13-01", "2018", "3月5日", "99999", "2018-03-05至2021-03-04", "1/3/2018")),
    ],
)
def test_days_are_read_as_people_write_them(cell, day):
    if day:
        assert parse_day(cell).isoformat() == day
    else:
        with pytest.raises(ValueError):
            parse_day(cell)


@pytest.mark.parametrize(
    ("cell", "category"),
    [
        *(
            ("A", "A"),
            ("a类", "A"),
            ("建安A", "A"),
            ("企业主要负责人", "A"),
            ("A类 主要负责人", "A"),
            ("B · 项目负责人", "B"),
        ),
        *(
            ("项目经理", "B"),
            ("C", "C"),
            ("C类专职安全员", "C"),
            ("专职安全生产管理人员", "C"),
            ("Ｃ１", "C1"),
            ("c2类", "C2"),
        ),
        *(("C3类 专职安全员（综合）", "C3"), ("综合类", "C3"), ("机械类", "C1"), ("湘建安B", "B")),
    ],
)
def test_categories_are_read_however_they_are_dressed(cell, category):
    assert parse_category(cell).value == category


@pytest.mark.parametrize("cell", ["AB", "C4", "D", "特种作业", "1", "C10", "类别"])
def test_what_is_no_category_is_none(cell):
    with pytest.raises(ValueError):
        parse_category(cell)


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
    columns = [Column(key, title, text=key not in ("valid_to", "issued_on")) for key, title in titles.items()]
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


# --- who somebody is ---------------------------------------------------------------------------------------------


def test_an_id_number_under_another_name_is_refused_without_telling_that_name(session, means):
    person = make.person(name="王五")
    session.add(person)
    session.commit()
    import_id = take(
        means,
        PASSES,
        row(PASSES, id_number=person.id_number),
        row(PASSES, id_number=person.id_number, name="王五", category="A"),
    )
    assert outcomes(means, import_id) == ["refused", "added"]
    reason = results(means, import_id)[0][1]
    assert "name differs" in reason
    assert "王五" not in reason


def test_two_names_for_one_new_id_number_within_a_sheet_are_seen_by_the_dry_run_already(means):
    number = make.id_number()
    import_id = hand_in(
        means, PASSES, sheet(PASSES, row(PASSES, id_number=number), row(PASSES, id_number=number, name="王五", category="A"))
    )
    assert outcomes(means, import_id) == ["added", "refused"]


def test_a_certificate_number_names_one_person_for_good(means):
    take(means, CERTIFICATES, row(CERTIFICATES, number="湘建安B(2018)1"))
    import_id = take(means, CERTIFICATES, row(CERTIFICATES, number="湘建安B（2018）1"))
    assert "another person" in results(means, import_id)[0][1]


def test_the_same_record_twice_in_a_sheet_names_the_first_row(means):
    number = make.id_number()
    found = results(
        means, take(means, PASSES, row(PASSES, id_number=number), row(PASSES, id_number=number, passed_on="2025-01-01"))
    )
    assert found == [("added", ""), ("refused", "The same record stands in row 2 already. Please keep one.")]


def test_a_user_name_of_somebody_else_is_refused(session, means, app):
    make.account(session, "zhou", Role.REVIEWER)
    firms = [
        {"uscc": make.uscc(), "enterprise": name, "username": user}
        for name, user in (("甲", "ZHOU"), ("乙", "li"), ("丙", "Li"))
    ]
    found = results(
        means, take(means, ACCOUNTS, *(row(ACCOUNTS, **firm | {"enterprise": f"{firm['enterprise']}公司"}) for firm in firms))
    )
    assert [result for result, _reason in found] == ["refused", "added", "refused"]
    assert ["taken by another account" in reason for _result, reason in found] == [True, False, True]


def test_who_is_employed_elsewhere_stays_there(session, means):
    theirs = make.enterprise(name="乙公司")
    person = make.person(theirs)
    session.add(person)
    session.commit()
    import_id = take(means, CERTIFICATES, row(CERTIFICATES, id_number=person.id_number))
    assert "another employer" in results(means, import_id)[0][1]
    assert (only(session, Person).enterprise_id, only(session, Certificate).enterprise.uscc) == (theirs.id, USCC)


# --- again, corrected, changed meanwhile -------------------------------------------------------------------------------


def test_the_same_sheets_again_change_nothing(session, means, app):
    for kind in LegacyKind:
        data = sheet(kind, row(kind)) if kind is ACCOUNTS else sheet(kind, *(row(kind) for _n in range(3)))
        take(means, kind, data=data)
        before = count(session, AuditEntry)
        again = take(means, kind, data=data)
        assert set(outcomes(means, again)) == {"unchanged"}
        assert count(session, AuditEntry) - before <= 7  # the import's own lines
    assert [count(session, m) for m in (Account, ExamPass, Certificate, CertificateEvent, LegacyRecord)] == [1, 3, 3, 3, 7]


def test_a_corrected_sheet_changes_what_differs_and_no_more(session, means, app):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number(), first_issued_on="2018-05-01")
    passed = row(PASSES)
    take(means, CERTIFICATES, first)
    take(means, PASSES, passed)
    take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏"))
    again = take(means, CERTIFICATES, first | {"valid_to": "2027-05-31", "first_issued_on": None, "status": "暂扣"})
    assert outcomes(means, again) == ["updated"]
    assert outcomes(means, take(means, PASSES, passed | {"passed_on": "2025-10-02"})) == ["updated"]
    assert outcomes(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="吴迪"))) == ["updated"]
    found = only(session, Certificate)
    assert (found.valid_to, found.first_issued_on, found.status) == (
        date(2027, 5, 31),
        date(2018, 5, 1),
        CertificateStatus.SUSPENDED,
    )
    assert "Valid until" in found.events[-1].reason
    assert (only(session, ExamPass).passed_on, only(session, Enterprise).contact) == (date(2025, 10, 2), "吴迪")


def test_what_changed_here_since_is_kept_and_said_so(session, means, app):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number())
    take(means, CERTIFICATES, first)
    take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏"))
    only(session, Certificate).status = CertificateStatus.SUSPENDED
    session.commit()
    only(session, Enterprise).contact = "吴迪"
    session.commit()
    for enterprise, certificate in (("周敏", "有效"), ("郑爽", "注销")):
        kept = results(means, take(means, CERTIFICATES, first | {"status": certificate}))
        kept += results(means, take(means, ACCOUNTS, row(ACCOUNTS, contact=enterprise)))
        assert [result for result, _reason in kept] == ["unchanged", "unchanged"]
        assert ["Kept as it stands" in reason for _result, reason in kept] == [certificate == "注销"] * 2
    assert (only(session, Certificate).status, only(session, Enterprise).contact) == (CertificateStatus.SUSPENDED, "吴迪")


def test_a_certificate_that_was_printed_here_is_this_systems(session, means):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number())
    take(means, CERTIFICATES, first)
    found = only(session, Certificate)
    session.add(CertificateVersion(certificate=found, version=1, token="t", face={}, issued_at=make.NOON))
    session.commit()
    kept = results(means, take(means, CERTIFICATES, first | {"first_issued_on": "2018-01-01", "valid_to": "2030-01-01"}))
    assert (kept[0][0], "Kept" in kept[0][1], only(session, Certificate).valid_to) == ("unchanged", True, date(2027, 4, 30))


def test_a_pass_whose_originals_were_seen_is_settled(session, means):
    passed = row(PASSES)
    take(means, PASSES, passed)
    only(session, ExamPass).originals_verified_at = make.NOON
    session.commit()
    assert outcomes(means, take(means, PASSES, passed | {"passed_on": "2025-12-01"})) == ["unchanged"]
    assert only(session, ExamPass).passed_on == date(2025, 10, 1)


def test_an_enterprise_that_registered_here_keeps_what_it_says_of_itself(session, means, app):
    session.add(make.enterprise(name="湘江（新名）有限公司", uscc=USCC, source=AccountSource.CLOUD))
    session.commit()
    kept = results(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏")))
    assert (kept[0][0], "Kept" in kept[0][1]) == ("added", True)  # the account is new
    assert (only(session, Enterprise).name, only(session, Account).enterprise_id) == (
        "湘江（新名）有限公司",
        only(session, Enterprise).id,
    )


def test_an_enterprise_that_only_a_certificate_knew_is_completed_by_its_account(session, means, app):
    take(means, CERTIFICATES, row(CERTIFICATES))
    assert outcomes(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏", region="430200"))) == ["added"]
    assert (only(session, Enterprise).contact, only(session, Enterprise).region_code) == ("周敏", "430200")


# --- the course of an import -----------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_promises_what_the_import_keeps(session, means, app):
    for kind in LegacyKind:
        rows = [row(kind), row(kind, uscc="1")] if kind is ACCOUNTS else [row(kind), row(kind, name="3"), row(kind)]
        import_id = hand_in(means, kind, sheet(kind, *rows))
        promised, before = results(means, import_id), [count(session, m) for m in (Account, Person, ExamPass, Certificate)]
        assert before == [count(session, m) for m in (Account, Person, ExamPass, Certificate)]
        assert course(means, import_id).phase is LegacyPhase.CHECKED
        confirm(means, import_id)
        legacy_import.take_over(means, import_id, at=make.NOON)
        assert results(means, import_id) == promised
        done = course(means, import_id)
        assert (done.phase, done.done, done.counts["refused"], done.sheet_object) == (LegacyPhase.DONE, len(rows), 1, None)


def test_only_what_was_checked_is_confirmed_and_only_once(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    with means.sessions() as other, pytest.raises(Stale):
        legacy_import.confirm(other, import_id, "0" * 64, ADMIN, at=make.NOON)
    confirm(means, import_id)
    with pytest.raises(Stale):
        confirm(means, import_id)


def test_a_sheet_that_was_set_aside_is_not_imported(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    with means.sessions.begin() as other:
        legacy_import.discard(other, import_id, ADMIN, at=make.NOON)
    with pytest.raises(Stale):
        confirm(means, import_id)
    legacy_import.take_over(means, import_id, at=make.NOON)
    assert count(session, Person) == 0


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_the_administrator_imports_or_reads_a_report(session, means, role):
    actor, at = make.officer(role), make.NOON
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    digest = course(means, import_id).sha256
    actions = (
        lambda: legacy_import.receive(session, means.store, PASSES, sheet(PASSES), "x", actor, at=at, office=Office()),
        lambda: legacy_import.confirm(session, import_id, digest, actor, at=at),
        lambda: legacy_import.discard(session, import_id, actor, at=at),
        lambda: legacy_import.report_of(session, means.store, import_id, actor, at=at),
        lambda: legacy_import.fetch_passwords(session, means.store, import_id, actor, at=at),
    )
    for action in actions:
        with pytest.raises(NotAllowed):
            action()


HOSTILE = (
    *(hostile_sheets.zip_bomb(300 * 1024 * 1024), hostile_sheets.laughing_entities(), hostile_sheets.outside_entity()),
    *(hostile_sheets.duplicate_part(), hostile_sheets.overlapping(), hostile_sheets.ole_file(), hostile_sheets.truncated()),
    *(hostile_sheets.with_part("xl/vbaProject.bin"), b"", b"%PDF-1.4", b"<html>", hostile_sheets.bad_checksum()),
)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_malformed_files_are_refused_on_upload(session, means, data):
    with pytest.raises(SheetRefused):
        legacy_import.receive(session, means.store, PASSES, data, "x.xlsx", ADMIN, at=make.NOON, office=Office())
    assert not list(means.store.folder.glob("??/??/*"))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (template(PASSES), "no row"),
        (write([Column("a", "甲"), Column("b", "乙")], [{"a": 1}], sheet_title="x"), "This column is missing"),
        (hostile_sheets.last_cell_only(), ""),
        (hostile_sheets.tall(100_001), ""),
    ],
    ids=["template", "columns", "last-cell", "tall"],
)
def test_a_sheet_that_cannot_be_read_says_why(means, data, fault):
    found = course(means, hand_in(means, PASSES, data))
    assert (found.phase, found.sheet_object) == (LegacyPhase.UNREADABLE, None)
    assert found.fault
    assert fault in found.fault


def test_files_lie_sealed_for_the_owner_only_and_go_when_their_time_has_come(session, means):
    import_id, number = hand_in(means, PASSES, sheet(PASSES, row(PASSES))), b"PK\x03\x04"
    lying = list(means.store.folder.glob("??/??/*"))
    assert [(place.stat().st_mode & 0o777, number in place.read_bytes()) for place in lying] == [(0o600, False)] * 2
    assert {place.name for place in lying} == legacy_import.stored_objects(session)
    session.rollback()
    for days, left in ((29, 2), (31, 0)):
        with means.sessions.begin() as other:
            legacy_import.expire(other, at=make.NOON + timedelta(days=days))
        assert len(legacy_import.stored_objects(session)) == left
        session.rollback()
    assert course(means, import_id).report_object is None


def test_who_imported_and_who_downloaded_is_in_the_audit_log_without_id_numbers(session, means):
    number = make.id_number()
    import_id = take(means, PASSES, row(PASSES, id_number=number))
    results(means, import_id)
    lines = session.scalars(select(AuditEntry).where(AuditEntry.table == "legacy_import").order_by(AuditEntry.id)).all()
    assert [line.deed for line in lines][:2] == [AuditAction.CREATE, AuditAction.CHANGE]
    counts = {"added": 1, "updated": 0, "unchanged": 0, "refused": 0, "total": 1}
    assert counts | {"phase": "done"} in [line.change for line in lines]
    assert any(line.deed is AuditAction.EXPORT for line in lines)
    assert number not in str([line.change for line in lines])


# --- large, killed, at once -------------------------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(import_run, "CHUNK", 4)


def test_whoever_is_killed_in_the_middle_goes_on_without_a_double(session, means, small_chunks):
    rows = [row(PASSES) for _n in range(18)]
    import_id = hand_in(means, PASSES, sheet(PASSES, *rows, row(PASSES, name="3")))
    confirm(means, import_id)

    def dies(done, _all):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        legacy_import.take_over(replace(means, progress=dies), import_id, at=make.NOON)
    assert (count(session, ExamPass), course(means, import_id).done) == (12, 12)
    legacy_import.take_over(means, import_id, at=make.NOON)
    legacy_import.take_over(means, import_id, at=make.NOON)  # a job may run twice
    assert (count(session, ExamPass), count(session, LegacyChunk)) == (18, 0)
    assert outcomes(means, import_id) == ["added"] * 18 + ["refused"]
    assert course(means, import_id).counts["added"] == 18


def test_two_imports_at_once_make_each_record_once(session, means, small_chunks):
    rows = [row(CERTIFICATES) for _n in range(20)]
    ids = [hand_in(means, CERTIFICATES, sheet(CERTIFICATES, *order)) for order in (rows, rows[::-1])]
    for import_id in ids:
        confirm(means, import_id)
    start = Barrier(3)

    def run(import_id: int) -> None:
        start.wait()
        legacy_import.take_over(means, import_id, at=make.NOON)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, [*ids, ids[0]]))
    assert [count(session, model) for model in (Certificate, Person, Enterprise, CertificateEvent)] == [20, 20, 1, 20]
    assert sorted(outcomes(means, ids[0]) + outcomes(means, ids[1])) == ["added"] * 20 + ["unchanged"] * 20


def test_a_person_added_at_the_same_moment_is_found_when_the_chunk_is_tried_again(session, means, monkeypatch):
    wanted, check, tries = row(PASSES), import_run.RecordMerge.check, []

    def slow_check(self, inner, lines):
        verdicts = check(self, inner, lines)
        if not tries and inner.get_bind().dialect.name == "postgresql":
            with means.sessions.begin() as other:
                other.add(make.person(id_number=wanted["id_number"]))
        tries.append(1)
        return verdicts

    import_id = hand_in(means, PASSES, sheet(PASSES, wanted))
    confirm(means, import_id)
    monkeypatch.setattr(import_run.RecordMerge, "check", slow_check)
    legacy_import.take_over(means, import_id, at=make.NOON)
    assert (count(session, Person), count(session, ExamPass)) == (1, 1)


def test_a_chunk_asks_as_much_for_four_hundred_rows_as_for_four(system, means, app):
    for kind in (PASSES, CERTIFICATES):
        take(means, kind, row(kind))  # the enterprise is on the books
        asked = []
        for number in (4, 400):
            import_id = hand_in(means, kind, sheet(kind, *(row(kind) for _n in range(number))))
            confirm(means, import_id)
            with queries(system.engine) as seen:
                legacy_import.take_over(means, import_id, at=make.NOON)
            asked.append(len(seen))
        assert asked[0] == asked[1] <= 28  # the hash chain of the audit log takes four at each of two commits


NAMES = st.text(
    st.characters(whitelist_categories=["Lo"], min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=6
)
DAYS = st.dates(date(1995, 1, 1), date(2025, 12, 31))
BORN = st.dates(date(1950, 1, 1), date(2000, 1, 1))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(NAMES, DAYS, st.sampled_from([*Category][:5]), BORN), min_size=1, max_size=8))
def test_what_goes_in_as_a_sheet_stands_on_the_books(means, session, rows):
    given_in = [
        row(PASSES, name=name, passed_on=day, category=category.value, id_number=make.id_number(born))
        for name, day, category, born in rows
    ]
    assert set(outcomes(means, take(means, PASSES, *given_in))) == {"added"}
    found = session.execute(
        select(Person.name, Person.id_number, ExamPass.category, ExamPass.passed_on)
        .join(Person, Person.id == ExamPass.person_id)
        .where(Person.id_number_key.in_([one["id_number"] for one in given_in]))
        .order_by(ExamPass.id)
    )
    stored = [(name, number, category.value, day) for name, number, category, day in found]
    session.rollback()
    assert stored == [(one["name"], one["id_number"], one["category"], one["passed_on"]) for one in given_in]


# --- first passwords ---------------------------------------------------------------------------------------------------


def fresh_words():
    for n in range(100):
        yield f"Word-{n}", f"hash-{n}"


def fetch(means, import_id) -> list[dict]:
    let_go()
    with means.sessions.begin() as session:
        data, _object = legacy_import.fetch_passwords(session, means.store, import_id, ADMIN, at=make.NOON)
    return [one.values for one in read(data, [Column("username", "User name"), Column("word", "One-time password")]).rows]


def test_first_passwords_are_handed_out_once_and_stored_as_hashes(session, means, app):
    import_id, words = take(means, ACCOUNTS, row(ACCOUNTS), row(ACCOUNTS, uscc=OTHER, enterprise="乙公司")), fresh_words()
    with pytest.raises(Stale):
        fetch(means, import_id)
    legacy_import.make_passwords(means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND)
    legacy_import.make_passwords(
        means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND
    )  # the job, twice
    handed = {one["username"]: one["word"] for one in fetch(means, import_id)}
    assert sorted(handed.values()) == ["Word-0", "Word-1"]
    stored = dict(session.execute(select(Account.username, Account.password)).all())
    assert {name: word.replace("Word", "hash") for name, word in handed.items()} == stored
    session.rollback()
    with pytest.raises(Stale):
        fetch(means, import_id)


def test_who_has_signed_in_or_chosen_a_password_is_left_out(session, means, app):
    import_id, words = take(means, ACCOUNTS, row(ACCOUNTS), row(ACCOUNTS, uscc=OTHER, enterprise="乙公司")), fresh_words()
    account = session.scalars(select(Account).where(Account.username == USCC.lower())).one()
    account.password, account.must_change_password = "own", False
    session.commit()
    assert legacy_import.without_password(session, import_id) == 1
    session.rollback()
    legacy_import.make_passwords(means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND)
    assert [one["username"] for one in fetch(means, import_id)] == [OTHER.lower()]
    assert session.scalar(select(Account.password).where(Account.username == USCC.lower())) == "own"


def test_passwords_that_nobody_fetched_expire_within_a_day(session, means, app):
    import_id, words = take(means, ACCOUNTS, row(ACCOUNTS)), fresh_words()
    legacy_import.make_passwords(means, import_id, lambda: next(words), asked_at=make.NOON, at=make.NOON + SECOND)
    digest = course(means, import_id).passwords_object
    assert not means.store.path(digest).read_bytes().startswith(b"PK")
    assert means.store.read(digest).startswith(b"PK")
    with means.sessions.begin() as other:
        legacy_import.expire(other, at=make.NOON + timedelta(days=2))
    with pytest.raises(Stale):
        fetch(means, import_id)
