"""Measures on screen: who proposes, who confirms, who reads what of it afterwards."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import add_years, now, office_day
from app.core.vocabulary import CertificateStatus, MeasureGround, MeasureState, Role
from app.db.session import db
from app.models import AuditEntry, CertificateMeasure, Message, Person, PublicNotice
from tests import make, measures
from tests.query_counter import queries, tables_read_whole
from tests.web.certificates.bureau import DECISION


@pytest.mark.parametrize(("code", "status"), [("suspended", "02"), ("revoked", "03"), ("withdrawn", "07")])
def test_proposed_by_one_and_confirmed_by_another(bureau, code, status):
    reviewer = bureau.browser(Role.REVIEWER)
    assert f"/standing/{bureau.id}/{code}" in reviewer.get("/standing/", query_string={"number": bureau.number}).text
    assert reviewer.get(f"/standing/{bureau.id}/{code}").status_code == 200
    answer = bureau.propose(code)
    assert answer.headers["Location"] == f"/measures/show/{bureau.measure().id}"
    assert bureau.status() is CertificateStatus.VALID
    assert bureau.measure().document_name == "决定.pdf"
    assert "李雷" in bureau.browser(Role.APPROVER).get("/measures/").text
    assert bureau.decide().status_code == 302
    assert bureau.status().value == status
    assert bureau.number in bureau.session.scalars(select(Message.text)).one()
    assert bureau.session.scalars(select(PublicNotice.certificate_number)).all() == [bureau.number]


def test_a_reviewer_has_no_button_and_no_route_to_confirm(bureau):
    bureau.propose()
    page = bureau.browser(Role.REVIEWER).get(f"/measures/show/{bureau.measure().id}").text
    assert "/measures/decide/" not in page
    assert "retract" in page
    assert bureau.decide(browser=bureau.browser(Role.REVIEWER)).status_code == 403
    assert bureau.status() is CertificateStatus.VALID


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.REVIEWER, Role.APPROVER)], ids=lambda r: r.value)
def test_nobody_else_opens_the_pages_of_measures(bureau, role):
    bureau.propose()
    measure_id, browser = bureau.measure().id, bureau.browser(role)
    for path in ("/measures/", f"/measures/show/{measure_id}", "/standing/", f"/standing/{bureau.id}/revoked"):
        assert browser.get(path).status_code == 403, path
    assert bureau.propose("revoked", browser).status_code == 403
    for code in ("confirm", "refuse"):
        assert bureau.decide(code, browser, reason="理由").status_code == 403
    assert bureau.measure().state is MeasureState.PROPOSED


def test_an_approver_finds_the_certificate_and_proposes_nothing(bureau):
    approver = bureau.browser(Role.APPROVER)
    page = approver.get("/standing/", query_string={"number": bureau.number}).text
    assert "李雷" in page
    assert f"/standing/{bureau.id}/" not in page
    assert bureau.propose("revoked", approver).status_code == 403


def test_a_refused_proposal_shows_its_reason_to_the_proposer(bureau):
    bureau.propose("revoked")
    assert bureau.decide("refuse", reason="证据不足").status_code == 302
    assert bureau.status() is CertificateStatus.VALID
    assert "证据不足" in bureau.browser(Role.REVIEWER).get(f"/measures/show/{bureau.measure().id}").text
    assert "李雷" in bureau.browser(Role.REVIEWER).get("/measures/?state=refused").text


def test_the_proposer_takes_it_back(bureau):
    bureau.propose("revoked")
    measure = bureau.measure()
    assert bureau.browser(Role.REVIEWER).post(f"/measures/{measure.id}/retract").status_code == 302
    assert bureau.measure().state is MeasureState.RETRACTED
    assert "can no longer be done" in bureau.decide().text


def test_two_are_confirmed_together_and_the_one_that_ended_is_named(bureau):
    bureau.propose("revoked")
    other = make.certificate(make.person(bureau.enterprise, name="韩梅梅"), valid_to=bureau.certificate.valid_to)
    bureau.session.add(other)
    bureau.session.commit()
    second = measures.propose(bureau.session, other, at=now(), last_day=office_day(now()))
    other.status = CertificateStatus.CANCELLED
    bureau.session.commit()
    ids = [bureau.measure().id, second.id]
    first = bureau.session.scalars(select(CertificateMeasure.id).order_by(CertificateMeasure.id)).all()
    answer = bureau.browser(Role.APPROVER).post("/measures/decide/confirm", data={"rowid": first, "sure": "1"})
    assert answer.status_code == 200
    assert "韩梅梅" in answer.text
    assert set(ids) == {second.id}
    assert bureau.status() is CertificateStatus.REVOKED


def test_the_history_shows_every_measure_with_its_papers_to_the_enterprise_and_to_officers(bureau):
    bureau.impose("suspended")
    measure = bureau.impose("reinstated")
    for role in (Role.ENTERPRISE_CLERK, Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER):
        page = bureau.browser(role).get(f"/certificates/{bureau.id}/history").text
        assert page.count("/document") == 2
        assert page.count("/letter.pdf") == 2
        assert page.count(measure.facts) >= 2
        assert bureau.browser(role).get(f"/measure-papers/{measure.id}/document").data == DECISION


def test_a_proposal_is_the_offices_affair(bureau):
    bureau.propose("revoked")
    measure, clerk = bureau.measure(), bureau.browser(Role.ENTERPRISE_CLERK)
    assert measure.facts not in clerk.get(f"/certificates/{bureau.id}/history").text
    for paper in ("document", "letter.pdf"):
        assert clerk.get(f"/measure-papers/{measure.id}/{paper}").status_code == 404
    assert bureau.browser(Role.REVIEWER).get(f"/measure-papers/{measure.id}/document").status_code == 200
    assert bureau.browser(Role.REVIEWER).get(f"/measure-papers/{measure.id}/letter.pdf").status_code == 404


def test_viewers_see_the_measure_and_none_of_its_papers(bureau):
    measure = bureau.impose("suspended")
    viewer = bureau.browser(Role.VIEWER)
    page = viewer.get(f"/certificates/{bureau.id}/history").text
    assert measure.facts in page
    assert "/measure-papers/" not in page
    assert viewer.get(f"/measure-papers/{measure.id}/document").status_code == 403


def test_another_enterprise_opens_nothing(bureau):
    measure = bureau.impose("suspended")
    stranger = make.enterprise()
    bureau.session.add(stranger)
    bureau.session.commit()
    clerk = bureau.browser(Role.ENTERPRISE_CLERK, "stranger", enterprise_id=stranger.id)
    for paper in ("document", "letter.pdf"):
        assert clerk.get(f"/measure-papers/{measure.id}/{paper}").status_code == 404


def test_opening_a_paper_is_logged(bureau):
    measure = bureau.impose("suspended")
    bureau.browser(Role.REVIEWER).get(f"/measure-papers/{measure.id}/document")
    bureau.session.rollback()
    logged = bureau.session.scalars(select(AuditEntry.change).where(AuditEntry.table == "certificate_measure")).all()
    assert {"shown": "document"} in logged


def test_the_public_board_lists_the_measure_masked_and_by_its_own_filter(bureau, client):
    measure = bureau.impose("revoked")
    for address in ("/notices", "/notices?matter=measure"):
        page = client.get(address).text
        assert bureau.number in page
        assert measure.facts not in page
        assert bureau.person.id_number not in page
    assert bureau.number not in client.get("/notices?matter=new").text
    assert client.get("/").status_code == 200


def test_the_ban_is_named_on_the_persons_page_in_the_picker_and_when_filing(bureau):
    bureau.impose("revoked")
    until = f"{bureau.session.scalar(select(Person.banned_until).where(Person.name == '李雷'))}"
    bureau.session.rollback()
    at = now()
    notice = make.notice(signup_start=at - timedelta(days=1), signup_end=at + timedelta(days=1), published_at=at)
    bureau.session.add_all([notice, make.exam_pass(bureau.person, passed_on=office_day(at))])
    bureau.session.commit()
    clerk, ground = bureau.browser(Role.ENTERPRISE_CLERK), str(MeasureGround.DECEIT)
    shown, edited = f"/people/show/{bureau.person.id}", f"/people/edit/{bureau.person.id}"
    for address in (shown, edited, f"/exam/notices/{notice.id}/signup", "/filings/add"):
        page = clerk.get(address).text
        assert until in page, address
        assert ground in page, address


@pytest.mark.parametrize("question", ["", "?state=proposed", "?state=confirmed", "?proposed_at=2026-03"])
def test_the_list_is_read_by_indexes(bureau, session, question):
    bureau.propose()
    approver = bureau.browser(Role.APPROVER)
    with approver.application.app_context(), queries(db.engine) as asked:
        assert approver.get(f"/measures/{question}").status_code == 200
    listed = [statement for statement in asked if "certificate_measure" in statement]
    assert listed
    assert not [statement for statement in listed if "certificate_measure" in tables_read_whole(session, statement)]


@pytest.mark.parametrize(("ground", "years"), [(MeasureGround.DECEIT, 3), (MeasureGround.OFFICIAL_FAULT, 0)])
def test_the_ban_is_named_before_a_measure_is_confirmed(bureau, ground, years):
    bureau.propose("revoked", ground=ground.value)
    page = bureau.browser(Role.APPROVER).get(f"/measures/show/{bureau.measure().id}").text
    day = add_years(office_day(now()), years).isoformat()
    sentence = f"the holder may not sit an exam or apply before {day}"
    dialog = re.search(r'data-confirm="([^"]*)"[^>]*data-verb="Confirm the measure"', page)[1]
    assert (sentence in dialog) == bool(years)
    assert page.count(sentence) == (2 if years else 0)


def test_the_ticked_are_counted_with_their_bans_before_they_are_confirmed(bureau):
    bureau.propose("revoked")
    other = make.certificate(make.person(bureau.enterprise, name="韩梅梅"), valid_to=bureau.certificate.valid_to)
    bureau.session.add(other)
    bureau.session.commit()
    measures.propose(bureau.session, other, at=now(), last_day=office_day(now()))
    ids = bureau.session.scalars(select(CertificateMeasure.id).order_by(CertificateMeasure.id)).all()
    approver = bureau.browser(Role.APPROVER)
    assert 'formaction="/measures/decide/confirm"' in approver.get("/measures/").text
    page = approver.post("/measures/decide/confirm", data={"rowid": ids})
    day = add_years(office_day(now()), 3).isoformat()
    assert f"1 people may not sit an exam or apply before {day}" in page.text
    assert "What is revoked or withdrawn ends for good." in page.text
    assert bureau.status() is CertificateStatus.VALID
    form = re.findall(r'name="(sure|rowid)"[^>]*value="([^"]*)"', page.text)
    sent = {"sure": "1", "rowid": [value for name, value in form if name == "rowid"]}
    assert sent["rowid"] == [str(key) for key in ids]
    assert approver.post("/measures/decide/confirm", data=sent).status_code == 302
    assert bureau.status() is CertificateStatus.REVOKED


def test_what_cannot_be_confirmed_has_its_reason_and_no_button(bureau):
    bureau.propose("suspended")
    bureau.certificate.status = CertificateStatus.CANCELLED
    bureau.session.commit()
    measure, approver = bureau.measure(), bureau.browser(Role.APPROVER)
    answer = approver.post("/measures/decide/confirm", data={"rowid": measure.id})
    assert answer.status_code == 422
    assert "can no longer be taken" in answer.text
    assert 'name="rowid"' not in answer.text
    page = approver.get(f"/measures/show/{measure.id}").text
    assert "can no longer be taken" in page
    assert "/measures/decide/confirm" not in page
    assert "/measures/decide/refuse" in page
    assert bureau.decide("refuse", reason="证书已注销").status_code == 302
    assert bureau.measure().state is MeasureState.REFUSED
