"""How many presses an enterprise's everyday work takes from the workbench: docs/screens.md says it, and this counts them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import now, office_day
from app.models import Enterprise, Person
from tests import make
from tests.browser.browser_steps import row
from tests.browser.screens_page import table
from tests.hostile_files import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

COUNTED = """addEventListener('pointerdown', () => {
  sessionStorage.presses = 1 + Number(sessionStorage.presses || 0);
}, true)"""
NAMES = "甲乙丙丁戊己庚辛壬癸"
HIRED = {"报名": 10, "新申": 10, "延期": 10, "临期": 1, "遗失": 1, "注销": 1}  # who is there for which work, and how many


@pytest.fixture
def moving(demo: Session) -> tuple[str, str]:
    """Staff for every kind of work at the second enterprise; name and ID number of somebody of the first, who moves there."""
    ours = demo.scalars(select(Enterprise).order_by(Enterprise.id.desc())).first()
    today = office_day(now())
    for work, many in HIRED.items():
        people = [make.person(ours, name=work + name) for name in NAMES[:many]]
        demo.add_all(people)
        demo.flush()
        demo.add_all(paper for person in people for paper in make.complete_papers(person))
        if work == "新申":
            demo.add_all(make.exam_pass(person, passed_on=today) for person in people)
        elif work != "报名":
            days = 1 if work == "临期" else 30
            demo.add_all(make.certificate(person, valid_to=today + timedelta(days=days)) for person in people)
    found = demo.execute(select(Person.name, Person.id_number).where(Person.name == "李雷")).one()
    demo.commit()
    return found.name, found.id_number


def submit(page: Page, scan: Path) -> str:
    """Choose every file that is asked for, 保存并上报; what the page says then."""
    for field in page.locator("input[type=file]").all():
        field.set_input_files(scan)
    page.get_by_role("button", name="保存并上报").click()
    page.wait_for_url(lambda url: "/add" not in url)
    return page.get_by_role("main").inner_text()


def signs_up(page: Page, _scan: Path, _who: tuple[str, str]) -> None:
    page.get_by_role("link", name="在线报名").first.click()
    page.get_by_label("姓名、拼音或身份证号码").fill("报名")
    with page.expect_navigation():
        page.get_by_role("button", name="C1", exact=True).click()
    page.get_by_role("button", name="保存并上报").click()
    page.get_by_role("dialog").get_by_role("button", name="保存并上报").click()
    assert "上报：10 条成功" in page.get_by_role("status").first.inner_text()


def applies(page: Page, scan: Path, _who: tuple[str, str]) -> None:
    page.get_by_role("link", name="新申请", exact=True).click()
    with page.expect_navigation():  # the server judges whom it fits
        page.get_by_role("button", name="全选").click()
    assert "10件申报已上报" in submit(page, scan)


def renews(page: Page, scan: Path, _who: tuple[str, str]) -> None:
    page.get_by_role("link", name="延期", exact=True).click()
    with page.expect_navigation():  # the server judges whom it fits
        page.get_by_role("button", name="全选").click()
    assert "10件申报已上报" in submit(page, scan)  # one more lacks a scan, and stays a draft


def renews_the_next(page: Page, scan: Path, _who: tuple[str, str]) -> None:
    page.get_by_role("listitem").filter(has_text="临期甲").get_by_role("link", name="申报延期").click()
    assert "1件申报已上报" in submit(page, scan)


def takes_over(page: Page, scan: Path, who: tuple[str, str]) -> None:
    page.get_by_role("link", name="变更", exact=True).click()
    search = page.get_by_role("region", name="查询拟调入人员")
    search.get_by_label("姓名").fill(who[0])
    search.get_by_label("身份证号码").fill(who[1])
    search.get_by_role("button", name="查询").click()
    expect(row(page, who[0]).get_by_role("checkbox")).to_be_checked()
    assert "1件申报已上报" in submit(page, scan)


def replaces(page: Page, scan: Path, _who: tuple[str, str]) -> None:
    claims(page, "换证", "遗失补办", "遗失甲")
    page.get_by_label("遗失声明日期").fill(f"{office_day(now()):%Y-%m-%d}")
    page.get_by_label("遗失声明刊登媒体").fill("湖南日报")
    assert "1件申报已上报" in submit(page, scan)


def cancels(page: Page, scan: Path, _who: tuple[str, str]) -> None:
    claims(page, "注销", "离职", "注销甲")
    assert "1件申报已上报" in submit(page, scan)


def claims(page: Page, matter: str, reason: str, who: str) -> None:
    page.get_by_role("link", name=matter, exact=True).click()
    page.get_by_role("radio", name=reason).click()
    row(page, who).get_by_role("checkbox").click()
    expect(page.locator("input[type=file]").first).to_be_attached()


WORK: dict[str, Callable[[Page, Path, tuple[str, str]], None]] = {
    "transfer": takes_over,
    "replacement": replaces,
    "cancellation": cancels,
    "renewal of the next that expires": renews_the_next,
    "renewal of 10": renews,
    "sign-up of 10": signs_up,
    "new application of 10": applies,
}


def test_everyday_work_takes_as_many_presses_as_the_table_says(watch, system, moving, tmp_path):
    told = {what: (int(presses), int(most)) for what, presses, most, _which in table("Presses")}
    scan, counted = tmp_path / "扫描件.jpg", {}
    scan.write_bytes(jpeg(413, 579))
    with watch.signed_in("enterprise2", system.settings.demo_password) as page:
        page.add_init_script(COUNTED)
        for what, work in WORK.items():
            page.goto("/work/")
            page.evaluate("sessionStorage.presses = 0")
            work(page, scan, moving)
            counted[what] = int(page.evaluate("sessionStorage.presses"))
    assert counted == {what: presses for what, (presses, _most) in told.items()}
    assert all(presses <= most for presses, most in told.values())
