"""The enterprise's list of applications: submit, delete, batches."""

from sqlalchemy import select

from app.core.vocabulary import PaperKind, State
from app.models import Application
from tests.web.applications.case_fixture import read_scalar


def test_a_draft_is_deleted_and_what_was_submitted_is_not(firm, clerk, session):
    draft, sent = firm.case(State.DRAFT), firm.case(State.RETURNED)
    assert clerk.post(f"/applications/new/{draft.id}/discard").status_code == 302
    assert clerk.post(f"/applications/new/{sent.id}/discard").status_code == 422
    assert read_scalar(session, select(Application.id)) == sent.id


def test_one_row_is_submitted_by_its_own_button_whatever_else_is_ticked(firm, clerk):
    pressed, ticked = firm.case(State.DRAFT), firm.case(State.DRAFT)
    clerk.post(f"/applications/new/submit?only={pressed.id}", data={"rowid": ticked.id})
    assert firm.state(pressed) is State.AWAITING_ACCEPTANCE
    assert firm.state(ticked) is State.DRAFT


def test_a_batch_of_drafts_reports_the_result_of_each(firm, clerk):
    fit, unfit = firm.case(State.DRAFT, name="齐全人"), firm.case(State.DRAFT, name="缺件人", without=(PaperKind.PHOTO,))
    answer = clerk.post("/applications/new/submit", data={"rowid": [fit.id, unfit.id]})
    assert answer.status_code == 200
    assert "done for 1" in answer.text
    assert "缺件人: the scan “Photo” is missing" in answer.text
    assert f"/people/edit/{unfit.person_id}" in answer.text
    assert firm.state(fit) is State.AWAITING_ACCEPTANCE
