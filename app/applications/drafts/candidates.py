"""What could be filed, and what stands in the way, for the enterprise's lists before anything is saved.

The rules are those of submission, except for what is only given on the form itself.
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

# Codes of refusals about what is given on the form.
_ASKED_ON_THE_FORM = frozenset(
    {
        "handler-missing",
        "reason-unknown",
        "nothing-corrected",
        *(f"missing-{kind.value}" for kind in MATTER_PAPERS),
        *(f"missing-{name}" for name in all_field_names()),
    }
)
_PAPERS_TOO = _ASKED_ON_THE_FORM | {f"missing-{kind.value}" for kind in PERSON_PAPERS}  # a transfer has its own scans


@dataclass(frozen=True, slots=True)
class FilingCandidate:
    """A person in a category, or a certificate, as the enterprise's list shows it before filing (R70, R97)."""

    facts: Facts
    gaps: tuple[Refusal, ...]  # the enterprise can fix these: missing papers
    bars: tuple[Refusal, ...]  # it cannot fix these: no exam, already certified …
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
    """A candidate with all refusals, divided into those the enterprise can fix and others."""
    later = _PAPERS_TOO if case.matter is MatterKind.TRANSFER else _ASKED_ON_THE_FORM
    refused = [refusal for refusal in refusals(case, (meets_the_matter,), on, office) if refusal.code not in later]
    gaps = tuple(refusal for refusal in refused if _can_be_fixed(refusal))
    bars = tuple(refusal for refusal in refused if not _can_be_fixed(refusal))
    return FilingCandidate(case, gaps, bars, tuple(warnings_of(case, on, office)))


_FIXABLE = frozenset({"enterprise-not-registered", "not-own-person", "certified-elsewhere", "cannot-be-printed"})


def _can_be_fixed(refusal: Refusal) -> bool:
    return refusal.code.startswith("missing-") or refusal.code in _FIXABLE
