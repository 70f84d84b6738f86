import pytest
from sqlalchemy import func, select

from app.applications.drafts import amend, candidates, discard, draft
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import Category, MatterKind, PaperKind, Role, State
from app.models import Application, Filing
from tests import make
from tests.query_counter import queries

HANDLER = ("韩梅梅", "13800000000")


@pytest.fixture
def mine(session):
    enterprise = make.enterprise()
    session.add(enterprise)
    session.flush()
    scan = make.qualification(enterprise)
    session.add(scan)
    session.flush()
    session.add_all(
        [
            make.paper(PaperKind.QUALIFICATION, qualification_id=scan.id, enterprise_id=enterprise.id),
            make.paper(PaperKind.PLEDGE, pledging_enterprise_id=enterprise.id, enterprise_id=enterprise.id),
        ]
    )
    session.commit()
    return enterprise


@pytest.fixture
def clerk(mine):
    return make.clerk(mine)


def passer(session, enterprise, *, without=(), category=Category.C1, **facts):
    person = make.person(enterprise, **facts)
    session.add(person)
    session.flush()
    session.add_all([*make.complete_papers(person, without=without), make.exam_pass(person, category=category)])
    session.commit()
    return person


def file(session, picks, clerk, office, handler=HANDLER):
    filing = draft(session, MatterKind.NEW, picks, *handler, clerk, at=make.NOON, office=office)
    session.commit()
    return filing


def code_of(error):
    return [refusal.code for refusal in error.value.refusals]


def test_one_filing_holds_one_draft_per_person_and_category(session, mine, clerk, office):
    people = [passer(session, mine) for _ in range(3)]
    filing = file(session, [(person.id, Category.C1) for person in people], clerk, office)
    assert [a.state for a in filing.applications] == [State.DRAFT] * 3
    assert len({a.number for a in filing.applications}) == 3
    assert filing.number == "430000-SB-20260302-0001"


def test_the_list_shows_who_is_ready_who_lacks_what_and_who_cannot(session, mine, clerk, office):
    passer(session, mine, name="可以")
    passer(session, mine, name="缺照片", without=(PaperKind.PHOTO,))
    certified = passer(session, mine, name="已持证")
    session.add_all([make.certificate(certified), make.person(mine, name="没考过")])
    session.commit()
    listed = candidates(session, MatterKind.NEW, clerk, at=make.NOON, office=office).candidates
    assert [(c.facts.name, c.ready) for c in listed] == [("可以", True), ("缺照片", False), ("已持证", False)]
    assert [r.code for r in listed[1].gaps] == ["missing-photo"]
    assert [r.code for r in listed[2].bars] == ["already-certified"]


def test_the_list_of_fifty_takes_as_many_queries_as_that_of_one(session, mine, clerk, office, system):
    passer(session, mine)
    with queries(system.engine) as few:
        candidates(session, MatterKind.NEW, clerk, at=make.NOON, office=office)
    for _ in range(49):
        passer(session, mine)
    with queries(system.engine) as many:
        assert len(candidates(session, MatterKind.NEW, clerk, at=make.NOON, office=office).candidates) == 50
    assert len(many) == len(few)


def test_handler_and_people_are_asked_for_at_once(session, clerk, office):
    with pytest.raises(Unmet) as error:
        file(session, [], clerk, office, handler=("", "12"))
    assert code_of(error) == ["handler-name", "handler-mobile", "nobody-chosen"]


def test_a_foreign_or_invented_person_is_not_found_and_nothing_is_filed(session, mine, clerk, office):
    theirs = passer(session, make.enterprise(name="别家"))
    for person_id in (theirs.id, 999_999):
        with pytest.raises(NotFound):
            file(session, [(passer(session, mine).id, Category.C1), (person_id, Category.C1)], clerk, office)
        session.rollback()
    assert session.scalar(select(func.count(Filing.id))) == 0


def test_nobody_is_filed_twice_for_the_same_category(session, mine, clerk, office):
    person = passer(session, mine)
    file(session, [(person.id, Category.C1)], clerk, office)
    with pytest.raises(Unmet) as error:
        file(session, [(person.id, Category.C1)], clerk, office)
    assert code_of(error) == ["already-open"]


def test_an_undivided_c_cannot_be_applied_for(session, mine, clerk, office):
    person = passer(session, mine, category=Category.C)
    with pytest.raises(NotFound):
        file(session, [(person.id, Category.C)], clerk, office)


def test_a_draft_is_amended_people_come_and_go(session, mine, clerk, office):
    stays, goes, comes = (passer(session, mine) for _ in range(3))
    filing = file(session, [(stays.id, Category.C1), (goes.id, Category.C1)], clerk, office)
    picks = [(stays.id, Category.C1), (comes.id, Category.C1)]
    amend(session, filing.id, "李雷", "13900000000", picks, clerk, at=make.NOON, office=office)
    session.commit()
    people = set(session.scalars(select(Application.person_id).where(Application.filing_id == filing.id)))
    assert people == {stays.id, comes.id}
    assert session.get(Filing, filing.id).handler_name == "李雷"


def test_what_is_being_handled_cannot_be_amended_or_discarded(session, mine, clerk, office):
    person = passer(session, mine)
    application = make.application(person, State.AWAITING_ACCEPTANCE)
    session.add(application)
    session.commit()
    with pytest.raises(AppError, match="handled"):
        amend(session, application.filing_id, *HANDLER, [(person.id, Category.C1)], clerk, at=make.NOON, office=office)
    with pytest.raises(AppError, match="never submitted"):
        discard(session, [application.id], clerk)


def test_a_discarded_draft_takes_its_empty_filing_along(session, mine, clerk, office):
    filing = file(session, [(passer(session, mine).id, Category.C1)], clerk, office)
    assert discard(session, [a.id for a in filing.applications], clerk) == 1
    session.commit()
    assert session.scalar(select(func.count(Filing.id))) == 0


def test_another_enterprise_cannot_discard_or_amend(session, mine, clerk, office):
    filing = file(session, [(passer(session, mine).id, Category.C1)], clerk, office)
    other = make.enterprise(name="别家")
    session.add(other)
    session.commit()
    with pytest.raises(NotFound):
        discard(session, [filing.applications[0].id], make.clerk(other))
    with pytest.raises(NotFound):
        amend(session, filing.id, *HANDLER, [], make.clerk(other), at=make.NOON, office=office)
    with pytest.raises(NotAllowed):
        discard(session, [filing.applications[0].id], make.officer(Role.ADMIN))
