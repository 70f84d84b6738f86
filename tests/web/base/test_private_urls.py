"""No query form puts an ID number or a mobile into a URL."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from sqlalchemy import select

from app.core.vocabulary import Role
from app.models import Person
from tests import make
from tests.test_attacks import LISTS

MOBILE = "13873112345"
FORM = re.compile(r'<form class="query.*?</form>', re.DOTALL)
FIELD = re.compile(r'<input class="form-control"(?! type="date")[^>]* name="([^"]+)"')
TO = re.compile(r'name="_to" value="([^"]+)"')


def typed_into_every_field(browser, address: str, number: str) -> list[str]:
    """The redirects of a page's query form, with this number in each of its text fields in turn."""
    page = browser.get(address).text
    form = FORM.search(page)
    assert form, address
    assert 'method="post" action="/query"' in form[0], address
    home = TO.search(form[0])
    return [
        browser.post("/query", data={"_to": home[1], name: number}).headers["Location"] for name in FIELD.findall(form[0])
    ]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_every_query_form_encrypts_personal_numbers(signed_in, holder, session):
    person = make.person(make.enterprise())
    walked = 0
    for role, addresses in LISTS.items():
        browser = signed_in(holder(role))
        sought = set(addresses) - {"/statistics/", "/people/scans/"}  # which ask for nothing about a person
        for address in (*sorted(sought), *(("/standing/",) if role is Role.REVIEWER else ()), "/notices"):
            for number in (person.id_number, MOBILE, " ".join((MOBILE[:3], MOBILE[3:7], MOBILE[7:]))):
                for leads in typed_into_every_field(browser, address, number):
                    walked += 1
                    assert number not in unquote(leads).replace("+", " ")
                    assert re.sub(r"\D", "", number) not in leads
                    page = browser.get(leads)
                    assert page.status_code in (200, 404), leads
    assert walked > 100


def test_an_encrypted_query_works_only_for_the_user_who_asked(signed_in, holder, session):
    mine = holder(Role.ENTERPRISE_CLERK)
    sought, other = make.person(mine.enterprise, name="李雷"), make.person(mine.enterprise, name="韩梅梅")
    session.add_all([sought, other])
    session.commit()
    browser = signed_in(mine)
    leads = browser.post("/query", data={"_to": "/people/list/", "id_number": sought.id_number}).headers["Location"]
    page = browser.get(leads).text
    assert "李雷" in page
    assert "韩梅梅" not in page
    assert f'value="{sought.id_number}"' in page  # in the field where it was typed
    assert all(sought.id_number not in link for link in re.findall(r'(?:href|action)="([^"]*)"', page))
    sealed = parse_qs(urlsplit(leads).query)["id_number"][0]
    colleague = signed_in(holder(Role.ENTERPRISE_CLERK, enterprise=session.get(type(mine.enterprise), mine.enterprise_id)))
    page = colleague.get("/people/list/", query_string={"id_number": sealed}).text
    assert sought.id_number not in page
    assert {"李雷", "韩梅梅"} <= set(re.findall("李雷|韩梅梅", page))
    assert session.scalars(select(Person.id)).all()


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_url_with_a_plain_number_redirects_to_the_encrypted_one(signed_in, holder, client):
    browser = signed_in(holder(Role.ENTERPRISE_CLERK))
    person = make.person(make.enterprise())
    for number in (person.id_number, MOBILE):
        answer = browser.get("/people/list/", query_string={"id_number": number, "scans": "complete", "next": "/"})
        assert answer.status_code == 302
        assert number not in answer.headers["Location"]
        assert "scans=complete" in answer.headers["Location"]
        assert number not in client.get("/notices", query_string={"q": number}).headers["Location"]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_query_redirects_only_to_a_page_of_this_site(client):
    for away in ("//evil.example/", "https://evil.example/", "/\\evil", "/x?y=1"):
        assert client.post("/query", data={"_to": away, "q": "李"}).headers["Location"].startswith("/?q=")


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_tampered_query_value_is_ignored(client):
    for broken in ("~", "~~~~", "~AAAA", "~" + "A" * 80, "~é"):
        assert client.get("/notices", query_string={"q": broken}).status_code == 200
