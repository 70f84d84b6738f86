"""People of an enterprise as an import: in chunks, undone as a whole while nobody of them is in use."""

import pytest
from sqlalchemy import select, update

from app.accounts.people_import import ROSTER_COLUMNS
from app.applications import sheet_imports
from app.applications.sheet_imports import run
from app.core.errors import NotAllowed, NotFound, Unmet
from app.core.vocabulary import Education, ImportKind, ImportPhase, Role, State
from app.files.spreadsheets import write
from app.models import Enterprise, Person
from tests import make
from tests.applications.sheet_imports.conftest import confirm, count, hand_in, let_go, outcomes, take, undo
from tests.at_once import at_once

ROSTER = ImportKind.ROSTER


@pytest.fixture
def firm(session) -> Enterprise:
    firm = make.enterprise()
    session.add(firm)
    session.commit()
    return firm


def sheet(*rows: dict[str, object]) -> bytes:
    given = {"name": "李雷", "education": "本科", "technical_title": "工程师", "position": "安全员"}
    return write(ROSTER_COLUMNS, [{**given, "id_number": make.id_number(), **row} for row in rows], sheet_title="人员")


def test_a_large_roster_goes_in_by_chunks_and_a_number_is_known_across_them(session, means, firm, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 3)
    rows = [{"id_number": make.id_number()} for _n in range(8)]
    import_id = hand_in(means, ROSTER, sheet(*rows, rows[0]), actor=make.clerk(firm))
    assert outcomes(means, import_id) == ["added"] * 8 + ["refused"]
    with pytest.raises(Unmet, match="must be put right first"):
        confirm(means, import_id, actor=make.clerk(firm))
    take(means, ROSTER, data=sheet(*rows), actor=make.clerk(firm))
    assert count(session, Person) == 8


def test_who_was_added_goes_and_who_came_back_leaves_again_as_before(session, means, firm, app):
    clerk = make.clerk(firm)
    session.add(back := make.person(None, name="王五", major="土木", education=Education.COLLEGE))
    session.commit()
    rows = {}, {"name": "王五", "id_number": back.id_number, "major": "机械", "education": "本科"}
    import_id = take(means, ROSTER, data=sheet(*rows), actor=clerk)
    session.refresh(back)
    assert (back.enterprise_id, back.major, back.education) == (firm.id, "机械", Education.BACHELOR)
    let_go()
    with means.sessions.begin() as other:
        sheet_imports.ask_undo(other, import_id, clerk, at=make.NOON)
    at_once(lambda number: sheet_imports.undo(means, number, at=make.NOON), [import_id, import_id])
    assert count(session, Person) == 1
    session.refresh(back)
    assert (back.enterprise_id, back.major, back.education) == (None, "土木", Education.COLLEGE)


def test_nobody_is_taken_back_who_was_changed_or_is_in_use_and_each_is_named_by_row(session, means, firm, app):
    clerk = make.clerk(firm)
    session.add(back := make.person(None, name="王五"))
    session.commit()
    rows = {"name": "张三"}, {"name": "李四"}, {"name": "王五", "id_number": back.id_number}
    import_id = take(means, ROSTER, data=sheet(*rows), actor=clerk)
    session.execute(update(Person).where(Person.name == "张三").values(major="建筑学"))
    session.refresh(back)
    session.add(make.application(back, State.DRAFT, created_at=make.NOON))
    session.commit()
    found = undo(means, import_id, actor=clerk)
    assert (found.phase, "changed since (rows 2)" in found.fault) == (ImportPhase.DONE, True)
    assert "1 applications depend on it (rows 4)" in found.fault
    session.execute(update(Person).where(Person.name == "张三").values(major=""))
    session.execute(update(Person).where(Person.name == "王五").values(banned_until=None))
    fourth = session.scalars(select(Person).where(Person.name == "李四")).one()
    session.add_all(make.complete_papers(fourth))
    session.commit()
    assert count(session, Person) == 3
    assert undo(means, import_id, actor=clerk).phase is ImportPhase.DONE


def test_nobody_else_brings_in_reads_or_undoes_people(session, means, firm):
    import_id = take(means, ROSTER, data=sheet({}), actor=make.clerk(firm))
    session.add(other := make.enterprise())
    session.commit()
    for actor in (make.clerk(other), make.officer(Role.ADMIN), make.officer(Role.EXAM_CLERK)):
        with means.sessions() as own, pytest.raises(NotFound):
            sheet_imports.report_of(own, means.store, import_id, actor)
        with pytest.raises(NotFound):
            undo(means, import_id, actor=actor)
    with pytest.raises(NotAllowed):
        hand_in(means, ROSTER, sheet({}), actor=make.officer(Role.EXAM_CLERK))


def test_a_mistyped_id_number_is_proposed_from_ones_own_people(session, means, firm, app):
    session.add_all([make.person(firm, name="李雷", id_number=(number := make.id_number())), make.person(None, name="李雷")])
    session.commit()
    swapped = number[:6] + number[7] + number[6] + number[8:]
    import_id = hand_in(means, ROSTER, sheet({"id_number": swapped}, {}), actor=make.clerk(firm))
    let_go()
    with means.sessions() as own:
        rows = sheet_imports.page_of(own, import_id, None, 0)
        batch = sheet_imports.import_of(own, import_id, make.clerk(firm))
        found = sheet_imports.proposals(own, batch, rows, make.clerk(firm))
    assert [[one.number for one in offered.values()] for offered in found.values()] == [[number]]
