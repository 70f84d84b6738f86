"""What a browser that has nothing of us yet asks for, and how much comes."""

import pytest

from tests.browser.screens_page import table

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

MOST_REQUESTS, MOST_KB = (int(most) for _what, most in table("First load"))
PAGES = {"": ("/", "/lookup", "/login/"), "enterprise1": ("/work/", "/people/list/"), "review": ("/review/",)}


def test_a_first_page_takes_five_requests_and_sixty_kilobytes(watch, system):
    found = {}
    for username, paths in PAGES.items():
        for path in paths:
            window = watch.signed_in(username, system.settings.demo_password) if username else watch.window()
            with window as page:
                page.goto("about:blank")
                asked, devtools = {}, page.context.new_cdp_session(page)
                devtools.send("Network.enable")
                devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
                devtools.on(
                    "Network.responseReceived", lambda e, asked=asked: asked.update({e["requestId"]: e["response"]["url"]})
                )
                sizes = {}
                devtools.on(
                    "Network.loadingFinished", lambda e, sizes=sizes: sizes.update({e["requestId"]: e["encodedDataLength"]})
                )
                page.goto(path, wait_until="networkidle")
                came = {url: sizes.get(key, 0) for key, url in asked.items() if not url.startswith("data:")}
                found[path] = (len(came), sum(came.values()), came)
    assert not {path: what for path, what in found.items() if what[0] > MOST_REQUESTS or what[1] > MOST_KB * 1024}
