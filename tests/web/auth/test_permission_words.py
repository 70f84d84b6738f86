"""Every permission and page has words, and a refusal says whose page it is and who gives the role."""

from flask_babel import force_locale

from app.core.vocabulary import PRIVILEGED, Role
from app.web.auth.permission_words import OWN_WORDS, PAGES, WORDS, grants, how_to_get, page_names
from app.web.auth.permissions import PERMISSIONS
from tests.web.applications.case_fixture import rolling_back

NAMED = ("System administrator", "Security administrator", "Audit administrator")


def test_every_permission_and_every_page_has_words_and_no_words_are_left_over(app):
    with app.app_context():
        every, names = list(grants(app.extensions["appbuilder"])), page_names(app.extensions["appbuilder"])
    assert len(every) == sum(map(len, PERMISSIONS.values()))
    assert not [grant.view for grant in every if grant.view not in names]
    assert WORDS.keys() == {grant.permission for grant in every}
    assert all(permission in PERMISSIONS[view] for permission, view in OWN_WORDS)
    assert PAGES.keys() <= PERMISSIONS.keys()


def test_the_administrator_who_gives_the_role_is_named_by_role(app):
    with app.test_request_context(), force_locale("en"):
        told = {role: " ".join(how_to_get([role])) for role in Role}
        labels = {role: str(role.label) for role in Role}
        assert how_to_get([]) == []
    for role, text in told.items():
        assert labels[role] in text
        assert ("Security administrator gives" in text) == (role is not Role.ENTERPRISE_CLERK)
        assert ("System administrator confirms" in text) == (role in PRIVILEGED)
    assert "opened by the System administrator" in told[Role.ENTERPRISE_CLERK]
    assert all(any(name in text for name in NAMED) for text in told.values())


def test_a_refusal_says_who_gives_the_role_to_whoever_is_signed_in(session, signed_in, holder, client):
    browser = rolling_back(signed_in(holder(Role.VIEWER)), session)
    refused = browser.get("/accounts/list/")
    assert refused.status_code == 403
    assert "It is open to: System administrator." in refused.text
    assert "the Security administrator gives the role, the System administrator confirms it" in refused.text
    stranger = client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert (stranger.status_code, "gives the role" in stranger.text) == (403, False)
    officer = rolling_back(signed_in(holder(Role.SECURITY_ADMIN)), session)  # who may open the page, but not this part of it
    refused = officer.get("/parameters/deadlines")
    assert (refused.status_code, "It is open to" in refused.text) == (403, False)
