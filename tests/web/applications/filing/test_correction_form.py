"""补正 by the enterprise: only what is marked is open, and nothing else is changed."""

import io
import re

import pytest
from sqlalchemy import select

from app.core.vocabulary import Action, MatterKind, Position, ReplacementReason, Role, State, TechnicalTitle
from app.eligibility import corrections
from app.models import Paper
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import decide, read_scalar
from tests.web.applications.correction_steps import MAJOR, PHOTO, CorrectingFirm, returned
from tests.web.form_steps import save, seen, tickets
from tests.workflow_fixture import Firm as Matters

FIRM = CorrectingFirm


@pytest.mark.parametrize("state", [state for state in State if state is not State.RETURNED])
def test_only_what_is_returned_with_marks_has_a_page_of_corrections(firm, state):
    application = firm.case(state)
    assert firm.clerk.get(f"/corrections/{application.id}").status_code == 422


def test_only_what_is_marked_is_open_and_the_notice_leads_there(firm):
    application = firm.submitted()
    firm.return_marked(application)
    assert f"/corrections/{application.id}" in firm.clerk.get("/applications/new/").text
    page = firm.clerk.get(f"/corrections/{application.id}").text
    for item in ("person-major", "papers-photo"):
        assert f'href="#f-{item}"' in page
        assert f'id="f-{item}"' in page
    assert set(re.findall(r'name="(person-\w+|papers-\w+|pledge)"', page)) == {"person-major", "papers-photo"}
    assert page.count("Not corrected yet") == 2


def test_values_of_unmarked_items_are_ignored(firm):
    application = firm.submitted()
    before = firm.again(application).snapshot
    firm.return_marked(application)
    other = {
        "papers-id_card": (io.BytesIO(jpeg(700, 900)), "x.jpg"),
        "person-name": "张三",
        "person-position": "safety_director",
    }
    assert firm.correct(application, photo=jpeg(500, 700), **{"person-major": "土木工程"}, **other).status_code == 302
    after = firm.again(application)
    assert (after.person.name, after.person.position) == ("李雷", Position.SAFETY_OFFICER)
    found = [change.item for change in corrections.changes(before, after.snapshot)]
    assert found == [MAJOR, PHOTO]


def test_a_later_change_of_the_person_does_not_reach_the_application(firm):
    application = firm.submitted()
    firm.return_marked(application, **{MAJOR: "填错"})
    person = firm.again(application).person
    typed = {"name": "李雷", "education": "college", "position": "safety_officer", "technical_title": "senior"}
    assert save(firm.clerk, f"/people/edit/{person.id}", typed).status_code == 302
    firm.correct(application, **{"person-major": "土木工程"})
    stored = firm.again(application)
    assert stored.person.technical_title is TechnicalTitle.SENIOR
    submitted = stored.snapshot["person"]
    assert (submitted["technical_title"], submitted["major"]) == ("intermediate", "土木工程")


def test_a_correction_sent_too_late_is_shown_with_its_scan_and_saved_only_then(firm):
    """As ``auth.interrupted`` sends it; then the scan that was received once is saved by its ticket."""
    application = firm.submitted()
    before = firm.again(application).snapshot
    firm.return_marked(application)
    path, typed = f"/corrections/{application.id}", {"person-major": "土木工程"}
    sent = {**typed, "restored": "1", "papers-photo": (io.BytesIO(jpeg(500, 700)), "新照.jpg")}
    page = firm.clerk.post(path, data=sent | seen(firm.clerk, path))
    kept = tickets(page.text)
    assert (page.status_code, 'value="土木工程"' in page.text, list(kept)) == (200, True, ["papers-photo-kept"])
    assert firm.again(application).person.major != "土木工程"
    assert save(firm.clerk, path, {**typed, **kept, "then": "submit"}).status_code == 302
    found = [change.item for change in corrections.changes(before, firm.again(application).snapshot)]
    assert found == [MAJOR, PHOTO]


def test_progress_is_shown_item_by_item(firm):
    application = firm.submitted()
    firm.return_marked(application)
    assert firm.correct(application, "save", **{"person-major": "土木工程"}).location.endswith(
        f"/corrections/{application.id}"
    )
    page = firm.clerk.get(f"/corrections/{application.id}").text
    assert (len(re.findall(r">\s*Corrected\s*<", page)), page.count("Not corrected yet")) == (1, 1)
    assert "1 of 2" in page
    assert firm.state(application) is State.RETURNED


def test_a_marked_item_left_unchanged_is_refused_at_its_field_on_every_page(firm):
    application = firm.submitted()
    firm.return_marked(application)
    answer = firm.correct(application, **{"person-major": "土木工程"})
    assert answer.status_code == 422
    assert "“Photo” was marked and is still as it was" in answer.text
    assert firm.again(application).person.major == ""  # not saved in part
    page = firm.clerk.post("/applications/new/submit", data={"rowid": application.id}).text
    assert f"/corrections/{application.id}?next=/applications/new/#f-papers-photo" in page.replace("%2F", "/")
    assert firm.state(application) is State.RETURNED


def test_an_unchanged_item_needs_a_note_that_the_officer_sees(firm):
    application = firm.submitted()
    firm.return_marked(application)
    assert firm.correct(application, word="照片为上月拍摄", **{"person-major": "土木工程"}).status_code == 302
    page = firm.officer.get(f"/cases/{application.id}").text
    assert "照片为上月拍摄" in page
    assert re.search(r"Marked, and left as it was:.*?Photo: 照片不清晰", page, re.DOTALL)


def test_the_very_scan_that_was_sent_back_is_no_correction(firm):
    application = firm.submitted()
    firm.return_marked(application, **{PHOTO: "不清晰"})
    first = firm.correct(application, "save", photo=jpeg(500, 700))
    assert first.status_code == 302
    answer = firm.correct(application, photo=jpeg(500, 700))
    assert answer.status_code == 422
    assert "This is the very scan" in answer.text


def test_mistakes_are_all_named_and_nothing_is_saved(firm, session):
    application = firm.submitted()
    firm.return_marked(application, **{"person.mobile": "停机", PHOTO: "不清晰"})
    answer = firm.correct(application, photo=b"no picture", **{"person-mobile": "123"})
    assert answer.status_code == 422
    for field in ("person-mobile", "papers-photo"):
        assert f'href="#{field}"' in answer.text
    assert 'value="123"' in answer.text
    assert read_scalar(session, select(Paper.id).where(Paper.filename == "新照片.jpg")) is None


def test_the_persons_page_says_what_is_marked_and_leads_to_the_fields(firm):
    application = firm.submitted()
    firm.return_marked(application)
    page = firm.clerk.get(f"/people/edit/{application.person_id}").text
    assert f"Application {application.number} was returned" in page
    assert '<a href="#major">' in page
    assert '<a href="#f-paper-photo">' in page


def test_without_marks_the_usual_forms_are_open(firm):
    application = firm.submitted()
    decide(firm.officer, application, Action.RETURN, make.REASON)
    assert f"/filings/{application.filing_id}/edit" in firm.clerk.get("/applications/new/").text
    assert firm.clerk.post("/applications/new/submit", data={"rowid": application.id}).status_code == 302
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_particulars_open_one_by_one_and_the_filing_form_leaves_them_alone(session, signed_in):
    firm = Matters(session)
    application = returned(
        firm, MatterKind.REPLACEMENT, ["details.medium"], reason_code=ReplacementReason.LOST.value,
        details={"declared_on": "2026-02-20", "medium": "晚报"},
    )  # fmt: skip
    clerk = signed_in(make.account(session, "clerk", Role.ENTERPRISE_CLERK, enterprise_id=firm.enterprise.id))
    form = {
        "handler_name": "周敏",
        "handler_mobile": "13812345678",
        "rowid": application.certificate_id,
        "reason_code": "lost",
    }
    typed = {f"medium-{application.certificate_id}": "x", f"declared_on-{application.certificate_id}": "2026-01-01"}
    session.rollback()
    assert save(clerk, f"/claims/{application.filing_id}/edit", {**form, **typed}).status_code == 302
    typed = {"details-medium": "湖南日报", "details-declared_on": "2026-01-01"}
    assert save(clerk, f"/corrections/{application.id}", typed).status_code == 302
    session.refresh(application)
    assert application.details == {"declared_on": "2026-02-20", "medium": "湖南日报"}
