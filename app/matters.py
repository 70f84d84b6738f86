"""The service matters, one record each. To add one, begin here.

Everything in which matters differ is in their records; what they share is in ``workflow``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates import lifecycle
from app.certificates.pdf import render
from app.core.errors import FixPlace, Refusal
from app.core.identifiers import IDENTITY
from app.core.office import Office
from app.core.vocabulary import (
    CURRENT_CATEGORIES,
    MATTER_PAPERS,
    PERSON_PAPERS,
    Category,
    MatterKind,
    PaperKind,
    ReplacementReason,
)
from app.eligibility import corrections, incoming_rules, particulars, rules
from app.eligibility.facts import Facts
from app.eligibility.matter_fields import fields_of
from app.eligibility.rules import Rule
from app.models import PaperRule

# Of every matter, on submission, acceptance, first and second review.
AT_EVERY_STEP: tuple[Rule, ...] = (rules.is_one_and_the_same_person,)


@dataclass(frozen=True, slots=True)
class Matter:
    """One service matter: its rules per stage, its time limit, and the effect of an approval."""

    kind: MatterKind
    categories: tuple[Category, ...]
    rules: tuple[Rule, ...]  # on submission
    on_acceptance: tuple[Rule, ...]
    on_approval: tuple[Rule, ...]  # what may have changed since submission
    outcome: lifecycle.ApprovalEffect
    days: Callable[[Office], int]  # working days from acceptance to decision (domain.md 4.2)
    by_reason: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)  # on submission, for this reason only
    warnings: tuple[Rule, ...] = ()  # shown to clerk and officer; they block nothing

    def rules_for(self, case: Facts) -> tuple[Rule, ...]:
        """All rules that apply to this case on submission."""
        by_reason = self.by_reason.get(case.reason_code, ())
        return (self.is_served, *AT_EVERY_STEP, *self.rules, *by_reason, rules.papers_are_complete)

    def is_served(self, case: Facts, on: date, office: Office) -> Iterator[Refusal]:
        if case.category not in self.categories:
            yield Refusal(
                "category-not-served", _("This matter is not open for category %(category)s.", category=case.category.value)
            )


def can_be_printed(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """There is a photo, and our fonts have every character of the person's and the enterprise's name."""
    if PaperKind.PHOTO not in case.required_papers(on) and PaperKind.PHOTO.value not in case.submitted["papers"]:
        yield Refusal(
            "no-photo-to-print",
            _("%(name)s: there is no photo, and no certificate without one. Add it first.", name=case.name),
            place=FixPlace("person", case.person_id, PaperKind.PHOTO.value),
        )
    for text in (particulars.printed_person(case)["name"], case.submitted["enterprise"]["name"]):
        if missing := render.unprintable(text):
            yield Refusal(
                "cannot-be-printed",
                _("“%(text)s” cannot be printed: no font has the character %(marks)s.", text=text, marks="".join(missing)),
            )


def warnings_of(case: Facts, on: date, office: Office) -> list[Refusal]:
    """What people should know, and may go on in spite of."""
    return rules.refusals(case, MATTERS[case.matter].warnings, on, office)


def correctable(case: Facts, on: date) -> tuple[str, ...]:
    """The items an officer may mark for correction, in the order of ``corrections.ITEMS``: those the enterprise can change.

    It cannot change the record of another enterprise's person, nor anybody's name and ID number: an open application fixes
    them (``accounts.registry.identity_is_fixed_by``).
    """
    required, submitted = case.required_papers(on), case.submitted
    own = case.matter is not MatterKind.TRANSFER and case.employer_id == case.enterprise_id
    scans = {kind for kind in (*PERSON_PAPERS, *MATTER_PAPERS) if kind in required or kind.value in submitted["papers"]}
    if not own and case.matter is not MatterKind.TRANSFER:
        scans -= set(PERSON_PAPERS)
    fields = fields_of(case.matter, case.reason_code, case.category)
    items = {
        *(f"person.{name}" for name in corrections.PERSON if own and name not in IDENTITY),
        *(f"papers.{kind.value}" for kind in scans),
        *(f"details.{field.name}" for field in fields),
        *(["pledge"] if PaperKind.PLEDGE in required or submitted["pledge"] else []),
        *(["qualifications"] if PaperKind.QUALIFICATION in required or submitted["qualifications"] else []),
    }
    return tuple(item for item in corrections.ITEMS if item in items)


_FILED = (rules.enterprise_is_registered, rules.names_a_handler, rules.no_correction_is_pending)
_IN_FORCE = (rules.certificate_stands, rules.certificate_has_not_expired)
_OWN = (rules.works_for_the_filing_enterprise, rules.certificate_is_own)

_PRINTABLE = (particulars.principal_has_a_position, can_be_printed)

_ALL = (
    Matter(
        MatterKind.NEW,
        categories=CURRENT_CATEGORIES,
        rules=(
            *_FILED,
            rules.works_for_the_filing_enterprise,
            rules.has_passed_the_exam,
            rules.is_not_banned,
            rules.is_of_age,
            rules.position_fits_the_category,
            rules.holds_no_such_certificate,
            rules.escapes_no_suspension,
            rules.keeps_certificates_in_one_enterprise,
            rules.is_the_only_open_application,
            can_be_printed,
        ),
        on_acceptance=(rules.originals_were_seen, rules.is_not_banned, rules.position_fits_the_category),
        on_approval=(
            rules.is_not_banned,
            rules.no_measure_is_proposed,
            rules.still_has_the_pass,
            rules.holds_no_such_certificate,
            rules.escapes_no_suspension,
            *_PRINTABLE,
        ),
        outcome=lifecycle.issue,
        days=lambda office: office.decide_days,
    ),
    Matter(
        MatterKind.RENEWAL,
        categories=tuple(Category),
        rules=(
            *_FILED,
            *_OWN,
            *_IN_FORCE,
            rules.asks_within_the_renewal_window,
            rules.is_of_age,
            rules.is_the_only_open_application,
            *_PRINTABLE,
        ),
        on_acceptance=(rules.certificate_stands,),
        on_approval=(rules.certificate_is_own, rules.certificate_stands, *_PRINTABLE),
        outcome=lifecycle.extend,
        days=lambda office: office.decide_days,
        warnings=(rules.nears_retirement,),
    ),
    Matter(
        MatterKind.TRANSFER,
        categories=tuple(Category),
        rules=(
            *_FILED,
            rules.certificate_is_with_another_enterprise,
            rules.certificate_is_of_this_province,
            *_IN_FORCE,
            rules.is_the_only_open_application,
            particulars.stated_position_fits_the_category,
            *_PRINTABLE,
        ),
        on_acceptance=(rules.certificate_is_with_another_enterprise, rules.certificate_stands),
        on_approval=(rules.certificate_is_with_another_enterprise, rules.certificate_stands, *_PRINTABLE),
        outcome=lifecycle.move,
        days=lambda office: office.swift_days,
        warnings=(rules.leaves_no_certificate_behind,),
    ),
    Matter(
        MatterKind.REPLACEMENT,
        categories=tuple(Category),
        rules=(
            *_FILED,
            *_OWN,
            rules.reason_is_known,
            rules.matter_fields_are_given,
            rules.divided_category_is_free,
            rules.is_the_only_open_application,
            *_PRINTABLE,
        ),
        by_reason={
            ReplacementReason.FROM_OTHER_PROVINCE.value: (
                incoming_rules.comes_with_a_certificate_in_force,
                incoming_rules.comes_from_another_province,
                incoming_rules.brings_a_number_of_the_national_form,
                rules.is_not_banned,
                rules.is_of_age,
                rules.position_fits_the_category,
                rules.holds_no_such_certificate,
                rules.escapes_no_suspension,
                rules.keeps_certificates_in_one_enterprise,
            ),
            ReplacementReason.WRONG_INFORMATION.value: (
                *_IN_FORCE,
                particulars.corrects_something,
                particulars.wrong_photo_was_replaced,
                particulars.stated_sex_and_birth_follow_the_number,
                particulars.stated_position_fits_the_category,
                particulars.corrected_id_number_is_free,
                particulars.corrected_number_is_of_age,
            ),
            ReplacementReason.LOST.value: (*_IN_FORCE, rules.loss_is_declared),
            ReplacementReason.ENTERPRISE_RENAMED.value: (*_IN_FORCE, rules.shows_another_enterprise_name),
            ReplacementReason.PAPER_TO_ELECTRONIC.value: (*_IN_FORCE, rules.is_still_on_paper),
        },
        on_acceptance=(rules.certificate_stands, rules.newcomer_is_not_banned, rules.newcomer_has_a_fitting_position),
        on_approval=(
            rules.newcomer_is_not_banned,
            rules.no_measure_is_proposed,
            rules.certificate_is_own,
            rules.certificate_stands,
            rules.divided_category_is_free,
            rules.new_category_is_free,
            rules.escapes_no_suspension,
            particulars.corrected_id_number_is_free,
            *_PRINTABLE,
        ),
        outcome=lifecycle.replace,
        days=lambda office: office.swift_days,
    ),
    Matter(
        MatterKind.CANCELLATION,
        categories=tuple(Category),
        rules=(
            *_FILED,
            rules.certificate_is_own,
            rules.certificate_stands,
            rules.reason_is_known,
            rules.matter_fields_are_given,
            rules.is_the_only_open_application,
        ),
        on_acceptance=(rules.certificate_stands,),
        on_approval=(rules.certificate_is_own, rules.certificate_stands, rules.no_measure_is_proposed),
        outcome=lifecycle.cancel,
        days=lambda office: office.swift_days,
    ),
)

MATTERS = {matter.kind: matter for matter in _ALL}


# --- required papers before the administrator changes them (domain.md 2.9) -----------------------------

_SCANS = PERSON_PAPERS[:4]  # photo, ID card, education, title
_B = Category.B.value
_ALWAYS = date(2018, 1, 1)  # before the first day of the system
_PAPERS: tuple[tuple[MatterKind | None, str, str, tuple[PaperKind, ...]], ...] = (
    (None, "", "", _SCANS),  # the exam sign-up (R49)
    (MatterKind.NEW, "", "", (*_SCANS, PaperKind.PLEDGE, PaperKind.QUALIFICATION)),
    (MatterKind.NEW, _B, "", (PaperKind.REGISTRATION,)),
    (MatterKind.RENEWAL, "", "", (*_SCANS, PaperKind.OLD_CERTIFICATE, PaperKind.CONTINUING_EDUCATION)),
    (MatterKind.RENEWAL, _B, "", (PaperKind.REGISTRATION,)),
    (MatterKind.TRANSFER, "", "", (*_SCANS, PaperKind.END_OF_EMPLOYMENT, PaperKind.EMPLOYMENT_CONTRACT)),
    (MatterKind.TRANSFER, _B, "", (PaperKind.REGISTRATION,)),
    *(
        (MatterKind.REPLACEMENT, "", reason.value, papers)
        for reason, papers in (
            (ReplacementReason.FROM_OTHER_PROVINCE, (*_SCANS, PaperKind.OLD_CERTIFICATE, PaperKind.TRANSFER_PROOF)),
            (ReplacementReason.WRONG_INFORMATION, (PaperKind.PHOTO, PaperKind.ID_CARD, PaperKind.CORRECTION_PROOF)),
            (ReplacementReason.LOST, (*_SCANS, PaperKind.LOSS_STATEMENT)),
            (ReplacementReason.ENTERPRISE_RENAMED, (PaperKind.OLD_CERTIFICATE, PaperKind.RENAMING_APPROVAL)),
            (ReplacementReason.PAPER_TO_ELECTRONIC, (PaperKind.PHOTO, PaperKind.OLD_CERTIFICATE)),
        )
    ),
    (MatterKind.CANCELLATION, "", "", (PaperKind.ID_CARD, PaperKind.DISMISSAL_PROOF)),
)


def standard_papers(matter: MatterKind | None, category: Category, reason: str = "") -> tuple[PaperKind, ...]:
    """The papers required by default, without a matter of the exam sign-up. Forms are laid out by them; decisions use the
    stored table.
    """
    fitting = (row for row in _PAPERS if row[0] is matter and row[1] in ("", category.value) and row[2] in ("", reason))
    return tuple(dict.fromkeys(paper for *_key, papers in fitting for paper in papers))


def seed_papers(session: Session) -> int:
    """Add the missing rows of the table of required papers, leaving existing ones as they are; how many were added."""
    existing = {
        tuple(row)
        for row in session.execute(select(PaperRule.matter, PaperRule.category, PaperRule.reason_code, PaperRule.paper))
    }
    rows = [
        PaperRule(matter=matter, category=category, reason_code=reason, paper=paper, required_from=_ALWAYS)
        for matter, category, reason, papers in _PAPERS
        for paper in papers
        if (matter, category, reason, paper) not in existing
    ]
    session.add_all(rows)
    session.flush()
    return len(rows)
