"""Office parameters: which value is in force, and that unreadable stored values cause no error."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.applications.office_settings import (
    bounds,
    change,
    contradictions,
    editor_of,
    lines,
    office_at,
    office_of,
    past_values,
    restore,
)
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import ADJUSTABLE, Office
from app.core.vocabulary import Level, Role, Term
from app.files.folder_store import FolderStore
from app.models import AuditEntry, CalendarDay, Parameter
from app.outbox.jobs import JobLease
from app.web import request_context
from app.worker.runner import JobContext, JobRun
from tests import make
from tests.at_once import at_once
from tests.query_counter import queries
from tests.test_docs import chinese


@pytest.fixture
def stored(session):
    """``stored(name=value)``: stored parameters."""

    def store(**values: str) -> None:
        for name, value in values.items():
            session.merge(Parameter(name=name, value=value, changed_at=make.NOON, changed_by="管理员"))
        session.commit()

    return store


def test_what_is_stored_counts_before_the_default_and_the_environment_before_both(session, stored):
    stored(accept_days="7", swift_days="8")
    office = office_of(session, Office(accept_days=6, pinned=frozenset({"accept_days"})))
    assert (office.accept_days, office.swift_days, office.decide_days) == (6, 8, Office().decide_days)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("validity_years", "three"), ("validity_years", "0"), ("validity_years", "11"), ("two_pairs_of_eyes", "maybe"),
        ("review_level", "county"), ("issuer", ""), ("province", "湖北省"), ("calendar", "x"), ("gone", "1"),
    ],
)  # fmt: skip
def test_a_stored_word_that_says_nothing_is_passed_over(session, stored, name, text):
    stored(**{name: text})
    assert office_of(session, Office()) == Office()


def test_the_calendar_is_read_with_it(session):
    session.add_all([
        CalendarDay(day=date(2026, 3, 3), working=False, name="节日"),
        CalendarDay(day=date(2026, 3, 7), working=True, name="调休"),
    ])  # fmt: skip
    session.commit()
    calendar = office_of(session, Office()).calendar
    assert not calendar.is_working_day(date(2026, 3, 3))
    assert calendar.is_working_day(date(2026, 3, 7))


def test_asking_does_not_write_what_the_caller_has_not_finished(session):
    unfinished = make.enterprise(uscc="too short")
    session.add(unfinished)
    assert office_of(session, Office()) == Office()
    assert unfinished.id is None


def test_it_is_read_once_in_a_request_and_only_when_asked(app, system):
    with app.test_request_context(), queries(system.engine), queries(request_context.db.engine) as seen:
        assert seen == []
        assert request_context.current_office() is request_context.current_office()
        assert len(seen) == 2


def test_every_process_sees_a_change_with_its_next_request(app, client, stored):
    assert "0731-12345" not in client.get("/").text
    stored(support="0731-12345")
    assert "0731-12345" in client.get("/").text


def test_a_job_sees_a_change_without_a_restart_of_its_worker(system, tmp_path, session, stored):
    tools = JobContext(system.engine, None, FolderStore(tmp_path), lambda: make.NOON, office=Office(accept_days=6))
    run = JobRun(JobLease(1, "test", {}, "t", 1), tools)
    assert run.office().decide_days == 20
    stored(decide_days="15")
    assert (run.office().decide_days, run.office().accept_days) == (15, 6)


# --- setting them ---------------------------------------------------------------------------------------
ADMIN, OFFICE = make.officer(Role.ADMIN), Office()


SECURITY = make.officer(Role.SECURITY_ADMIN)


def put(session, wanted, seen=None, actor=ADMIN, base=OFFICE, at=make.NOON):
    held = {name: getattr(office_of(session, base), name) for name in wanted} if seen is None else seen
    try:
        changed = change(session, wanted, held, actor, base=base, at=at)
    except AppError:
        session.rollback()
        raise
    session.commit()
    return changed


def refused(session, wanted, **more):
    with pytest.raises(Unmet) as error:
        put(session, wanted, **more)
    return [(refusal.code, refusal.field) for refusal in error.value.refusals]


def audit_lines(session):
    lines = session.scalars(select(AuditEntry).where(AuditEntry.table == "parameter").order_by(AuditEntry.id))
    return [(line.row, line.change["value"], line.actor) for line in lines]


def test_a_change_is_in_force_at_once_and_in_the_audit_log(session):
    assert [line.value for line in put(session, {"accept_days": 7})] == [5]
    assert office_of(session, Office()).accept_days == 7
    put(session, {"accept_days": 6, "two_pairs_of_eyes": False})
    row = session.get_one(Parameter, "accept_days")
    assert (row.value, row.changed_at, row.changed_by) == ("6", make.NOON, ADMIN.name)
    expected = [("accept_days", ["5", "7"]), ("accept_days", ["7", "6"]), ("two_pairs_of_eyes", ["1", "0"])]
    assert audit_lines(session) == [(*line, ADMIN.name) for line in expected]


def test_papers_of_an_earlier_day_know_the_office_as_it_stood_then(session):
    first, second = make.NOON + timedelta(days=1), make.NOON + timedelta(days=9)
    put(session, {"issuer": "湖南省住房和城乡建设局"}, at=first)
    put(session, {"issuer": "湖南省住房城乡建设委员会"}, at=second)
    now, pasts = office_of(session, Office()), past_values(session)
    then = [office_at(now, pasts, at).issuer for at in (first - timedelta(hours=1), first, second)]
    assert then == [Office().issuer, "湖南省住房和城乡建设局", "湖南省住房城乡建设委员会"]


def test_what_is_set_to_what_it_is_leaves_no_trace(session):
    assert put(session, {"accept_days": 5}) == []
    assert session.scalars(select(Parameter)).all() == []
    assert audit_lines(session) == []


def test_the_default_is_restored_once(session):
    put(session, {"review_level": Level.PREFECTURE})
    for _once_more in range(2):
        restore(session, "review_level", ADMIN, seen=make.NOON, base=Office(), at=make.NOON)
        session.commit()
    assert office_of(session, Office()) == Office()
    assert [change for _row, change, _who in audit_lines(session)] == [["province", "prefecture"], ["prefecture", "province"]]


def test_a_default_does_not_replace_a_value_set_since_the_page_was_opened(session):
    put(session, {"review_level": Level.PREFECTURE})
    with pytest.raises(Unmet) as error:
        restore(session, "review_level", ADMIN, seen=make.NOON - timedelta(seconds=1), base=Office(), at=make.NOON)
    assert error.value.refusals[0].code == "set-meanwhile"
    assert office_of(session, Office()).review_level is Level.PREFECTURE


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_the_administrator_sets_anything(session, role):
    actor = make.officer(role)
    with pytest.raises(NotAllowed):
        change(session, {"accept_days": 7}, {"accept_days": 5}, actor, base=Office(), at=make.NOON)
    with pytest.raises(NotAllowed):
        restore(session, "accept_days", actor, seen=None, base=Office(), at=make.NOON)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SECURITY_ADMIN])
def test_how_one_signs_in_is_set_by_the_security_administrator_alone(session, role):
    with pytest.raises(NotAllowed):
        change(session, {"lock_after": 9}, {"lock_after": 5}, make.officer(role), base=Office(), at=make.NOON)
    with pytest.raises(NotAllowed):
        restore(session, "lock_after", make.officer(role), seen=None, base=Office(), at=make.NOON)
    put(session, {"lock_after": 9}, actor=SECURITY)
    assert office_of(session, Office()).lock_after == 9


def test_of_two_sections_at_once_neither_administrator_sets_any(session):
    for actor in (ADMIN, SECURITY):
        with pytest.raises(NotAllowed):
            put(session, {"accept_days": 7, "lock_after": 9}, actor=actor)
    assert session.scalars(select(Parameter)).all() == []


@pytest.mark.parametrize("name", ["province", "issuer_code", "calendar", "pinned", "gone"])
def test_what_is_no_parameter_is_not_found(session, name):
    with pytest.raises(NotFound):
        change(session, {name: "x"}, {}, ADMIN, base=Office(), at=make.NOON)
    with pytest.raises(NotFound):
        restore(session, name, ADMIN, seen=None, base=Office(), at=make.NOON)


def test_what_the_operator_has_pinned_is_refused(session):
    base = Office(accept_days=6, pinned=frozenset({"accept_days"}))
    assert refused(session, {"accept_days": 7}, base=base) == [("pinned", "accept_days")]


def beyond(one):
    """Values that are too small, too large, or of another kind."""
    if isinstance(one.default, bool):
        return [None, "1"]
    if isinstance(one.default, Term):
        return [None, "province", Role.ADMIN]
    if isinstance(one.default, str):
        return [None, "x" * (one.most + 1), *(["x" * (one.least - 1)] if one.least else [])]
    if isinstance(one.default, tuple):
        return [None, (one.most + 1,), (one.least - 1,)]
    return [None, one.least - 1, one.most + 1, "7" if one.default == 1 else True]  # True equals 1


@pytest.mark.parametrize("one", ADJUSTABLE, ids=lambda one: one.name)
def test_every_parameter_has_bounds_that_are_kept_and_a_label_in_chinese(session, one):
    for value in beyond(one):
        assert refused(session, {one.name: value}, actor=make.officer(editor_of(one.section))) == [
            ("out-of-bounds", one.name)
        ]
    translated = chinese()
    for word in (one.label, one.source, one.unit):
        assert str(word) in (*translated, "", "MB", "KB")
    assert str(bounds(one))


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"least_age": 30, "age_limit_c": 40}, None, None),
        ({"validity_years": 1, "renewal_window_months": 12}, "window-too-wide", "renewal_window_months"),
        ({"renewal_window_months": 36}, "window-too-wide", "renewal_window_months"),
        ({"validity_years": 1, "renewal_window_months": 11}, None, None),
    ],
)
def test_what_cannot_go_together_is_refused(session, wanted, code, field):
    if code is None:
        assert len(put(session, wanted)) == 2
    else:
        assert refused(session, wanted) == [(code, field)]
        assert session.scalars(select(Parameter)).all() == []


def test_ages_that_cross_are_named():
    assert [refusal.code for refusal in contradictions(Office(least_age=60), ["least_age"])] == ["ages-cross"]
    assert list(contradictions(Office(least_age=60), ["accept_days"])) == []


def test_whoever_comes_last_is_told_what_was_set_meanwhile(session):
    put(session, {"accept_days": 7}, actor=replace(ADMIN, name="早来的"))
    with pytest.raises(Unmet) as error:
        put(session, {"accept_days": 9}, seen={"accept_days": 5})
    assert [refusal.code for refusal in error.value.refusals] == ["set-meanwhile"]
    assert "早来的" in str(error.value)
    assert "7 working days" in str(error.value)
    assert put(session, {"accept_days": 9}, seen={"accept_days": 7})


def test_all_is_set_or_nothing(session):
    assert refused(session, {"accept_days": 7, "swift_days": 0}) == [("out-of-bounds", "swift_days")]
    assert office_of(session, Office()) == Office()


def test_a_stored_word_that_says_nothing_is_shown_and_can_be_replaced(session, stored):
    stored(accept_days="many", swift_days="7")
    found = lines(session, Office())
    assert {name for name, line in found.items() if line.unreadable} == {"accept_days"}
    assert (found["accept_days"].value, found["swift_days"].value) == (5, 7)
    session.rollback()
    put(session, {"accept_days": 5})
    assert not lines(session, Office())["accept_days"].unreadable
    assert audit_lines(session)[-1][1] == ["many", "5"]


def test_two_who_set_the_same_at_once_do_not_overwrite_each_other(system, session):
    def set_to(days: int) -> int | str:
        with Session(system.engine) as own:
            own.info.update(actor="x", at=make.NOON)
            try:
                change(own, {"accept_days": days}, {"accept_days": 5}, ADMIN, base=Office(), at=make.NOON)
                own.commit()
                return days
            except (Stale, Unmet) as error:
                own.rollback()
                return error.code

    assert len([word for word in at_once(set_to, (7, 9)) if isinstance(word, int)]) == 1
    assert len(audit_lines(session)) == 1
