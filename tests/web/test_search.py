"""The search over all lists: by name, pinyin, initials and number, within the user's reach, and nothing shown in full."""

import pytest

from app.core.vocabulary import Role
from tests import make

SEE_CERTIFICATES = (Role.ENTERPRISE_CLERK, Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.VIEWER)


@pytest.fixture
def town(session, signed_in):
    """An enterprise with a person and a certificate, and another's; a browser for each role."""
    ours, theirs = make.enterprise(name="湘江建设有限公司"), make.enterprise(name="沅水建设有限公司")
    holder, stranger = make.person(ours, name="张天翔"), make.person(theirs, name="张天行")
    session.add_all([
        make.certificate(holder, number="湘建安C1(2020)0000123"),
        make.certificate(stranger, number="湘建安C1(2020)0000456"),
    ])  # fmt: skip
    session.commit()
    numbers = holder.id_number, stranger.id_number

    def enter(role: Role):
        own = {"enterprise": ours} if role is Role.ENTERPRISE_CLERK else {}
        return signed_in(make.account(session, f"the-{role.value}", role, **own))

    return enter, numbers


def test_a_clerk_finds_own_people_by_every_way_and_nobody_else(town):
    enter, (number, strangers) = town
    clerk = enter(Role.ENTERPRISE_CLERK)
    for text in ("天翔", "ZhangTianxiang", "ztx", "0000123", number, "tianxiang"):
        page = clerk.get("/search/", query_string={"q": text}, follow_redirects=True).text
        assert "张天翔" in page or "湘建安C1(2020)0000123" in page, text
        assert "张天行" not in page, text
        assert number not in page.replace(f'value="{text}"', ""), text
    for text in ("天行", "0000456", strangers, "沅水"):
        page = clerk.get("/search/", query_string={"q": text}, follow_redirects=True).text
        assert "没有与" in page, text
        assert "0000456" not in page.replace(text, ""), text


def test_an_id_number_leaves_the_address_before_it_is_asked(town):
    enter, (number, _strangers) = town
    answer = enter(Role.VIEWER).get("/search/", query_string={"q": number})
    assert answer.status_code == 302
    assert number not in answer.headers["Location"]


def test_every_role_may_ask_and_each_sees_only_its_lists(town):
    enter, _numbers = town
    for role in Role:
        page = enter(role).get("/search/", query_string={"q": "建设"})
        assert page.status_code == 200, role
        assert ("湘江建设" in page.text) == (role in (Role.ADMIN, *SEE_CERTIFICATES)), role


def test_one_character_is_too_few_and_says_so(town):
    enter, _numbers = town
    viewer = enter(Role.VIEWER)
    assert "至少输入 2 个字符" in viewer.get("/search/?q=张").text
    assert "data-find" in viewer.get("/search/").text
    assert viewer.get("/search/", query_string={"q": "张'\"%_天"}).status_code == 200


def test_nobody_searches_without_signing_in(client):
    assert client.get("/search/?q=张天").status_code == 302
