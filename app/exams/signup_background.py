"""What is known about a person who is signed up, for the reviewing officer: certificates, passes, other exams, doubts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Refusal
from app.core.office import Office
from app.core.vocabulary import Category, MatterKind, SignupState
from app.eligibility.facts import CertificateFacts, PassFacts, of_candidates
from app.exams.identity import identity_refusals
from app.exams.signup_rules import conditions_on, keeps_back, will_be_asked_for
from app.models import ExamNotice, ExamSignup

MOST_LISTED = 20


class OtherSignup(NamedTuple):
    """Another sign-up of the person, whichever enterprise made it."""

    notice_id: int
    number: str
    title: str
    exam_on: date
    category: Category
    state: SignupState
    score: Decimal | None


@dataclass(frozen=True, slots=True)
class SignupBackground:
    certificates: Sequence[CertificateFacts]
    passes: Sequence[PassFacts]
    others: Sequence[OtherSignup]
    doubts: Sequence[Refusal]  # what would refuse the sign-up today, as a position that does not fit
    notes: Sequence[Refusal]  # what the enterprise was warned of


def background(session: Session, signup: ExamSignup, *, on: date, office: Office) -> SignupBackground:
    """A fixed number of queries. The caller has checked that the reader may see the sign-up."""
    key = (signup.person_id, signup.category)
    case = of_candidates(session, signup.enterprise_id, MatterKind.NEW, [key])[key]
    others = _others(session, signup)
    asks = conditions_on(session, on, office)
    entered = {other.category: other.state for other in others if other.notice_id == signup.notice_id}
    differing = identity_refusals(session, ExamSignup.id == signup.id).get(signup.id, ())
    return SignupBackground(
        certificates=case.certificates,
        passes=sorted(case.passes, key=lambda one: one.passed_on, reverse=True),
        others=others,
        doubts=[*differing, *keeps_back(case, {**entered, signup.category: signup.state}, asks)],
        notes=[*will_be_asked_for(case, asks)],
    )


def _others(session: Session, signup: ExamSignup) -> list[OtherSignup]:
    """Newest first; what an enterprise has only selected is not the authority's affair yet."""
    query = (
        select(
            ExamSignup.notice_id,
            ExamSignup.number,
            ExamNotice.title,
            ExamNotice.exam_on,
            ExamSignup.category,
            ExamSignup.state,
            ExamSignup.score,
            ExamNotice.scores_submitted_at,
        )
        .join(ExamNotice, ExamNotice.id == ExamSignup.notice_id)
        .where(ExamSignup.person_id == signup.person_id, ExamSignup.id != signup.id)
        .where(ExamSignup.state != SignupState.SELECTED)
        .order_by(ExamSignup.id.desc())
        .limit(MOST_LISTED)
    )
    return [OtherSignup(*row[:6], row[6] if row[7] else None) for row in session.execute(query)]
