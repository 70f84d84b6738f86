"""Lists as sheets: what the page shows of every row that the query finds, for who may; and what is refused."""

from io import BytesIO

import pandas as pd
import pytest
from sqlalchemy import insert

from app.core.vocabulary import Role
from app.models import Message, Parameter
from tests import make
from tests.query_counter import queries

SCREENS = {  # address -> who may take it away
    "/certificates": Role.VIEWER,
    "/people": Role.ENTERPRISE_CLERK,
    "/enterprises": Role.ADMIN,
    "/messages": Role.ADMIN,
    "/exam/review": Role.EXAM_CLERK,
    "/closed": Role.VIEWER,
    "/published": Role.VIEWER,
    "/books/decisions": Role.VIEWER,
    "/books/certificates": Role.VIEWER,
}
LISTS = {"/people": "/people/list/", "/enterprises": "/enterprises/list/", "/messages": "/messages/list/",
         "/published": "/published/list/"}  # fmt: skip


@pytest.fixture
def enter(demo, app, system):
    """``enter(username)``: a browser of the demonstration, in Chinese."""

    def browser(username: str):
        client = app.test_client()
        client.set_cookie("lang", "zh")
        client.post("/login/", data={"username": username, "password": system.settings.demo_password})
        return client

    return browser


def sheet(answer) -> pd.DataFrame:
    assert answer.mimetype.endswith("spreadsheetml.sheet"), answer.text
    return pd.read_excel(BytesIO(answer.data), engine="calamine", dtype=str, na_filter=False)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_every_sheet_has_the_rows_and_values_of_its_list(enter):
    names = {Role.VIEWER: "viewer", Role.ENTERPRISE_CLERK: "enterprise1", Role.ADMIN: "admin", Role.EXAM_CLERK: "exam"}
    for path, role in SCREENS.items():
        browser = enter(names[role])
        page = browser.get(LISTS.get(path, f"{path}/"), query_string={"size": 100}).text
        found = sheet(browser.post(f"{path}/export"))
        assert f"{path}/export" in page
        assert 0 < len(found) == page.count('<tr role="row">') - 1, path
        assert not [title for title in found.columns if title.isascii()], path
        values = found.to_numpy().ravel()
        assert not [text for text in values if "<" in text or text == "—"], path
        assert all(text in page for text in found.iloc[:, 0]), path
    people = sheet(enter("enterprise1").post("/people/export", query_string={"name": "刘"}))
    assert {name[0] for name in people["姓名"]} == {"刘"}
    assert all("********" in number for number in people["身份证号码"])


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_csv_file_is_the_sheet_and_no_cell_of_it_a_formula(session, signed_in, holder):
    texts = ["=1+1", "+86", "-2", "@x", 'a,"b"\nc', "平常"]
    session.add_all(Message(mobile="13800000000", text=text, due_at=make.NOON) for text in texts)
    session.commit()
    admin = signed_in(holder(Role.ADMIN))
    admin.post("/preference", data={"locale": "zh"})
    answer = admin.post("/messages/export?format=csv&sort=due_at")
    assert (answer.mimetype, answer.data[:3]) == ("text/csv", b"\xef\xbb\xbf")  # by which Excel knows UTF-8
    found = pd.read_csv(BytesIO(answer.data), dtype=str, keep_default_na=False)
    assert list(found["内容"]) == ["'=1+1", "'+86", "'-2", "'@x", *texts[4:]]
    as_sheet = sheet(admin.post("/messages/export?sort=due_at"))
    assert list(as_sheet.columns) == list(found.columns)
    assert list(as_sheet["内容"]) == texts
    assert list(as_sheet.iloc[:, 0]) == list(found.iloc[:, 0]) == ["138****0000"] * len(texts)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_more_rows_than_the_office_allows_are_refused_and_never_cut_off(session, signed_in, holder):
    session.add(Parameter(name="largest_export", value="1000", changed_at=make.NOON, changed_by="x"))
    row = {"mobile": "13800000000", "text": "短信", "due_at": make.NOON, "next_try_at": make.NOON}
    session.execute(insert(Message), [row] * 1000)
    session.commit()
    admin = signed_in(holder(Role.ADMIN))
    session.rollback()
    with queries(session.get_bind()) as asked:
        assert len(sheet(admin.post("/messages/export"))) == 1000
    assert len(asked) < 40  # in parts, not row by row
    session.execute(insert(Message), [row])
    session.commit()
    assert admin.post("/messages/export").status_code == 302
    assert admin.post("/messages/export?format=csv").status_code == 302
