"""The lists of applications on certificates."""

from sqlalchemy import func, select

from app.core.vocabulary import State
from app.models import Application, Filing
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.filing.conftest import RENEWAL


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
