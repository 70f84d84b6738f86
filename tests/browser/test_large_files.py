"""A file that is too large: with script it is not sent; without, the browser's way back leads to what was typed."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]


def test_a_file_that_is_too_large_does_not_cost_what_was_typed(watch, system, tmp_path):
    large, password = tmp_path / "裁决书.pdf", system.settings.demo_password
    large.write_bytes(b"%PDF" + bytes(13 * 1024 * 1024))
    for script in (True, False):
        with watch.signed_in("admin", password, java_script_enabled=script) as page:
            page.goto("/employment-releases/add")
            page.locator("[name=reason]:not([type=hidden])").fill("仲裁裁决解除劳动关系")
            field = page.locator("input[name=document]")
            field.set_input_files(large)
            if script:
                expect(page.get_by_role("alert").filter(has_text="裁决书.pdf")).to_contain_text("不会发送")
                assert field.evaluate("input => input.files.length") == 0
            else:
                page.get_by_role("button", name="保存").click()
                expect(page.get_by_role("heading", level=1)).to_contain_text("太大")
                page.go_back()
            expect(page.locator("[name=reason]:not([type=hidden])")).to_have_value("仲裁裁决解除劳动关系")
