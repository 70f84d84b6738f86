"""Confirmed batches are carried out in portions: each row once, whatever is interrupted, and only as it was planned."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.applications.decision_batches import records, running
from app.applications.decision_batches.records import rows_of
from app.core.office import Office
from app.core.vocabulary import Action, BatchState, Category, JobState, Role, RowResult, State
from app.models import Account, Application, Certificate, DecisionBatch, Job, Message, PublicNotice, Step
from app.outbox.jobs import LEASE
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from app.workflow import carry_out
from tests import make
from tests.applications.decision_batches.steps import UNSEEN, Desk, carried_out, confirmed, desk, proposed
from tests.at_once import at_once

__all__ = ["desk"]  # a fixture
BACKGROUND = Office(batch_at_once=0)


def results(desk, batch):
    return [row.result for row in rows_of(desk.session, batch, desk.actor)]


def context(desk, store, at=make.NOON) -> JobContext:
    desk.session.rollback()
    return JobContext(desk.session.get_bind(), None, store, lambda: at)


def test_a_batch_is_carried_out_in_the_order_of_the_list_over_all_portions(desk):
    cases = [desk.case() for _n in range(5)]
    batch = carried_out(desk, confirmed(desk, proposed(desk, cases[::-1]).id).id, most=2)
    assert (batch.state, batch.done, batch.refused, batch.finished_at) == (BatchState.DONE, 5, 0, make.NOON)
    slips = desk.session.execute(select(Application.id, Application.acceptance_number).order_by(Application.id)).all()
    assert [slip[-4:] for _id, slip in slips] == ["0005", "0004", "0003", "0002", "0001"]


def test_what_would_not_pass_by_the_plan_is_not_tried_even_if_it_would_now(desk):
    good, bad = desk.case(), desk.case(exam=UNSEEN)
    batch = proposed(desk, [good, bad])
    desk.firm.session.execute(
        update(make.models.ExamPass).values(originals_verified_at=make.NOON, originals_verified_by="受理")
    )
    batch = carried_out(desk, confirmed(desk, batch.id).id)
    assert (batch.done, batch.not_done) == (1, 1)
    assert (desk.state(good), desk.state(bad)) == (State.AWAITING_REVIEW, State.AWAITING_ACCEPTANCE)


def test_a_case_that_was_moved_since_the_plan_is_refused_even_if_it_came_back(desk):
    """Returned for correction and submitted again: the state is the one that was planned, the case is another."""
    case, other = desk.case(), desk.case()
    batch = proposed(desk, [case, other])
    clerk = make.clerk(desk.firm.enterprise)
    for action, actor in ((Action.RETURN, desk.actor), (Action.SUBMIT, clerk)):
        assert carry_out(desk.session, [case], action, actor, reason="说明", at=make.NOON, office=Office()).passes
    desk.session.commit()
    batch = carried_out(desk, confirmed(desk, batch.id).id)
    assert (desk.state(case), desk.state(other)) == (State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW)
    assert results(desk, batch) == [RowResult.REFUSED, RowResult.DONE]
    [refusal] = rows_of(desk.session, batch, desk.actor, RowResult.REFUSED)[0].reasons
    assert refusal.code == "stale"


def test_a_fact_that_changed_since_the_plan_is_checked_again(desk):
    case = desk.case()
    batch = proposed(desk, [case])
    desk.ban(case)
    batch = carried_out(desk, confirmed(desk, batch.id).id)
    assert (batch.refused, desk.state(case)) == (1, State.AWAITING_ACCEPTANCE)


def test_what_joins_the_list_later_is_not_in_the_batch(desk):
    batch = proposed(desk, [desk.case()])
    late = desk.case()
    carried_out(desk, confirmed(desk, batch.id).id)
    assert desk.state(late) is State.AWAITING_ACCEPTANCE


@pytest.mark.parametrize(
    "change", [{"active": False}, {"roles": []}, {"region_code": "430200"}], ids=["locked", "without a role", "moved"]
)
def test_the_officer_decides_with_the_rights_of_the_moment(desk, change):
    case = desk.case()
    batch = confirmed(desk, proposed(desk, [case]).id)
    account = desk.session.get_one(Account, desk.account.id)
    for name, value in change.items():
        setattr(account, name, value)
    desk.session.commit()
    batch = carried_out(desk, batch.id)
    assert (batch.state, batch.done, batch.refused) == (BatchState.DONE, 0, 1)
    assert desk.state(case) is State.AWAITING_ACCEPTANCE


def test_the_result_is_that_of_the_sequence(session, app):
    head = Desk(session, Role.APPROVER)
    facts = {"person": {"name": "同一人"}}
    first = head.case(State.AWAITING_APPROVAL, category=Category.C3, **facts)
    person = session.get(Application, first).person
    session.add(make.exam_pass(person, category=Category.C1))
    second = make.application(person, State.AWAITING_APPROVAL, category=Category.C1)
    session.add(second)
    session.commit()
    batch = proposed(head, [first, second.id], action=Action.APPROVE)
    assert (batch.fit, batch.total) == (1, 2), "the plan says what the batch will do"
    batch = carried_out(head, confirmed(head, batch.id).id)
    assert (batch.done, batch.refused) == (1, 0)
    assert head.states() == [State.APPROVED, State.AWAITING_APPROVAL]


# --- in the background --------------------------------------------------------------------------------
def test_a_large_batch_is_carried_out_by_a_job_with_progress(desk, store):
    cases = [desk.case() for _n in range(5)]
    batch = confirmed(desk, proposed(desk, cases).id, BACKGROUND)
    assert (batch.state, desk.states()) == (BatchState.RUNNING, [State.AWAITING_ACCEPTANCE] * 5)
    assert run_due(context(desk, store), HANDLERS, most=1) == [JobState.DONE]
    job = desk.session.scalars(select(Job).where(Job.kind == records.KIND)).one()
    assert (job.done, job.total) == (5, 5)
    assert desk.states() == [State.AWAITING_REVIEW] * 5


class Killed(BaseException):
    """As a process that is killed: nothing catches it."""


@pytest.mark.parametrize("portions", [1, 2])
def test_a_job_killed_between_portions_goes_on_with_what_is_not_done_and_does_nothing_twice(desk, store, portions):
    cases = [desk.case() for _n in range(5)]
    batch = confirmed(desk, proposed(desk, cases).id, BACKGROUND)
    tools, seen = context(desk, store, make.NOON + LEASE), []

    def killed(done, _total):
        seen.append(done)
        if len(seen) == portions:
            raise Killed

    with pytest.raises(Killed):
        running.run_all(tools.sessions, batch.id, tools.now, Office, killed, most=2)
    assert results(desk, desk.session.get_one(DecisionBatch, batch.id)).count(RowResult.WAITING) == 5 - 2 * portions
    tools = context(desk, store, make.NOON + LEASE)
    assert run_due(tools, HANDLERS, most=1) == [JobState.DONE]
    assert desk.states() == [State.AWAITING_REVIEW] * 5
    traces = [desk.session.scalar(select(func.count()).select_from(table)) for table in (Step, Message, PublicNotice)]
    assert traces == [5, 5, 5]


def test_a_portion_that_fails_is_rolled_back_with_the_results_of_its_rows(desk):
    cases = [desk.case() for _n in range(3)]
    batch = confirmed(desk, proposed(desk, cases).id)
    running.run_portion(desk.session, batch.id, at=make.NOON, office=Office(), most=2)
    desk.session.rollback()
    batch = desk.session.get_one(DecisionBatch, batch.id, populate_existing=True)
    assert (batch.done, results(desk, batch)) == (0, [RowResult.WAITING] * 3)
    assert carried_out(desk, batch.id).done == 3


def test_a_small_batch_whose_request_was_interrupted_is_finished_by_its_job(desk, store):
    case = desk.case()
    confirmed(desk, proposed(desk, [case]).id)  # and the request ends here
    assert run_due(context(desk, store), HANDLERS, most=1) == []
    assert run_due(context(desk, store, make.NOON + LEASE), HANDLERS, most=1) == [JobState.DONE]
    assert desk.state(case) is State.AWAITING_REVIEW


def test_two_that_carry_out_one_batch_at_once_do_each_row_once(desk, engine):
    cases = [desk.case() for _n in range(6)]
    batch_id = confirmed(desk, proposed(desk, cases).id).id
    desk.session.rollback()

    def run(_n):
        done = 0
        while True:
            with Session(engine) as session, session.begin():
                far = running.run_portion(session, batch_id, at=make.NOON, office=Office(), most=2)
            done += len(far.done)
            if not far.waiting:
                return done

    assert sum(at_once(run, range(3))) == 6
    assert desk.session.scalar(select(func.count(Step.id))) == 6


def test_approvals_in_the_background_queue_the_drawing_of_their_certificates(session, app, store):
    head = Desk(session, Role.APPROVER)
    case = head.case(State.AWAITING_APPROVAL)
    confirmed(head, proposed(head, [case], action=Action.APPROVE).id, BACKGROUND)
    run_due(context(head, store), {records.KIND: HANDLERS[records.KIND]}, most=1)
    assert session.scalar(select(func.count(Certificate.id))) == 1
    assert set(session.scalars(select(Job.kind))) == {records.KIND, "papers"}


# --- once more ------------------------------------------------------------------------------------------
def test_what_was_not_done_is_retried_as_a_batch_of_its_own(desk):
    good, bad = desk.case(), desk.case(exam=UNSEEN)
    batch = carried_out(desk, confirmed(desk, proposed(desk, [bad, good]).id).id)
    desk.session.execute(update(make.models.ExamPass).values(originals_verified_at=make.NOON, originals_verified_by="受理"))
    given = {"at": make.NOON, "office": Office()}
    new = records.retry(desk.session, batch.id, "p", desk.actor, **given)
    assert records.retry(desk.session, batch.id, "p", desk.actor, **given) == new, "pressed twice, one batch"
    again = desk.session.get_one(DecisionBatch, new)
    assert (again.retry_of_id, again.total, again.fit, again.action) == (batch.id, 1, 1, Action.ACCEPT)
    desk.session.commit()
    assert carried_out(desk, confirmed(desk, new).id).done == 1
    assert desk.state(bad) is State.AWAITING_REVIEW


def test_a_batch_that_is_not_finished_is_not_retried(desk):
    batch = proposed(desk, [desk.case()])
    with pytest.raises(records.Stale):
        records.retry(desk.session, batch.id, "p", desk.actor, at=make.NOON, office=Office())
