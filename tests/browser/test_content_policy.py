"""Every page in a real browser: no violation of our content security policy, no script error."""

import pytest
from sqlalchemy import select

from app.core.vocabulary import Role
from app.models import Account
from tests.test_architecture import addresses
from tests.test_permission_matrix import routes

pytestmark = pytest.mark.browser


def pages_of(app, signed_in, accounts) -> dict[str, str]:
    """Every page, with the session cookie of an account that may open it. Those whose role may not are not asked for it."""
    found, holders = {}, {rule.endpoint: roles for rule, _address, roles in routes(app)}
    for account in accounts:
        mine, client = {Role(role.name) for role in account.roles}, signed_in(account)  # which ends what the reading began
        with client.session_transaction() as held:
            cookie = dict(held)
        for endpoint, path in addresses(app, "GET"):
            may = holders.get(endpoint)
            if "static" not in endpoint and path not in found and (may is None or may & mine):
                answer = client.get(path)
                if answer.status_code == 200 and answer.mimetype == "text/html":
                    found[path] = app.session_interface.get_signing_serializer(app).dumps(cookie)
    return found


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # a page looks the same over either database
def test_no_page_violates_its_content_policy_or_raises_a_script_error(app, demo, signed_in, served, page):
    accounts = demo.scalars(select(Account)).all()
    demo.commit()
    complaints = []
    page.on(
        "console",
        lambda message: complaints.append((page.url, message.text)) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda fault: complaints.append((page.url, str(fault))))
    pages = pages_of(app, signed_in, accounts)
    for path, cookie in pages.items():
        page.context.add_cookies([{"name": app.config["SESSION_COOKIE_NAME"], "value": cookie, "url": served}])
        page.goto(path)
    assert len(pages) > 20
    assert not complaints
