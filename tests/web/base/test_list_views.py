"""Saved views, columns and density: kept for their owner alone, in an address that can be passed on."""

import re
from html import unescape

from sqlalchemy import select

from app.core.vocabulary import Role
from app.models import ListView
from app.web.base.list_views import MOST_VIEWS
from tests import make
from tests.web.applications.case_fixture import rolling_back

LIST, KEEP = "/enterprises/list/", "/list-views/EnterpriseAdminScreen/keep"


def titles(page: str) -> list[str]:
    """The titles of the columns shown."""
    return re.findall(
        r"<th [^>]*>\s*(?:<a [^>]*>)?\s*([^<\s][^<]*?)\s*<", page.partition("<thead")[2].partition("</thead>")[0]
    )


def test_a_layout_and_a_view_are_the_users_own_and_stand_in_the_address(session, signed_in, holder):
    session.add(make.enterprise(name="湘江一建"))
    session.commit()
    admin, other = (rolling_back(signed_in(holder(Role.ADMIN)), session) for _n in range(2))
    every = titles(admin.get(LIST).text)
    assert admin.post(KEEP, data={"columns": ["uscc", "password"], "dense": "1", "query": ""}).headers["Location"] == LIST
    page = admin.get(LIST).text
    assert (len(titles(page)), "list-card dense" in page) == (3, True)  # the name, the code and the operations
    assert (titles(other.get(LIST).text), "list-card dense" in other.get(LIST).text) == (every, False)
    kept = admin.post(KEEP, data={"name": " 一建  ", "columns": ["region"], "query": "name=一建&sort=-uscc&page=7&evil=1"})
    address = unescape(kept.headers["Location"])
    shown = admin.get(address).text
    assert ("湘江一建" in shown, len(titles(shown))) == (True, 3)
    assert "evil" not in address
    assert "page=" not in address
    assert titles(other.get(address).text) == titles(shown)  # passed on, it looks the same
    session.rollback()
    usual, view = session.scalars(select(ListView).order_by(ListView.name)).all()
    assert (usual.name, usual.columns, view.name, view.columns) == ("", "name,uscc", "一建", "name,region")
    assert f"/list-views/{view.id}/remove" in admin.get(LIST).text
    assert "/remove" not in other.get(LIST).text
    assert other.post(f"/list-views/{view.id}/remove").status_code == 404
    assert admin.post(f"/list-views/{view.id}/remove").status_code == 302
    assert (
        "columns=" in re.search(r'href="(/enterprises/list/\?[^"]*sort=[^"]*)"', shown)[1]
    )  # other pages and orders keep it


def test_what_cannot_be_kept_is_refused(session, signed_in, holder):
    admin = rolling_back(signed_in(holder(Role.ADMIN)), session)
    number = make.id_number()
    for form in ({"name": "某人", "query": f"name={number}"}, {"name": number}):
        assert number not in admin.post(KEEP, data=form).headers["Location"]
    assert session.scalars(select(ListView)).all() == []
    admin.post(KEEP, data={"name": "太长", "query": f"name={'湘' * 100}&uscc={'湘' * 100}"})
    for n in range(MOST_VIEWS + 2):
        admin.post(KEEP, data={"name": f"视图{n}"})
    admin.post(KEEP, data={"dense": "1"})  # the usual layout is none of them
    session.rollback()
    assert {row.name for row in session.scalars(select(ListView))} == {"", *(f"视图{n}" for n in range(MOST_VIEWS))}
    for screen in ("AppointmentScreen", "nothing", "SmsTextView"):  # another's list, none, and a page that is no list
        assert admin.post(f"/list-views/{screen}/keep", data={"name": "x"}).status_code == 404
    assert admin.post("/list-views/999/remove").status_code == 404
