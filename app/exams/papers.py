"""The scans that a sign-up requires (R49): the lines of the table of required papers that belong to no matter."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

from app.core.vocabulary import PERSON_PAPERS, Category, PaperKind, TechnicalTitle
from app.db.tables.papers import TITLED
from app.models import Paper, PaperRule, Person


@dataclass(frozen=True, slots=True)
class SignupPapers:
    """The lines in effect on a day."""

    rules: tuple[PaperRule, ...]

    def required(self, title: TechnicalTitle | None, category: Category | None = None) -> tuple[PaperKind, ...]:
        """What somebody with this technical title hands in for a category; without one, what every category asks for.

        A line that names the category or the title overrides one that does not.
        """
        names, reasons = {"", category.value if category else ""}, {"", TITLED if has_title(title) else ""}
        fitting = [rule for rule in self.rules if rule.category in names and rule.reason_code in reasons]
        fitting.sort(key=lambda rule: (rule.reason_code != "", rule.category != ""))
        asked = {rule.paper: rule.required for rule in fitting}
        return tuple(kind for kind in PERSON_PAPERS if asked.get(kind))

    def of_all(self, title: TechnicalTitle | None, categories: Iterable[Category]) -> tuple[PaperKind, ...]:
        """What is asked for whichever of these categories is chosen."""
        each = [set(self.required(title, category)) for category in categories]
        general = set.intersection(*each) if each else set()
        return tuple(kind for kind in PERSON_PAPERS if kind in general)


def has_title(title: TechnicalTitle | None) -> bool:
    return title not in (None, TechnicalTitle.NONE)


def signup_papers(session: Session, on: date) -> SignupPapers:
    """One query."""
    lines = select(PaperRule).where(PaperRule.matter.is_(None), PaperRule.required_from <= on).order_by(PaperRule.id)
    return SignupPapers(tuple(session.scalars(lines)))


def lacks_papers(papers: SignupPapers) -> ColumnElement[bool]:
    """SQL condition on ``Person``: a scan that every category asks for is missing."""
    titled = Person.technical_title.is_not(None) & (Person.technical_title != TechnicalTitle.NONE)
    plain, more = papers.required(None), papers.required(TechnicalTitle.JUNIOR)
    return case((titled, len(more) > _handed_in(more)), else_=len(plain) > _handed_in(plain))


def _handed_in(kinds: Collection[PaperKind]) -> ColumnElement[int]:
    """How many of these scans a person has; the unique index lets each kind count once."""
    if not kinds:
        return literal(0)
    counted = select(func.count(Paper.id)).where(Paper.person_id == Person.id, Paper.replaced_at.is_(None))
    return counted.where(Paper.kind.in_(kinds)).correlate(Person).scalar_subquery()
