"""Accounts of the old system."""

from app.core.vocabulary import Role
from app.models import Account, Enterprise
from tests import make
from tests.applications.sheet_imports.conftest import only, results, take
from tests.applications.sheet_imports.sheets import ACCOUNTS, USCC, row


def test_an_account_comes_without_a_password_and_must_have_one_changed(session, means, app):
    take(means, ACCOUNTS, row(ACCOUNTS, username="Ｘiangjiang", contact="周敏", mobile="13800000000", region="株洲"))
    found = only(session, Account)
    assert (found.username, found.first_name, found.mobile) == ("xiangjiang", "周敏", "13800000000")
    assert (found.password, found.must_change_password, [role.name for role in found.roles]) == (
        *(None, True),
        ["enterprise_clerk"],
    )
    assert (found.enterprise.uscc, found.enterprise.region_code, found.enterprise.contact) == (USCC, "430200", "周敏")


def test_a_user_name_of_somebody_else_is_refused(session, means, app):
    make.account(session, "zhou", Role.REVIEWER)
    firms = [
        {"uscc": make.uscc(), "enterprise": name, "username": user}
        for name, user in (("甲", "ZHOU"), ("乙", "li"), ("丙", "Li"))
    ]
    found = results(
        means, take(means, ACCOUNTS, *(row(ACCOUNTS, **firm | {"enterprise": f"{firm['enterprise']}公司"}) for firm in firms))
    )
    assert [result for result, _reason in found] == ["refused", "added", "refused"]
    assert ["taken by another account" in reason for _result, reason in found] == [True, False, True]


def test_a_landline_is_kept_and_is_no_mobile(session, means, app):
    import_id = take(means, ACCOUNTS, row(ACCOUNTS, mobile="（0731）84441234", region="湖南省长沙市"))
    ((outcome, reason),) = results(means, import_id)
    assert (outcome, "0731-84441234 is a landline" in reason) == ("added", True)
    enterprise = only(session, Enterprise)
    assert (enterprise.contact_mobile, enterprise.region_code, only(session, Account).mobile) == (None, "430100", None)
    assert enterprise.telephone == "0731-84441234"
    take(means, ACCOUNTS, row(ACCOUNTS, mobile="010-62345678", telephone="13800000000", region="湖南省长沙市"))
    enterprise = only(session, Enterprise)  # whichever column they stand in
    assert (enterprise.telephone, enterprise.contact_mobile) == ("010-62345678", "13800000000")
