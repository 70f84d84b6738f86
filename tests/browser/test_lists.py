"""Lists as the browser draws them: how many rows are seen at once, and what is never broken over two lines."""

import pytest

from tests.browser.screens_page import table

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

SEEN_WHOLE = """() => {
  const frame = document.querySelector('.tbl-wrap').getBoundingClientRect();
  return [...document.querySelectorAll('.tbl-wrap tbody tr')]
    .filter(row => row.getBoundingClientRect().bottom <= frame.bottom + 1).length;
}"""
# Dates, and numbers of certificates, applications and people, that take more than one line.
BROKEN = r"""() => [...document.querySelectorAll('.tbl-wrap td span, .tbl-wrap td b')]
  .filter(e => !e.children.length && /^[^ ]{0,8}\d[\d*()-]{5,}[^ ]{0,4}$/.test(e.textContent.trim()))
  .filter(e => e.getClientRects().length > 1 || e.offsetHeight > 1.9 * parseFloat(getComputedStyle(e).fontSize))
  .map(e => e.textContent.trim())"""

# By how many pixels the column of operations lies over another one; while nothing is scrolled.
COVERED = """() => Math.max(0, ...[...document.querySelectorAll('.tbl-wrap tr:first-child')].map(row => {
  const [before, ops] = [...row.cells].slice(-2).map(cell => cell.getBoundingClientRect());
  return row.querySelector('.ops') ? Math.round(before.right - ops.left) : 0;
}))"""


def test_ten_rows_are_seen_and_no_number_is_broken(watch, system):
    broken, covered, told = {}, {}, table("Rows")
    for username in {account for _path, account, _rows in told}:
        with watch.signed_in(username, system.settings.demo_password) as page:
            page.set_viewport_size({"width": 1366, "height": 768})
            for path, rows in [(path, int(rows)) for path, account, rows in told if account == username]:
                page.goto(path)
                if found := page.evaluate(BROKEN):
                    broken[username, path] = found[:3]
                if page.locator(".tbl-wrap tbody tr").count() >= 10 and not page.locator(".page > .alert").count():
                    assert page.evaluate(SEEN_WHOLE) >= rows, path
                assert page.evaluate("document.documentElement.scrollWidth") <= 1366, path
                for size in ("", "large"):
                    page.evaluate("size => document.documentElement.dataset.size = size", size)
                    if over := page.evaluate(COVERED):
                        covered[username, path, size] = over
    assert (broken, covered) == ({}, {})
