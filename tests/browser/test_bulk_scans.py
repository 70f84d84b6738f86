"""Files dropped onto the page: sent one by one, shown on the board, confirmed; from the telephone, too."""

import base64

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.core.vocabulary import PaperKind
from app.models import Account, Paper, Person
from tests.browser.browser_steps import row, sees
from tests.hostile_files import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]
DROPPED = """files => {
  const dropped = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    dropped.items.add(new File([bytes], name, { type: 'image/jpeg' }));
  }
  return dropped;
}"""


def drop(page: Page, files: dict[str, bytes]) -> None:
    given = [(name, base64.b64encode(data).decode()) for name, data in files.items()]
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": page.evaluate_handle(DROPPED, given)})


def test_dropped_files_and_pictures_of_the_telephone_become_papers(watch, system, session):
    firm = select(Account.enterprise_id).where(Account.username == "enterprise1").scalar_subquery()
    first, second = session.scalars(select(Person).where(Person.enterprise_id == firm).order_by(Person.id).limit(2)).all()
    session.expunge_all()  # read no more: SQLite has one writer
    session.rollback()
    sides = {f"{first.name}_身份证正面.jpg": jpeg(856, 540), f"{first.name}_身份证反面.jpg": jpeg(856, 541)}
    doubtful, wide = jpeg(500, 600), {f"{second.name}_照片.jpg": jpeg(900, 600)}
    with watch.signed_in("enterprise1", system.settings.demo_password, viewport={"width": 1366, "height": 768}) as page:
        page.goto("/people/scans/")
        drop(page, {**sides, "某人_职称证.jpg": doubtful, **wide})
        sees(page, "照片是横版")
        expect(row(page, first.name).locator("[name=ready]")).to_be_checked()
        drop(page, sides)  # what was interrupted goes on: these are not sent again
        sees(page, "其中 2 个此前已收到")
        page.get_by_label("所属人员 某人_职称证.jpg").fill(second.name)
        page.get_by_role("button", name="保存选择").click()
        expect(row(page, second.name).locator("[name=ready]")).to_be_checked()
        page.get_by_role("button", name="确认并提交").click()
        sees(page, "2 份扫描件已归入对应人员。")
        page.goto(f"/people/scans/phone/{second.id}?paper=education")
        address = page.get_by_role("link", name="二维码的网址").get_attribute("href")
        with watch.window(viewport={"width": 390, "height": 844}) as phone:
            phone.goto(address[address.index("/phone-scan/") :])
            phone.locator("input[type=file]").set_input_files(
                {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": jpeg(700, 500)}
            )
            phone.get_by_role("button", name="向右转").click()
            phone.get_by_role("button", name="发送到电脑").click()
            sees(phone, "已收到 1 张照片")
        sees(page, "本次上传")  # by itself
        page.get_by_role("link", name="返回批量上传").click()
        page.get_by_role("button", name="确认并提交").click()
        sees(page, "1 份扫描件已归入对应人员。")
    session.rollback()
    newest = session.scalars(select(Paper).order_by(Paper.id.desc()).limit(3)).all()
    assert {(paper.person_id, paper.kind) for paper in newest} == {
        (first.id, PaperKind.ID_CARD),
        (second.id, PaperKind.TITLE),
        (second.id, PaperKind.EDUCATION),
    }
