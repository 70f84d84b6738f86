"""Counts of a month are those of its rows counted one by one, whatever happened, on both databases."""

import random
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from app.applications.dashboard_counts import BACKLOG
from app.applications.statistics import counting
from app.applications.statistics.counting import STAGES, STEP_COLUMNS, count_months, happened, holdings, months_due, of_steps
from app.core.clock import OFFICE_ZONE, Calendar, add_months, office_day
from app.core.errors import NotAllowed
from app.core.indicators import HOLDINGS, Indicator, Measured
from app.core.office import Office
from app.core.vocabulary import CLOSED, Action, Category, CertificateStatus, MatterKind, Role, SignupState, State
from app.models import Job, StatisticsCount, StatisticsMonth, Step
from app.workflow import MOVES
from tests import make

CALENDAR = Calendar(frozenset({date(2026, 2, 17), date(2026, 2, 18)}), frozenset({date(2026, 2, 28)}))
OFFICE = Office(calendar=CALENDAR)
MONTHS = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
STOCK = "经核查，申报材料载明【申报内容】，核查结果为【核查结果】，两者不一致"
WORDED = "经核查，申报材料载明高级工程师，核查结果为工程师，两者不一致（《行政许可法》第三十一条）。"


def moment(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, time(hour), OFFICE_ZONE)


def one_by_one(rows, office=OFFICE) -> Counter:  # noqa: C901 - one condition for each indicator
    """What ``of_steps`` counts, row for row in plain Python."""
    found: Counter = Counter()
    for values in rows:
        row = dict(zip(STEP_COLUMNS, values, strict=True))
        action, source, target = Action(row["action"]), State(row["source"]), State(row["target"])
        on = office_day(row["at"])

        def note(indicator, subject="", value="", region=None, row=row):
            found[indicator, region or row["region"], row["matter"], row["category"], str(subject), str(value)] += 1

        def took(subject, since, on=on, note=note):
            days = max(office.calendar.working_days_between(since, on), 0)
            note(Indicator.DAYS, subject, days)
            return days

        if target is State.AWAITING_ACCEPTANCE and source in (State.DRAFT, State.AWAITING_RELEASE, State.NOT_ACCEPTED):
            note(Indicator.FILED)
        if source in BACKLOG and action is Action.WITHDRAW:
            note(Indicator.WITHDRAWN)
        if source in BACKLOG and target in CLOSED:
            note(Indicator.OUTCOME, value=target.value)
        if action in STAGES and row["since"]:
            days = took(STAGES[action].value, office_day(row["since"]))
            if STAGES[action] is Measured.ACCEPTANCE:
                note(Indicator.IN_TIME, "acceptance", int(days <= office.accept_days))
        if action in (Action.REFUSE_REVIEW, Action.APPROVE, Action.REFUSE_APPROVAL) and row["accepted_at"]:
            took("whole", office_day(row["accepted_at"]))
            if last := row["extended_to"] or row["promised_on"]:
                note(Indicator.IN_TIME, "whole", int(on <= last))
        if action in (Action.DECLINE, Action.REFUSE_REVIEW, Action.REFUSE_APPROVAL):
            note(Indicator.REASON, value=STOCK if row["reason"] == WORDED else "")
        if action is Action.APPROVE and row["matter"] == "transfer":
            note(Indicator.MOVED_IN, row["enterprise_id"])
            note(Indicator.MOVED_OUT, row["old_enterprise_id"], region=row["old_region"])
        if row["actor_id"] and action not in (Action.SUBMIT, Action.WITHDRAW, Action.ABANDON, *RELEASES):
            note(Indicator.WORK, row["actor_id"], action.value)
    return found


RELEASES = (Action.RELEASE, Action.REFUSE_RELEASE)
DAYS = st.dates(date(2026, 1, 1), date(2026, 3, 31))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 31)).map(lambda at: at.replace(tzinfo=OFFICE_ZONE))  # noqa: DTZ001 - gets its zone


@st.composite
def steps(draw):
    move = draw(st.sampled_from(MOVES))
    matter = draw(st.sampled_from(move.matters))
    old = (draw(st.sampled_from([7, 8])), "430200") if matter is MatterKind.TRANSFER else (None, None)
    return (
        draw(st.sampled_from(["430100", "430200"])), matter.value, draw(st.sampled_from(["A", "C1"])), move.action.value,
        move.source.value, move.target.value, draw(MOMENTS), draw(MOMENTS) if move.action in STAGES else None,
        draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from(["", WORDED, "张三的证书经核查不真实"])),
        draw(st.none() | MOMENTS), draw(st.none() | DAYS), draw(st.none() | DAYS), draw(st.sampled_from([3, 4])), *old,
    )  # fmt: skip


@given(st.lists(steps(), max_size=30))
@settings(max_examples=60, deadline=None)
def test_many_steps_give_the_counts_of_each_added_up(rows):
    assert of_steps(rows, OFFICE, [(STOCK, counting.stock_pattern(STOCK))]) == one_by_one(rows)


def walk(chance: random.Random, matter: MatterKind, begin: date) -> list[tuple]:
    """The steps of one application by the procedure, hours or days apart: (move, moment)."""
    state, at, taken = State.DRAFT, moment(begin, chance.randint(0, 23)), []
    for _step in range(chance.randint(1, 8)):
        moves = [move for move in MOVES if move.source is state and matter in move.matters]
        if not taken:
            moves = [move for move in moves if move.action is not Action.ABANDON]
        if not moves:
            break
        move = chance.choice(moves)
        taken.append((move, at))
        state, at = move.target, at + timedelta(hours=chance.randint(1, 200))
    return taken


@pytest.fixture
def past(session):
    """A quarter of applications of two prefectures; their rows as ``of_steps`` is asked for them."""
    chance, expected = random.Random(36), []  # noqa: S311 - not a secret
    account = make.plain_account(session)
    firms = [make.enterprise(name=f"第{n}建筑公司", region_code=code) for n, code in enumerate(("430100", "430200"))]
    session.add_all(firms)
    for n in range(60):
        matter, (firm, other) = tuple(MatterKind)[n % 5], chance.sample(firms, 2)
        taken = walk(chance, matter, MONTHS[0] + timedelta(days=chance.randint(0, 60)))
        end, person = taken[-1][0].target, make.person(firm)
        held = {} if matter is MatterKind.NEW and end is not State.APPROVED else {"certificate": make.certificate(person)}
        if matter is MatterKind.TRANSFER:
            case = make.transfer(make.person(other), firm, end)
        else:
            reason = {MatterKind.REPLACEMENT: "lost", MatterKind.CANCELLATION: "left"}.get(matter, "")
            case = make.application(person, end, matter=matter, reason_code=reason, **held)
        accepted = next((at for move, at in taken if move.action is Action.ACCEPT), None)
        if accepted:
            case.accepted_at, case.acceptance_number = accepted, f"S{n}"
            case.promised_days, case.promised_on = 5, CALENDAR.add_working_days(office_day(accepted), 5)
        session.add(case)
        session.flush()
        reached = {}
        for (move, at), was in zip(taken, [None, *taken], strict=False):
            if was and was[0].source is not was[0].target:
                reached[was[0].target] = was[1]
            if move.action is Action.EXTEND and any(s.action is Action.EXTEND for s in case.steps):
                continue  # the database allows one
            reason = WORDED if move.reason else ""
            session.add(Step(application=case, round=1, action=move.action, source=move.source, target=move.target, actor="x",
                             actor_id=account.id, reason=reason, at=at))  # fmt: skip
            session.flush()
            old = case.releasing_enterprise
            expected.append((
                case.region_code, matter.value, case.category.value, move.action.value, move.source.value, move.target.value,
                at, reached.get(move.source) if move.action in STAGES else None, account.id, reason, case.accepted_at,
                case.promised_on, case.extended_to, case.enterprise_id, old and old.id, old and old.region_code,
            ))  # fmt: skip
    session.commit()
    return expected


def in_month(rows, month: date) -> list[tuple]:
    return [row for row in rows if month <= office_day(row[6]) < add_months(month, 1)]


def test_a_month_in_the_database_is_counted_as_its_steps_one_by_one(session, past):
    for month in MONTHS:
        assert happened(session, month, OFFICE) == one_by_one(in_month(past, month)), month


def test_what_was_filed_and_not_closed_is_what_is_open(session, past, system):
    last = max(office_day(row[6]) for row in past)
    flows: Counter = Counter()
    for month in months_due(session, last):
        for key, n in happened(session, month, OFFICE).items():
            flows[key[0]] += n
    there = holdings(session, last, OFFICE)
    left = flows[Indicator.FILED] - flows[Indicator.WITHDRAWN] - flows[Indicator.OUTCOME]
    assert flows[Indicator.FILED] > 20
    assert left == sum(n for key, n in there.items() if key[0] is Indicator.BACKLOG)


def test_the_edge_of_a_month_is_midnight_in_the_office(session):
    person = make.person(make.enterprise())
    case = make.application(person, State.RETURNED)
    first = datetime.combine(MONTHS[1], time(), OFFICE_ZONE)
    for at in (first - timedelta(seconds=1), first):
        session.add(Step(application=case, round=1, action=Action.SUBMIT, source=State.DRAFT, actor="x",
                         target=State.AWAITING_ACCEPTANCE, at=at))  # fmt: skip
    session.commit()
    assert [sum(happened(session, month, OFFICE).values()) for month in MONTHS] == [1, 1, 0]


def test_certificates_and_exams_are_counted_by_region_and_category(session):
    firm = make.enterprise()
    notice = make.notice(scores_submitted_at=moment(MONTHS[2], 10))
    on = date(2026, 3, 10)
    for valid_to, status in (
        (on, CertificateStatus.VALID), (on - timedelta(days=1), CertificateStatus.VALID),
        (date(2027, 2, 28), CertificateStatus.VALID), (date(2027, 3, 1), CertificateStatus.VALID),
        (date(2028, 1, 1), CertificateStatus.CANCELLED),
    ):  # fmt: skip
        session.add(make.certificate(make.person(firm), valid_to=valid_to, status=status))
    for state in (SignupState.PASSED, SignupState.PASSED, SignupState.FAILED, SignupState.ADMITTED):
        score = {SignupState.PASSED: 80, SignupState.FAILED: 40}.get(state)
        session.add(make.signup(notice, make.person(firm), state=state, score=score, category=Category.A))
    session.commit()
    assert holdings(session, on, OFFICE) == {
        (Indicator.IN_FORCE, "430100", "", "C1", "", ""): 3,
        (Indicator.EXPIRING, "430100", "", "C1", "", "2026-03"): 1,
        (Indicator.EXPIRING, "430100", "", "C1", "", "2027-02"): 1,
    }
    passed = (Indicator.EXAM, "430100", "", "A", str(notice.id))
    assert happened(session, MONTHS[2], OFFICE) == {(*passed, "passed"): 2, (*passed, "failed"): 1}


def stored(session, month: date) -> dict:
    session.rollback()
    rows = session.scalars(select(StatisticsCount).where(StatisticsCount.month == month))
    return {(row.indicator, row.region_code, row.matter, row.category, row.subject, row.value): row.count for row in rows}


def test_counting_twice_replaces_and_a_month_that_is_over_keeps_what_there_was_when_it_ended(session, past, system):
    sessions = sessionmaker(system.engine)
    assert months_due(session, date(2026, 3, 31))[:3] == MONTHS
    for at in (moment(date(2026, 3, 31)), moment(date(2026, 4, 1), 3)):  # the running month, and on the day after its end
        session.rollback()
        count_months(sessions, MONTHS[1:], OFFICE, at=at)
        assert stored(session, MONTHS[2]) == happened(session, MONTHS[2], OFFICE) + holdings(session, office_day(at), OFFICE)
    kept = {key: n for key, n in stored(session, MONTHS[2]).items() if key[0] in HOLDINGS}
    session.rollback()
    count_months(sessions, MONTHS, OFFICE, at=moment(date(2026, 4, 2)))
    assert {key: n for key, n in stored(session, MONTHS[2]).items() if key[0] in HOLDINGS} == kept != {}
    ended = {month.month: month.holdings_at for month in session.scalars(select(StatisticsMonth))}
    assert ended == {MONTHS[0]: None, MONTHS[1]: None, MONTHS[2]: moment(date(2026, 4, 1), 3)}
    assert months_due(session, date(2026, 4, 2)) == [date(2026, 4, 1)]
    session.rollback()
    count_months(sessions, [date(2026, 4, 1)], OFFICE, at=moment(date(2026, 4, 30), 23))  # and no worker runs on the 1st
    assert months_due(session, date(2026, 5, 3)) == [date(2026, 4, 1), date(2026, 5, 1)]
    assert all(a < b for a, b in pairwise(months_due(session, date(2026, 6, 1))))


def test_who_may_not_see_statistics_may_not_have_them_counted(session):
    for role in (Role.ENTERPRISE_CLERK, Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR):
        with pytest.raises(NotAllowed):
            counting.request_count(session, make.officer(role), MONTHS, at=make.NOON)
    assert counting.request_count(session, make.officer(Role.VIEWER), MONTHS, at=make.NOON)
    assert not counting.request_count(session, make.officer(Role.VIEWER), MONTHS, at=make.NOON + timedelta(seconds=1))
    assert session.scalars(select(Job.payload)).one() == {"months": [month.isoformat() for month in MONTHS]}


def test_no_process_holds_pandas_before_it_counts():
    code = "import app.cli.app, app.views, app.worker.process, sys; assert not {'pandas', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
