"""Accessibility of every screen, as rendered by the browser: axe-core, and nothing that scrolls sideways.

The screens are all GET routes and what their pages link to, so a new one is in by itself.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Page
from werkzeug.exceptions import HTTPException

from tests.browser.screens_page import table

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

USERS = ("", "enterprise1", "exam", "acceptance", "review", "approval", "viewer", "admin", "secadmin", "auditor")
NO_SCREENS = ("static", "appbuilder.static", "AuthView.logout", "ops.healthz", "ops.readyz")
MOST_FAULTS, WIDTHS, SCREENS = (tuple(map(int, value.split(","))) for _what, value in table("Every screen"))
FAULTS = """async rules => (await axe.run(document, {resultTypes: ['violations'], ...rules})).violations.flatMap(
  rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 150)}: ${node.failureSummary}`))"""
OVERFLOW = "() => Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)"
FOCUSED = """() => {
  const e = document.activeElement, drawn = getComputedStyle(e), seen = e.getBoundingClientRect().top >= 0;
  return e !== document.body && seen && (drawn.outlineStyle !== 'none' || drawn.boxShadow !== 'none');
}"""


def screens(app: Flask, page: Page, start: str, seen: set[str]) -> Iterator[str]:
    """One address of every screen that this user may open and whose endpoint is not in ``seen``, which grows."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments]
    routes, waiting, asked = app.url_map.bind("127.0.0.1"), [start, *rules], set(NO_SCREENS)
    seen.discard(endpoint_of(routes, start))  # the first page of every role
    while waiting:
        path = waiting.pop(0)
        endpoint = endpoint_of(routes, path)
        if endpoint in seen | asked:
            continue
        asked.add(endpoint)
        answer = page.request.get(path, max_redirects=0)
        if answer.status == 200 and "<main" in (text := answer.text()):
            seen.add(endpoint)
            waiting += [link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)', text)]
            yield path


def endpoint_of(routes: Any, path: str) -> str:
    try:
        return routes.match(path.partition("?")[0], method="GET")[0]
    except HTTPException:
        return "static"  # a redirect, or a form's own address


def faults_of(page: Page, path: str, *, dark: bool = True) -> Iterator[str]:
    page.set_viewport_size({"width": WIDTHS[0], "height": 768})
    page.goto(path)
    page.evaluate(AXE_SCRIPT)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    yield from page.evaluate(FAULTS, {})
    if dark:
        page.emulate_media(color_scheme="dark")
        yield from (f"dark: {fault}" for fault in page.evaluate(FAULTS, {"runOnly": ["color-contrast"]}))
        page.emulate_media(color_scheme="light")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 768})
        if more := page.evaluate(OVERFLOW):
            yield f"scrolls sideways by {more} at {width}"


def takes_the_focus_visibly(page: Page) -> bool:
    """Whether the first element that Tab reaches is visible and has a visible focus style."""
    page.keyboard.press("Tab")
    return page.evaluate(FOCUSED)


def faults_of_every_screen(watch: Any, system: Any, app: Flask, *, every_role: bool = False) -> list[tuple[str, str, str]]:
    """Of the screens of every user, each screen once, every third in the dark, too; with ``every_role`` once for every user
    who may open it, and all in the dark.
    """
    faults, seen = [], set()
    for username in USERS:
        seen = set() if every_role else seen
        window = watch.signed_in(username, system.settings.demo_password) if username else watch.window()
        with window as page:
            for number, path in enumerate(screens(app, page, "/work/" if username else "/", seen)):
                dark = every_role or number % 3 == 0
                faults += [(username, path, fault) for fault in faults_of(page, path, dark=dark)]
            page.goto("/")
            assert takes_the_focus_visibly(page), username
    assert every_role or len(seen) > SCREENS[0]
    return faults


BAD_PAGE = """<body><main><div style="width: 3000px">宽</div><input id="a"><img src="data:,"></main></body>"""


def test_the_checks_find_the_faults_of_a_bad_page(page, system):
    page.route("**/bad", lambda route: route.fulfill(body=BAD_PAGE, content_type="text/html"))
    faults = " ".join(faults_of(page, "/bad"))
    for fault in ("image-alt", "label:", "html-has-lang", "document-title", "page-has-heading-one", "sideways"):
        assert fault in faults


def test_browser_errors_and_policy_violations_are_recorded(watch, system):
    with watch.window() as page:
        page.goto("/lookup")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<a onclick=\"x()\" style=\"color: red\">x</a>')")
        page.evaluate("setTimeout(() => { throw Error('script-fault') })")
        with page.expect_console_message(lambda message: "done" in message.text):
            page.evaluate("setTimeout(() => console.info('done'))")
    recorded, watch.complaints = " ".join(text for _url, text in watch.complaints), []
    assert "script-src" in recorded
    assert "style-src" in recorded
    assert "script-fault" in recorded


def test_every_screen_is_accessible(watch, system, app):
    faults = faults_of_every_screen(watch, system, app)
    assert len(faults) <= MOST_FAULTS[0], "\n".join(" ".join(fault) for fault in faults)


@pytest.mark.proof
def test_every_screen_of_every_role_is_accessible(watch, system, app):
    faults = faults_of_every_screen(watch, system, app, every_role=True)
    assert len(faults) <= MOST_FAULTS[0], "\n".join(" ".join(fault) for fault in faults)
