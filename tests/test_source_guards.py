"""The guards that read the source see every way of writing a state or ending a transaction."""

import ast

import pytest

from tests.source_guards import many_set, markup_lost, modules, state_writes, transactions_ended


@pytest.mark.parametrize(
    "code",
    [
        "case.state = State.CLOSED",
        "case.state, other = a, b",
        "for case.state in states: pass",
        "session.execute(update(Application).values(state=State.CLOSED))",
        "session.execute(update(Application).where(here).values(**changes))",
        "session.execute(update(Application).where(here).values(changes))",
        "session.execute(update(Application), rows)",
        "session.execute(sa.insert(models.ExamSignup), rows)",
        "session.bulk_update_mappings(Application, rows)",
        'setattr(case, "state", State.CLOSED)',
        'query.update({"state": "closed"})',
        "Application(person=person, state=State.CLOSED)",
    ],
)
def test_a_state_is_seen_to_be_written(code):
    assert state_writes(ast.parse(code)) == [1]


@pytest.mark.parametrize(
    "code",
    [
        "case.due_on = day",
        "session.execute(update(Application).where(Application.state == state).values(due_on=day))",
        "session.execute(update(CalendarDay).values(**changes))",
        "if case.state is State.CLOSED: pass",
        "Application(person=person)",
    ],
)
def test_reading_a_state_or_writing_another_column_is_allowed(code):
    assert state_writes(ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "session.commit()", "session.rollback()", "with sessions.begin() as session: pass",
        "with engine.begin(): pass", "with session.begin_nested(): pass", 'connection.execute(text("COMMIT"))',
        'connection.exec_driver_sql("begin immediate")', "finish = session.commit",
    ],
)  # fmt: skip
def test_the_end_of_a_transaction_is_seen(code):
    assert transactions_ended(ast.parse(code)) == [1]


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("s.execute(update(Person).where(Person.id == 1).values(name='x'))", True),
        ("s.execute(sa.update(models.Person.__table__).values({'name': 'x'}))", True),
        ("s.execute(update(Person).values(major='x'))", False),
        ("s.execute(update(Paper).values(name='x'))", False),
    ],
)
def test_a_value_for_many_rows_that_others_are_computed_from_is_seen(code, is_found):
    assert bool(many_set(ast.parse(code), {"Person": {"name"}})) == is_found


def test_what_only_sounds_like_a_transaction_is_allowed():
    assert transactions_ended(ast.parse("challenges.begin(session, kind)\nsession.flush()")) == []


@pytest.mark.parametrize(
    "code", ['f"{shown(day)} →"', "str(shown(day))", '" ".join(map(shown(x), y))', '_("At %(at)s", at=shown(at))']
)
def test_markup_that_becomes_plain_text_is_seen(code):
    assert markup_lost(ast.parse(code)) == [1]


def test_markup_that_stays_markup_is_allowed():
    assert markup_lost(ast.parse('Markup("{}").format(shown(day))\nrows = [(label, shown(day))]\nstr(text_of(day))')) == []


def test_no_plain_text_of_the_application_takes_markup_in():
    assert {name: lines for name, tree in modules().items() if (lines := markup_lost(tree))} == {}
