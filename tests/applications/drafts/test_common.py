"""The handler of a filing, and who may still change one."""

import pytest

from app.applications.drafts.common import filer, handler, own_filing
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import Role, State
from tests import make
from tests.workflow_fixture import Firm


@pytest.mark.parametrize(
    ("name", "mobile", "chosen", "codes"),
    [
        ("", "", (), ["handler-name", "handler-mobile", "nobody-chosen"]),
        ("周", "13812345678", (1,), ["handler-name"]),
        ("周\ua66e", "13812345678", (1,), ["handler-name"]),  # no letter could name them
        ("周" * 51, "13812345678", (1,), ["handler-name"]),
        ("周敏", "1381234567", (1,), ["handler-mobile"]),
        ("周敏", "0731-8888888", (1,), ["handler-mobile"]),
        ("周敏", "13812345678", (), ["nobody-chosen"]),
    ],
)
def test_every_mistake_about_the_handler_is_named(name, mobile, chosen, codes):
    with pytest.raises(Unmet) as refused:
        handler(name, mobile, chosen)
    mobiles = ["handler-mobile" if "mobile" in str(refusal.field) else refusal.code for refusal in refused.value.refusals]
    assert mobiles == codes


def test_the_handler_is_stored_in_one_form():
    assert handler("周 敏", "+86 138-1234-5678", (1,)) == ("周敏", "13812345678")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_only_a_clerk_files(role):
    with pytest.raises(NotAllowed):
        filer(make.officer(role))


@pytest.mark.parametrize("state", State)
def test_a_filing_is_changed_by_its_enterprise_while_something_in_it_can_be(session, state):
    firm = Firm(session)
    filing = firm.application(state).filing
    with pytest.raises(NotFound):
        own_filing(session, filing.id, make.clerk(firm.old.enterprise))
    if state in make.CHANGEABLE:
        assert own_filing(session, filing.id, make.clerk(firm.enterprise)) is filing
    else:
        with pytest.raises(AppError) as refused:
            own_filing(session, filing.id, make.clerk(firm.enterprise))
        assert refused.value.code == "filing-settled"
