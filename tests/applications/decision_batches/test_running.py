"""Confirmed batches are carried out in portions: each row once, whatever is interrupted, and only as it was planned."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.applications.decision_batches import records, running
from app.applications.decision_batches.records import rows_of
from app.core.office import Office
from app.core.vocabulary import Action, BatchState, Category, JobState, NotificationKind, Role, RowResult, State
from app.models import Account, Application, Certificate, DecisionBatch, Job, Message, Notification, PublicNotice, Step
from app.outbox.jobs import LEASE, MAX_ATTEMPTS
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, retry, run_due
from app.workflow import carry_out
from tests import make
from tests.applications.decision_batches.steps import UNSEEN, Officer, carried_out, confirmed, officer, proposed
from tests.at_once import at_once

__all__ = ["officer"]  # a fixture
BACKGROUND = Office(batch_at_once=0)


def results(officer, batch):
    return [row.result for row in rows_of(officer.session, batch, officer.actor)]


def context(officer, store, at=make.NOON) -> JobContext:
    officer.session.rollback()
    return JobContext(officer.session.get_bind(), None, store, lambda: at)


def test_a_batch_is_carried_out_in_the_order_of_the_list_over_all_portions(officer):
    cases = [officer.case() for _n in range(5)]
    batch = carried_out(officer, confirmed(officer, proposed(officer, cases[::-1]).id).id, most=2)
    assert (batch.state, batch.done, batch.refused, batch.finished_at) == (BatchState.DONE, 5, 0, make.NOON)
    slips = officer.session.execute(select(Application.id, Application.acceptance_number).order_by(Application.id)).all()
    assert [slip[-4:] for _id, slip in slips] == ["0005", "0004", "0003", "0002", "0001"]


@pytest.mark.parametrize("at_once", [1, 2])
def test_the_officer_is_told_once_inside_the_system_of_a_batch_that_was_not_waited_for(officer, at_once):
    batch = confirmed(officer, proposed(officer, [officer.case(), officer.case()]).id).id
    for _again in range(4):  # two portions, and a worker that was lost after the last
        running.run_portion(officer.session, batch, at=make.NOON, office=Office(batch_at_once=at_once), most=1)
        officer.session.commit()
    mine = select(Notification).where(Notification.account_id == officer.account.id)
    told = officer.session.scalars(mine).all()
    assert [(one.kind, one.subject_id) for one in told] == [(NotificationKind.BATCH, batch)] * (at_once == 1)


def test_what_would_not_pass_by_the_plan_is_not_tried_even_if_it_would_now(officer):
    good, bad = officer.case(), officer.case(exam=UNSEEN)
    batch = proposed(officer, [good, bad])
    officer.firm.session.execute(
        update(make.models.ExamPass).values(originals_verified_at=make.NOON, originals_verified_by="受理")
    )
    batch = carried_out(officer, confirmed(officer, batch.id).id)
    assert (batch.done, batch.not_done) == (1, 1)
    assert (officer.state(good), officer.state(bad)) == (State.AWAITING_REVIEW, State.AWAITING_ACCEPTANCE)


def test_a_case_that_was_moved_since_the_plan_is_refused_even_if_it_came_back(officer):
    """Returned for correction and submitted again: the state is the one that was planned, the case is another."""
    case, other = officer.case(), officer.case()
    batch = proposed(officer, [case, other])
    clerk = make.clerk(officer.firm.enterprise)
    for action, actor in ((Action.RETURN, officer.actor), (Action.SUBMIT, clerk)):
        assert carry_out(officer.session, [case], action, actor, reason=make.REASON, at=make.NOON, office=Office()).passes
    officer.session.commit()
    batch = carried_out(officer, confirmed(officer, batch.id).id)
    assert (officer.state(case), officer.state(other)) == (State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW)
    assert results(officer, batch) == [RowResult.REFUSED, RowResult.DONE]
    [refusal] = rows_of(officer.session, batch, officer.actor, RowResult.REFUSED)[0].reasons
    assert refusal.code == "stale"


def test_a_fact_that_changed_since_the_plan_is_checked_again(officer):
    case = officer.case()
    batch = proposed(officer, [case])
    officer.ban(case)
    batch = carried_out(officer, confirmed(officer, batch.id).id)
    assert (batch.refused, officer.state(case)) == (1, State.AWAITING_ACCEPTANCE)


def test_what_joins_the_list_later_is_not_in_the_batch(officer):
    batch = proposed(officer, [officer.case()])
    late = officer.case()
    carried_out(officer, confirmed(officer, batch.id).id)
    assert officer.state(late) is State.AWAITING_ACCEPTANCE


@pytest.mark.parametrize(
    "change", [{"active": False}, {"roles": []}, {"region_code": "430200"}], ids=["locked", "without a role", "moved"]
)
def test_the_officer_decides_with_the_rights_of_the_moment(officer, change):
    case = officer.case()
    batch = confirmed(officer, proposed(officer, [case]).id)
    account = officer.session.get_one(Account, officer.account.id)
    for name, value in change.items():
        setattr(account, name, value)
    officer.session.commit()
    batch = carried_out(officer, batch.id)
    assert (batch.state, batch.done, batch.refused) == (BatchState.DONE, 0, 1)
    assert officer.state(case) is State.AWAITING_ACCEPTANCE


def test_the_result_is_that_of_the_sequence(session, app):
    head = Officer(session, Role.APPROVER)
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
def test_a_large_batch_is_carried_out_by_a_job_with_progress(officer, store):
    cases = [officer.case() for _n in range(5)]
    batch = confirmed(officer, proposed(officer, cases).id, BACKGROUND)
    assert (batch.state, officer.states()) == (BatchState.RUNNING, [State.AWAITING_ACCEPTANCE] * 5)
    assert run_due(context(officer, store), HANDLERS, most=1) == [JobState.DONE]
    job = officer.session.scalars(select(Job).where(Job.kind == records.KIND)).one()
    assert (job.done, job.total) == (5, 5)
    assert officer.states() == [State.AWAITING_REVIEW] * 5


class Killed(BaseException):
    """As a process that is killed: nothing catches it."""


@pytest.mark.parametrize("portions", [1, 2])
def test_a_job_killed_between_portions_goes_on_with_what_is_not_done_and_does_nothing_twice(officer, store, portions):
    cases = [officer.case() for _n in range(5)]
    batch = confirmed(officer, proposed(officer, cases).id, BACKGROUND)
    tools, seen = context(officer, store, make.NOON + LEASE), []

    def killed(done, _total):
        seen.append(done)
        if len(seen) == portions:
            raise Killed

    with pytest.raises(Killed):
        running.run_all(tools.sessions, batch.id, tools.now, Office, killed, most=2)
    assert results(officer, officer.session.get_one(DecisionBatch, batch.id)).count(RowResult.WAITING) == 5 - 2 * portions
    tools = context(officer, store, make.NOON + LEASE)
    assert run_due(tools, HANDLERS, most=1) == [JobState.DONE]
    assert officer.states() == [State.AWAITING_REVIEW] * 5
    traces = [officer.session.scalar(select(func.count()).select_from(table)) for table in (Step, Message, PublicNotice)]
    assert traces == [5, 5, 5]


def test_a_job_that_was_given_up_is_said_and_goes_on_when_it_is_tried_again(officer, store):
    case = officer.case()
    batch = confirmed(officer, proposed(officer, [case]).id, BACKGROUND)
    assert not records.job_is_dead(officer.session, batch)
    dead = {"state": JobState.DEAD, "attempts": MAX_ATTEMPTS, "fault": "worker lost", "finished_at": make.NOON}
    officer.session.execute(update(Job).values(**dead))
    assert records.job_is_dead(officer.session, batch)
    job_id = officer.session.scalar(select(Job.id))
    retry(officer.session, job_id, make.officer(Role.ADMIN), at=make.NOON)
    officer.session.commit()
    assert run_due(context(officer, store), HANDLERS, most=1) == [JobState.DONE]
    assert officer.state(case) is State.AWAITING_REVIEW


def test_a_portion_that_fails_is_rolled_back_with_the_results_of_its_rows(officer):
    cases = [officer.case() for _n in range(3)]
    batch = confirmed(officer, proposed(officer, cases).id)
    running.run_portion(officer.session, batch.id, at=make.NOON, office=Office(), most=2)
    officer.session.rollback()
    batch = officer.session.get_one(DecisionBatch, batch.id, populate_existing=True)
    assert (batch.done, results(officer, batch)) == (0, [RowResult.WAITING] * 3)
    assert carried_out(officer, batch.id).done == 3


def test_a_small_batch_whose_request_was_interrupted_is_finished_by_its_job(officer, store):
    case = officer.case()
    confirmed(officer, proposed(officer, [case]).id)  # and the request ends here
    assert run_due(context(officer, store), HANDLERS, most=1) == []
    assert run_due(context(officer, store, make.NOON + LEASE), HANDLERS, most=1) == [JobState.DONE]
    assert officer.state(case) is State.AWAITING_REVIEW


def test_two_that_carry_out_one_batch_at_once_do_each_row_once(officer, engine):
    cases = [officer.case() for _n in range(6)]
    batch_id = confirmed(officer, proposed(officer, cases).id).id
    officer.session.rollback()

    def run(_n):
        done = 0
        while True:
            with Session(engine) as session, session.begin():
                far = running.run_portion(session, batch_id, at=make.NOON, office=Office(), most=2)
            done += len(far.done)
            if not far.waiting:
                return done

    assert sum(at_once(run, range(3))) == 6
    assert officer.session.scalar(select(func.count(Step.id))) == 6


def test_approvals_in_the_background_queue_the_drawing_of_their_certificates(session, app, store):
    head = Officer(session, Role.APPROVER)
    case = head.case(State.AWAITING_APPROVAL)
    confirmed(head, proposed(head, [case], action=Action.APPROVE).id, BACKGROUND)
    run_due(context(head, store), {records.KIND: HANDLERS[records.KIND]}, most=1)
    assert session.scalar(select(func.count(Certificate.id))) == 1
    assert set(session.scalars(select(Job.kind))) == {records.KIND, "papers", "letters"}


# --- once more ------------------------------------------------------------------------------------------
def test_what_was_not_done_is_retried_as_a_batch_of_its_own(officer):
    good, bad = officer.case(), officer.case(exam=UNSEEN)
    batch = carried_out(officer, confirmed(officer, proposed(officer, [bad, good]).id).id)
    officer.session.execute(
        update(make.models.ExamPass).values(originals_verified_at=make.NOON, originals_verified_by="受理")
    )
    given = {"at": make.NOON, "office": Office()}
    new = records.retry(officer.session, batch.id, "p", officer.actor, **given)
    assert records.retry(officer.session, batch.id, "p", officer.actor, **given) == new, "pressed twice, one batch"
    again = officer.session.get_one(DecisionBatch, new)
    assert (again.retry_of_id, again.total, again.fit, again.action) == (batch.id, 1, 1, Action.ACCEPT)
    officer.session.commit()
    assert carried_out(officer, confirmed(officer, new).id).done == 1
    assert officer.state(bad) is State.AWAITING_REVIEW


def test_a_batch_that_is_not_finished_is_not_retried(officer):
    batch = proposed(officer, [officer.case()])
    with pytest.raises(records.Stale):
        records.retry(officer.session, batch.id, "p", officer.actor, at=make.NOON, office=Office())
