"""变更 in Chromium: found by name and ID number, agreed to, decided, and shown in the public lookup."""

from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.models import Certificate, CertificateVersion, Enterprise, Person
from tests.browser.browser_steps import STAGES, decide, menu, row, sees
from tests.hostile_files import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

WHO = "李雷"  # holds an electronic certificate of category B with the first enterprise
SCANS = ("照片", "身份证", "学历证", "职称证", "注册证", "与原企业解除劳动关系证明", "与新企业的劳动合同")


def known(session) -> tuple[str, str, str, str]:
    """ID number, certificate number, the token of the old version, the name of the enterprise that takes over."""
    session.rollback()
    found = session.execute(
        select(Person.id_number, Certificate.number, CertificateVersion.token)
        .join(Certificate, Certificate.person_id == Person.id)
        .join(CertificateVersion, CertificateVersion.certificate_id == Certificate.id)
        .where(Person.name == WHO)
    ).one()
    new = session.scalar(select(Enterprise.name).order_by(Enterprise.id.desc()))
    session.rollback()
    return (*found, new)


def asks_for(page: Page, id_number: str, number: str, scan: Path) -> None:
    """查询, 选择证书, the papers of the new employment, 保存并上报."""
    menu(page, "安管人员变更申报")
    page.get_by_role("link", name="申报变更").first.click()
    search = page.get_by_role("region", name="查询拟调入人员")
    search.get_by_label("姓名").fill(WHO)
    search.get_by_label("身份证号码").fill(id_number)
    search.get_by_role("button", name="查询").click()
    expect(row(page, number).get_by_role("checkbox")).to_be_checked()
    for name in SCANS:
        page.get_by_role("button", name=f"选择文件 {name}").set_input_files(scan)
    page.get_by_role("button", name="保存并上报").click()
    expect(row(page, number)).to_contain_text("待原企业确认")


def agrees(page: Page, number: str, new: str) -> None:
    menu(page, "转出确认")
    expect(row(page, number)).to_contain_text(new)
    row(page, number).get_by_role("button", name="同意转出", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="同意转出").click()
    sees(page, "同意转出：")


def opens_certificate(page: Page, number: str, new: str) -> None:
    """The certificate itself, from the new enterprise's list."""
    menu(page, "安管人员证书")
    expect(row(page, number)).to_contain_text(WHO)
    paper = page.request.get(row(page, number).locator("a[href*='.pdf']").first.get_attribute("href"))
    with pypdfium2.PdfDocument(paper.body()) as document:
        words = document[0].get_textpage().get_text_bounded()
    assert new in "".join(words.split())


def tells_the_truth(page: Page, token: str, number: str, new: str) -> None:
    """The QR code of the old version reports it as replaced; the lookup shows the new enterprise."""
    page.goto(f"/v/{token}")
    sees(page, "已更新")
    expect(page.get_by_role("main")).to_contain_text(new)
    page.goto("/lookup")
    page.get_by_label("持证者姓名").fill(WHO)
    page.get_by_label("身份证号码、证书编号或文号").fill(number)
    page.get_by_role("button", name="查询").click()
    expect(page.get_by_role("region", name="有效")).to_contain_text(new)


def test_a_transfer_between_two_enterprises_from_search_to_lookup(watch, demo, system, tmp_path):
    def at(username):
        return watch.signed_in(username, system.settings.demo_password)

    id_number, number, token, new = known(demo)
    scan = tmp_path / "扫描件.jpg"
    scan.write_bytes(jpeg(413, 579))
    with at("enterprise2") as taking, at("enterprise1") as giving:
        asks_for(taking, id_number, number, scan)
        agrees(giving, number, new)
    for name, *step in STAGES:
        with at(name) as officer:
            decide(officer, WHO, *step)
    with at("enterprise2") as taking:
        opens_certificate(taking, number, new)
    with at("enterprise1") as giving:
        menu(giving, "安管人员证书")
        expect(row(giving, number)).to_have_count(0)
    with watch.window() as passer_by:
        tells_the_truth(passer_by, token, number, new)
