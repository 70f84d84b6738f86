"""Only the moves of the table are possible, through the page of a case and through batches."""

from collections.abc import Iterator
from itertools import product

import pytest

from app.core.vocabulary import Action, MatterKind, Role, State
from app.workflow import MOVES
from tests import make
from tests.web.applications.case_fixture import decide, in_batch, traces
from tests.web.form_steps import asks_for_json

OFFERED = {(move.source, move.action, move.by) for move in MOVES if MatterKind.NEW in move.matters}


def forbidden(state: State) -> Iterator[tuple[Action, Role]]:
    """Who may never do it is asked at one state; ``tests.test_workflow`` asks the domain for each at all of them."""
    sometimes = {(action, role) for _state, action, role in OFFERED}
    pairs = ((action, role) for action in Action for role in Role if (state, action, role) not in OFFERED)
    return (pair for pair in pairs if pair in sometimes or state is State.AWAITING_REVIEW)


@pytest.mark.parametrize("state", State)
def test_a_move_outside_the_table_is_refused_on_the_case_page(firm, session, state):
    application = firm.case(state)
    before = traces(session)
    for action, role in forbidden(state):
        answer = decide(asks_for_json(firm.browser(role)), application, action, make.REASON)
        assert answer.status_code in (403, 404, 409, 422), (action, role)
    assert firm.state(application) is state
    assert traces(session) == before


def test_a_move_outside_the_table_is_refused_in_a_batch(firm, session):
    """One batch of applications in all states; where a single row would have the whole of it refused, one of each."""
    made = {state: firm.case(state) for state in State}
    before, never = traces(session), {state: set(forbidden(state)) for state in State}

    def ask(applications, action, role):
        browser = asks_for_json(firm.browser(role))
        if action is Action.SUBMIT:
            return browser.post("/applications/new/submit", data={"rowid": [one.id for one in applications]})
        return in_batch(browser, applications, action, make.REASON)

    for action, role in product(Action, Role):
        if not (outside := [application for state, application in made.items() if (action, role) in never[state]]):
            continue
        answers = [ask(outside, action, role)]
        if answers[0].status_code in (404, 422):
            answers = [ask([application], action, role) for application in outside]
        for answer in answers:
            nothing_passes = "Nothing in this batch can be done." in answer.text
            assert answer.status_code in (403, 404, 422) or nothing_passes, (action, role)
    assert {state: firm.state(application) for state, application in made.items()} == {state: state for state in State}
    assert traces(session) == before


@pytest.mark.parametrize("move", [move for move in MOVES if move.stage], ids=lambda move: move.action.name)
def test_a_move_of_the_table_is_possible_singly_and_in_a_batch(firm, move):
    alone, among = firm.case(move.source), firm.case(move.source)
    assert decide(firm.browser(move.by), alone, move.action, make.REASON).status_code == 302
    assert in_batch(firm.browser(move.by), [among], move.action, make.REASON).status_code == 302
    assert {firm.state(alone), firm.state(among)} == {move.target}


def test_a_queue_offers_only_the_decisions_of_its_stage(firm, acceptance):
    application = firm.case(State.AWAITING_REVIEW)
    assert acceptance.post("/acceptance/batch/endorse", data={"rowid": application.id}).status_code == 404
    assert acceptance.post("/acceptance/batch/nonsense", data={"rowid": application.id}).status_code == 404
    assert firm.state(application) is State.AWAITING_REVIEW
