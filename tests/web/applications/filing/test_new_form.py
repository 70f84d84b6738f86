"""The form of new applications."""

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from app.core.vocabulary import Action, PaperKind, State
from app.models import Application, Filing, Paper, Person
from tests import make
from tests.web.applications.case_fixture import count, decide, filed, read_scalar


def test_saving_is_not_submitting_and_the_list_warns_of_it(firm, clerk, session):
    answer = filed(clerk, firm.passer())
    page = clerk.get(answer.headers["Location"]).text
    assert "Not submitted yet" in page
    assert "1 applications are only saved and NOT submitted yet" in page
    assert read_scalar(session, select(Application.state)) is State.DRAFT


def test_several_people_are_filed_and_submitted_in_one_go(firm, clerk, session):
    answer = filed(clerk, firm.passer(name="甲一"), firm.passer(name="乙二"), then="submit")
    assert urlsplit(answer.headers["Location"]).path == "/applications/new/"
    assert read_scalar(session, select(func.count()).where(Application.state == State.AWAITING_ACCEPTANCE)) == 2
    assert count(session, Filing) == 1


def test_what_cannot_be_submitted_stays_a_draft_and_every_gap_is_named_with_its_place(firm, clerk, session):
    lacking = firm.passer(name="缺件人", without=(PaperKind.TITLE, PaperKind.PHOTO))
    answer = filed(clerk, lacking, firm.passer(name="齐全人"), then="submit")
    page = clerk.get(answer.headers["Location"]).text
    states = {row.name: row.state for row in session.execute(select(Person.name, Application.state).join(Application.person))}
    assert states == {"缺件人": State.DRAFT, "齐全人": State.AWAITING_ACCEPTANCE}
    assert "Saved, but NOT submitted: 1" in page
    for kind in ("photo", "title"):
        assert re.search(rf'href="/people/edit/{lacking.id}\?[^"]*#paper-{kind}"', page)


def test_papers_of_the_enterprise_are_asked_for_once(firm, clerk, session):
    for paper in session.scalars(select(Paper).where(Paper.kind.in_((PaperKind.PLEDGE, PaperKind.QUALIFICATION)))):
        paper.replaced_at = make.NOON
    session.commit()
    firm.passer(), firm.passer()
    page = clerk.get("/filings/add").text
    assert page.count("The integrity pledge is missing") == 1
    assert page.count("The qualification certificate scan is missing") == 1


def test_all_bad_values_are_named_at_once_and_the_input_stays(firm, clerk, session):
    person = firm.passer()
    answer = filed(clerk, person, handler_name="<b>", handler_mobile="12345")
    assert answer.status_code == 422
    assert "3 things" not in answer.text
    assert 'value="12345"' in answer.text
    assert 'value="&lt;b&gt;"' in answer.text
    assert re.search(rf'value="{person.id}-C1" checked', answer.text)
    assert count(session, Filing) == 0


def test_choosing_nobody_is_reported_with_the_other_mistakes(firm, clerk, session):
    firm.passer()
    answer = filed(clerk, handler_name="", handler_mobile="")
    assert answer.status_code == 422
    assert "Please choose at least one person." in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert count(session, Filing) == 0


@pytest.mark.parametrize("value", ["", "1", "1-Z9", "x-C1", f"{2**70}-C1", "1-C1-C1"])
def test_a_forged_tick_saves_nothing(firm, clerk, session, value):
    firm.passer()
    data = {"handler_name": "韩梅梅", "handler_mobile": "13812345678", "rowid": value}
    assert clerk.post("/filings/add", data=data).status_code in (404, 422)
    assert count(session, Filing) == 0


def test_the_ready_ones_are_ticked_on_demand_without_saving(firm, clerk, session):
    ready, lacking = firm.passer(), firm.passer(without=(PaperKind.PHOTO,))
    page = filed(clerk, then="tick", handler_name="张三丰").text
    assert re.search(rf'value="{ready.id}-C1" checked', page)
    assert not re.search(rf'value="{lacking.id}-C1" checked', page)
    assert 'value="张三丰"' in page
    assert count(session, Filing) == 0


def test_the_handler_is_filled_in_as_last_time(firm, clerk):
    filed(clerk, firm.passer(), handler_name="王经办")
    page = clerk.get("/filings/add").text
    assert 'value="王经办"' in page
    assert 'value="13812345678"' in page


def test_a_draft_can_be_changed_and_its_people_stay_ticked(firm, clerk, session):
    first, second = firm.passer(name="甲一"), firm.passer(name="乙二")
    filed(clerk, first)
    path = f"/filings/{read_scalar(session, select(Filing.id))}/edit"
    assert re.search(rf'value="{first.id}-C1" checked', clerk.get(path).text)
    filed(clerk, second, path=path)
    assert read_scalar(session, select(Application.person_id)) == second.id
    assert count(session, Application) == 1


def test_a_returned_case_is_corrected_and_submitted_again(firm, clerk, acceptance):
    application = firm.case()
    decide(acceptance, application, Action.RETURN, "照片面部不清晰，无法与身份证核对")
    assert "照片面部不清晰，无法与身份证核对" in clerk.get(f"/cases/{application.id}/read").text
    filed(clerk, then="submit", path=f"/filings/{application.filing_id}/edit")
    assert firm.state(application) is State.AWAITING_ACCEPTANCE
