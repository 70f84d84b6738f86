"""An enterprise asks for a correction of a name or ID number."""

from app.core.vocabulary import IdentityCorrectionState, Role
from tests import make
from tests.web.enterprise.identity_steps import apply, corrections
from tests.web.form_steps import save, tickets

pytest_plugins = ("tests.web.enterprise.identity_steps",)  # its fixture
CLERK, OFFICER = Role.ENTERPRISE_CLERK, Role.ACCEPTANCE_OFFICER


def test_the_persons_page_and_form_lead_to_the_application(firm):
    person, way = firm.passer(), "/identity-requests/ask/"
    for page in (f"/people/show/{person.id}", f"/people/edit/{person.id}"):
        assert f"{way}{person.id}" in firm.browser(CLERK).get(page).text
    assert "Name and ID number are fixed." in firm.browser(CLERK).get(f"/people/edit/{person.id}").text
    assert way not in firm.browser(OFFICER).get(f"/people/show/{person.id}").text


def test_no_way_where_editing_or_a_replacement_is_the_way(firm, session):
    free, holder = make.person(firm.enterprise), firm.passer()
    session.add_all([free, make.certificate(holder)])
    session.commit()
    for person in (free, holder):
        for page in (f"/people/show/{person.id}", f"/people/edit/{person.id}"):
            assert "/identity-requests/ask/" not in firm.browser(CLERK).get(page).text
    assert "can only be corrected by a replacement" in firm.browser(CLERK).get(f"/identity-requests/ask/{holder.id}").text


def test_a_refused_rename_says_what_to_do(firm):
    person = firm.passer()
    typed = {"name": "王五", "education": "bachelor", "position": "safety_officer"}
    answer = save(firm.browser(CLERK), f"/people/edit/{person.id}", typed)
    assert (answer.status_code, "apply for a correction" in answer.text) == (422, True)


def test_the_scan_stays_when_something_else_fails(firm):
    person = firm.passer()
    answer = apply(firm, person, reason="")
    kept = tickets(answer.text)
    assert (answer.status_code, list(kept)) == (422, ["paper_id_card-kept"])
    assert apply(firm, person, paper_id_card=None, **kept).status_code == 302
    [asked] = corrections(firm)
    assert asked.filename == "身份证.jpg"


def test_the_enterprise_takes_its_application_back(firm):
    apply(firm, firm.passer())
    [asked] = corrections(firm)
    page = firm.browser(CLERK).get("/identity-requests/").text
    assert f"/identity-requests/withdraw/{asked.id}" in page
    assert firm.browser(CLERK).post(f"/identity-requests/withdraw/{asked.id}").status_code == 302
    assert corrections(firm)[0].state is IdentityCorrectionState.WITHDRAWN
    assert firm.browser(OFFICER).post(f"/identity-reviews/{asked.id}/decide", data={"decision": "yes"}).status_code == 409


def test_a_form_with_mistakes_is_shown_again_with_what_was_typed(firm):
    answer = apply(firm, firm.passer(), name="李", paper_id_card=None, reason="写错")
    assert answer.status_code == 422
    assert "写错</textarea>" in answer.text
    assert not corrections(firm)


def test_where_nothing_can_be_applied_for_there_is_the_reason_and_no_form(firm, session):
    free, holder, busy = make.person(firm.enterprise), firm.passer(), firm.passer()
    session.add_all([free, make.certificate(holder)])
    session.commit()
    assert apply(firm, busy).status_code == 302
    for person in (free, holder, busy):
        page = firm.browser(CLERK).get(f"/identity-requests/ask/{person.id}").text
        assert "alert-warning" in page
        assert 'name="reason"' not in page
        assert "Submit</button>" not in page
    assert 'name="reason"' in firm.browser(CLERK).get(f"/identity-requests/ask/{firm.passer().id}").text


def test_the_persons_page_names_the_pending_application_instead_of_offering_another(firm):
    person = firm.passer()
    apply(firm, person)
    for page in (f"/people/show/{person.id}", f"/people/edit/{person.id}"):
        text = firm.browser(CLERK).get(page).text
        assert f"/identity-requests/ask/{person.id}" not in text
        assert 'href="/identity-requests/"' in text
        assert "The correction applied for" in text


def test_sending_says_one_thing(firm):
    apply(firm, firm.passer())
    page = firm.browser(CLERK).get("/identity-requests/").text
    assert page.count('class="alert alert-success"') == 1
    assert "you are told by text message" in page
