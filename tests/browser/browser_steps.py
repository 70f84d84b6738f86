"""Steps that several browser tests share. Elements are found by their visible text."""

from playwright.sync_api import Locator, Page, expect

STAGES = (
    ("acceptance", "业务受理", "受理", "受理"),
    ("review", "业务初审", "审核", "同意"),
    ("approval", "发证审批", "审核", "同意"),
)  # account, queue, button that opens a case, decision that agrees


def row(page: Page, text: str) -> Locator:
    return page.get_by_role("row").filter(has_text=text).first


def menu(page: Page, entry: str) -> None:
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name=entry).click()


def sees(page: Page, text: str) -> None:
    expect(page.get_by_text(text).first).to_be_visible()


def open_case(page: Page, who: str, queue: str, verb: str) -> None:
    menu(page, queue)
    row(page, who).get_by_role("link", name=verb, exact=True).click()
    expect(page.get_by_role("heading", name=who)).to_be_visible()


def decide(page: Page, who: str, queue: str, verb: str, decision: str) -> None:
    open_case(page, who, queue, verb)
    page.get_by_role("radio", name=decision, exact=True).check()
    page.get_by_role("button", name="提交并看下一件").click()
    sees(page, f"{who}：")
