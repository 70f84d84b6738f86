"""For every import: the sheet comes back with its results, put right it goes in again, and nothing is stored twice."""

import re
from datetime import date, timedelta
from io import BytesIO
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient
from flask_babel import force_locale
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from sqlalchemy import Select, func, select

from app.applications.office_calendar import CALENDAR_COLUMNS
from app.certificates.bulk_status_changes import COLUMNS
from app.core.clock import now, office_day
from app.core.errors import Obstacle, Unwritable
from app.core.vocabulary import AuditAction, Role
from app.files.spreadsheets import Column
from app.files.spreadsheets.marks import REFUSED_COLOUR
from app.files.storage import Store
from app.models import AuditEntry, CalendarDay, CertificateMeasure
from app.web import request_context
from tests import make
from tests.hostile_files import pdf


class ImportPage(NamedTuple):
    """A page that imports sheets. The second row has a wrong cell, ``wrong`` (its column's key) until it is ``right``."""

    browser: FlaskClient
    address: str  # of the upload
    confirm: str
    columns: tuple[Column, ...]
    rows: tuple[dict[str, object], ...]
    wrong: str
    right: object
    stored: Select[tuple[int]]  # counts what was imported
    table: str  # that the audit log names
    titles: tuple[str, ...] = ()  # of the columns


def sheet_of(target: ImportPage) -> bytes:
    """As an office keeps it: a title above, fonts, a width, a second sheet."""
    book = Workbook()
    sheet = book.active
    sheet.title, sheet["A1"] = "名单", "长沙市汇总"
    sheet["A1"].font = Font(name="黑体", size=18)
    sheet.column_dimensions["B"].width = 41
    for place, (column, title) in enumerate(zip(target.columns, target.titles, strict=True), start=1):
        sheet.cell(3, place).value = title
        for number, row in enumerate(target.rows, start=4):
            sheet.cell(number, place).value = row.get(column.key)
    book.create_sheet("底表")["B2"] = "=1+1"
    return saved(book)


def saved(book: Workbook) -> bytes:
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def ticket(page: str, name: str) -> str:
    """Of the import (``ticket``) or of the downloads (``results``); empty if there is none."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    return found[1] if found else ""


def uploaded(target: ImportPage, data: bytes) -> str:
    files = {"sheet": (BytesIO(data), "名单.xlsx"), "document": (BytesIO(pdf()), "决定.pdf")}
    return target.browser.post(target.address, data=files).text


def given_back(target: ImportPage, page: str, name: str = "book") -> bytes:
    answer = target.browser.post(f"/sheet-results/{name}.xlsx", data={"results": ticket(page, "results")})
    assert answer.status_code == 200, answer.text
    return answer.data


def count(session, target: ImportPage) -> int:
    session.rollback()
    found = session.scalar(target.stored)
    session.rollback()  # SQLite has one writer
    return found


def wrong_column(target: ImportPage) -> int:
    return [column.key for column in target.columns].index(target.wrong) + 1


def measures(session, sign_in) -> ImportPage:
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    held = []
    for name in ("周一", "吴二", "郑三"):
        person = make.person(firm, name=name)
        session.add(person)
        session.flush()
        held.append(make.certificate(person))
    session.add_all(held)
    session.flush()
    facts = {"deed": "暂扣", "ground": "事故", "facts": "发生事故", "evidence": "湘建罚〔2026〕1号"}
    facts["last_day"] = f"{office_day(now()) + timedelta(days=90)}"
    rows = [{"number": one.number, "name": one.holder, **facts} for one in held]
    rows[1]["deed"] = "没收"
    return ImportPage(
        sign_in(Role.REVIEWER),
        *("/standing-sheet/", "/standing-sheet/confirm", COLUMNS, tuple(rows), "deed", "暂扣"),
        *(select(func.count(CertificateMeasure.id)), "certificate"),
    )


def holidays(session, sign_in) -> ImportPage:
    days = [{"day": f"2031-10-0{n}", "working": "休", "name": "国庆节"} for n in (1, 2, 3)]
    days[1]["working"] = "加班"
    stored = select(func.count(CalendarDay.day)).where(CalendarDay.day >= date(2031, 1, 1))
    return ImportPage(
        sign_in(Role.ADMIN),
        *("/calendar/sheet", "/calendar/confirm", CALENDAR_COLUMNS, tuple(days), "working", "休"),
        *(stored, "calendar_day"),
    )


@pytest.fixture
def targets(app, session, holder, signed_in) -> list[ImportPage]:
    def sign_in(role: Role, **facts) -> FlaskClient:
        return signed_in(holder(role, **facts))

    made = [target(session, sign_in) for target in (measures, holidays)]
    with app.test_request_context(), force_locale("zh"):
        return [target._replace(titles=tuple(str(column.title) for column in target.columns)) for target in made]


def test_a_sheet_comes_back_with_results_and_goes_in_again_without_doubling(session, targets):
    for target in targets:
        before, at, result = count(session, target), wrong_column(target), len(target.columns) + 1
        checked = load_workbook(BytesIO(given_back(target, uploaded(target, sheet_of(target)))))
        sheet = checked["名单"]
        assert (checked.sheetnames, checked["底表"]["B2"].value) == (["名单", "底表"], "=1+1"), target.address
        assert (sheet["A1"].font.name, sheet.column_dimensions["B"].width) == ("黑体", 41), target.address
        assert [sheet.cell(n, result).value for n in (3, 4)] == ["检查结果", "新增"], target.address
        assert sheet.cell(5, result).value.startswith("未导入："), target.address
        assert sheet.cell(5, at).fill.fgColor.rgb == f"FF{REFUSED_COLOUR}", target.address
        assert sheet.cell(5, at).comment.text.startswith("⚑ "), target.address

        sheet.cell(5, at).value = target.right
        page = uploaded(target, saved(checked))
        assert "检查结果" not in page, "our own column is named as one that is not imported"
        done = target.browser.post(target.confirm, data={"ticket": ticket(page, "ticket")}, follow_redirects=True).text
        assert count(session, target) == before + 3, target.address
        imported = given_back(target, done)
        sheet = load_workbook(BytesIO(imported))["名单"]
        assert [sheet.cell(n, result).value for n in (3, 4, 5, 6)] == ["导入结果", *["新增"] * 3], target.address
        assert (sheet.cell(5, at).comment, sheet.cell(5, at).fill.fill_type) == (None, None), target.address

        again = uploaded(target, imported)
        if confirmation := ticket(again, "ticket"):
            target.browser.post(target.confirm, data={"ticket": confirmation})
        assert count(session, target) == before + 3, target.address


def test_the_refused_rows_alone_go_in_again_and_each_download_is_logged(session, targets):
    for target in targets:
        page = uploaded(target, sheet_of(target))
        alone = load_workbook(BytesIO(given_back(target, page, "refused")))
        assert [cell.value for cell in alone["名单"]["A"]][0::2] == ["长沙市汇总", target.titles[0]], target.address
        assert alone["名单"].max_row == 4, target.address
        alone["名单"].cell(4, wrong_column(target)).value = target.right
        assert ticket(uploaded(target, saved(alone)), "ticket"), target.address
        lines = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT).order_by(AuditEntry.id))
        assert [(line.table, line.change) for line in lines][-1] == (target.table, {"list": "import", "rows": 1})
        session.rollback()  # SQLite has one writer


def test_what_is_imported_is_said_though_its_result_cannot_be_kept(session, targets, monkeypatch):
    for target in (one._replace(rows=one.rows[:1]) for one in targets):
        before, page = count(session, target), uploaded(target, sheet_of(target))
        with monkeypatch.context() as full:
            full.setattr(Store, "put", unwritable)
            answer = target.browser.post(target.confirm, data={"ticket": ticket(page, "ticket")}, follow_redirects=True)
        assert (answer.status_code, count(session, target)) == (200, before + 1), target.address
        assert not ticket(answer.text, "results"), target.address


def unwritable(_store: Store, _data: bytes) -> str:
    raise Unwritable(Obstacle.FILES_AWAY)


def test_the_page_says_what_will_come_back(targets):
    target = targets[0]
    text = "\n".join(",".join(row) for row in (target.titles, ["张三"] * len(target.titles)))
    assert "普通 .xlsx" in uploaded(target, text.encode())
    assert "您上传的原文件" in uploaded(target, sheet_of(target))


def test_results_are_for_the_user_whose_sheet_it_was_and_for_as_long_as_it_lies_there(
    app, session, targets, holder, signed_in
):
    target = targets[0]
    form = {"results": ticket(uploaded(target, sheet_of(target)), "results")}
    for role in (Role.REVIEWER, Role.ADMIN):
        assert signed_in(holder(role)).post("/sheet-results/book.xlsx", data=form).status_code == 409
    for role in (Role.ENTERPRISE_CLERK, Role.APPROVER, Role.AUDITOR):
        assert signed_in(holder(role)).post("/sheet-results/refused.xlsx", data=form).status_code == 403
    assert target.browser.post("/sheet-results/book.xlsx", data={"results": "x"}).status_code == 409
    with app.app_context():
        store = request_context.store()
        for digest in list(store.digests()):
            store.path(digest).unlink()
    assert target.browser.post("/sheet-results/book.xlsx", data=form).status_code == 409
