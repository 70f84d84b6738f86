"""The manual as browsers get it: who may read which page, and what leads there."""

import re

import pytest

from app.core.vocabulary import ADMINISTRATORS, JobState, Role
from app.web.public.manual_pages import OFFICE, PAGES
from tests.cli.planted_faults import job

PICTURE = "/help/manual/pictures/{}-{}.webp"


def test_visitors_read_the_page_of_enterprises_and_sign_in_for_the_others(client):
    page = client.get("/help/manual/enterprise_clerk")
    assert page.status_code == 200
    assert client.get("/help/manual/").text.count('href="/help/manual/') == page.text.count('href="/help/manual/') - 1 == 1
    picture = client.get(PICTURE.format("enterprise_clerk", "list"))
    assert (picture.status_code, picture.mimetype) == (200, "image/webp")
    for path in ("/help/manual/runbook", "/help/manual/reviewer", PICTURE.format("reviewer", "case")):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].endswith(f"?next={path}")
    for path in ("/help/manual/nothing", "/help/manual/SETTINGS.md", PICTURE.format("reviewer", "nothing")):
        assert client.get(path).status_code == 404


def test_each_role_opens_its_pages_and_no_others(signed_in, holder):
    wrong = []
    for role in Role:
        browser = signed_in(holder(role))
        for name, page in PAGES.items():
            expected = 200 if page.readers is None or role in page.readers else 403
            wrong += [(role.name, name)] * (browser.get(f"/help/manual/{name}").status_code != expected)
        expected = 200 if role in OFFICE else 403
        assert browser.get(PICTURE.format("reviewer", "case")).status_code == expected
        listed = set(re.findall(r'href="/help/manual/(\w+)"', browser.get("/help/manual/").text))
        assert listed == {name for name, page in PAGES.items() if page.opens_to(frozenset({role}))}
        assert ("/help/manual/runbook" in browser.get("/help/manual/?q=old-backup").text) == (role in ADMINISTRATORS)
    assert not wrong


@pytest.mark.parametrize("query", ["", "%00", "' OR 1=1 --", "<script>", "的" * 5000])
def test_a_search_is_answered_whatever_is_typed(client, query):
    answer = client.get("/help/manual/", query_string={"q": query})
    assert answer.status_code == 200
    assert "<script>" not in answer.text


def test_help_and_system_status_lead_to_it(client, session, signed_in, holder):
    session.add(job(JobState.DEAD))
    session.commit()
    assert 'href="/help/manual/"' in client.get("/help").text
    page = signed_in(holder(Role.ADMIN)).get("/status/").text
    codes = re.findall(r'href="/help/manual/runbook#([\w-]+)"', page)
    assert codes
    runbook = signed_in(holder(Role.ADMIN)).get("/help/manual/runbook").text
    assert not [code for code in codes if f'id="{code}"' not in runbook]
