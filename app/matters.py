"""The matters the house serves, each written down once. To open a new one, begin here.

Law: everything in which one matter differs from another stands in its record; what they share is the workflow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _

from app import rules
from app.certificates import document, lifecycle
from app.config import Office
from app.errors import Refusal
from app.facts import Facts
from app.rules import Rule
from app.vocabulary import CURRENT_CATEGORIES, Category, MatterKind, PaperKind


@dataclass(frozen=True, slots=True)
class Matter:
    """One service matter: who may ask, with which papers, what is asked again later, and what an approval brings about."""

    kind: MatterKind
    categories: tuple[Category, ...]
    papers: Mapping[Category, tuple[PaperKind, ...]]  # scans of the person, by category (domain.md 2.9)
    rules: tuple[Rule, ...]  # on submission
    on_acceptance: tuple[Rule, ...]
    on_approval: tuple[Rule, ...]  # what may have changed since submission
    outcome: lifecycle.Outcome

    def papers_are_complete(self, case: Facts, on: date, office: Office) -> Iterator[Refusal]:
        yield from rules.has_person_papers(*self.papers[case.category])(case, on, office)

    def is_served(self, case: Facts, on: date, office: Office) -> Iterator[Refusal]:
        if case.category not in self.categories:
            yield Refusal(
                "category-not-served", _("This matter is not open for category %(category)s.", category=case.category.value)
            )


def can_be_printed(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Every character of what is printed exists in our fonts: a certificate never shows a box."""
    submitted = case.submitted
    for text in (submitted["person"]["name"], submitted["enterprise"]["name"]):
        if missing := document.unprintable(text):
            yield Refusal(
                "cannot-be-printed",
                _("“%(text)s” cannot be printed: no font has the character %(marks)s.", text=text, marks="".join(missing)),
            )


_SCANS = (PaperKind.PHOTO, PaperKind.ID_CARD, PaperKind.EDUCATION, PaperKind.TITLE)

_ALL = (
    Matter(
        MatterKind.NEW,
        categories=CURRENT_CATEGORIES,
        papers=dict.fromkeys(CURRENT_CATEGORIES, _SCANS) | {Category.B: (*_SCANS, PaperKind.REGISTRATION)},
        rules=(
            rules.enterprise_is_registered,
            rules.works_for_the_filing_enterprise,
            rules.names_a_handler,
            rules.has_qualification_scan,
            rules.has_integrity_pledge,
            rules.has_passed_the_exam,
            rules.is_not_banned,
            rules.is_of_age,
            rules.holds_no_such_certificate,
            rules.keeps_certificates_in_one_enterprise,
            rules.is_the_only_open_application,
            can_be_printed,
        ),
        on_acceptance=(rules.originals_were_seen,),
        on_approval=(rules.still_has_the_pass, rules.holds_no_such_certificate, can_be_printed),
        outcome=lifecycle.issue,
    ),
)

MATTERS = {matter.kind: matter for matter in _ALL}
