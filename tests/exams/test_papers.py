"""The scans that a sign-up requires, by the table that the administrator edits."""

import pytest
from sqlalchemy import select, update

from app import exams
from app.core.errors import Unmet
from app.core.vocabulary import PaperKind, TechnicalTitle
from app.db.tables.papers import TITLED
from app.models import PaperRule, Person
from tests import make
from tests.exams.conftest import C1, SUBMITTED, A, B, codes
from tests.make import NOON, TODAY

TITLE = PaperKind.TITLE


@pytest.fixture
def rule(session):
    """``rule(paper, …)``: adds a line or switches the standard one; the table outlives the test, so all is put back."""
    standard = select(PaperRule.id).where(PaperRule.matter.is_(None))
    there = set(session.scalars(standard))

    def line(paper, *, required=True, category="", reason_code="", required_from=TODAY):
        where = (PaperRule.matter.is_(None), PaperRule.paper == paper, PaperRule.category == category)
        found = session.scalars(select(PaperRule).where(*where, PaperRule.reason_code == reason_code)).one_or_none()
        if found is None:
            facts = {"category": category, "reason_code": reason_code, "required_from": required_from}
            session.add(PaperRule(paper=paper, required=required, **facts))
        else:
            found.required = required
        session.commit()

    yield line
    session.rollback()
    for added in session.scalars(select(PaperRule).where(PaperRule.matter.is_(None), PaperRule.id.not_in(there))):
        session.delete(added)
    session.execute(update(PaperRule).where(PaperRule.id.in_(there)).values(required=True))
    session.commit()


def only(session, notice, clerk, office):
    [candidate] = exams.candidates(session, notice.id, clerk, at=NOON, office=office).candidates
    return candidate


def lacking(session):
    return set(session.scalars(select(Person.id).where(exams.lacks_papers(exams.signup_papers(session, TODAY)))))


def test_everybody_hands_in_four_scans_unless_the_table_says_otherwise(session):
    papers = exams.signup_papers(session, TODAY)
    assert papers.required(None) == papers.required(TechnicalTitle.SENIOR, B)
    assert papers.required(None) == (PaperKind.PHOTO, PaperKind.ID_CARD, PaperKind.EDUCATION, TITLE)


@pytest.mark.parametrize("title", [None, TechnicalTitle.NONE])
def test_who_has_no_title_signs_up_without_its_scan_where_the_table_asks_title_holders_only(
    session, notice, clerk, people, office, rule, title
):
    [plain] = people(without=(TITLE,), technical_title=title)
    assert codes(only(session, notice, clerk, office).lacks) == {"missing-title"}
    rule(TITLE, required=False)
    rule(TITLE, reason_code=TITLED)
    assert C1 in only(session, notice, clerk, office).open_categories
    [signup] = exams.select(session, notice.id, [(plain.id, C1)], clerk, at=NOON, office=office)
    assert exams.submit(session, [signup.id], clerk, at=NOON, office=office).moved == [signup.id]
    assert signup.state is SUBMITTED
    plain.technical_title = TechnicalTitle.JUNIOR
    session.flush()
    assert codes(only(session, notice, clerk, office).lacks) == {"missing-title"}


def test_a_scan_asked_for_in_one_category_bars_that_category_alone(session, notice, clerk, people, office, rule):
    [person] = people(without=(PaperKind.REGISTRATION,))
    rule(PaperKind.REGISTRATION, category="B")
    candidate = only(session, notice, clerk, office)
    assert (candidate.lacks, codes(candidate.per_category[B])) == ((), {"missing-registration"})
    assert A in candidate.open_categories
    with pytest.raises(Unmet) as refused:
        exams.select(session, notice.id, [(person.id, B)], clerk, at=NOON, office=office)
    assert codes(refused.value) == {"missing-registration"}


def test_a_line_holds_from_its_day_on(session, rule):
    rule(PaperKind.REGISTRATION, required_from=TODAY)
    assert PaperKind.REGISTRATION in exams.signup_papers(session, TODAY).required(None)
    assert PaperKind.REGISTRATION not in exams.signup_papers(session, TODAY.replace(day=TODAY.day - 1)).required(None)


def test_the_tile_counts_by_the_same_lines(session, people, rule):
    [plain], [titled] = people(without=(TITLE,)), people(without=(TITLE,), technical_title=TechnicalTitle.SENIOR)
    plain.technical_title = TechnicalTitle.NONE
    session.flush()
    assert lacking(session) == {plain.id, titled.id}
    rule(TITLE, required=False)
    assert lacking(session) == set()
    rule(TITLE, reason_code=TITLED)
    assert lacking(session) == {titled.id}


def test_b_without_registration_certificate_is_warned_and_may_sign_up(session, notice, clerk, people, office):
    people(without=(PaperKind.REGISTRATION,))
    candidate = only(session, notice, clerk, office)
    assert codes(candidate.warnings[B]) == {"later-registration"}
    assert (candidate.warnings[A], B in candidate.open_categories) == ((), True)


def test_with_the_certificate_nobody_is_warned(session, notice, clerk, people, office):
    people()
    assert set(only(session, notice, clerk, office).warnings.values()) == {()}


def test_two_lines_of_a_sign_up_about_the_same_paper_are_refused_by_the_database(session):
    from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

    session.add(PaperRule(paper=PaperKind.PHOTO, required_from=make.TODAY))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
