"""重要账号更改 in the pages: asked for by one administrator, decided by the other, and no password on any screen."""

import re
from io import BytesIO

import pytest
from sqlalchemy import func, select

from app.accounts.role_assignment import roles_of
from app.core.vocabulary import Role
from app.models import Account, ExternalIdentity, Message, PrivilegedChange
from tests import make
from tests.web.applications.case_fixture import rolling_back
from tests.web.auth.conftest import authority, folder, fresh  # noqa: F401 - fixtures
from tests.web.form_steps import save

HOME = "/privileged-changes/"


@pytest.fixture
def people(session, signed_in):
    """Name -> (account id, browser) of both administrators, an auditor, an approver with a mobile and a viewer."""
    roles = {
        "admin": Role.ADMIN, "secadmin": Role.SECURITY_ADMIN, "auditor": Role.AUDITOR, "head": Role.APPROVER,
        "reader": Role.VIEWER,
    }  # fmt: skip
    accounts = [make.account(session, name, role, mobile="13800000001") for name, role in roles.items()]
    found = {one.username: (one.id, rolling_back(signed_in(one), session, "zh")) for one in accounts}
    session.rollback()
    return found


def last_change(session) -> int:
    number = session.scalar(select(func.max(PrivilegedChange.id)))
    session.rollback()
    return number


@pytest.mark.usefixtures("unlocked_hashes")
def test_a_password_is_asked_for_confirmed_and_shown_to_nobody(people, session):
    (head, theirs), (_id, security), (_admin, admin) = people["head"], people["secadmin"], people["admin"]
    before = session.get_one(Account, head).password
    session.rollback()
    page = security.get("/appointments/list/").text
    assert f"{HOME}ask/{head}" in page
    assert f"/appointments/reset/{head}" not in page
    assert security.post(f"/appointments/reset/{head}").status_code == 422
    empty = security.post(f"{HOME}ask/{head}", data={"kind": "password", "reason": " "})
    assert (empty.status_code, "请写明" in empty.text or "原因" in empty.text) == (422, True)
    asked = security.post(f"{HOME}ask/{head}", data={"kind": "password", "reason": make.REASON}, follow_redirects=True).text
    assert "须由系统管理员在" in asked
    number = last_change(session)
    assert "待确认的重要账号更改" in admin.get("/work/").text
    assert re.search(r"重要账号更改.{0,200}>1<", admin.get("/work/").text, re.DOTALL)
    assert make.REASON in admin.get(HOME).text
    own = security.get(f"{HOME}{number}").text
    assert ("撤回" in own, 'value="yes"' in own) == (True, False)
    assert security.post(f"{HOME}{number}/decide", data={"decision": "yes"}).status_code == 422
    for name in ("auditor", "head", "reader"):
        assert people[name][1].get(f"{HOME}{number}").status_code == 403
        assert people[name][1].post(f"{HOME}{number}/decide", data={"decision": "yes"}).status_code == 403
    assert admin.post(f"{HOME}{number}/decide").status_code == 400
    assert admin.post(f"{HOME}{number}/decide", data={"decision": "no"}).status_code == 422
    assert 'value="yes"' in admin.get(f"{HOME}{number}").text
    done = admin.post(f"{HOME}{number}/decide", data={"decision": "yes"}, follow_redirects=True)
    assert (done.status_code, "已短信告知账号本人" in done.text) == (200, True)
    account, sent = session.get_one(Account, head), session.scalars(select(Message).where(Message.code.is_not(None))).one()
    session.refresh(account)
    assert (account.must_change_password, account.password != before, sent.mobile) == (True, True, "13800000001")
    word = sent.code
    session.rollback()
    assert theirs.get("/work/").status_code == 302
    for browser, address in ((admin, HOME + "?state=*"), (admin, "/messages/list/"), (admin, f"{HOME}{number}")):
        assert word not in browser.get(address).text
    assert word not in done.text
    assert admin.post(f"{HOME}{number}/decide", data={"decision": "yes"}).status_code == 409


def test_role_and_mobile_of_a_privileged_account_wait_for_the_system_administrator(people, session):
    (head, _b), (reader, _c), (_id, security), (_admin, admin) = (people[n] for n in ("head", "reader", "secadmin", "admin"))
    form = {"role": "approver", "region_code": "430000", "mobile": "13900000009"}
    refused = save(security, f"/appointments/edit/{head}", form)
    assert (refused.status_code, "13900000009" in refused.text) == (422, True)
    assert (
        "须由系统管理员在"
        in save(security, f"/appointments/edit/{head}", form | {"reason": make.REASON}, follow_redirects=True).text
    )
    promoted = form | {"mobile": "13800000001", "reason": make.REASON}
    assert save(security, f"/appointments/edit/{reader}", promoted).status_code == 302
    kinds = dict(session.execute(select(PrivilegedChange.account_id, PrivilegedChange.kind)).all())
    changes = dict(session.execute(select(PrivilegedChange.account_id, PrivilegedChange.id)).all())
    assert {key: kind.value for key, kind in kinds.items()} == {head: "mobile", reader: "role"}
    assert roles_of(session.get_one(Account, reader)) == {Role.VIEWER}
    session.rollback()
    page = admin.get(f"{HOME}{changes[reader]}").text
    assert "138****0001" in page
    for number in changes.values():
        assert admin.post(f"{HOME}{number}/decide", data={"decision": "yes"}).status_code == 302
    session.expire_all()
    assert session.get_one(Account, head).mobile == "13900000009"
    assert roles_of(session.get_one(Account, reader)) == {Role.APPROVER}
    session.rollback()
    assert "的一次性密码" not in admin.get("/work/").text


def test_the_system_administrator_asks_and_what_is_refused_or_taken_back_changes_nothing(people, session):
    (auditor, _b), (_id, security), (_admin, admin) = people["auditor"], people["secadmin"], people["admin"]
    assert f"{HOME}ask/{auditor}" in admin.get("/accounts/list/").text
    data = {"kind": "mobile", "mobile": "13900000009", "reason": make.REASON}
    assert admin.post(f"{HOME}ask/{auditor}", data=data).status_code == 302
    first = last_change(session)
    assert security.post(f"{HOME}{first}/retract").status_code == 404
    said = security.post(f"{HOME}{first}/decide", data={"decision": "no", "reason": make.REASON}, follow_redirects=True)
    assert "账号没有更改" in said.text
    assert admin.post(f"{HOME}ask/{auditor}", data=data).status_code == 302
    assert admin.post(f"{HOME}{last_change(session)}/retract").status_code == 302
    assert session.get_one(Account, auditor).mobile == "13800000001"
    session.rollback()
    assert admin.get(f"{HOME}ask/{people['reader'][0]}").status_code == 404
    assert admin.get(f"{HOME}ask/{2**31 - 1}").status_code == 404


def test_a_certificate_of_a_privileged_account_is_bound_by_both(people, session, folder, authority):  # noqa: F811
    (_id, security), (_admin, admin) = people["secadmin"], people["admin"]
    key, url = fresh("欧审批", by=authority), "/certificates-of-accounts/add"
    page = security.post(url, data={"username": "head", "file": (BytesIO(key.chain[0]), "a.cer")}).text
    assert "须由系统管理员确认" in page
    typed = {"username": "head", "chain": re.findall(r'name="chain" value="([^"]+)"', page), "confirm": "1"}
    again = security.post(url, data=typed)
    assert (again.status_code, 'name="chain"' in again.text) == (422, True)  # the reason is missing, the file is kept
    assert security.post(url, data=typed | {"reason": make.REASON}).status_code == 302
    assert session.scalar(select(func.count(ExternalIdentity.id))) == 0
    number = last_change(session)
    assert "欧审批" in admin.get(f"{HOME}{number}").text
    assert admin.post(f"{HOME}{number}/decide", data={"decision": "yes"}).status_code == 302
    assert session.scalars(select(ExternalIdentity)).one().account_id == people["head"][0]
