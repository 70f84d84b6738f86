"""How many of those who sat an exam passed it."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.vocabulary import SCORED, Category, SignupState
from app.models import ExamSignup


@dataclass(frozen=True, slots=True)
class PassRate:
    """Of one category; None: of all together."""

    category: Category | None
    passed: int
    failed: int
    absent: int

    @property
    def sat(self) -> int:
        return self.passed + self.failed

    @property
    def percent(self) -> str:
        """Of those who sat, with one decimal; a dash if nobody did."""
        return f"{100 * self.passed / self.sat:.1f}%" if self.sat else "—"


def pass_rates(session: Session, notice_id: int, actor: Actor) -> list[PassRate]:
    """By category and, last, of all, within the actor's reach; empty before the scores are final. One query."""
    query = (
        select(ExamSignup.category, ExamSignup.state, func.count())
        .where(ExamSignup.notice_id == notice_id, ExamSignup.state.in_(SCORED), reach(actor, ExamSignup))
        .group_by(ExamSignup.category, ExamSignup.state)
    )
    counts = {(category, state): count for category, state, count in session.execute(query)}
    found = [_rate(category, counts) for category in Category if any(key[0] is category for key in counts)]
    if not found:
        return []
    total = PassRate(None, *(sum(getattr(rate, name) for rate in found) for name in ("passed", "failed", "absent")))
    return [*found, total]


def _rate(category: Category, counts: dict[tuple[Category, SignupState], int]) -> PassRate:
    return PassRate(category, *(counts.get((category, state), 0) for state in SCORED))
