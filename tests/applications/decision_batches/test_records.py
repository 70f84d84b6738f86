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
from tests.applications.decision_batches.steps import UNSEEN, Desk, confirmed, desk, proposed
from tests.at_once import at_once

__all__ = ["desk"]  # a fixture
_pages = count(1)


def test_the_plan_is_stored_row_by_row_with_reasons_in_the_order_of_the_list(desk):
    good, bad = desk.case(), desk.case(exam=UNSEEN)
    batch = proposed(desk, [bad, good])
    assert (batch.total, batch.fit, batch.state) == (2, 1, BatchState.PLANNED)
    rows = rows_of(desk.session, batch, desk.actor)
    assert [(row.application_id, row.result) for row in rows] == [(bad, RowResult.LEFT), (good, RowResult.WAITING)]
    assert [refusal.code for refusal in rows[0].reasons] == ["originals-not-verified"]
    [group] = groups_of([row for row in rows if row.reasons])
    assert (group.code, group.count) == ("originals-not-verified", 1)
    assert rows[0].name not in str(group.title)


def test_planning_decides_nothing(desk):
    case = desk.case()
    proposed(desk, [case])
    assert desk.state(case) is State.AWAITING_ACCEPTANCE
    assert desk.session.scalar(select(func.count(Job.id))) == 0


def test_the_same_request_of_the_same_page_is_the_same_batch(desk):
    case, other = desk.case(), desk.case()
    first = proposed(desk, [case], page="p")
    assert proposed(desk, [case], page="p").id == first.id
    confirmed(desk, first.id)
    assert proposed(desk, [case], page="p").id == first.id, "the back button leads to what was done"
    assert proposed(desk, [case, other], page="p").id != first.id
    assert proposed(desk, [case], page="q").id != first.id
    assert proposed(desk, [case], page="p", action=Action.DECLINE, reason="不属于本机关职权范围").id != first.id


def test_simultaneous_requests_are_one_batch(desk, engine):
    cases = [desk.case() for _n in range(3)]
    wanted = BatchRequest(Action.ACCEPT, cases, "", "p")

    def ask(_n):
        with Session(engine) as session, session.begin():
            return records.propose(session, wanted, desk.actor, at=make.NOON, office=Office())

    assert len(set(at_once(ask, range(4)))) == 1
    assert desk.session.scalar(select(func.count(DecisionBatchRow.id))) == 3


def test_simultaneous_confirmations_begin_it_once(desk, engine):
    batch_id = proposed(desk, [desk.case()]).id
    desk.session.rollback()  # SQLite has one writer

    def confirm(_n):
        with Session(engine) as session, session.begin():
            acting = {"at": make.NOON, "office": Office(), "locale": "zh"}
            return records.confirm(session, batch_id, desk.actor, **acting).confirmed_at

    assert at_once(confirm, range(4)) == [make.NOON] * 4
    assert desk.session.scalar(select(func.count(Job.id))) == 1


def test_what_is_out_of_reach_is_no_batch_and_leaves_no_trace_of_its_existence(desk):
    away = Desk(desk.session, Role.ACCEPTANCE_OFFICER, "430200")
    case = desk.case()
    with pytest.raises(Unmet) as error:
        proposed(away, [case, 10**6])
    assert [refusal.code for refusal in error.value.refusals] == ["not-found"]
    desk.session.rollback()
    assert desk.session.scalar(select(func.count(DecisionBatch.id))) == 0
    mixed = proposed(desk, [case, 10**6])
    rows = rows_of(desk.session, mixed, desk.actor)
    assert [(row.application_id, row.number == "") for row in rows] == [(case, False), (None, True)]


@pytest.mark.parametrize("deed", ["confirm", "discard", "retry"])
def test_a_colleague_decides_nothing_and_a_stranger_finds_nothing(desk, deed):
    batch = proposed(desk, [desk.case()])
    given = {"at": make.NOON, "office": Office()}
    calls = {
        "confirm": lambda actor: records.confirm(desk.session, batch.id, actor, locale="zh", **given),
        "discard": lambda actor: records.discard(desk.session, batch.id, actor),
        "retry": lambda actor: records.retry(desk.session, batch.id, "p", actor, **given),
    }
    head = Desk(desk.session, Role.APPROVER).actor
    for actor, answer in ((head, NotAllowed), (Desk(desk.session, Role.ACCEPTANCE_OFFICER).actor, NotFound)):
        with pytest.raises(answer):
            calls[deed](actor)
    assert desk.session.get(DecisionBatch, batch.id).state is BatchState.PLANNED


def test_an_officer_without_a_region_or_an_account_makes_no_batch(desk):
    for actor in (replace(desk.actor, region=""), replace(desk.actor, id=None)):
        with pytest.raises(AppError):
            proposed(replace(desk, actor=actor), [desk.case()])
        desk.session.rollback()


def test_a_reason_that_is_missing_stores_nothing(desk):
    with pytest.raises(Unmet):
        proposed(desk, [desk.case()], action=Action.DECLINE)
    desk.session.rollback()
    assert desk.session.scalar(select(func.count(DecisionBatch.id))) == 0


def test_a_plan_that_was_given_up_is_not_carried_out_and_one_begun_is_not_given_up(desk):
    given_up, begun = proposed(desk, [desk.case()]), proposed(desk, [desk.case()])
    for _twice in range(2):
        records.discard(desk.session, given_up.id, desk.actor)
    with pytest.raises(Stale):
        confirmed(desk, given_up.id)
    confirmed(desk, begun.id)
    with pytest.raises(Stale):
        records.discard(desk.session, begun.id, desk.actor)


def test_a_plan_of_which_nothing_passes_is_not_confirmed(desk):
    batch = proposed(desk, [desk.case(exam=UNSEEN)])
    with pytest.raises(Unmet):
        confirmed(desk, batch.id)


def test_rows_are_named_only_to_whoever_may_see_the_case(desk):
    batch = proposed(desk, [desk.case(exam=UNSEEN)])
    admin = Desk(desk.session, Role.ADMIN).actor
    [row] = rows_of(desk.session, records.find(desk.session, batch.id, admin), admin)
    assert (row.application_id, row.name, row.number, row.reasons) == (None, "", "", ())
    assert [group.code for group in groups_of([row])] == [""]


@pytest.mark.parametrize(("days", "kept"), [(7, 4), (8, 2)])
def test_unconfirmed_plans_are_swept_after_a_week_and_others_kept(desk, days, kept):
    batches = [proposed(desk, [desk.case()]) for _n in range(4)]
    records.discard(desk.session, batches[0].id, desk.actor)
    confirmed(desk, batches[1].id)
    confirmed(desk, batches[2].id)
    desk.session.execute(update(DecisionBatch).values(planned_at=make.NOON))
    records.sweep(desk.session, at=make.NOON + timedelta(days=days))
    assert desk.session.scalar(select(func.count(DecisionBatch.id))) == kept
    assert desk.session.scalar(select(func.count(DecisionBatchRow.id))) == kept


def test_a_case_with_two_reasons_is_in_two_groups(desk):
    case = desk.case(exam=UNSEEN)
    desk.session.execute(update(Application).where(Application.id == case).values(category=Category.C1))
    desk.ban(case)
    groups = groups_of(rows_of(desk.session, proposed(desk, [case, desk.case(exam=UNSEEN)]), desk.actor, RowResult.LEFT))
    assert [(group.code, group.count) for group in groups] == [("originals-not-verified", 2), ("banned", 1)]
