"""电子营业执照登录 in two windows: the QR code on the desktop, and the licence on a telephone."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from app.certificates.qr.reader import read_code
from tests.browser.browser_steps import sees

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

TELEPHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def asks(desktop) -> tuple[str, str]:
    """A fresh code: where it leads, and the number beside it."""
    desktop.goto("/login/")
    desktop.get_by_role("navigation", name="登录方式").get_by_role("link", name="电子营业执照").click()
    desktop.get_by_role("button", name="电子营业执照登录").click()
    sees(desktop, "等待扫码")
    square = desktop.get_by_role("img", name="供电子营业执照小程序扫描的二维码")
    return urlsplit(read_code(square.screenshot())).path, desktop.locator(".pair b").inner_text()


def answers(phone, leads: str, number: str) -> None:
    phone.goto(leads)
    phone.get_by_role("radio", name="湖南洞庭路桥工程有限公司").check()
    phone.get_by_role("button", name="扫码").click()
    sees(phone, "安管人员网上审批系统")
    phone.get_by_label("登录页面上的两位数字").fill(number)
    phone.get_by_role("button", name="确认登录").click()


def test_confirming_on_the_telephone_signs_in_and_a_wrong_number_does_not(watch):
    with watch.window() as desktop, watch.window(**TELEPHONE) as phone:
        leads, number = asks(desktop)
        answers(phone, leads, f"{(int(number) - 9) % 90 + 10}")
        sees(phone, "本次登录已拒绝")
        sees(desktop, "手机上输入的数字与本页不一致")
        leads, number = asks(desktop)
        answers(phone, leads, number)
        sees(phone, "登录页面将自动登录")
        desktop.wait_for_url("**/work/")
        expect(desktop.get_by_role("heading", name="吴经办")).to_be_visible()
        phone.goto("/work/")
        assert "/login/" in phone.url
