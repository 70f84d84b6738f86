"""Passed exams of the old system."""

from datetime import date

from app.core.vocabulary import Category, PassSource
from app.models import ExamPass
from tests import make
from tests.applications.sheet_imports.conftest import only, outcomes, take
from tests.applications.sheet_imports.sheets import FIRM, PASSES, row


def test_a_pass_is_one_of_the_old_system_and_nobody_has_seen_its_originals(session, means):
    take(means, PASSES, row(PASSES))
    found = only(session, ExamPass)
    assert (found.source, found.passed_on, found.category) == (PassSource.LEGACY, date(2025, 10, 1), Category.C1)
    assert (found.originals_verified_at, found.person.enterprise.name) == (None, FIRM)


def test_a_pass_whose_originals_were_seen_is_settled(session, means):
    passed = row(PASSES)
    take(means, PASSES, passed)
    only(session, ExamPass).originals_verified_at = make.NOON
    session.commit()
    assert outcomes(means, take(means, PASSES, passed | {"passed_on": "2025-12-01"})) == ["unchanged"]
    assert only(session, ExamPass).passed_on == date(2025, 10, 1)
