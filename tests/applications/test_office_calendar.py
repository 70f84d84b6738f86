"""The calendar: announced holidays, single days, import of a year, and running deadlines."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.applications import office_calendar
from app.applications.office_calendar import (
    CALENDAR_COLUMNS,
    DayEntry,
    announced,
    day_entry,
    delete_day,
    import_year,
    read_year,
    recompute_deadlines,
    seed_calendar,
    set_day,
)
from app.applications.office_settings import calendar_of
from app.core.clock import Calendar
from app.core.errors import NotAllowed, NotFound, Stale, Unmet
from app.core.vocabulary import Role, RowOutcome, State
from app.files.spreadsheets import write
from app.models import Application, AuditEntry, CalendarDay
from tests import make
from tests.at_once import at_once
from tests.query_counter import queries

ADMIN = make.officer(Role.ADMIN)
DAY = timedelta(days=1)


# --- counting days ----------------------------------------------------------------------------------
DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def plainly(start: date, days: int, off: set[date], on: set[date]) -> date:
    """A plain count of the days one by one."""
    day, counted = start, 0
    while counted < days:
        day += DAY
        weekend = day.isoweekday() in (6, 7)
        if (weekend and day in on) or (not weekend and day not in off):
            counted += 1
    return day


@given(DAYS, st.integers(0, 40), st.frozensets(DAYS, max_size=60), st.frozensets(DAYS, max_size=20))
def test_working_days_are_counted_as_with_a_finger(start, days, off, weekends):
    on = frozenset(day for day in weekends if day.weekday() >= 5)
    calendar = Calendar(off - on, on)
    due = calendar.add_working_days(start, days)
    assert due == plainly(start, days, set(off - on), set(on))
    assert calendar.working_days_between(start, due) == days
    assert days == 0 or (due > start and calendar.is_working_day(due))  # the start day never counts


def official(*years: int) -> Calendar:
    days = [one for year in years for one in announced(year)]
    return Calendar(frozenset(one.day for one in days if not one.working), frozenset(one.day for one in days if one.working))


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2026-02-13", 1, "2026-02-14"),  # a Saturday that makes up for 春节
        ("2026-02-14", 1, "2026-02-24"),  # 15 to 23 February are off
        ("2025-12-31", 1, "2026-01-04"),  # over the year's end: 1 to 3 January off, Sunday the 4th worked
        ("2026-09-30", 5, "2026-10-13"),  # 1 to 7 October off, Saturday the 10th worked
        ("2025-09-28", 3, "2025-10-09"),  # 国庆 and 中秋 together
    ],
)
def test_limits_pass_over_the_holidays_as_announced(start, days, due):
    assert official(2025, 2026).add_working_days(date.fromisoformat(start), days).isoformat() == due


@pytest.mark.parametrize(("year", "off", "worked"), [(2025, 28, 5), (2026, 33, 6), (2030, 0, 0)])
def test_the_announced_years_have_as_many_days_as_the_paper_says(year, off, worked):
    days = announced(year)
    assert (sum(not one.working for one in days), sum(one.working for one in days)) == (off, worked)
    assert all(one.day.weekday() >= 5 for one in days if one.working)
    assert len({one.day for one in days}) == len(days)


# --- first days -------------------------------------------------------------------------------------
def test_a_second_start_brings_nothing_back_that_the_administrator_took_out(session):
    assert seed_calendar(session) == 72
    delete_day(session, date(2026, 10, 10), ADMIN, seen=day_entry(session, date(2026, 10, 10)))
    session.commit()
    assert seed_calendar(session) == 0
    assert session.get(CalendarDay, date(2026, 10, 10)) is None


@pytest.mark.parametrize(
    ("known", "on", "year"),
    [
        ((), "2026-03-02", 2026),
        ((2026,), "2026-10-31", None),
        ((2026,), "2026-11-01", 2027),
        ((2026, 2027), "2026-12-31", None),
    ],
)
def test_a_year_is_asked_for_when_it_ought_to_be_known(session, known, on, year):
    session.add_all(CalendarDay(day=date(one, 10, 1), working=False) for one in known)
    session.commit()
    assert office_calendar.unknown_year(session, date.fromisoformat(on), 11) == year


# --- one day ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_the_administrator_changes_the_calendar(session, role):
    actor = make.officer(role)
    with pytest.raises(NotAllowed):
        set_day(session, DayEntry(date(2026, 10, 1), False), actor)
    with pytest.raises(NotAllowed):
        delete_day(session, date(2026, 10, 1), actor)
    with pytest.raises(NotAllowed):
        read_year(session, b"", actor)
    with pytest.raises(NotAllowed):
        import_year(session, office_calendar.YearPreview(), actor, at=make.NOON)


@pytest.mark.parametrize(
    ("one", "field"),
    [
        (DayEntry(date(2026, 3, 3), True), "day"),  # a Tuesday is worked anyway
        (DayEntry(date(1999, 10, 1), False), "day"),
        (DayEntry(date(2026, 10, 1), False, "国" * 41), "name"),
    ],
)
def test_a_day_that_makes_no_sense_is_refused_at_its_field(session, one, field):
    with pytest.raises(Unmet) as error:
        set_day(session, one, ADMIN)
    assert error.value.refusals[0].field == field


def test_a_day_is_added_changed_and_deleted_and_logged(session):
    saturday = date(2026, 3, 7)
    set_day(session, DayEntry(saturday, True, "补班"), ADMIN)
    set_day(session, DayEntry(saturday, True, "调休"), ADMIN, seen=DayEntry(saturday, True, "补班"))
    session.commit()
    assert calendar_of(session).is_working_day(saturday)
    delete_day(session, saturday, ADMIN, seen=DayEntry(saturday, True, "调休"))
    session.commit()
    assert not calendar_of(session).is_working_day(saturday)
    with pytest.raises(NotFound):
        delete_day(session, saturday, ADMIN)
    assert session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.table == "calendar_day")) == 3


# --- running clocks ---------------------------------------------------------------------------------
@pytest.fixture
def clocks(session):
    """A case under review, one whose time was extended, one at acceptance, and one that is closed."""
    enterprise = make.enterprise()
    session.add(enterprise)
    made = {
        "review": (State.AWAITING_REVIEW, {}),
        "extended": (
            State.AWAITING_APPROVAL,
            {"due_on": make.TODAY + 42 * DAY, "due_days": 30, "extended_to": make.TODAY + 42 * DAY},
        ),
        "acceptance": (State.AWAITING_ACCEPTANCE, {"due_on": make.TODAY + 7 * DAY, "due_days": 5}),
        "closed": (State.REVIEW_REFUSED, {}),
    }
    cases = {name: make.application(make.person(enterprise), state, **facts) for name, (state, facts) in made.items()}
    session.add_all(cases.values())
    session.commit()
    return cases


def test_a_day_that_somebody_else_has_entered_meanwhile_is_neither_overwritten_nor_removed(session):
    saturday = date(2026, 3, 7)
    entered = DayEntry(saturday, True, "补班")
    set_day(session, entered, ADMIN)
    for seen in (None, DayEntry(saturday, True, "旧")):
        for call in (lambda: set_day(session, DayEntry(saturday, True, "调休"), ADMIN, seen=seen),  # noqa: B023 - called at once
                     lambda: delete_day(session, saturday, ADMIN, seen=seen)):  # noqa: B023  # fmt: skip
            with pytest.raises(Unmet) as error:
                call()
            assert error.value.refusals[0].code == "set-meanwhile"
            assert "补班" in str(error.value.refusals[0].sentence)
    assert set_day(session, entered, ADMIN) == 0  # the same by both
    assert day_entry(session, saturday) == entered


def test_of_two_who_enter_a_day_at_the_same_moment_one_is_told(session, engine):
    def enter(name):
        with Session(engine) as own:
            try:
                set_day(own, DayEntry(date(2026, 3, 7), True, name), ADMIN)
                own.commit()
            except (Stale, Unmet):
                return False
            return True

    session.rollback()
    assert sorted(at_once(enter, ["补班", "调休"])) == [False, True]


def due(session, clocks):
    session.expire_all()
    return {name: case.due_on and (case.due_on - make.TODAY).days for name, case in clocks.items()}


def test_a_new_day_off_moves_every_clock_that_counts_it_and_says_how_many(session, clocks):
    assert set_day(session, DayEntry(make.TODAY + 14 * DAY, False, "抗洪"), ADMIN) == 2
    session.commit()
    assert due(session, clocks) == {"review": 29, "extended": 43, "acceptance": 7, "closed": None}
    assert delete_day(session, make.TODAY + 14 * DAY, ADMIN, seen=DayEntry(make.TODAY + 14 * DAY, False, "抗洪")) == 2
    session.commit()
    assert due(session, clocks) == {"review": 28, "extended": 42, "acceptance": 7, "closed": None}


def test_a_clock_that_stands_right_is_not_touched(session, clocks):
    assert recompute_deadlines(session) == 0


def test_many_clocks_are_set_with_one_update(session, system):
    enterprise = make.enterprise()
    session.add(enterprise)
    for n in range(60):
        start = make.TODAY + n * DAY
        facts = {"due_from": start, "due_days": 5, "due_on": start}  # all of them wrong
        session.add(make.application(make.person(enterprise), State.AWAITING_ACCEPTANCE, **facts))
    session.commit()
    with queries(system.engine) as seen:
        assert recompute_deadlines(session) == 60
    assert len(seen) == 3  # the calendar, the kinds of clocks, the update
    session.expire_all()
    assert all(case.due_on == Calendar().add_working_days(case.due_from, 5) for case in session.scalars(select(Application)))


# --- a year from a sheet ----------------------------------------------------------------------------
def sheet(*rows):
    keys = ("day", "working", "name")
    return write(CALENDAR_COLUMNS, [dict(zip(keys, row, strict=False)) for row in rows], sheet_title="节假日")


def test_a_sheet_is_read_as_people_write_days_and_words(session):
    data = sheet(("2027年1月1日", "休", "元旦"), ("2027/2/6", "上班", "春节"), (date(2027, 2, 5), "放假"))
    preview = read_year(session, data, ADMIN)
    assert preview.errors == []
    assert [(one.day.isoformat(), one.working) for one in preview.days] == [
        ("2027-01-01", False),
        ("2027-02-05", False),
        ("2027-02-06", True),
    ]


def test_every_bad_cell_is_named_and_nothing_can_be_imported(session):
    rows = [
        ("2027-13-01", "休", ""),
        ("2027-01-01", "也许", ""),
        ("2027-01-05", "班", ""),
        ("2027-05-01", "休", ""),
        ("2027-05-01", "休", ""),
        ("2027-06-01T起放假", "休", ""),
        ("2027-06日-02", "休", ""),
    ]
    preview = read_year(session, sheet(*rows), ADMIN)
    assert [error.row for error in preview.errors] == [2, 3, 4, 6, 7, 8]
    assert preview.days == []


def test_an_import_does_what_the_preview_said_and_leaves_other_years_alone(session, clocks):
    session.add_all(
        [
            CalendarDay(day=date(2025, 10, 1), working=False, name="国庆节"),
            CalendarDay(day=date(2026, 3, 3), working=False, name="误"),
            CalendarDay(day=date(2026, 5, 1), working=False, name="五一"),
        ]
    )
    session.flush()
    recompute_deadlines(session)
    preview = read_year(session, sheet(("2026-05-01", "休", "劳动节"), ("2026-10-01", "休", "国庆节")), ADMIN)
    counts = (len(preview.added), len(preview.changed), len(preview.removed))
    assert (counts, preview.years) == ((1, 1, 1), [2026])
    assert import_year(session, preview, ADMIN, at=make.NOON) == 3  # 3 March is worked again
    session.commit()
    assert [one.name for one in office_calendar.days_of(session, 2025, 2026)] == ["国庆节", "劳动节", "国庆节"]
    again = read_year(session, sheet(("2026-05-01", "休", "劳动节"), ("2026-10-01", "休", "国庆节")), ADMIN)
    assert again.changes == []


def test_what_was_checked_is_not_imported_into_another_calendar(session):
    preview = read_year(session, sheet(("2027-01-01", "休", "元旦")), ADMIN)
    set_day(session, DayEntry(date(2027, 5, 1), False), ADMIN)
    with pytest.raises(Stale):
        import_year(session, preview, ADMIN, at=make.NOON)


def test_what_is_exported_can_be_imported_and_changes_nothing(session):
    seed_calendar(session)
    session.commit()
    data = office_calendar.year_sheet(office_calendar.days_of(session, 2026))
    preview = read_year(session, data, ADMIN)
    assert (preview.errors, preview.changes, len(preview.days)) == ([], [], 39)


NAMES = st.text("元旦春节（）()=+'ａ１·、 ", max_size=8).map(str.strip)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(named=st.dictionaries(st.dates(date(2031, 1, 1), date(2032, 12, 31)), NAMES, min_size=1, max_size=8))
def test_whatever_days_are_exported_can_be_imported_and_change_nothing(session, named):
    """Names as they were typed: full width, an apostrophe, the beginning of a formula."""
    session.execute(delete(CalendarDay))
    days = [DayEntry(day, day.weekday() >= 5, name) for day, name in sorted(named.items())]
    session.add_all(CalendarDay(day=one.day, working=one.working, name=one.name) for one in days)
    session.flush()
    preview = read_year(session, office_calendar.year_sheet(days), ADMIN)
    assert (preview.errors, preview.changes, preview.days) == ([], [], days)
    assert {row.outcome for row in preview.rows} == {RowOutcome.UNCHANGED}


def test_an_empty_sheet_empties_no_year(session):
    assert [error.row for error in read_year(session, office_calendar.year_sheet([]), ADMIN).errors] == [2]
