"""The administrator releases a transfer in place of the old enterprise."""

import pytest
from sqlalchemy import select

from app.core.vocabulary import Role, State
from app.models import Step
from tests import make
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.matter_steps import TRANSFER, MatterFirm

FIRM = MatterFirm


def test_the_administrator_releases_with_a_reason(firm, admin):
    application = firm.case(TRANSFER, State.AWAITING_RELEASE)
    assert application.certificate.number in admin.get("/office-releases/").text
    assert admin.post(f"/office-releases/{application.id}/release", data={"reason": make.REASON}).status_code == 302
    firm.session.refresh(application)
    assert application.state is State.AWAITING_ACCEPTANCE
    assert read_scalar(firm.session, select(Step.reason).order_by(Step.id.desc())) == make.REASON


def test_without_a_reason_nothing_is_released(firm, admin):
    application = firm.case(TRANSFER, State.AWAITING_RELEASE)
    page = admin.post(f"/office-releases/{application.id}/release", follow_redirects=True)
    assert "Please give the reason in detail." in page.text
    firm.session.refresh(application)
    assert application.state is State.AWAITING_RELEASE


@pytest.mark.parametrize("state", [state for state in State if state is not State.AWAITING_RELEASE])
def test_the_administrator_reaches_no_transfer_that_waits_for_nobody(firm, admin, state):
    application = firm.case(TRANSFER, state)
    assert application.number not in admin.get("/office-releases/").text
    assert admin.post(f"/office-releases/{application.id}/release", data={"reason": make.REASON}).status_code == 404
    for path in (f"/cases/{application.id}", f"/cases/{application.id}/read", f"/archive/{application.id}"):
        assert admin.get(path).status_code in (302, 403, 404)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_opens_the_administrators_screens(firm, role):
    application = firm.case(TRANSFER, State.AWAITING_RELEASE)
    browser = firm.browser(role, firm.enterprise if role is Role.ENTERPRISE_CLERK else None)
    for path in ("/office-releases/", "/required-papers/list/"):
        assert browser.get(path).status_code in (302, 403)
    assert browser.post(f"/office-releases/{application.id}/release", data={"reason": make.REASON}).status_code == 403
