"""Browser windows whose console errors are recorded; check ``complaints`` at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

NO_FAULT = "the server responded with a status of 4"  # an intended refusal is no fault
BROKEN_POLICY = "addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective, e.blockedURI))"


class ConsoleRecorder:
    """Opens windows and records console errors and warnings, script errors and policy violations."""

    def __init__(self, chromium: Browser, served: str) -> None:
        self.chromium, self.served = chromium, served
        self.complaints: list[tuple[str, str]] = []

    @contextmanager
    def window(self, **how: Any) -> Iterator[Page]:
        context = self.chromium.new_context(base_url=self.served, locale="zh-CN", **how)
        context.add_init_script(BROKEN_POLICY)
        context.on("console", lambda message: self._record(message.page, message.type, message.text))
        context.on("weberror", lambda fault: self._record(fault.page, "error", str(fault.error)))
        context.set_default_timeout(10_000)
        try:
            yield context.new_page()
        finally:
            context.close()

    @contextmanager
    def signed_in(self, username: str, password: str, **how: Any) -> Iterator[Page]:
        """A window on the dashboard of this account, signed in by password."""
        with self.window(**how) as page:
            page.goto("/")
            page.get_by_role("link", name="安管人员申报").click()
            page.get_by_label("用户名").fill(username)
            page.get_by_label("密码").fill(password)
            page.get_by_role("button", name="用户名登录").click()
            page.wait_for_url("**/work/")
            yield page

    def _record(self, page: Page | None, kind: str, text: str) -> None:
        if kind in ("error", "warning") and NO_FAULT not in text:
            self.complaints.append((page.url if page else "", text))
