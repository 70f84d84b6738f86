"""Downloads in Chromium: a file that is sent leaves the page, and its other buttons, as they are."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]


def test_after_an_export_the_other_buttons_of_the_list_answer_at_once(watch, system):
    with watch.signed_in("exam", system.settings.demo_password) as page:
        page.goto("/exam/notices/")
        exports = page.get_by_role("button", name="导出报名明细")
        for n in range(2):
            with page.expect_download(timeout=5000):
                exports.nth(n).click()
