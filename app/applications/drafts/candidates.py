"""What stands in the way of something that could be filed: what the enterprise's lists say before anything is saved.

Law: the same rules as on submission, less what can only be handed in with the application itself.
"""

from dataclasses import dataclass
from datetime import date

from app.core.errors import Refusal
from app.core.office import Office
from app.core.vocabulary import MATTER_PAPERS, PERSON_PAPERS, Category, MatterKind
from app.eligibility.facts import Facts
from app.eligibility.matter_fields import all_field_names
from app.eligibility.rules import refusals
from app.matters import warnings_of
from app.workflow import meets_the_matter

# Codes of what the form itself asks for: nobody can have given it before there is a form.
_ASKED_ON_THE_FORM = frozenset(
    {
        "handler-missing",
        "reason-unknown",
        "nothing-corrected",
        *(f"missing-{kind.value}" for kind in MATTER_PAPERS),
        *(f"missing-{name}" for name in all_field_names()),
    }
)
_PAPERS_TOO = _ASKED_ON_THE_FORM | {f"missing-{kind.value}" for kind in PERSON_PAPERS}  # a transfer brings its own


@dataclass(frozen=True, slots=True)
class FilingCandidate:
    """A person in a category, or a certificate, as the enterprise's list shows it before filing (R70, R97)."""

    facts: Facts
    gaps: tuple[Refusal, ...]  # can be mended: papers
    bars: tuple[Refusal, ...]  # cannot: no exam, already certified …
    warnings: tuple[Refusal, ...] = ()

    @property
    def person_id(self) -> int:
        return self.facts.person_id

    @property
    def certificate_id(self) -> int | None:
        return self.facts.certificate_id

    @property
    def category(self) -> Category:
        return self.facts.category

    @property
    def ready(self) -> bool:
        return not self.gaps and not self.bars


def checked(case: Facts, on: date, office: Office) -> FilingCandidate:
    """A candidate with all that stands in its way, divided into what can be mended and what cannot."""
    later = _PAPERS_TOO if case.matter is MatterKind.TRANSFER else _ASKED_ON_THE_FORM
    standing = [no for no in refusals(case, (meets_the_matter,), on, office) if no.code not in later]
    gaps = tuple(no for no in standing if _can_be_fixed(no))
    bars = tuple(no for no in standing if not _can_be_fixed(no))
    return FilingCandidate(case, gaps, bars, tuple(warnings_of(case, on, office)))


_FIXABLE = frozenset({"enterprise-not-registered", "not-own-person", "certified-elsewhere", "cannot-be-printed"})


def _can_be_fixed(no: Refusal) -> bool:
    return no.code.startswith("missing-") or no.code in _FIXABLE


def order(candidate: FilingCandidate) -> tuple[bool, bool, str, str]:
    """Ready ones first, then those who lack something, then those who cannot."""
    return bool(candidate.bars), bool(candidate.gaps), candidate.facts.name, candidate.category.value
