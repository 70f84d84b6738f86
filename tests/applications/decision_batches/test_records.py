"""Batches as records: a request is one batch, its selection is fixed, only its officer confirms it."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.applications.decision_batches import records
from app.applications.decision_batches.records import BatchRequest, groups_of, rows_of
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import Action, BatchState, Category, Role, RowResult, State
from app.models import Application, DecisionBatch, DecisionBatchRow, Job
from tests import make
from tests.applications.decision_batches.steps import UNSEEN, Officer, confirmed, officer, proposed
from tests.at_once import at_once

__all__ = ["officer"]  # a fixture
_pages = count(1)


def test_the_plan_is_stored_row_by_row_with_reasons_in_the_order_of_the_list(officer):
    good, bad = officer.case(), officer.case(exam=UNSEEN)
    batch = proposed(officer, [bad, good])
    assert (batch.total, batch.fit, batch.state) == (2, 1, BatchState.PLANNED)
    rows = rows_of(officer.session, batch, officer.actor)
    assert [(row.application_id, row.result) for row in rows] == [(bad, RowResult.LEFT), (good, RowResult.WAITING)]
    assert [refusal.code for refusal in rows[0].reasons] == ["originals-not-verified"]
    [group] = groups_of([row for row in rows if row.reasons])
    assert (group.code, group.count) == ("originals-not-verified", 1)
    assert rows[0].name not in str(group.title)


def test_planning_decides_nothing(officer):
    case = officer.case()
    proposed(officer, [case])
    assert officer.state(case) is State.AWAITING_ACCEPTANCE
    assert officer.session.scalar(select(func.count(Job.id))) == 0


def test_the_same_request_of_the_same_page_is_the_same_batch(officer):
    case, other = officer.case(), officer.case()
    first = proposed(officer, [case], page="p")
    assert proposed(officer, [case], page="p").id == first.id
    confirmed(officer, first.id)
    assert proposed(officer, [case], page="p").id == first.id, "the back button leads to what was done"
    assert proposed(officer, [case, other], page="p").id != first.id
    assert proposed(officer, [case], page="q").id != first.id
    assert proposed(officer, [case], page="p", action=Action.DECLINE, reason=make.REASON).id != first.id


def test_simultaneous_requests_are_one_batch(officer, engine):
    cases = [officer.case() for _n in range(3)]
    wanted = BatchRequest(Action.ACCEPT, cases, "", "p")

    def ask(_n):
        with Session(engine) as session, session.begin():
            return records.propose(session, wanted, officer.actor, at=make.NOON, office=Office())

    assert len(set(at_once(ask, range(4)))) == 1
    assert officer.session.scalar(select(func.count(DecisionBatchRow.id))) == 3


def test_simultaneous_confirmations_begin_it_once(officer, engine):
    batch_id = proposed(officer, [officer.case()]).id
    officer.session.rollback()  # SQLite has one writer

    def confirm(_n):
        with Session(engine) as session, session.begin():
            acting = {"at": make.NOON, "office": Office(), "locale": "zh"}
            return records.confirm(session, batch_id, officer.actor, **acting).confirmed_at

    assert at_once(confirm, range(4)) == [make.NOON] * 4
    assert officer.session.scalar(select(func.count(Job.id))) == 1


def test_what_is_out_of_reach_is_no_batch_and_leaves_no_trace_of_its_existence(officer):
    away = Officer(officer.session, Role.ACCEPTANCE_OFFICER, "430200")
    case = officer.case()
    with pytest.raises(Unmet) as error:
        proposed(away, [case, 10**6])
    assert [refusal.code for refusal in error.value.refusals] == ["not-found"]
    officer.session.rollback()
    assert officer.session.scalar(select(func.count(DecisionBatch.id))) == 0
    mixed = proposed(officer, [case, 10**6])
    rows = rows_of(officer.session, mixed, officer.actor)
    assert [(row.application_id, row.number == "") for row in rows] == [(case, False), (None, True)]


@pytest.mark.parametrize("step", ["confirm", "discard", "retry"])
def test_a_colleague_decides_nothing_and_a_stranger_finds_nothing(officer, step):
    batch = proposed(officer, [officer.case()])
    given = {"at": make.NOON, "office": Office()}
    calls = {
        "confirm": lambda actor: records.confirm(officer.session, batch.id, actor, locale="zh", **given),
        "discard": lambda actor: records.discard(officer.session, batch.id, actor),
        "retry": lambda actor: records.retry(officer.session, batch.id, "p", actor, **given),
    }
    head = Officer(officer.session, Role.APPROVER).actor
    for actor, answer in ((head, NotAllowed), (Officer(officer.session, Role.ACCEPTANCE_OFFICER).actor, NotFound)):
        with pytest.raises(answer):
            calls[step](actor)
    assert officer.session.get(DecisionBatch, batch.id).state is BatchState.PLANNED


def test_an_officer_without_a_region_or_an_account_makes_no_batch(officer):
    for actor in (replace(officer.actor, region=""), replace(officer.actor, id=None)):
        with pytest.raises(AppError):
            proposed(replace(officer, actor=actor), [officer.case()])
        officer.session.rollback()


def test_a_reason_that_is_missing_stores_nothing(officer):
    with pytest.raises(Unmet):
        proposed(officer, [officer.case()], action=Action.DECLINE)
    officer.session.rollback()
    assert officer.session.scalar(select(func.count(DecisionBatch.id))) == 0


def test_a_plan_that_was_given_up_is_not_carried_out_and_one_begun_is_not_given_up(officer):
    given_up, begun = proposed(officer, [officer.case()]), proposed(officer, [officer.case()])
    for _twice in range(2):
        records.discard(officer.session, given_up.id, officer.actor)
    with pytest.raises(Stale):
        confirmed(officer, given_up.id)
    confirmed(officer, begun.id)
    with pytest.raises(Stale):
        records.discard(officer.session, begun.id, officer.actor)


def test_a_plan_of_which_nothing_passes_is_not_confirmed(officer):
    batch = proposed(officer, [officer.case(exam=UNSEEN)])
    with pytest.raises(Unmet):
        confirmed(officer, batch.id)


def test_rows_are_named_only_to_whoever_may_see_the_case(officer):
    batch = proposed(officer, [officer.case(exam=UNSEEN)])
    admin = Officer(officer.session, Role.ADMIN).actor
    [row] = rows_of(officer.session, records.find(officer.session, batch.id, admin), admin)
    assert (row.application_id, row.name, row.number, row.reasons) == (None, "", "", ())
    assert [group.code for group in groups_of([row])] == [""]


@pytest.mark.parametrize(("days", "kept"), [(7, 4), (8, 2)])
def test_unconfirmed_plans_are_swept_after_a_week_and_others_kept(officer, days, kept):
    batches = [proposed(officer, [officer.case()]) for _n in range(4)]
    records.discard(officer.session, batches[0].id, officer.actor)
    confirmed(officer, batches[1].id)
    confirmed(officer, batches[2].id)
    officer.session.execute(update(DecisionBatch).values(planned_at=make.NOON))
    records.sweep(officer.session, at=make.NOON + timedelta(days=days))
    assert officer.session.scalar(select(func.count(DecisionBatch.id))) == kept
    assert officer.session.scalar(select(func.count(DecisionBatchRow.id))) == kept


def test_a_case_with_two_reasons_is_in_two_groups(officer):
    case = officer.case(exam=UNSEEN)
    officer.session.execute(update(Application).where(Application.id == case).values(category=Category.C1))
    officer.ban(case)
    groups = groups_of(
        rows_of(officer.session, proposed(officer, [case, officer.case(exam=UNSEEN)]), officer.actor, RowResult.LEFT)
    )
    assert [(group.code, group.count) for group in groups] == [("originals-not-verified", 2), ("banned", 1)]
