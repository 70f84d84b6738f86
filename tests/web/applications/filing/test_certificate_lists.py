"""The lists of applications on certificates."""

import pytest
from sqlalchemy import func, select

from app.core.vocabulary import State
from app.models import Application, Filing
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.filing.conftest import RENEWAL, P
from tests.web.form_steps import save


def test_opening_the_forms_changes_nothing(holder):
    certificate = holder.held()
    for matter in ("renewal", "transfer", "replacement", "cancellation"):
        assert holder.clerk.get(f"/claims/{matter}/add?certificate={certificate.id}").status_code == 200
        assert holder.clerk.get(f"/applications/{matter}/").status_code == 200
    assert read_scalar(holder.session, select(func.count(Filing.id))) == 0


def test_the_certificate_row_leads_to_what_can_be_filed_for_it(holder):
    certificate = holder.held()
    page = holder.clerk.get("/certificates/").text
    for matter in ("renewal", "replacement", "cancellation"):
        assert f"/claims/{matter}/add?certificate={certificate.id}" in page


def test_the_form_shows_the_person_and_the_cards_of_a_chosen_certificate(holder):
    certificate = holder.held()
    page = holder.clerk.get(f"/claims/renewal/add?certificate={certificate.id}").text
    assert certificate.number in page
    assert f"paper_continuing_education-{certificate.id}" in page


def test_a_submitted_application_is_withdrawn_by_its_enterprise_only(holder, other):
    holder.file("renewal", holder.held(), papers=RENEWAL)
    mine = read_scalar(holder.session, select(Application.id))
    other.clerk.post("/applications/renewal/withdraw", data={"rowid": mine})
    assert holder.states() == [State.AWAITING_ACCEPTANCE]
    assert holder.clerk.post("/applications/renewal/withdraw", data={"rowid": mine}).status_code == 302
    assert holder.states() == [State.DRAFT]


@pytest.mark.parametrize(("then", "leads_to"), [("", "/claims/{filing}/edit"), ("submit", "/cases/{case}/read")])
def test_where_something_is_open_on_a_certificate_the_row_and_the_workbench_lead_there(holder, then, leads_to):
    certificate = holder.held()
    holder.file("cancellation", certificate, then=then, papers=[P.DISMISSAL_PROOF], reason_code="left")
    filed = holder.session.execute(select(Application.id, Application.filing_id)).one()
    holder.session.rollback()
    for path in ("/certificates/", "/work/"):
        page = holder.clerk.get(path).text.partition("<main")[2]
        assert leads_to.format(filing=filed.filing_id, case=filed.id) in page, path
        assert f"certificate={certificate.id}" not in page, path
    for matter in ("renewal", "cancellation"):  # the form says why, and takes no scan that it could not keep
        page = holder.clerk.get(f"/claims/{matter}/add?certificate={certificate.id}").text
        assert f"paper_dismissal_proof-{certificate.id}" not in page
        assert f"paper_continuing_education-{certificate.id}" not in page
        assert certificate.number in page


def test_a_list_names_who_handled_what_was_submitted(holder):
    """The handler of a filing can change while one of its applications is a draft."""
    first, second = holder.held(), holder.held()
    holder.file("renewal", first, second, papers=RENEWAL, keys=[first.id])
    assert set(holder.states()) == {State.AWAITING_ACCEPTANCE, State.DRAFT}
    filing = read_scalar(holder.session, select(Filing.id))
    data = {"rowid": second.id, "handler_name": "新经办", "handler_mobile": "13812345679"}
    assert save(holder.clerk, f"/claims/{filing}/edit", data).status_code == 302
    page = holder.clerk.get("/applications/renewal/").text
    assert (page.count("周敏"), page.count("新经办")) == (1, 1)
