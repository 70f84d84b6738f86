"""What is sent too late or is too much, in a real browser: the end of a session is announced and can be put off, a late form
comes back filled, and files that are too many are named before they are sent.
"""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select, update

from app.core.clock import now
from app.models import Person, UserSession
from tests import make
from tests.browser.browser_steps import sees

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]


def test_the_end_is_announced_and_put_off_and_a_late_form_comes_back_filled(watch, system, session):
    before = session.scalar(select(func.count(Person.id)))
    session.rollback()
    with watch.signed_in("enterprise1", system.settings.demo_password) as page:
        page.clock.install()
        page.goto("/people/add")
        page.get_by_label("姓名").fill("王小明")
        page.evaluate("document.querySelector('[data-sum]').dataset.sum = 10")
        page.locator("[name=paper_photo]").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 11})
        page.get_by_role("button", name="保存", exact=True).click()
        sees(page, "一次最多提交")
        page.locator("[name=paper_photo]").set_input_files([])
        question = page.get_by_role("alertdialog", name="登录即将到期")
        expect(question).to_be_hidden()
        page.clock.fast_forward("28:30")
        expect(question).to_be_visible()
        question.get_by_role("button", name="继续使用").click()
        expect(question).to_be_hidden()
        session.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=31)))
        session.commit()
        page.clock.fast_forward("30:30")
        sees(page, "登录已到期")
        page.get_by_role("alertdialog").get_by_role("button", name="关闭").click()
        page.get_by_label("身份证号码").fill(make.id_number())
        page.get_by_role("button", name="保存", exact=True).click()
        page.get_by_label("用户名").fill("enterprise1")
        page.get_by_label("密码").fill(system.settings.demo_password)
        page.get_by_role("button", name="用户名登录").click()
        sees(page, "登录已超时：刚才的操作没有办成")
        page.get_by_role("button", name="继续填写").click()
        sees(page, "尚未保存")
        expect(page.get_by_label("姓名")).to_have_value("王小明")
    assert session.scalar(select(func.count(Person.id))) == before
