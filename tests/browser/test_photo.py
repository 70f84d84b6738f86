"""A picture that is wider than high, chosen as a photo: cut upright in the browser, by keys, and stored so."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select

from app.core.vocabulary import PaperKind
from app.files.folder_store import FolderStore
from app.models import Paper
from tests.browser.browser_steps import sees
from tests.hostile_files import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]


def test_an_upright_photo_is_cut_out_by_keys(watch, system, session):
    with watch.signed_in("enterprise1", system.settings.demo_password) as page:
        page.goto("/people/list/")
        page.get_by_role("link", name="修改").first.click()
        wide = {"name": "合影.jpg", "mimeType": "image/jpeg", "buffer": jpeg(1600, 1000)}
        page.locator("[name=paper_photo]").set_input_files(wide)
        tool = page.get_by_role("dialog", name="裁剪出竖版证件照")
        expect(tool).to_be_visible()
        for key in ("-", "-", "ArrowLeft", "ArrowDown"):
            page.keyboard.press(key)
        tool.get_by_role("button", name="使用这一部分").click()
        expect(tool).to_be_hidden()
        sees(page, "合影.jpg")
        page.get_by_role("button", name="保存", exact=True).click()
        sees(page, "保存成功。")
    newest = select(Paper).where(Paper.kind == PaperKind.PHOTO).order_by(Paper.id.desc()).limit(1)
    stored = Image.open(BytesIO(FolderStore(system.settings.blobs).read(session.scalars(newest).one().digest)))
    assert stored.width / stored.height == pytest.approx(5 / 7, abs=0.01)
    assert stored.height <= 826
