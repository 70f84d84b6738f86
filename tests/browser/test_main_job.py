"""The main job in Chromium, in the steps of the manual: from an exam notice to the public lookup of a certificate.

Only ``the_exam_is_held`` works outside the browser: an exam cannot be scored before its day.
"""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from sqlalchemy import update

from app.core.clock import now, office_day, office_time
from app.models import ExamNotice
from tests.browser.browser_steps import STAGES, decide, menu, row, sees

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

DAY = timedelta(days=1)
TITLE = "关于举办第9期安管人员考核的通知"
WHO = "曾庆云"  # failed the first exam of the demonstration; sits another


# --- the steps, in the order of the manual ---------------------------------------------------------------
def publishes(page: Page) -> None:
    menu(page, "培训考试通知")
    page.get_by_role("link", name="添加").click()
    at = office_time(now())
    page.get_by_label("通知标题").fill(TITLE)
    page.get_by_role("checkbox", name="C2类").check()
    page.get_by_label("报名开始时间").fill(f"{at - DAY:%Y-%m-%dT%H:%M}")
    page.get_by_label("报名截止时间").fill(f"{at + DAY:%Y-%m-%dT%H:%M}")
    page.get_by_label("考试日期").fill(f"{at + 9 * DAY:%Y-%m-%d}")
    page.get_by_role("button", name="保存").click()
    sees(page, "通知已发布")


def signs_up(page: Page) -> None:
    menu(page, "培训考试通知")
    row(page, TITLE).get_by_role("link", name="在线报名").click()
    row(page, WHO).get_by_role("checkbox").check()
    row(page, WHO).get_by_role("combobox").select_option(label="C2类 专职安全员（土建）")
    page.get_by_role("button", name="保存", exact=True).click()
    sees(page, "还未上报")
    menu(page, "我的报名")
    row(page, TITLE).get_by_role("button", name="上报").click()
    sees(page, "待审核")


def admits(page: Page) -> None:
    menu(page, "报名审核")
    row(page, TITLE).get_by_role("link", name="审核").click()
    page.get_by_role("radio", name="审核通过").check()
    page.get_by_role("button", name="提交并看下一条").click()


def reads_that_it_was(page: Page, word: str) -> None:
    menu(page, "我的报名")
    expect(row(page, TITLE)).to_contain_text(word)


def the_exam_is_held(session) -> None:
    days = {"signup_start": now() - 9 * DAY, "signup_end": now() - DAY, "exam_on": office_day(now())}
    session.execute(update(ExamNotice).where(ExamNotice.title == TITLE).values(**days))
    session.commit()


def scores(page: Page, folder: Path) -> None:
    """导出报名明细, a score typed into that very workbook, 导入成绩, 上报."""
    menu(page, "培训考试通知")
    with page.expect_download() as caught:
        row(page, TITLE).get_by_role("button", name="导出报名明细").click()
    path = folder / "成绩.xlsx"
    caught.value.save_as(path)
    book = load_workbook(path)
    titles = [cell.value for cell in book.active[2]]
    book.active.cell(3, titles.index("成绩") + 1).value = 91
    book.save(path)

    row(page, TITLE).get_by_role("link", name="导入成绩").click()
    page.get_by_role("button", name="选择文件 成绩单").set_input_files(path)
    page.get_by_role("button", name="核对表格").click()
    page.get_by_role("button", name="确认导入").click()
    page.get_by_role("link", name="上报成绩").click()
    page.get_by_role("button", name="上报").click()
    sees(page, "已列入考试通过人员")


def applies(page: Page) -> None:
    menu(page, "安管人员新申报")
    page.get_by_role("link", name="添加申报").click()
    row(page, WHO).get_by_role("checkbox").check()
    page.get_by_role("button", name="保存", exact=True).click()
    sees(page, "还未上报")
    row(page, WHO).get_by_role("button", name="上报").click()
    sees(page, "待受理")


def reads(page: Page) -> str:
    """查阅, then 电子档案 → 电子证书; the number of the certificate."""
    menu(page, "办结查阅")
    row(page, WHO).get_by_role("link", name="查阅").click()
    sees(page, "已办结")
    page.go_back()
    row(page, WHO).get_by_role("link", name="电子档案").click()
    page.get_by_role("tab", name="受理单").click()
    page.get_by_role("tab", name="电子证书").click()
    expect(page.get_by_title("电子证书")).to_be_visible()
    with page.expect_download() as caught:
        page.get_by_role("link", name="下载电子证书").click()
    assert caught.value.path().read_bytes().startswith(b"%PDF")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="二维码").click()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    return re.search(r"湘建安C2\(\d{4}\)\d{7}", opened.value.locator("main").inner_text())[0]


def looks_it_up(page: Page, number: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="电子证照查询").click()
    page.get_by_label("持证者姓名").fill(WHO)
    page.get_by_label("身份证号码、证书编号或文号").fill(number)
    page.get_by_role("button", name="查询").click()
    expect(page.get_by_role("heading", name="查询结果")).to_be_visible()
    found = page.get_by_role("region", name="有效")
    expect(found).to_contain_text(WHO)
    expect(found).to_contain_text(number)


def test_the_main_job_from_the_notice_to_the_public_lookup(watch, demo, system, tmp_path):
    def at(username):
        return watch.signed_in(username, system.settings.demo_password)

    with at("exam") as exam, at("enterprise1") as enterprise:
        publishes(exam)
        signs_up(enterprise)
        admits(exam)
        reads_that_it_was(enterprise, "审核通过")
        the_exam_is_held(demo)
        scores(exam, tmp_path)
        reads_that_it_was(enterprise, "91 分")
        applies(enterprise)
    for name, *step in STAGES:
        with at(name) as officer:
            decide(officer, WHO, *step)
    with at("viewer") as viewer:
        number = reads(viewer)
    with watch.window() as passer_by:
        looks_it_up(passer_by, number)
