"""The table of required papers."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import now
from app.core.vocabulary import PaperKind, Role, State
from app.models import PaperRule
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.matter_steps import CANCELLATION, MatterFirm, today


@pytest.fixture
def firm(session, signed_in, system) -> MatterFirm:
    return MatterFirm(session, signed_in, system)


@pytest.fixture
def admin(firm):
    return firm.browser(Role.ADMIN)


@pytest.fixture
def paper_rules(session):
    """Removes the rules that a test adds, since the table outlives the test."""
    there = set(session.scalars(select(PaperRule.id)))
    yield
    session.rollback()
    for rule in session.scalars(select(PaperRule).where(PaperRule.id.not_in(there))):
        session.delete(rule)
    session.commit()


def asked(**typed):
    usual = {"matter": "renewal", "category": "", "reason_code": "", "paper": "pledge", "required": "y"}
    return {**usual, "required_from": today().isoformat(), **typed}


def test_a_paper_is_asked_for_from_its_day_on(firm, admin, paper_rules):
    assert admin.post("/required-papers/add", data=asked(matter="cancellation", paper="loss_statement")).status_code == 302
    before, after = firm.case(CANCELLATION, submitted_at=now() - timedelta(days=9)), firm.case(CANCELLATION, State.DRAFT)
    assert PaperKind.LOSS_STATEMENT not in _required(firm, before)
    assert PaperKind.LOSS_STATEMENT in _required(firm, after)


def _required(firm, application):
    from app.eligibility.facts import of_applications  # noqa: PLC0415

    return of_applications(firm.session, [application.id])[application.id].required_papers(today())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"required_from": "2020-01-01"}, "not for days gone by"),
        ({"paper": "photo"}, "There is such a line already"),
        ({"reason_code": "lost"}, "belongs to another kind"),
        ({"matter": "nonsense"}, "need"),
        ({"matter": "signup", "reason_code": "lost"}, "belongs to another kind"),
        ({"matter": "renewal", "reason_code": "titled"}, "belongs to another kind"),
        ({"matter": "signup"}, "scans of the person only"),
        ({"matter": "signup", "paper": "photo"}, "There is such a line already"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(firm, admin, paper_rules, typed, message):
    answer = admin.post("/required-papers/add", data=asked(**typed))
    assert answer.status_code == 422
    assert message in answer.text


def test_a_sign_up_has_lines_of_its_own_with_their_tab(firm, admin, paper_rules):
    typed = {"matter": "signup", "paper": "title", "reason_code": "titled"}
    assert admin.post("/required-papers/add", data=asked(**typed)).status_code == 302
    listed = admin.get("/required-papers/list/?matter=signup").text
    assert listed.count('<tr role="row">') == 1 + 4 + 1  # the heading, the standard lines, this one
    assert "only of people with a technical title" in listed or "仅限" in listed


def test_a_line_of_the_standard_list_is_not_deleted(firm, admin):
    rule = read_scalar(firm.session, select(PaperRule.id).order_by(PaperRule.id))
    assert "Switch" in admin.post(f"/required-papers/delete/{rule}", follow_redirects=True).text
    assert read_scalar(firm.session, select(PaperRule.id).where(PaperRule.id == rule)) == rule
