"""The administrator's table of stock reasons."""

import pytest
from sqlalchemy import delete, select

from app.core.vocabulary import ReasonStep, Role
from app.models import StockReason
from tests.web.applications.case_fixture import Firm, read_scalar
from tests.web.form_steps import save

GOOD = {
    "step": "decline",
    "matter": "renewal",
    "text": "原证书【编号】已于【日期】届满",
    "clause": "令17号第十条",
    "offered": "y",
}


@pytest.fixture
def firm(session, signed_in, system) -> Firm:
    return Firm(session, signed_in, system)


@pytest.fixture
def admin(firm):
    """The administrator's browser; added rows are deleted afterwards."""
    there = set(firm.session.scalars(select(StockReason.id)))
    firm.session.rollback()
    yield firm.browser(Role.ADMIN)
    firm.session.rollback()
    firm.session.execute(delete(StockReason).where(StockReason.id.not_in(there)))
    firm.session.commit()


def rows(firm):
    return read_scalar(firm.session, select(StockReason).order_by(StockReason.id.desc()))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_the_administrator_reads_or_changes_stock_reasons(firm, role):
    first = read_scalar(firm.session, select(StockReason.id).order_by(StockReason.id))
    browser = firm.browser(role)
    for path in ("list/", "add", f"edit/{first}"):
        assert browser.get(f"/stock-reasons/{path}").status_code in (302, 403)
    for path in ("add", f"edit/{first}", f"delete/{first}"):
        assert browser.post(f"/stock-reasons/{path}", data=GOOD).status_code in (302, 403)
    assert rows(firm).text != GOOD["text"]
    assert read_scalar(firm.session, select(StockReason.id).where(StockReason.id == first)) == first


def test_a_stock_reason_is_added_offered_switched_off_and_deleted(firm, admin):
    assert admin.post("/stock-reasons/add", data=GOOD).status_code == 302
    row, key = rows(firm), rows(firm).id
    assert (row.matter, row.step, row.text, row.offered) == ("renewal", ReasonStep.DECLINE, GOOD["text"], True)
    page = admin.get("/stock-reasons/list/?step=decline").text
    assert GOOD["text"] in page
    assert GOOD["clause"] in page
    off = {name: value for name, value in GOOD.items() if name != "offered"}
    assert save(admin, f"/stock-reasons/edit/{key}", off).status_code == 302
    assert rows(firm).offered is False
    admin.post(f"/stock-reasons/delete/{key}")
    assert rows(firm).id != key


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"text": "原证书已届满"}, "leave a blank for it"),
        ({"text": "【事实】"}, "Please write words around the blank, too."),
        ({"clause": ""}, "A refusal names the clause"),
        ({"text": ""}, "Please fill this in."),
        ({"text": "【" + "长" * 300 + "】"}, "300"),
        ({"step": "reject_signup"}, "A sign-up belongs to no kind of application"),
        ({"matter": "divorce"}, "Please choose from the list."),
    ],
)
def test_a_wrong_one_is_refused_with_what_was_typed(firm, admin, change, sentence):
    before = rows(firm).id
    answer = admin.post("/stock-reasons/add", data={**GOOD, **change})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert {**GOOD, **change}["clause"] in answer.text
    assert rows(firm).id == before


def test_the_same_twice_is_refused(firm, admin):
    admin.post("/stock-reasons/add", data=GOOD)
    answer = admin.post("/stock-reasons/add", data=GOOD)
    assert (answer.status_code, "edit that one" in answer.text) == (422, True)
