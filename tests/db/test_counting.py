from app.core.vocabulary import State
from app.db.counting import counts, shown_count
from app.models import Application, Enterprise
from tests import make
from tests.query_counter import queries


def test_each_condition_is_counted_up_to_the_limit_in_one_statement(session):
    firm = make.enterprise()
    session.add_all([make.application(make.person(firm), state) for state in [State.DRAFT] * 3 + [State.RETURNED]])
    session.commit()
    asked = {state: (Application.state == state, Application.enterprise_id == firm.id) for state in State}
    with queries(session.get_bind()) as said:
        found = counts(session, Application, asked, most=1)
    assert len(said) == 1
    assert {state: number for state, number in found.items() if number} == {State.DRAFT: 2, State.RETURNED: 1}
    assert counts(session, Enterprise, {}, most=1) == {}


def test_a_number_beyond_the_limit_is_shown_as_more_than_it():
    assert [shown_count(number, 999) for number in (0, 999, 1_000, 1_000_000)] == ["0", "999", "999+", "999+"]
