"""角色与权限: the declared grants, all of them or one role's, for the security administrator and the auditor alone."""

import pytest

from app.core.vocabulary import Role
from app.web.auth.permissions import PERMISSIONS, held_by

pytestmark = pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # nothing is asked of the database


def test_the_page_shows_what_is_declared_of_all_roles_or_of_one(session, signed_in, holder):
    for role in Role:
        answer = signed_in(holder(role)).get("/permissions/")
        assert answer.status_code == (200 if role in (Role.SECURITY_ADMIN, Role.AUDITOR) else 403), role
    browser = signed_in(holder(Role.AUDITOR))
    page = browser.get("/permissions/").text
    held = sum(len(holders) for permissions in PERMISSIONS.values() for holders in permissions.values())
    assert page.count("●") == held
    for role in Role:
        one = browser.get(f"/permissions/?role={role.value}").text
        assert one.count("●") == len(held_by(role)), role
    assert browser.get("/permissions/?role=nobody").text.count("●") == held
