"""The pictures of the manual: each screen is opened as it was for its picture, and still has the words that were on it then.

``make manual`` (``--pictures``) takes those anew whose words have changed, and keeps the others as they are.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.core import i18n
from app.models import Account
from app.web.public.manual_pages import FOLDER, PICTURE_SIZE, PICTURES
from tests.browser.browser_steps import row

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

PLACE = FOLDER / "manual" / PICTURES
LABELS = PLACE / "labels.json"
QUALITY = 55  # of WebP: letters stay sharp, and a picture has 25 to 60 KB
MARK = "e => { e.style.outline = '3px solid #d4380d'; e.style.outlineOffset = '2px'; }"
NAMES = "nav.side a > span:first-of-type, main h1, main h2, main th[role=columnheader], main label, main legend"
WORDS = "names => [...document.querySelectorAll(names)].map(e => e.textContent.trim())"


@dataclass(frozen=True, slots=True)
class Shot:
    """A screen of the demonstration: whose, where, the button of whose row opens it (row, button), and what is marked."""

    account: str
    path: str
    opened: tuple[str, str] | None = None
    marked: tuple[str, ...] = ()


SHOTS = {
    "enterprise_clerk-people": Shot("enterprise1", "/people/list/", marked=("批量导入人员", "添加")),
    "enterprise_clerk-notices": Shot("enterprise1", "/exam/notices/", marked=("在线报名",)),
    "enterprise_clerk-filing": Shot("enterprise1", "/filings/add", marked=("保存", "保存并上报")),
    "enterprise_clerk-list": Shot("enterprise1", "/applications/new/?state=draft", marked=("上报", "添加申报")),
    "exam_clerk-notices": Shot("exam", "/exam/notices/", marked=("添加", "导出报名明细", "导入成绩")),
    "exam_clerk-review": Shot("exam", "/exam/review/", marked=("审核",)),
    "acceptance_officer-queue": Shot("acceptance", "/acceptance/", marked=("受理",)),
    "acceptance_officer-case": Shot("acceptance", "/acceptance/", ("刘慧敏", "受理"), ("提交并看下一件",)),
    "reviewer-case": Shot("review", "/review/", ("罗晓梅", "审核"), ("提交并看下一件",)),
    "reviewer-measures": Shot("review", "/measures/", marked=("提请措施", "批量证书措施")),
    "approver-queue": Shot("approval", "/approval/", marked=("审核",)),
    "approver-due": Shot("approval", "/due/", marked=("批量延长期限",)),
    "viewer-closed": Shot("viewer", "/closed/", marked=("电子档案", "导出")),
    "viewer-limits": Shot("viewer", "/limits/"),
    "admin-status": Shot("admin", "/status/"),
    "admin-accounts": Shot("admin", "/accounts/list/", marked=("添加",)),
    "admin-parameters": Shot("admin", "/parameters/"),
    "security_admin-appointments": Shot("secadmin", "/appointments/list/", marked=("修改",)),
    "security_admin-parameters": Shot("secadmin", "/parameters/", marked=("修改 登录安全",)),
    "auditor-log": Shot("auditor", "/diary/list/", marked=("核对",)),
}


@pytest.fixture
def opened(app: Flask, system, demo, signed_in, chromium: Browser, served: str) -> Iterator[dict[str, Page]]:
    """A window for each account of the shots, signed in."""
    for path, mode in ((system.settings.home, 0o700), (system.settings.code_keys, 0o600)):
        path.chmod(mode)  # as an installation has them; else the system's state would name a folder of the tests
    name, contexts, pages = app.config["SESSION_COOKIE_NAME"], [], {}
    look = {"viewport": dict(zip(("width", "height"), PICTURE_SIZE, strict=True)), "reduced_motion": "reduce"}
    for username in {shot.account for shot in SHOTS.values()}:
        client: FlaskClient = signed_in(demo.scalar(select(Account).where(Account.username == username)))
        contexts.append(context := chromium.new_context(base_url=served, locale="zh-CN", **look))
        context.add_cookies([{"name": name, "value": client.get_cookie(name).value, "url": served}])
        pages[username] = context.new_page()
    yield pages
    for context in contexts:
        context.close()


def shown(page: Page, shot: Shot) -> set[str]:
    """Open the screen, mark what the text speaks of, and return the words of the system on it."""
    page.goto(shot.path)
    if shot.opened:
        who, button = shot.opened
        row(page, who).get_by_role("link", name=button, exact=True).click()
        expect(page.get_by_role("heading", name=who)).to_be_visible()
    main = page.get_by_role("main")
    for label in shot.marked:
        name = re.compile(rf"^{re.escape(label)}(?:$|（|\W)")
        found = main.get_by_role("link", name=name).or_(main.get_by_role("button", name=name)).locator("visible=true").first
        found.evaluate(MARK)
    return words() & {*page.evaluate(WORDS, NAMES), *shot.marked}


@cache
def words() -> set[str]:
    """All that the system says in Chinese: other words on a screen are data."""
    with (i18n.FOLDER / "zh/LC_MESSAGES/messages.po").open("rb") as file:
        return {str(message.string) for message in read_po(file) if message.id and message.string}


def picture_of(page: Page) -> bytes:
    page.wait_for_load_state("networkidle")
    picture = Image.open(BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    picture.save(data := BytesIO(), "WEBP", quality=QUALITY, method=6)
    return data.getvalue()


def test_every_picture_shows_the_screen_as_it_is(opened, system, request):
    take = request.config.getoption("--pictures")
    before = json.loads(LABELS.read_text()) if LABELS.exists() else {}
    now = {}
    for name, shot in SHOTS.items():
        page = opened[shot.account]
        now[name] = sorted(shown(page, shot))
        if take and (now[name] != before.get(name) or not (PLACE / f"{name}.webp").exists()):
            (PLACE / f"{name}.webp").write_bytes(picture_of(page))
    if take:
        for path in PLACE.glob("*.webp"):
            if path.stem not in SHOTS:
                path.unlink()
        LABELS.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n")
        return
    changed = {name: {*now[name]} ^ {*before.get(name, ())} for name in SHOTS if now[name] != before.get(name)}
    assert not changed, "these screens have changed: run make manual, and read what the manual says of them"
