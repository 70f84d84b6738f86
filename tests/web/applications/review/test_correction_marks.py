"""补正 on the pages of the officer: marks, the notice, and the comparison of before and after."""

import re

import pytest
from sqlalchemy import select, update

from app.core.vocabulary import Action, MatterKind, Role, State
from app.eligibility import corrections
from app.eligibility.corrections import CorrectionMark
from app.eligibility.facts import of_applications
from app.matters import correctable
from app.models import Message, Step
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import decide, read_scalar
from tests.web.applications.correction_steps import MAJOR, PHOTO, WHY, CorrectingFirm
from tests.workflow_fixture import Firm as Matters

FIRM = CorrectingFirm


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


def test_an_item_that_the_enterprise_cannot_change_is_not_marked(session):
    firm = Matters(session)
    renewal = firm.on(firm.certificate(), MatterKind.RENEWAL)
    incoming = firm.on(firm.old.certificate(), MatterKind.TRANSFER)
    first = firm.application(State.AWAITING_ACCEPTANCE)
    facts = of_applications(session, [renewal.id, incoming.id, first.id])
    for own in (renewal, first):  # name and ID number are fixed while an application is open
        assert not {"person.name", "person.id_number"} & set(correctable(facts[own.id], make.TODAY))
    assert not [item for item in correctable(facts[incoming.id], make.TODAY) if item.startswith("person.")]
    assert {"papers.photo", "papers.end_of_employment"} <= set(correctable(facts[incoming.id], make.TODAY))


def test_a_forged_mark_returns_nothing(firm):
    application = firm.submitted()
    for item in ("person.salary", "person.name", "person.id_number", "details.old_number"):
        assert firm.return_marked(application, **{item: "?"}).status_code == 422
    assert firm.state(application) is State.AWAITING_ACCEPTANCE


def test_every_fact_and_scan_can_be_marked_where_it_is_shown(firm):
    page = firm.officer.get(f"/cases/{firm.submitted().id}").text
    for item in ("person.position", "person.education", "papers.photo", "papers.id_card", "pledge", "qualifications"):
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


def test_a_number_marked_by_an_earlier_version_is_neither_shown_nor_changed(firm):
    application = firm.submitted()
    firm.return_marked(application)
    marks = [{"item": "person.id_number", "why": "与身份证不一致"}]
    firm.session.execute(update(Step).where(Step.action == Action.RETURN).values(marks=marks))
    firm.session.commit()
    before = application.person.id_number
    assert before not in firm.clerk.get(f"/corrections/{application.id}").text
    answer = firm.correct(application, **{"person-id_number": make.id_number()})
    assert (answer.status_code, "Withdraw it" in answer.text) == (422, True)
    assert firm.again(application).person.id_number == before


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
    again = {"mark": [MAJOR], f"why-{MAJOR}": "第二次", "brought_up": "1"}  # the correction itself brought it up
    decide(firm.officer, application, Action.RETURN, **again)
    assert firm.again(application).marks == [{"item": MAJOR, "why": "第二次"}]
    firm.correct(application, **{"person-major": "土木工程"})
    page = firm.officer.get(f"/cases/{application.id}").text
    before = re.search(
        r'data-l="Before the correction">([^<]*)<.*?data-l="After the correction"><b>([^<]*)<', page, re.DOTALL
    )
    assert before.groups() == ("土木", "土木工程")
    assert firm.again(application).round == 3
    decide(firm.officer, application, Action.ACCEPT)
    assert firm.state(application) is State.AWAITING_REVIEW


def test_every_item_has_stock_reasons_of_valid_length():
    assert set(corrections.STOCK) == set(corrections.ITEMS)
    assert all(0 < len(str(text)) <= corrections.LONGEST_WHY for texts in corrections.STOCK.values() for text in texts)
