"""延期, 变更, 换证, 注销 on the enterprise's pages: filing, submitting, the old enterprise's consent, and every refusal."""

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.identifiers import mask_id
from app.core.vocabulary import AuditAction, Category, State
from app.db.session import db
from app.models import Application, AuditEntry, Filing
from app.web.applications.filing.certificate_form import SEARCHES_PER_HOUR
from tests import make
from tests.hostile_files import jpeg
from tests.query_counter import queries
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.filing.conftest import (
    HANDLER,
    RENEWAL,
    TODAY,
    TRANSFER,
    P,
    certificate_to_transfer,
    person_fields,
)
from tests.web.form_steps import save, tickets


def test_a_renewal_is_filed_and_submitted_in_one_go(holder):
    answer = holder.file("renewal", holder.held(), papers=RENEWAL)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_ACCEPTANCE]


def test_a_cancellation_is_filed_with_its_reason(holder):
    answer = holder.file("cancellation", holder.held(), papers=(P.DISMISSAL_PROOF,), reason_code="left")
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_ACCEPTANCE]
    assert read_scalar(holder.session, select(Application.reason_code)) == "left"


def test_what_lacks_a_paper_stays_a_draft_and_the_form_links_to_the_card(holder):
    answer = holder.file("renewal", holder.held(), papers=(P.OLD_CERTIFICATE,))
    page = holder.clerk.get(answer.location).text
    assert holder.states() == [State.DRAFT]
    assert "Saved as drafts, not submitted" in page
    assert "#paper-continuing_education" in page
    assert 'id="paper-continuing_education"' in page
    assert "scan.jpg" in page


def test_missing_papers_are_named_with_a_link_before_anything_is_submitted(holder):
    certificate = holder.held()
    page = holder.clerk.get(f"/claims/renewal/add?certificate={certificate.id}").text
    named = page[page.index("To be uploaded before it can be submitted") :]
    for paper in ("old_certificate", "continuing_education"):
        assert f'href="#f-paper-{paper}"' in named
        assert f'id="f-paper-{paper}"' in page
    holder.file("renewal", certificate, papers=(P.OLD_CERTIFICATE,), then="")
    listed = holder.clerk.get("/applications/renewal/").text
    assert holder.states() == [State.DRAFT]
    assert "Missing before it can be submitted:" in listed
    assert "#paper-continuing_education" in listed
    assert "#paper-old_certificate" not in listed


def test_a_list_plans_all_its_drafts_at_once(holder, app):
    with app.app_context():
        engine = db.engine
    holder.clerk.get("/applications/renewal/")
    for _n in range(3):
        holder.file("renewal", holder.held(), then="")
    with queries(engine) as one:
        holder.clerk.get("/applications/renewal/")
    for _n in range(3):
        holder.file("renewal", holder.held(), then="")
    with queries(engine) as many:
        holder.clerk.get("/applications/renewal/")
    assert len(many) == len(one) > 0


def test_a_transfer_is_completed_on_the_form_and_shown_to_the_officer(holder, other):
    held = other.held(category=Category.C1)
    who = {"name": held.person.name, "id_number": held.person.id_number}
    found = holder.clerk.post("/claims/transfer/add", data={**who, "then": "search"}).text
    assert f'name="education-{held.id}"' in found
    stated = {f"education-{held.id}": "postgraduate", f"position-{held.id}": "safety_officer", f"major-{held.id}": "土木工程"}
    answer = holder.clerk.post("/claims/transfer/add", data={**HANDLER, **who, **stated, "rowid": held.id})
    assert answer.status_code == 302, answer.text
    details = read_scalar(holder.session, select(Application.details))
    assert details == {"position": "safety_officer", "education": "postgraduate", "major": "土木工程"}
    form = holder.clerk.get(f"/claims/{read_scalar(holder.session, select(Application.filing_id))}/edit").text
    assert 'value="土木工程"' in form
    assert re.search(r'<option[^>]*selected[^>]*value="postgraduate"', form)


def test_a_draft_is_completed_on_its_own_form(holder):
    certificate = holder.held()
    where = holder.file("renewal", certificate, papers=(P.OLD_CERTIFICATE,)).location.partition("?")[0]
    scan = {f"paper_continuing_education-{certificate.id}": (io.BytesIO(jpeg(600, 800)), "b.jpg")}
    answer = save(holder.clerk, where, {**HANDLER, "then": "submit", "rowid": certificate.id, **scan})
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_ACCEPTANCE]


@pytest.mark.parametrize("matter", ["renewal", "cancellation"])
def test_another_enterprises_certificate_is_not_found(holder, other, matter):
    foreign = other.held()
    assert holder.file(matter, foreign, reason_code="left" if matter == "cancellation" else "").status_code == 404
    assert foreign.number not in holder.clerk.get(f"/claims/{matter}/add?certificate={foreign.id}").text


def test_another_enterprises_filing_is_not_found(holder, other):
    other.file("renewal", other.held(), then="")
    theirs = read_scalar(holder.session, select(Filing.id))
    assert holder.clerk.get(f"/claims/{theirs}/edit").status_code == 404
    assert holder.clerk.post(f"/claims/{theirs}/edit", data=HANDLER).status_code == 404


def test_a_bad_file_stores_nothing_and_keeps_what_was_typed(holder):
    certificate = holder.held()
    bad = {f"paper_old_certificate-{certificate.id}": (io.BytesIO(b"MZ not a picture"), "scan.jpg")}
    answer = holder.file("renewal", certificate, handler_name="欧阳修", **bad)
    assert answer.status_code == 422
    assert "欧阳修" in answer.text
    assert 'href="#paper-old_certificate"' in answer.text
    assert read_scalar(holder.session, select(func.count(Filing.id))) == 0


def test_nothing_chosen_no_handler_and_no_reason_are_all_named(holder):
    answer = holder.file("cancellation", handler_name="", handler_mobile="12")
    assert answer.status_code == 422
    assert "handler&#39;s name" in answer.text
    assert "at least one" in answer.text
    assert 'href="#h-held"' in answer.text
    assert '<a href="#reason_code">Please choose a reason' in holder.file("cancellation", holder.held()).text


@pytest.mark.usefixtures("strict")
def test_a_post_without_the_token_is_refused(holder):
    assert holder.file("renewal", holder.held()).status_code == 400
    assert holder.states() == []


def test_unknown_matters_and_invalid_ids_cause_no_error(holder):
    assert holder.clerk.get("/claims/new/add").status_code == 404
    assert holder.clerk.get("/claims/renewal/add?certificate=%C2%B2&certificate=9999999999999999999999").status_code == 200
    assert holder.clerk.post("/claims/renewal/add", data={**HANDLER, "rowid": "x"}).status_code == 404


LOST = {"declared_on": "2026-02-20", "medium": "湖南日报"}
REPLACEMENTS = [
    ("wrong_information", {"name": "李小明"}, (P.CORRECTION_PROOF,), {}),
    ("lost", LOST, (P.LOSS_STATEMENT,), {}),
    ("enterprise_renamed", {}, (P.OLD_CERTIFICATE, P.RENAMING_APPROVAL), {"printed_enterprise": "湖南旧名建设有限公司"}),
    ("paper_to_electronic", {}, (P.OLD_CERTIFICATE,), {"is_electronic": False}),
]


@pytest.mark.parametrize(("reason", "details", "papers", "facts"), REPLACEMENTS)
def test_each_reason_of_replacement_asks_for_its_own_and_is_submitted(holder, reason, details, papers, facts):
    certificate = holder.held(**facts)
    page = holder.clerk.get(f"/claims/replacement/add?certificate={certificate.id}&reason={reason}").text
    assert all(f'name="{name}-{certificate.id}"' in page for name in details)
    assert page.count('type="file"') == len(papers)
    typed = {f"{name}-{certificate.id}": text for name, text in details.items()}
    answer = holder.file("replacement", certificate, papers=papers, reason_code=reason, **typed)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_ACCEPTANCE], holder.clerk.get(answer.location).text


def test_a_certificate_of_another_province_is_filed_with_its_data(holder):
    person = holder.passer()
    details = {"old_number": "粤建安C1(2024)0000007", "old_province": "广东", "first_issued_on": "2024-05-01"}
    typed = {f"{name}-in": text for name, text in {**details, "valid_to": str(TODAY + timedelta(days=400))}.items()}
    papers = (P.OLD_CERTIFICATE, P.TRANSFER_PROOF)
    where = {"reason_code": "from_other_province", "person": person.id, "category": "C1", "keys": ["in"]}
    answer = holder.file("replacement", papers=papers, **where, **typed)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_ACCEPTANCE], holder.clerk.get(answer.location).text


def test_an_incoming_certificate_needs_an_own_person(holder, other):
    foreign = other.passer()
    asked = {"reason_code": "from_other_province", "person": foreign.id, "category": "C1"}
    shown = holder.file("replacement", then="choose", **asked).text
    assert foreign.name not in shown.partition("<main")[2]
    assert holder.file("replacement", **asked).status_code == 404


def test_a_new_enterprise_name_takes_many_certificates_with_one_approval(holder):
    many = [holder.held(printed_enterprise="湖南旧名建设有限公司") for _n in range(3)]
    scan = {"paper_renaming_approval-all": (io.BytesIO(jpeg(600, 800)), "approval.jpg")}
    answer = holder.file("replacement", *many, papers=(P.OLD_CERTIFICATE,), reason_code="enterprise_renamed", **scan)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_ACCEPTANCE] * 3, holder.clerk.get(answer.location).text


def test_what_cannot_be_read_is_named_at_its_field_and_kept(holder):
    certificate = holder.held()
    typed = {f"declared_on-{certificate.id}": "yesterday", f"medium-{certificate.id}": "湖南日报"}
    answer = holder.file("replacement", certificate, reason_code="lost", **typed)
    assert answer.status_code == 422
    assert f'href="#declared_on-{certificate.id}"' in answer.text
    assert "yesterday" in answer.text
    assert "湖南日报" in answer.text


def test_a_correction_shows_what_stands_there_now(holder):
    certificate = holder.held()
    number = certificate.person.id_number
    page = holder.clerk.get(f"/claims/replacement/add?certificate={certificate.id}&reason=wrong_information").text
    assert f"Now: {mask_id(number)}" in page
    assert number not in page
    assert "Now: Bachelor" in page


def test_an_undivided_certificate_may_choose_its_new_category(holder):
    certificate = holder.held(category=Category.C)
    typed = {f"{name}-{certificate.id}": text for name, text in {**LOST, "category": "C2"}.items()}
    holder.file("replacement", certificate, papers=(P.LOSS_STATEMENT,), reason_code="lost", **typed)
    assert read_scalar(holder.session, select(Application.details))["category"] == "C2"


def test_one_search_finds_the_person_and_lays_out_the_form(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    page = holder.file("transfer", then="search", **person).text
    assert certificate.number in page
    assert f"paper_employment_contract-{certificate.id}" in page
    assert holder.states() == []


def test_a_wrong_name_and_an_unknown_number_get_the_same_answer(holder, other):
    _certificate, person = certificate_to_transfer(holder, other)
    for wrong in ({**person, "name": "李不对"}, {**person, "id_number": make.id_number(sequence=777)}):
        answer = holder.file("transfer", then="search", **wrong)
        assert answer.status_code == 422
        assert "Nobody with this name and ID number" in answer.text


def test_own_people_are_not_asked_for(holder):
    answer = holder.file("transfer", then="search", **person_fields(holder.held()))
    assert answer.status_code == 422
    assert "with your enterprise already" in answer.text


def test_certificates_cannot_be_asked_for_without_knowing_the_person(holder, other):
    mine, foreign = other.held(), other.held()
    assert holder.file("transfer", foreign, **person_fields(mine)).status_code == 404
    assert holder.file("transfer", foreign).status_code == 422
    assert holder.states() == []


def test_every_search_is_noted_and_too_many_are_refused(holder, other):
    _certificate, person = certificate_to_transfer(holder, other)
    answers = [holder.file("transfer", then="search", **person).status_code for _n in range(SEARCHES_PER_HOUR + 1)]
    assert answers == [200] * SEARCHES_PER_HOUR + [429]
    notes = select(func.count(AuditEntry.id)).where(AuditEntry.table == "enterprise", AuditEntry.deed == AuditAction.READ)
    assert read_scalar(holder.session, notes) == SEARCHES_PER_HOUR


def test_certificates_that_stay_behind_are_warned_about(holder, other):
    certificate = other.held()
    second = make.certificate(certificate.person, category=Category.C2, valid_to=TODAY + timedelta(days=900))
    other.session.add(second)
    other.session.commit()
    person, number = person_fields(certificate), second.number
    page = holder.file("transfer", certificate, then="choose", **person).text
    assert "stay behind" in page
    assert number in page.partition("stay behind")[2]


def completed(holder, where, *kinds, keys, **typed):
    scans = {f"paper_{kind.value}-{key}": (io.BytesIO(jpeg(600, 800)), "b.jpg") for kind in kinds for key in keys}
    return save(holder.clerk, where.partition("?")[0], {**HANDLER, "then": "submit", **typed, **scans})


def test_a_transfer_draft_is_completed_without_searching_again(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    key = certificate.id
    where = holder.file("transfer", certificate, papers=TRANSFER[:-1], **person).location
    page = holder.clerk.get(where).text
    assert 'name="id_number"' not in page
    answer = completed(holder, where, P.EMPLOYMENT_CONTRACT, keys=[key])
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_RELEASE]


def test_two_certificates_of_one_person_share_their_scans(holder, other):
    certificate = other.held()
    second = make.certificate(certificate.person, category=Category.C2, valid_to=TODAY + timedelta(days=900))
    other.session.add(second)
    other.session.commit()
    person = person_fields(certificate)
    answer = holder.file("transfer", certificate, second, papers=TRANSFER, keys=["all"], **person)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_RELEASE] * 2, holder.clerk.get(answer.location).text


@pytest.mark.parametrize("unticked", [True, False])
def test_scans_survive_a_tick_that_was_changed_after_the_cards_were_shown(holder, other, unticked):
    """Two certificates share their cards, one has cards of its own: the browser sends what was on the page."""
    certificate = other.held()
    second = make.certificate(certificate.person, category=Category.C2, valid_to=TODAY + timedelta(days=900))
    other.session.add(second)
    other.session.commit()
    filed, keys = ([certificate], ["all"]) if unticked else ([certificate, second], [certificate.id])
    answer = holder.file("transfer", *filed, papers=TRANSFER, keys=keys, **person_fields(certificate))
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_RELEASE] * len(filed), holder.clerk.get(answer.location).text


def test_scans_stay_while_other_certificates_are_chosen(holder, other):
    """Chosen for one certificate, they are those of all when a second one is ticked; one bad file costs no good one."""
    certificate = other.held()
    second = make.certificate(certificate.person, category=Category.C2, valid_to=TODAY + timedelta(days=900))
    other.session.add(second)
    other.session.commit()
    who, key, both = person_fields(certificate), certificate.id, [certificate.id, second.id]
    page = holder.file("transfer", certificate, papers=TRANSFER[:5], then="choose", keys=[key], **who, rowid=both).text
    assert sorted(tickets(page)) == sorted(f"paper_{kind.value}-all-kept" for kind in TRANSFER[:5])
    bad = {"paper_employment_contract-all": (io.BytesIO(b"MZ"), "合同.jpg")}
    answer = holder.file("transfer", certificate, second, handler_name="", **who, **tickets(page), **bad)
    assert (answer.status_code, tickets(answer.text)) == (422, tickets(page))
    assert answer.text.count("合同.jpg: this is a EXE file") == 2  # in the summary and at the card
    assert "handler&#39;s name" in answer.text
    good = {"paper_employment_contract-all": (io.BytesIO(jpeg(600, 800)), "合同.jpg")}
    answer = holder.file("transfer", certificate, second, **who, **tickets(answer.text), **good)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_RELEASE] * 2


def test_a_draft_may_change_its_reason_and_is_asked_for_other_papers(holder):
    certificate = holder.held()
    key = certificate.id
    holder.file("cancellation", certificate, then="", reason_code="left")
    where = f"/claims/{read_scalar(holder.session, select(Filing.id))}/edit"
    typed = {"rowid": key, "reason_code": "other", f"note-{key}": "已调任其他岗位"}
    assert completed(holder, where, P.DISMISSAL_PROOF, keys=[key], **typed).status_code == 302
    assert holder.states() == [State.AWAITING_ACCEPTANCE]
    assert read_scalar(holder.session, select(Application.reason_code)) == "other"


def test_an_incoming_certificate_is_completed_on_its_form(holder):
    person = holder.passer()
    where = {"reason_code": "from_other_province", "person": person.id, "category": "C1"}
    answer = holder.file("replacement", then="", **where)
    assert answer.status_code == 302, answer.text
    page = f"/claims/{read_scalar(holder.session, select(Filing.id))}/edit"
    assert "old_number-in" in holder.clerk.get(page).text
    details = {"old_number": "粤建安C1(2024)0000007", "old_province": "广东", "first_issued_on": "2024-05-01"}
    typed = {f"{name}-in": text for name, text in {**details, "valid_to": str(TODAY + timedelta(days=400))}.items()}
    assert completed(holder, page, P.OLD_CERTIFICATE, P.TRANSFER_PROOF, keys=["in"], **typed).status_code == 302
    assert holder.states() == [State.AWAITING_ACCEPTANCE]


def test_the_place_of_a_missing_paper_leads_to_the_matters_own_form(holder):
    holder.file("renewal", holder.held(), then="")
    mine = read_scalar(holder.session, select(Filing.id))
    answer = holder.clerk.get(f"/filings/{mine}/edit")
    assert answer.status_code == 302
    assert f"/claims/{mine}/edit" in answer.location
