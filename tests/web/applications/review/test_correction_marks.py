"""补正 on the pages of officer and enterprise: marks, corrections, and the comparison of before and after."""

import io
import re

import pytest
from sqlalchemy import select

from app.applications.attachments import attach, discard
from app.core.errors import AppError
from app.core.vocabulary import Action, MatterKind, PaperKind, Position, ReplacementReason, Role, State
from app.eligibility import corrections
from app.eligibility.corrections import CorrectionMark
from app.eligibility.facts import of_applications
from app.files.storage import Store
from app.matters import correctable
from app.models import Application, Message, Paper, Step
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import Firm, decide, read_scalar
from tests.workflow_fixture import Firm as Matters

PHOTO, MAJOR = "papers.photo", "person.major"
WHY = {PHOTO: "照片不清晰", MAJOR: "与学历证不一致"}


class CorrectingFirm(Firm):
    """An enterprise with steps on a submitted application by its clerk and an officer."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.clerk, self.officer = self.browser(Role.ENTERPRISE_CLERK), self.browser(Role.ACCEPTANCE_OFFICER)

    def submitted(self, **facts) -> Application:
        application = self.case(State.DRAFT, **facts)
        self.clerk.post("/applications/new/submit", data={"rowid": application.id})
        return application

    def return_marked(self, application, reason="", **whys):
        """Return with a mark and a reason for each item of ``whys``."""
        marks = whys or WHY
        data = {"mark": list(marks), **{f"why-{item}": why for item, why in marks.items()}}
        return decide(self.officer, application, Action.RETURN, reason, **data)

    def correct(self, application, then="submit", photo=None, **typed):
        scan = {"papers-photo": (io.BytesIO(photo), "新照片.jpg")} if photo else {}
        data = {"then": then, **typed, **scan}
        return self.clerk.post(f"/corrections/{application.id}", data=data, content_type="multipart/form-data")

    def again(self, application) -> Application:
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Application, application.id)


@pytest.fixture
def firm(session, signed_in, system) -> CorrectingFirm:
    return CorrectingFirm(session, signed_in, system)


def test_another_enterprise_and_another_role_correct_nothing(firm, other_firm):
    application = firm.submitted()
    firm.return_marked(application)
    path = f"/corrections/{application.id}"
    assert other_firm.browser(Role.ENTERPRISE_CLERK).get(path).status_code == 404
    assert other_firm.browser(Role.ENTERPRISE_CLERK).post(path, data={"person-major": "x"}).status_code == 404
    for role in (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.VIEWER, Role.ADMIN, Role.EXAM_CLERK):
        assert firm.browser(role).post(path, data={"person-major": "x"}).status_code == 403
    assert firm.again(application).person.major == ""


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.APPROVER])
def test_only_acceptance_officers_mark(firm, role):
    application = firm.submitted()
    assert decide(firm.browser(role), application, Action.RETURN, mark=[MAJOR], **{f"why-{MAJOR}": "错"}).status_code == 403
    assert 'name="mark"' not in firm.browser(role).get(f"/cases/{application.id}").text
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_the_second_of_two_officers_is_refused_and_marks_nothing(firm):
    application = firm.submitted()
    seen = re.search(r'name="seen" value="(\d+)"', firm.officer.get(f"/cases/{application.id}").text)[1]
    firm.return_marked(application)
    other = firm.browser(Role.ACCEPTANCE_OFFICER, "430100")
    answer = decide(other, application, Action.RETURN, seen=seen, mark=[PHOTO], **{f"why-{PHOTO}": "又一处"})
    assert answer.status_code == 409
    assert "又一处" not in firm.again(application).asked_for


@pytest.mark.parametrize("state", [state for state in State if state is not State.RETURNED])
def test_only_what_is_returned_with_marks_has_a_page_of_corrections(firm, state):
    application = firm.case(state)
    assert firm.clerk.get(f"/corrections/{application.id}").status_code == 422


def test_an_item_that_the_enterprise_cannot_change_is_not_marked(session):
    firm = Matters(session)
    renewal = firm.on(firm.certificate(), MatterKind.RENEWAL)
    incoming = firm.on(firm.old.certificate(), MatterKind.TRANSFER)
    facts = of_applications(session, [renewal.id, incoming.id])
    assert not {"person.name", "person.id_number"} & set(correctable(facts[renewal.id], make.TODAY))
    assert not [item for item in correctable(facts[incoming.id], make.TODAY) if item.startswith("person.")]
    assert {"papers.photo", "papers.end_of_employment"} <= set(correctable(facts[incoming.id], make.TODAY))


def test_a_forged_mark_returns_nothing(firm):
    application = firm.submitted()
    for item in ("person.salary", "details.old_number"):
        assert firm.return_marked(application, **{item: "?"}).status_code == 422
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_every_fact_and_scan_can_be_marked_where_it_is_shown(firm):
    page = firm.officer.get(f"/cases/{firm.submitted().id}").text
    for item in ("person.name", "person.education", "papers.photo", "papers.id_card", "pledge", "qualifications"):
        assert page.count(f'name="mark" value="{item}" form="decide"') == 1
        assert f'name="why-{item}"' in page
    assert "The background is not white." in page


def test_one_complete_notice_is_kept_sent_and_shown_as_a_list(firm, session):
    application = firm.submitted()
    assert firm.return_marked(application, "共两处", **WHY).status_code == 302
    stored = firm.again(application)
    assert stored.state is State.RETURNED
    assert stored.asked_for == corrections.notice(
        [CorrectionMark(MAJOR, WHY[MAJOR]), CorrectionMark(PHOTO, WHY[PHOTO])], "共两处"
    )
    assert "照片不清晰" in read_scalar(session, select(Message.text).order_by(Message.id.desc()))
    page = firm.clerk.get(f"/cases/{application.id}/read").text
    page = re.sub(r">\s+|\s+<", lambda space: space[0].strip(), page)
    assert "<li><b>Major</b>: 与学历证不一致</li><li><b>Photo</b>: 照片不清晰</li></ol><p>共两处</p>" in page


def test_the_notice_is_looked_at_without_being_sent(firm):
    application = firm.submitted()
    typed = {"mark": [PHOTO], f"why-{PHOTO}": "照片不清晰。\n照片不是白色背景。", "reason": "尽快"}
    page = decide(firm.officer, application, Action.RETURN, typed.pop("reason"), **typed, then="look").text
    assert "1. Photo：照片不清晰; 照片不是白色背景\n尽快" in page
    assert re.search(rf'value="{PHOTO}"[^>]* checked', page)
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_a_tick_without_a_reason_is_refused_and_the_form_is_kept(firm):
    application = firm.submitted()
    answer = firm.return_marked(application, "说明", **{PHOTO: " ", MAJOR: "填错"})
    assert answer.status_code == 422
    assert f'href="#why-{PHOTO}"' in answer.text
    assert "填错</textarea>" in answer.text
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_a_reason_without_a_tick_is_a_mark_too(firm):
    """Without JavaScript typing a reason does not tick the box."""
    application = firm.submitted()
    decide(firm.officer, application, Action.RETURN, **{f"why-{MAJOR}": "填错"})
    assert [mark["item"] for mark in firm.again(application).marks] == [MAJOR]


def test_neither_mark_nor_remark_is_no_notice(firm):
    application = firm.submitted()
    assert decide(firm.officer, application, Action.RETURN, "  ").status_code == 422
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_marks_of_another_decision_are_left_aside(firm):
    application = firm.submitted()
    decide(firm.officer, application, Action.ACCEPT, mark=[PHOTO], **{f"why-{PHOTO}": "看错了"})
    assert firm.state(application) is State.AWAITING_REVIEW
    assert read_scalar(firm.session, select(Step.marks).order_by(Step.id.desc())) is None


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
    typed = {"name": "李雷", "education": "college", "position": "safety_director", "technical_title": "senior"}
    assert firm.clerk.post(f"/people/edit/{person.id}", data=typed).status_code == 302
    firm.correct(application, **{"person-major": "土木工程"})
    stored = firm.again(application)
    assert stored.person.position is Position.SAFETY_DIRECTOR
    assert (stored.snapshot["person"]["position"], stored.snapshot["person"]["major"]) == ("safety_officer", "土木工程")


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
    decide(firm.officer, application, Action.RETURN, "请核对全部信息")
    assert f"/filings/{application.filing_id}/edit" in firm.clerk.get("/applications/new/").text
    assert firm.clerk.post("/applications/new/submit", data={"rowid": application.id}).status_code == 302
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_a_number_is_corrected_without_ever_being_shown(firm):
    application = firm.submitted()
    firm.return_marked(application, **{"person.id_number": "与身份证不一致"})
    number = make.id_number()
    assert application.person.id_number not in firm.clerk.get(f"/corrections/{application.id}").text
    assert firm.correct(application, **{"person-id_number": number}).status_code == 302
    stored = firm.again(application)
    assert stored.snapshot["person"]["id_number"] == number
    assert stored.snapshot["person"]["birth_date"] == f"{stored.person.birth_date:%Y-%m-%d}"


def test_before_and_after_of_words_and_scans_stand_side_by_side(firm):
    application = firm.submitted()
    old = firm.again(application).snapshot["papers"]["photo"]
    firm.return_marked(application)
    firm.correct(application, photo=jpeg(500, 700), **{"person-major": "土木工程"})
    new = firm.again(application).snapshot["papers"]["photo"]
    page = firm.officer.get(f"/cases/{application.id}").text
    assert new != old
    assert f'data-scan="/papers/{new}"' in page
    assert f'data-before="/papers/{old}"' in page
    assert re.search(r'data-l="After the correction"><b>土木工程</b>', page)
    assert firm.officer.get(f"/papers/{old}").status_code == 200


def test_every_round_has_its_own_marks_and_its_own_before(firm):
    application = firm.submitted()
    firm.return_marked(application, **{MAJOR: "第一次"})
    firm.correct(application, **{"person-major": "土木"})
    firm.return_marked(application, **{MAJOR: "第二次", "person.mobile": "停机"})
    firm.correct(application, word="手机已恢复", **{"person-major": "土木工程"})
    page = firm.officer.get(f"/cases/{application.id}").text
    before = re.search(
        r'data-l="Before the correction">([^<]*)<.*?data-l="After the correction"><b>([^<]*)<', page, re.DOTALL
    )
    assert before.groups() == ("土木", "土木工程")
    assert "Mobile: 停机" in page
    assert firm.again(application).round == 3
    decide(firm.officer, application, Action.ACCEPT)
    assert firm.state(application) is State.AWAITING_REVIEW


def returned(firm, matter, marks, **facts):
    application = firm.on(firm.certificate(), matter, State.AWAITING_ACCEPTANCE, **facts)
    step = Step(
        application_id=application.id, round=1, action=Action.RETURN, source=State.AWAITING_ACCEPTANCE,
        target=State.RETURNED, actor="受理", reason="-", marks=[{"item": item, "why": "错"} for item in marks], at=make.NOON,
    )  # fmt: skip
    record = of_applications(firm.session, [application.id])[application.id].record()
    application.state, application.snapshot = State.RETURNED, record
    firm.session.add(step)
    firm.session.commit()
    return application


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
    assert clerk.post(f"/claims/{application.filing_id}/edit", data={**form, **typed}).status_code == 302
    clerk.post(f"/corrections/{application.id}", data={"details-medium": "湖南日报", "details-declared_on": "2026-01-01"})
    session.refresh(application)
    assert application.details == {"declared_on": "2026-02-20", "medium": "湖南日报"}


def test_a_paper_of_the_application_that_is_not_marked_is_locked_in_the_domain(session, system, office):
    firm = Matters(session)
    application = returned(firm, MatterKind.RENEWAL, ["papers.old_certificate"])
    clerk, store = make.clerk(firm.enterprise), Store(system.settings.blobs)
    given = {"at": make.NOON, "office": office}
    attach(session, store, application, PaperKind.OLD_CERTIFICATE, jpeg(), "新.jpg", clerk, **given)
    with pytest.raises(AppError) as refused:
        attach(session, store, application, PaperKind.CONTINUING_EDUCATION, jpeg(), "新.jpg", clerk, **given)
    assert refused.value.code == "not-marked"
    stored = session.scalar(
        select(Paper.id).where(Paper.application_id == application.id, Paper.kind == PaperKind.CONTINUING_EDUCATION)
    )
    with pytest.raises(AppError):
        discard(session, stored, clerk, at=make.NOON)


def test_every_item_has_stock_reasons_of_valid_length():
    assert set(corrections.STOCK) == set(corrections.ITEMS)
    assert all(0 < len(str(text)) <= corrections.LONGEST_WHY for texts in corrections.STOCK.values() for text in texts)
