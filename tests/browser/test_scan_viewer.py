"""The viewer of scans in a real browser: every corner of a picture can be reached, larger, turned or beside another."""

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("system", ["sqlite"], indirect=True)]

# The parts of the picture that no scrolling of its pane can show, in pixels: left, top, right, bottom.
OUT_OF_REACH = """() => {
  const pane = document.querySelector('[data-pane]'), image = pane.querySelector('img');
  const seen = () => [image.getBoundingClientRect(), pane.getBoundingClientRect()];
  pane.scrollTo(0, 0);
  const [first, frame] = seen();
  pane.scrollTo(pane.scrollWidth, pane.scrollHeight);
  const [last] = seen();
  return [frame.left - first.left, frame.top - first.top, last.right - frame.right, last.bottom - frame.bottom]
    .map(part => Math.max(0, Math.round(part)));
}"""
SCALE = "() => parseInt(document.querySelector('[data-scale]').textContent)"
# Where the pointer is on the picture, as a share of its width and height.
SHARE = """([x, y]) => {
  const image = document.querySelector('[data-pane] img').getBoundingClientRect();
  return [(x - image.left) / image.width, (y - image.top) / image.height];
}"""


@pytest.fixture
def case(watch, system):
    with watch.signed_in("acceptance", system.settings.demo_password) as page:
        page.goto("/cases/1")
        page.wait_for_function("document.querySelector('[data-pane] img').complete")
        yield page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_no_corner_is_out_of_reach_however_large_or_turned(case):
    scales = set()
    for turn in range(4):
        press(case, "0", *["t"] * bool(turn))
        assert max(case.evaluate(OUT_OF_REACH)) <= 1
        for _step in range(9):
            press(case, "+")
            scales.add(case.evaluate(SCALE))
            assert max(case.evaluate(OUT_OF_REACH)) <= 1, (turn, case.evaluate(SCALE))
    assert max(scales) >= 400


def test_the_wheel_enlarges_what_is_under_the_pointer_and_a_drag_moves_it(case):
    area = case.locator("[data-pane]").bounding_box()
    at = [area["x"] + area["width"] * 0.55, area["y"] + area["height"] * 0.4]
    case.mouse.move(*at)
    small = case.evaluate(SCALE)
    case.mouse.wheel(0, -300)
    case.wait_for_timeout(50)
    assert case.evaluate(SCALE) == small  # not clicked yet: the wheel belongs to the page
    case.evaluate("scrollTo(0, 0)")
    case.mouse.click(*at)
    for _step in range(4):
        case.mouse.wheel(0, -300)
    case.wait_for_function(f"parseInt(document.querySelector('[data-scale]').textContent) > {4 * small}")
    before = case.evaluate(SHARE, at)
    case.mouse.wheel(0, -200)
    case.wait_for_timeout(50)
    assert case.evaluate(SHARE, at) == pytest.approx(before, abs=0.02)
    held = case.evaluate(SHARE, at)
    case.mouse.down()
    to = [at[0] - 60, at[1] - 40]
    case.mouse.move(*to, steps=3)
    case.mouse.up()
    assert case.evaluate(SHARE, to) == pytest.approx(held, abs=0.02)


def test_two_scans_side_by_side_and_each_keeps_its_turn(case):
    press(case, "t", "s")
    assert case.locator("[data-pane]").count() == 2
    names = case.locator("[data-pane] img").evaluate_all("all => all.map(image => image.alt)")
    assert names == ["照片", "身份证"]
    press(case, "3")
    assert case.locator("[data-pane] img").evaluate_all("all => all.map(image => image.alt)") == ["照片", "学历证"]
    press(case, "s", "1")
    case.reload()
    case.wait_for_function("document.querySelector('[data-pane] img').complete")
    assert "rotate(90deg)" in case.locator("[data-pane] img").get_attribute("style")


def test_each_key_chooses_what_the_list_of_keys_says(case):
    assert case.locator("[name=decision]:checked").count() == 0
    for key, chosen in (("a", "accept"), ("b", "return"), ("r", "decline")):
        case.evaluate("document.activeElement.blur()")
        press(case, key)
        assert case.locator("[name=decision]:checked").get_attribute("value") == chosen
    case.evaluate("document.activeElement.blur()")
    press(case, "i")
    case.get_by_text("已记录您查看了完整号码").or_(case.locator(".dl.lead")).first.wait_for()
    assert "*" not in case.locator(".dl.lead > div:nth-child(2) dd").inner_text()
    case.evaluate("localStorage.setItem('ag_keys', 'off')")
    press(case, "a", "?")
    assert case.locator("#dlg-keys").is_visible()
    assert case.locator("[name=decision]:checked").get_attribute("value") == "decline"
