"""Lists as sheets: what the page shows of every row that the query finds, for who may; and what is refused."""

from io import BytesIO

import pandas as pd
import pytest

from app.core.vocabulary import Role

SCREENS = {  # address -> who may take it away
    "/certificates": Role.VIEWER,
    "/people": Role.ENTERPRISE_CLERK,
    "/enterprises": Role.ADMIN,
    "/messages": Role.ADMIN,
    "/exam/review": Role.EXAM_CLERK,
    "/closed": Role.VIEWER,
}
LISTS = {"/people": "/people/list/", "/enterprises": "/enterprises/list/", "/messages": "/messages/list/"}


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
