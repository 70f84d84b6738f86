"""The enterprise's own page, its pledge, and what an officer sees of it."""

from app.applications import attachments
from app.core.vocabulary import PaperKind, Role
from tests import make
from tests.hostile_files import HTML, pdf
from tests.web.enterprise.conftest import a_qualification, file, handed_in, kept
from tests.web.form_steps import save


def test_an_enterprise_keeps_its_particulars_and_its_pledge(clerk, session, ours):
    words = {
        "address": "芙蓉中路1号",
        "legal_representative": "王五",
        "contact": "赵六",
        "contact_mobile": "１３８００００００００",
        "telephone": "（0731）84441234",
    }
    assert "#telephone" not in clerk.get("/enterprise/").text  # the landline is not missing
    answer = save(clerk, "/enterprise/", words | {"paper_pledge": file(pdf(1), "承诺书.pdf")})
    assert answer.location == "/enterprise/"
    session.expire_all()
    assert (ours.address, ours.legal_representative, ours.contact_mobile) == ("芙蓉中路1号", "王五", "13800000000")
    assert ours.telephone == "0731-84441234"
    assert attachments.current(session, ours)[PaperKind.PLEDGE].filename == "承诺书.pdf"
    assert "承诺书.pdf" in clerk.get("/enterprise/").text


def test_saving_returns_to_the_page_that_asked_for_the_correction(clerk):
    assert save(clerk, "/enterprise/?next=/people/list/", {"next": "/people/list/"}).location == "/people/list/"
    assert save(clerk, "/enterprise/?next=//evil.example", {"next": "//evil.example"}).location == "/enterprise/"


def test_a_bad_pledge_leaves_the_particulars_as_they_were(clerk, session, ours):
    answer = save(clerk, "/enterprise/", {"address": "新地址", "paper_pledge": file(HTML, "承诺书.pdf")})
    assert (answer.status_code, "承诺书.pdf" in answer.text, 'value="新地址"' in answer.text) == (422, True, True)
    session.expire_all()
    assert ours.address == ""


def test_the_enterprise_page_says_what_is_complete(clerk, session, ours):
    assert "0 of 6" in clerk.get("/enterprise/").text
    qualification = kept(session, a_qualification(ours))
    kept(session, make.paper(PaperKind.QUALIFICATION, qualification_id=qualification.id, enterprise_id=ours.id))
    ours.address = "芙蓉路"
    session.commit()
    assert "2 of 6" in clerk.get("/enterprise/").text


def test_an_officer_reads_an_enterprise_and_changes_nothing(enter, session, system, ours):
    qualification = kept(session, a_qualification(ours, number="D343000001"))
    paper = handed_in(session, system, qualification, PaperKind.QUALIFICATION)
    ours.contact_mobile = "13812345678"
    session.commit()
    officer = enter(Role.ACCEPTANCE_OFFICER)
    page = officer.get(f"/enterprise/{ours.id}").text
    assert "D343000001" in page
    assert f"/papers/{paper.id}" in page
    assert "138****5678" in page
    assert officer.post(f"/enterprise/{ours.id}").status_code == 405
