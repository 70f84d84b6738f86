"""Scans: how they are sent, to whom, and what is logged."""

import pytest

from app.core.vocabulary import PaperKind, Role
from tests import foreign_ofd, make
from tests.at_once import at_once
from tests.hostile_files import jpeg, pdf
from tests.web.enterprise.conftest import handed_in, kept, reads


def test_a_scan_is_sent_with_its_type_and_a_policy_without_scripts(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    paper = handed_in(session, system, person)
    answer = clerk.get(f"/papers/{paper.id}")
    assert (answer.status_code, answer.mimetype, answer.data[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = answer.headers["Content-Security-Policy"]
    assert all(word in policy for word in ("default-src 'none'", "sandbox", "frame-ancestors 'self'"))
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert paper.digest not in f"{answer.headers}{clerk.get(f'/people/edit/{person.id}').text}"


def test_a_download_keeps_its_chinese_name(clerk, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)), PaperKind.ID_CARD, pdf(1), "李雷 身份证.pdf")
    answer = clerk.get(f"/papers/{paper.id}?download=1")
    assert answer.mimetype == "application/pdf"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert "filename*=UTF-8''%E6%9D%8E%E9%9B%B7%20%E8%BA%AB%E4%BB%BD%E8%AF%81.pdf" in disposition


def test_a_pdf_is_framed_by_own_pages_only_and_runs_nothing(clerk, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)), PaperKind.ID_CARD, pdf(1), "身份证.pdf")
    answer = clerk.get(f"/papers/{paper.id}")
    policy = answer.headers["Content-Security-Policy"]
    assert (answer.mimetype, answer.headers["X-Frame-Options"]) == ("application/pdf", "SAMEORIGIN")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_an_ofd_is_shown_as_a_drawing_with_the_verdict_on_its_seal(enter, clerk, session, system, ours):
    data = foreign_ofd.stamped("xyz", b"")
    paper = handed_in(session, system, kept(session, make.person(ours)), PaperKind.EDUCATION, data, "学历证.ofd")
    page = clerk.get(f"/papers/{paper.id}")
    assert (page.mimetype, page.headers["X-Frame-Options"]) == ("text/html", "SAMEORIGIN")
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert "The file bears a seal, but not one of this authority." in page.text
    assert "The picture of a seal cannot be shown." in page.text
    assert f'src="/papers/{paper.id}?drawn=1"' in page.text
    drawing = clerk.get(f"/papers/{paper.id}?drawn=1")
    assert (drawing.mimetype, drawing.data[:5]) == ("application/pdf", b"%PDF-")
    assert "default-src 'none'" in drawing.headers["Content-Security-Policy"]
    own = clerk.get(f"/papers/{paper.id}?download=1")
    assert (own.mimetype, own.data) == ("application/ofd", data)
    assert own.headers["Content-Disposition"].startswith("attachment")
    assert clerk.get(f"/papers/{paper.id}/small").status_code == 404
    officer = enter(Role.REVIEWER)
    for query, count in (("", 0), ("?drawn=1", 1), ("?download=1", 2)):  # the page around the drawing shows nothing of it
        officer.get(f"/papers/{paper.id}{query}")
        assert len(reads(session)) == count
    plain = handed_in(session, system, kept(session, make.person(ours)), PaperKind.EDUCATION, foreign_ofd.ofd(), "x.ofd")
    assert "There is no seal in this file." in clerk.get(f"/papers/{plain.id}").text


def test_a_small_picture_is_small_and_a_pdf_has_none(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    photo = handed_in(session, system, person, PaperKind.EDUCATION, jpeg(1200, 1600))
    scan = handed_in(session, system, person, PaperKind.ID_CARD, pdf(1), "身份证.pdf")
    answer = clerk.get(f"/papers/{photo.id}/small")
    assert (answer.mimetype, len(answer.data) < photo.size) == ("image/jpeg", True)
    assert clerk.get(f"/papers/{scan.id}/small").status_code == 404


def test_the_small_pictures_of_a_page_are_all_shown_though_two_officers_open_it_at_once(clerk, session, system, ours):
    """A browser asks for six at a time."""
    photo = handed_in(session, system, kept(session, make.person(ours)), PaperKind.EDUCATION, jpeg(1200, 1600))
    session.commit()
    application, cookie = clerk.application, clerk.get_cookie("anguan").value

    def one(_n: int) -> int:
        browser = application.test_client()
        browser.set_cookie("anguan", cookie)
        return browser.get(f"/papers/{photo.id}/small").status_code

    assert at_once(one, range(12)) == [200] * 12


def test_an_officers_view_of_a_persons_scan_is_logged_and_a_clerks_own_is_not(enter, clerk, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)))
    clerk.get(f"/papers/{paper.id}")
    assert reads(session) == []
    assert enter(Role.APPROVER).get(f"/papers/{paper.id}").status_code == 200
    line = reads(session)[0]
    assert (line.table, line.row, line.change) == ("paper", str(paper.id), {"person": paper.person_id, "kind": "photo"})


def test_a_replaced_scan_can_still_be_looked_at(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    old = handed_in(session, system, person)
    handed_in(session, system, person, data=jpeg(500, 700))
    assert clerk.get(f"/papers/{old.id}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/papers/999999", "/papers/0", "/papers/99999999999999999999", "/papers/x", "/papers/1/big"]
)
def test_an_invalid_scan_id_is_not_found(clerk, path):
    assert clerk.get(path).status_code == 404


def test_a_scan_of_a_former_employer_has_a_name_and_no_url(clerk, session, system, ours, theirs):
    person = kept(session, make.person(theirs))
    paper = handed_in(session, system, person, name="前单位.jpg")
    person.enterprise = ours
    session.commit()
    page = clerk.get(f"/people/edit/{person.id}").text
    assert "前单位.jpg" in page
    assert f"/papers/{paper.id}" not in page
    assert clerk.get(f"/papers/{paper.id}").status_code == 404
