"""Qualifications of the enterprise and their scans."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.applications import attachments
from app.core.clock import now, office_day
from app.core.vocabulary import PaperKind, State
from app.models import Paper, Qualification
from tests import make
from tests.hostile_files import jpeg, pdf
from tests.web.enterprise.conftest import a_qualification, count, file, handed_in, kept


def filled(**words) -> dict[str, object]:
    given = {"number": "D343000009", "kind_and_grade": "市政二级", "valid_from": "2024-01-01", "valid_to": "2029-01-01"}
    return {**given, **words}


def test_a_qualification_is_entered_with_its_scan(clerk, session, ours):
    answer = clerk.post("/qualifications/add", data=filled(paper_qualification=file(pdf(2), "资质证书.pdf")))
    assert answer.status_code == 302
    qualification = session.scalars(select(Qualification)).one()
    assert qualification.enterprise_id == ours.id
    assert attachments.current(session, qualification)[PaperKind.QUALIFICATION].filename == "资质证书.pdf"


def test_an_expired_qualification_and_a_missing_scan_are_marked(clerk, session, ours):
    kept(session, a_qualification(ours, valid_to=office_day(now()) - timedelta(days=1)))
    page = clerk.get("/qualifications/list/").text
    assert "Qualification expired" in page
    assert "Scan missing" in page
    assert "Qualification in force" not in page


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"valid_to": "2020-01-01"}, "lies before the first"),
        ({"valid_to": "2024-02-30"}, 'class="err" id="valid_to-e"'),
        ({"number": "  "}, "Please fill this in"),
        ({"number": "D1"}, "already listed"),
        ({"kind_and_grade": "级" * 201}, "At most 200 characters"),
    ],
)
def test_a_bad_qualification_is_named_and_not_stored(clerk, session, ours, words, sentence):
    kept(session, a_qualification(ours, number="D1"))
    answer = clerk.post("/qualifications/add", data=filled(**words))
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert count(session, Qualification) == 1


def test_an_unused_qualification_is_deleted_with_its_scans(clerk, session, system, ours):
    qualification = kept(session, a_qualification(ours))
    handed_in(session, system, qualification, PaperKind.QUALIFICATION)
    person = kept(session, make.person(ours))
    kept(session, make.application(person, State.AWAITING_REVIEW, snapshot={"qualifications": [4711]}, submitted_at=now()))
    clerk.post(f"/qualifications/delete/{qualification.id}")
    assert (count(session, Qualification), count(session, Paper)) == (0, 0)


def test_a_qualification_that_an_application_was_submitted_with_stays(clerk, session, system, ours):
    qualification = kept(session, a_qualification(ours))
    paper = handed_in(session, system, qualification, PaperKind.QUALIFICATION)
    handed_in(session, system, qualification, PaperKind.QUALIFICATION, jpeg(500, 700))  # replaced since
    submitted = {"snapshot": {"qualifications": [paper.id]}, "submitted_at": now()}
    kept(session, make.application(kept(session, make.person(ours)), State.AWAITING_REVIEW, **submitted))
    page = clerk.post(f"/qualifications/delete/{qualification.id}", follow_redirects=True).text
    assert "stays on record" in page
    assert (count(session, Qualification), count(session, Paper)) == (1, 2)
