"""Accessibility of the main pages of every role, on a wide and a narrow screen, as rendered by the browser.

Checks the WCAG rules that template changes break most easily; all rules (axe-core, MPL) are too large to keep here.
"""

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PAGES = {
    "": ("/", "/login/", "/lookup", "/verify", "/notices", "/exam-notices/3", "/help", "/nothing-here"),
    "enterprise1": (
        *("/work/", "/exam/notices/", "/exam/notices/show/3", "/exam/notices/3/signup", "/exam/signups/"),
        *("/applications/new/", "/filings/add", "/corrections/4", "/cases/4/read", "/archive/11", "/certificates/"),
        *("/enterprise/", "/qualifications/list/", "/people/list/", "/people/add", "/people/edit/3", "/people/import/"),
    ),
    "exam": (
        *("/work/", "/exam/notices/", "/exam/notices/add", "/exam/notices/2/scores", "/exam/notices/2/scores/submit"),
        *("/exam/review/", "/exam/review/22"),
    ),
    "acceptance": ("/work/", "/acceptance/", "/cases/1", "/password/"),
    "review": ("/review/", "/cases/6"),
    "approval": ("/approval/", "/cases/9"),
    "viewer": ("/closed/", "/archive/11"),
    "admin": ("/accounts/list/", "/accounts/add", "/enterprises/list/", "/messages/list/", "/diary/list/", "/jobs/list/"),
}
# Returns the faults of a page, as rendered.
FAULTS = r"""() => {
  const shown = e => e.checkVisibility({visibilityProperty: true}), start_of = e => e.outerHTML.slice(0, 120), faults = [];
  const all = selector => [...document.querySelectorAll(selector)].filter(shown);
  const ids = (e, name) => (e.getAttribute(name) || '').split(' ').filter(Boolean), at = id => document.getElementById(id);
  const named = e => [e.getAttribute('aria-label'), e.title, ...ids(e, 'aria-labelledby').map(id => at(id)?.textContent),
    ...[...(e.labels || [])].map(label => label.textContent)].some(text => text?.trim());
  const doubt = (selector, unsound, fault) => all(selector).filter(unsound).forEach(e => faults.push(fault + start_of(e)));
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
  if (all('h1').length !== 1) faults.push('needs exactly one h1');
  if (!root.lang || !document.title.trim()) faults.push('needs a language and a title');
  if (all('main').length !== 1) faults.push('needs exactly one main');
  if (!all('a[href], button, input, summary').some(e => e.tabIndex >= 0)) faults.push('nothing takes the focus');
  doubt('input:not([type=hidden]), select, textarea', e => !named(e), 'no label: ');
  doubt('a[href], button, summary', e => !named(e) && !e.textContent.trim(), 'no name: ');
  doubt('img', e => !e.hasAttribute('alt'), 'no alt: ');
  doubt('iframe', e => !named(e), 'no title: ');
  for (const e of document.querySelectorAll('[id]')) if (at(e.id) !== e) faults.push('twice the id ' + e.id);
  for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for'])
    for (const e of document.querySelectorAll(`[${name}]`))
      ids(e, name).filter(id => !at(id)).forEach(id => faults.push(`points at no ${id}: ` + start_of(e)));
  return faults;
}"""
FOCUSED = """() => {
  const e = document.activeElement, drawn = getComputedStyle(e), seen = e.getBoundingClientRect().top >= 0;
  return e !== document.body && seen && (drawn.outlineStyle !== 'none' || drawn.boxShadow !== 'none');
}"""


def faults_of(page: Page, paths: tuple[str, ...]) -> list[tuple[str, str, str]]:
    found = []
    for path in paths:
        page.goto(path)
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)
            found += [(path, name, fault) for fault in page.evaluate(FAULTS)]
    return found


def takes_the_focus_visibly(page: Page) -> bool:
    """Whether the first element that Tab reaches is visible and has a visible focus style."""
    page.keyboard.press("Tab")
    return page.evaluate(FOCUSED)


BAD_PAGE = """<body><main><h1>一</h1><h1>二</h1><p id="a" style="width: 3000px">宽</p><input id="a"><button></button>
<a href="/"><img src="data:,"></a><iframe></iframe><section aria-labelledby="nobody"></section></main></body>"""


def test_the_checks_find_every_fault_of_a_bad_page(page, system):
    page.set_content(BAD_PAGE)
    faults = " ".join(page.evaluate(FAULTS))
    for fault in ("sideways", "h1", "language", "no label", "no name", "no alt", "no title", "twice the id a", "no nobody"):
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


def test_every_page_of_every_role_is_accessible(watch, system):
    faults = []
    for username, paths in PAGES.items():
        window = watch.signed_in(username, system.settings.demo_password) if username else watch.window()
        with window as page:
            faults += [(username or "public", *fault) for fault in faults_of(page, paths)]
            page.goto(paths[0])
            assert takes_the_focus_visibly(page), username
    assert not faults
