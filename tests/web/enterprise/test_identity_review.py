"""An officer decides on a correction of a name or ID number, with the scan beside it."""

from sqlalchemy import select

from app.core.vocabulary import AuditAction, IdentityCorrectionState, Role
from app.db.session import db
from app.models import AuditEntry, Paper
from tests import make
from tests.query_counter import queries, tables_read_whole
from tests.web.enterprise.identity_steps import apply, corrections

pytest_plugins = ("tests.web.enterprise.identity_steps",)  # its fixture
CLERK, OFFICER = Role.ENTERPRISE_CLERK, Role.ACCEPTANCE_OFFICER


def test_from_the_application_to_the_approval(firm):
    person, number = firm.passer(), make.id_number()
    assert apply(firm, person, id_number=number).status_code == 302
    [asked] = corrections(firm)
    mine = firm.browser(CLERK).get("/identity-requests/").text
    assert "李蕾" in mine
    assert number not in mine
    assert firm.browser(CLERK).get(f"/identity-requests/scan/{asked.id}").mimetype == "image/jpeg"
    officer, here = firm.browser(OFFICER), f"/identity-reviews/{asked.id}"
    assert here in officer.get("/identity-reviews/").text
    assert "/identity-reviews/" in officer.get("/work/").text
    page = officer.get(here).text
    assert f"/identity-reviews/scan/{asked.id}" in page
    assert number not in page
    answer = officer.post(f"{here}/decide", data={"decision": "yes"}, follow_redirects=True)
    assert "Correction approved" in answer.text
    [done] = corrections(firm)
    assert (done.state, person.name, person.id_number) == (IdentityCorrectionState.APPROVED, "李蕾", number)
    assert officer.post(f"{here}/decide", data={"decision": "yes"}).status_code == 409


def test_full_numbers_are_shown_and_that_is_logged(firm, session):
    person, number = firm.passer(), make.id_number()
    apply(firm, person, id_number=number)
    [asked] = corrections(firm)
    officer, here = firm.browser(OFFICER), f"/identity-reviews/{asked.id}"
    page = officer.post(f"{here}/numbers", data={"why": ""}).text
    assert all(text in page for text in (number, asked.old_id_number))
    assert number not in officer.get(here).text
    officer.get(f"/identity-reviews/scan/{asked.id}")
    session.rollback()
    read = select(AuditEntry.change).where(AuditEntry.table == "identity_correction", AuditEntry.deed == AuditAction.READ)
    shown, scan = session.scalars(read.order_by(AuditEntry.id)).all()
    assert shown["why"].startswith("Deciding ")
    assert scan["kind"] == "id_card"
    officer.post(f"{here}/decide", data={"decision": "yes"})
    assert officer.post(f"{here}/numbers", data={"why": ""}).status_code == 422
    assert officer.post(f"{here}/numbers", data={"why": "核对身份证"}).status_code == 200


def test_a_rejection_needs_its_reason_and_keeps_the_form(firm):
    person = firm.passer()
    apply(firm, person)
    [asked] = corrections(firm)
    officer, here = firm.browser(OFFICER), f"/identity-reviews/{asked.id}"
    answer = officer.post(f"{here}/decide", data={"decision": "no", "reason": " "})
    assert (answer.status_code, 'value="no" checked' in answer.text) == (422, True)
    assert officer.post(f"{here}/decide", data={"decision": "no", "reason": "与身份证不一致"}).status_code == 302
    assert "与身份证不一致" in firm.browser(CLERK).get("/identity-requests/").text
    assert corrections(firm)[0].state is IdentityCorrectionState.REJECTED
    assert person.name == "李雷"


def test_the_list_is_read_by_indexes(firm, session):
    apply(firm, firm.passer())
    officer = firm.browser(OFFICER)
    for question in ("", "?state=pending", "?state=approved"):
        with officer.application.app_context(), queries(db.engine) as asked:
            assert officer.get(f"/identity-reviews/{question}").status_code == 200
        listed = [statement for statement in asked if "identity_correction" in statement]
        assert listed
        assert not [statement for statement in listed if "identity_correction" in tables_read_whole(session, statement)]


def test_id_card_and_photo_on_record_stand_beside_the_new_scan(firm, session):
    person = firm.passer()
    apply(firm, person)
    [asked] = corrections(firm)
    kept = {paper.kind.value: paper.id for paper in session.scalars(select(Paper).where(Paper.person_id == person.id))}
    page = firm.browser(OFFICER).get(f"/identity-reviews/{asked.id}").text
    assert f"/identity-reviews/scan/{asked.id}" in page
    for kind in ("id_card", "photo"):
        assert f"/papers/{kept[kind]}" in page
    assert page.count("on record") >= 2
    assert f"/papers/{kept['education']}" not in page
