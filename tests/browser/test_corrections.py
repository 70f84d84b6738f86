"""补正 in Chromium: an officer marks two items, only these are editable, and the officer sees both versions."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_steps import menu, open_case, row, sees
from tests.hostile_files import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

WHO = "刘慧敏"  # awaits acceptance in the demonstration
NARROW = {"width": 390, "height": 844}


def marks(page: Page) -> None:
    """Marking the photo selects the decision 补正; the preview of the notice follows the input."""
    open_case(page, WHO, "业务受理", "受理")
    page.keyboard.press("b")
    expect(page.get_by_role("textbox", name="备注")).to_be_focused()
    page.get_by_role("radio", name="受理", exact=True).check()
    page.get_by_role("checkbox", name="标记 照片").check()
    expect(page.get_by_role("radio", name="补正")).to_be_checked()
    page.get_by_role("button", name="照片不是白色背景").click()
    page.get_by_role("checkbox", name="标记 学历", exact=True).press("Space")
    page.get_by_role("textbox", name="学历", exact=True).fill("与学历证不一致")
    notice = page.get_by_role("region", name="将发出的补正通知")
    expect(notice).to_contain_text("1. 学历：与学历证不一致\n2. 照片：照片不是白色背景", use_inner_text=True)
    page.get_by_role("button", name="提交并看下一件").click()
    sees(page, f"{WHO}：")


def corrects(page: Page, scan) -> None:
    """On a telephone: only marked items are editable; an uncorrected one is refused; then both are corrected."""
    page.goto("/applications/new/?state=returned")
    row(page, WHO).get_by_role("link", name="补正", exact=True).click()
    expect(page.get_by_text("未更正", exact=True)).to_have_count(2)
    form = page.get_by_role("main")
    expect(form.get_by_role("combobox")).to_have_count(1)
    expect(form.locator("input[type=file]")).to_have_count(1)
    form.get_by_role("combobox").select_option(label="大专")
    page.get_by_role("button", name="保存并上报").click()
    sees(page, "已标记的“照片”尚未更正")
    form.get_by_role("combobox").select_option(label="大专")
    form.locator("input[type=file]").set_input_files(scan)
    page.get_by_role("button", name="保存并上报").click()
    sees(page, "已补正并重新上报")


def sees_before_and_after(page: Page) -> None:
    open_case(page, WHO, "业务受理", "受理")
    changed = page.get_by_role("region", name="本次补正后的变化").first
    for words in ("本科", "大专", "原扫描件", "新扫描件"):
        expect(changed.get_by_text(words, exact=True)).to_be_visible()
    stage = page.get_by_role("group", name="扫描件")
    expect(stage.get_by_role("img", name="照片")).to_have_count(2)
    page.get_by_role("button", name="身份证").click()
    expect(stage.get_by_role("img")).to_have_count(1)
    page.get_by_role("button", name="照片", exact=False).first.click()
    expect(stage.get_by_role("img", name="照片")).to_have_count(2)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="原扫描件").first.click()
    assert opened.value.url.rpartition("/papers/")[2].isdigit()


def test_a_return_for_correction_from_the_marks_to_the_acceptance(watch, demo, system, tmp_path):
    def at(username, **how):
        return watch.signed_in(username, system.settings.demo_password, **how)

    scan = tmp_path / "白底照片.jpg"
    scan.write_bytes(jpeg(413, 579))
    with at("acceptance") as officer:
        marks(officer)
        with at("enterprise1", viewport=NARROW) as enterprise:
            corrects(enterprise, scan)
        sees_before_and_after(officer)
        officer.get_by_role("radio", name="受理", exact=True).check()
        officer.get_by_role("button", name="提交并看下一件").click()
        sees(officer, f"{WHO}：")
        menu(officer, "业务受理")
        expect(row(officer, WHO)).to_have_count(0)
