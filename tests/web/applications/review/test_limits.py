"""What the limits of a case mean, as officer and applicant read it, and the forms that follow from them."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import now, office_day
from app.core.vocabulary import Action, Role, State
from app.models import Step
from tests import make
from tests.web.applications.case_fixture import decide, read_scalar
from tests.web.applications.correction_steps import MAJOR, PHOTO, CorrectingFirm

DAY = timedelta(days=1)


def today():
    return office_day(now())


FIRM = CorrectingFirm


def late_case(firm):
    return firm.case(due_on=today() - DAY, due_from=today() - 8 * DAY, due_days=5)


def offered(page):
    return set(re.findall(r'name="decision" value="(\w+)"', page))


@pytest.mark.parametrize("role", [Role.ACCEPTANCE_OFFICER, Role.ENTERPRISE_CLERK])
def test_acceptance_by_lapse_of_time_and_what_it_entails_is_told_to_officer_and_applicant(firm, role):
    page = firm.browser(role).get(f"/cases/{late_case(firm).id}").text
    assert "Accepted by lapse of time" in page
    assert f"received on {today() - 8 * DAY}" in page
    assert "can no longer be returned or not accepted" in " ".join(page.split())


def test_past_the_limit_only_acceptance_is_offered_and_the_slip_counts_from_the_receipt(firm):
    case = late_case(firm)
    assert offered(firm.officer.get(f"/cases/{case.id}").text) == {"accept"}
    assert decide(firm.officer, case, Action.DECLINE, make.REASON).status_code == 422
    assert decide(firm.officer, case, Action.ACCEPT).status_code == 302
    assert "counted from that day" in firm.clerk.get(f"/cases/{case.id}/read").text
    assert "收到申请材料之日起即为受理" in firm.clerk.get(f"/archive/{case.id}").text


def test_within_the_limit_all_three_are_offered(firm):
    assert offered(firm.officer.get(f"/cases/{firm.case().id}").text) == {"accept", "return", "decline"}


def test_the_day_a_correction_is_awaited_stands_in_list_case_workbench_and_notice(firm):
    application = firm.submitted()
    firm.return_marked(application)
    until = firm.again(application).due_on
    assert f"{until}" in firm.clerk.get("/applications/new/").text
    assert f"awaited until {until}" in firm.clerk.get(f"/cases/{application.id}").text
    assert f"awaited until {until}" in firm.clerk.get("/work/").text
    assert f"awaited until {until}" in firm.clerk.get(f"/corrections/{application.id}").text
    assert "前（含当日）补正" in firm.clerk.get(f"/archive/{application.id}").text
    assert 'value="lapse"' not in firm.officer.get(f"/cases/{application.id}").text


def test_an_overdue_correction_is_closed_from_the_case_with_a_notice(firm):
    case = firm.case(State.RETURNED, due_on=today() - DAY)
    firm.session.add(
        Step(application_id=case.id, round=1, action=Action.RETURN, source=State.AWAITING_ACCEPTANCE, target=State.RETURNED,
             actor="受理", reason=make.REASON, at=make.NOON, awaited_until=today() - DAY)
    )  # fmt: skip
    firm.session.commit()
    page = firm.officer.get(f"/cases/{case.id}").text
    assert 'name="decision" value="lapse"' in page
    assert 'value="lapse"' not in firm.clerk.get(f"/cases/{case.id}").text
    assert decide(firm.clerk, case, Action.LAPSE).status_code == 403
    assert decide(firm.officer, case, Action.LAPSE).status_code == 302
    assert firm.state(case) is State.ABANDONED
    notice = " ".join(firm.clerk.get(f"/archive/{case.id}").text.split())
    assert "终止办理通知书" in notice
    assert "期满未收到补正材料" in notice
    assert "自收到本通知之日起" in notice


def test_before_the_named_day_the_form_is_missing_and_a_post_is_refused(firm):
    case = firm.case(State.RETURNED, due_on=today())
    assert 'value="lapse"' not in firm.officer.get(f"/cases/{case.id}").text
    assert decide(firm.officer, case, Action.LAPSE).status_code == 422
    assert firm.state(case) is State.RETURNED


def test_the_second_notice_marks_what_changed_only_and_the_officer_says_so(firm):
    application = firm.submitted()
    firm.return_marked(application)
    firm.correct(application, **{"person-major": "土木", "word": "照片为上月拍摄"})
    page = firm.officer.get(f"/cases/{application.id}").text
    assert 'name="mark" value="person.major"' in page
    assert f'name="mark" value="{PHOTO}"' not in page
    again = {"mark": [MAJOR], f"why-{MAJOR}": "与学历证仍不一致"}
    answer = decide(firm.officer, application, Action.RETURN, **again)
    assert (answer.status_code, 'href="#brought_up"' in answer.text) == (422, True)
    assert "与学历证仍不一致</textarea>" in answer.text
    assert decide(firm.officer, application, Action.RETURN, **again, brought_up="1").status_code == 302
    assert read_scalar(firm.session, select(Step.brought_up).order_by(Step.id.desc())) is True
    assert "因你单位补正的材料，出现以下需要补正的内容" in firm.clerk.get(f"/archive/{application.id}").text


def test_a_correction_that_changed_nothing_cannot_be_returned_again(firm):
    application = firm.submitted()
    firm.return_marked(application)
    firm.correct(application, word="已核对，无须修改")
    assert offered(firm.officer.get(f"/cases/{application.id}").text) == {"accept", "decline"}
