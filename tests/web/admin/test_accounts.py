import pytest
from sqlalchemy import select

from app.core.vocabulary import MessageState, Role
from app.models import Account, Message
from tests import make
from tests.web.applications.case_fixture import rolling_back
from tests.web.form_steps import save

FORM = {"username": "Reviewer2", "full_name": "罗二审", "active": "y"}


def made(session, username):
    session.rollback()
    return session.scalars(select(Account).where(Account.username == username)).one()


@pytest.mark.usefixtures("unlocked_hashes")
def test_a_new_account_of_the_authority_has_no_role_and_no_known_password(admin, session):
    page = admin.post("/accounts/add", data=FORM, follow_redirects=True)
    account = made(session, "reviewer2")
    assert (account.first_name, account.region_code, account.roles) == ("罗二审", None, [])
    assert account.must_change_password
    assert "的一次性密码" not in page.text
    assert "接下来由安全管理员在“待授权用户”中授予角色" in page.text


@pytest.mark.usefixtures("unlocked_hashes")
def test_a_new_enterprise_clerk_gets_a_one_time_password(admin, session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    number, code = enterprise.id, enterprise.uscc
    page = admin.post("/accounts/add", data=FORM | {"enterprise": code}, follow_redirects=True)
    account = made(session, "reviewer2")
    assert [role.name for role in account.roles] == ["enterprise_clerk"]
    assert (account.enterprise_id, account.must_change_password) == (number, True)
    assert "的一次性密码" in page.text


@pytest.mark.parametrize("role", [role.value for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_the_system_administrator_gives_no_role_of_the_authority(admin, session, role):
    admin.post("/accounts/add", data=FORM | {"role": role, "roles": role, "region_code": "430100"})
    account = made(session, "reviewer2")
    assert (account.roles, account.region_code) == ([], None)


def test_the_system_administrator_touches_neither_role_nor_mobile_nor_password_of_an_officer(admin, session):
    officer = make.account(session, "exam", Role.EXAM_CLERK, mobile="13800000001")
    enterprise = make.enterprise()
    session.add(enterprise)
    session.commit()
    number, code = officer.id, enterprise.uscc
    page = admin.get(f"/accounts/edit/{number}").text
    assert 'name="mobile"' not in page
    assert 'name="enterprise"' not in page
    form = {"username": "exam", "full_name": "新名", "active": "y", "mobile": "13900000009", "enterprise": code}
    assert save(admin, f"/accounts/edit/{number}", form).status_code == 302
    assert admin.post(f"/accounts/reset/{number}").status_code == 403
    session.refresh(officer)
    assert (officer.first_name, officer.mobile, officer.enterprise_id) == ("新名", "13800000001", None)
    assert ([role.name for role in officer.roles], officer.password) == (["exam_clerk"], "-")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"username": "ADMIN"}, "该用户名已被使用"),
        ({"enterprise": make.uscc(7)}, "没有使用该统一社会信用代码的企业"),
        ({"enterprise": "91430100MA4L000151"}, "校验不通过"),
    ],
)
def test_an_invalid_account_is_explained_and_not_created(admin, session, change, sentence):
    page = admin.post("/accounts/add", data={"username": "new", "full_name": "新人", "active": "y"} | change)
    assert page.status_code == 422
    assert sentence in page.text
    assert "新人" in page.text
    assert len(session.scalars(select(Account)).all()) == 1


@pytest.mark.usefixtures("unlocked_hashes")
def test_a_reset_password_ends_every_session(admin, session, holder, signed_in):
    other = holder(Role.ENTERPRISE_CLERK)
    theirs, number = rolling_back(signed_in(other), session), other.id
    assert theirs.get("/work/").status_code == 200
    assert admin.post(f"/accounts/reset/{number}").status_code == 302
    assert theirs.get("/work/").status_code == 302


def test_nobody_else_manages_accounts(session, signed_in):
    for n, role in enumerate(set(Role) - {Role.ADMIN, Role.ENTERPRISE_CLERK}):
        client = signed_in(make.account(session, f"u{n}", role))
        for url in ("/accounts/list/", "/accounts/add", "/messages/list/", "/enterprises/list/"):
            assert client.get(url).status_code == 403, (role, url)
        assert client.post("/accounts/add", data={}).status_code == 403


def test_lists_show_masked_numbers_only(admin, session):
    session.add(Message(mobile="13812345678", text="短信", state=MessageState.QUEUED, due_at=make.NOON))
    session.commit()
    page = admin.get("/messages/list/").text
    assert "138****5678" in page
    assert "13812345678" not in page


def test_no_page_writes_the_audit_log(signed_in, holder):
    admin = signed_in(holder(Role.AUDITOR))
    assert admin.get("/diary/list/").status_code == 200
    for method, url in (
        ("get", "/diary/add"),
        ("post", "/diary/add"),
        ("post", "/diary/edit/1"),
        ("post", "/diary/delete/1"),
    ):
        assert getattr(admin, method)(url).status_code in (403, 404, 405)


def test_a_form_without_the_enterprise_leaves_it_and_an_emptied_one_is_not_the_same(admin, session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.flush()
    clerk = make.account(session, "clerk", Role.ENTERPRISE_CLERK, enterprise_id=enterprise.id)
    session.commit()
    number, url = enterprise.id, f"/accounts/edit/{clerk.id}"
    assert save(admin, url, {"username": "clerk", "active": "y"}).status_code == 302
    kept = made(session, "clerk")
    assert (kept.enterprise_id, kept.first_name) == (number, clerk.first_name)
    session.rollback()
    assert save(admin, url, {"username": "clerk", "full_name": "周", "active": "y", "enterprise": ""}).status_code in (
        302,
        422,
    )
