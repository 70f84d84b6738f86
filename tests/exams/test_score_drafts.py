"""Discarding an imported draft."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app import exams
from app.core.errors import NotAllowed, NotFound, Stale, Unmet
from app.core.vocabulary import Role
from app.models import AuditEntry
from tests import make
from tests.exams.conftest import ACTING, ADMITTED, CLERK, SUBMITTED, ZHUZHOU, codes
from tests.make import NOON


@pytest.fixture
def draft(session, notice, signups):
    [scored], [absent], [unmarked] = signups(ADMITTED, score=Decimal(80)), signups(ADMITTED, absent=True), signups(ADMITTED)
    notice.scores_imported_at = NOON
    session.commit()
    return scored, absent, unmarked


def test_every_mark_goes_and_pass_mark_and_day_can_be_changed_again(session, notice, draft):
    assert exams.discard_scores(session, notice.id, CLERK, at=NOON) == 2
    assert [(one.state, one.score, one.absent) for one in draft] == [(ADMITTED, None, False)] * 3
    notice.exam_on, notice.pass_mark = notice.exam_on + timedelta(days=1), 70
    exams.amend(session, notice, CLERK, **ACTING)
    logged = {
        (entry.row, tuple(entry.change["score"])) for entry in session.scalars(select(AuditEntry)) if "score" in entry.change
    }
    assert {(str(draft[0].id), ("80.00", None)), (str(draft[1].id), ("absent", None))} <= logged


def test_without_a_draft_there_is_nothing_to_discard_and_final_scores_stay(session, notice, signups):
    signups(SUBMITTED)
    with pytest.raises(Unmet) as refused:
        exams.discard_scores(session, notice.id, CLERK, at=NOON)
    assert codes(refused.value) == {"no-draft"}
    notice.scores_imported_at = notice.scores_submitted_at = NOON
    session.commit()
    with pytest.raises(Stale):
        exams.discard_scores(session, notice.id, CLERK, at=NOON)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.EXAM_CLERK])
def test_nobody_else_discards(session, notice, draft, role):
    with pytest.raises(NotAllowed):
        exams.discard_scores(session, notice.id, make.officer(role), at=NOON)
    notice.region_code = "430100"
    session.commit()
    with pytest.raises(NotFound):
        exams.discard_scores(session, notice.id, ZHUZHOU, at=NOON)
    assert draft[0].score == 80
