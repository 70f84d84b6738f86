"""What a batch is for: ticked rows, or everything that the list's query finds, fixed when it is planned."""

import re

from sqlalchemy import select, update

from app.core.clock import now
from app.core.vocabulary import Category, Role, State
from app.models import Application, DecisionBatch, DecisionBatchRow, Parameter
from tests.web.applications.case_fixture import batch_in, confirmed, count

ALL = {"whole": "1"}


def rows(session):
    session.rollback()
    return list(session.scalars(select(DecisionBatchRow.application_id).order_by(DecisionBatchRow.position)))


def test_all_pages_are_offered_only_where_the_list_has_more_than_its_page(firm, acceptance):
    [firm.case() for _n in range(11)]
    assert "All 11, also those not shown" in acceptance.get("/acceptance/?size=10").text
    assert "also those not shown" not in acceptance.get("/acceptance/?size=20").text
    assert "also those not shown" not in acceptance.get("/closed/").text


def test_everything_that_the_filter_finds_is_planned_in_the_order_of_the_list(firm, acceptance, session):
    a = [firm.case(category=Category.A) for _n in range(11)]
    firm.case(category=Category.C1)
    firm.case(State.AWAITING_REVIEW, category=Category.A)
    address = "/acceptance/?category=A&size=10&sort=-submitted_at"
    answer = acceptance.post("/acceptance/batch/accept", data={**ALL, "next": address})
    assert rows(session) == [case.id for case in a][::-1]
    page = acceptance.get(answer.headers["Location"]).text
    assert "Of 11, 11 would pass and 0 not." in page
    assert "All that the list found, on all its pages" in page
    assert re.search("Personnel category .*A", page)


def test_what_joins_the_filter_between_plan_and_confirmation_is_left_alone(firm, acceptance):
    early = firm.case()
    planned = acceptance.post("/acceptance/batch/accept", data={**ALL, "next": "/acceptance/"})
    late = firm.case()
    confirmed(acceptance, planned)
    assert (firm.state(early), firm.state(late)) == (State.AWAITING_REVIEW, State.AWAITING_ACCEPTANCE)


def test_no_more_than_the_parameter_is_taken_and_the_page_says_so(firm, acceptance, session):
    [firm.case() for _n in range(14)]
    session.add(Parameter(name="largest_batch", value="12", changed_at=now(), changed_by="管理员"))
    session.commit()
    assert "The first 12, also those not shown" in acceptance.get("/acceptance/?size=10").text
    acceptance.post("/acceptance/batch/accept", data={**ALL, "next": "/acceptance/"})
    assert len(rows(session)) == 12


def test_an_address_of_another_list_filters_nothing_and_reaches_nothing_more(firm, other_firm, session):
    mine, theirs = firm.case(), other_firm.case()
    officer = firm.browser(Role.ACCEPTANCE_OFFICER, "430100")
    for address in ("/closed/?state=all", "//evil.example/acceptance/", "/acceptance/?state=all&region_code=430200"):
        officer.post("/acceptance/batch/accept", data={**ALL, "next": address, "page": address})
    assert set(rows(session)) == {mine.id}
    assert firm.state(theirs) is State.AWAITING_ACCEPTANCE


def test_the_same_form_sent_twice_is_one_batch_and_another_form_another(firm, acceptance, session):
    case = firm.case()
    page = re.search('name="page" value="([^"]+)"', acceptance.get("/acceptance/").text)[1]
    sent = {"rowid": case.id, "page": page}
    places = {batch_in(acceptance.post("/acceptance/batch/accept", data=sent)) for _twice in range(2)}
    assert len(places) == 1
    acceptance.get("/acceptance/")
    assert batch_in(acceptance.post("/acceptance/batch/accept", data={**sent, "page": "other"})) not in places
    assert count(session, DecisionBatch) == 2


def test_a_filter_that_finds_nothing_says_so(firm, acceptance, session):
    session.execute(update(Application).values(category=Category.B))
    answer = acceptance.post("/acceptance/batch/accept", data={**ALL, "next": "/acceptance/"}, follow_redirects=True)
    assert "Please choose at least one record first." in answer.text
