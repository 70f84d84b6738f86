"""Who can be signed up for what: the conditions of domain.md 3.1, each a refusal with its reason."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.core.errors import FixPlace, Refusal
from app.core.office import Office
from app.core.vocabulary import PERSON_PAPERS, Category, PaperKind, SignupState, TechnicalTitle
from app.eligibility.facts import Facts
from app.eligibility.rules import (
    SAFETY_OFFICERS,
    has_person_papers,
    is_not_banned,
    is_of_age,
    position_fits_the_category,
    works_for_the_filing_enterprise,
)
from app.exams.papers import SignupPapers, signup_papers

Entered = Mapping[Category, SignupState]  # one person's sign-ups for one notice


@dataclass(frozen=True, slots=True)
class SignupConditions:
    """The day, the parameters and the required scans of that day."""

    on: date
    office: Office
    papers: SignupPapers

    def general_papers(self, cases: Sequence[Facts]) -> tuple[PaperKind, ...]:
        """The scans asked for in every one of a person's cases."""
        return self.papers.of_all(_title(cases[0]), [case.category for case in cases])

    def papers_of(self, case: Facts) -> tuple[PaperKind, ...]:
        return self.papers.required(_title(case), case.category)

    def missing(self, case: Facts, kinds: Iterable[PaperKind], but: Collection[PaperKind] = ()) -> Iterator[Refusal]:
        """A refusal for each of these scans that the person does not have."""
        yield from has_person_papers(*(kind for kind in kinds if kind not in but))(case, self.on, self.office)


def conditions_on(session: Session, on: date, office: Office) -> SignupConditions:
    return SignupConditions(on, office, signup_papers(session, on))


def _title(case: Facts) -> TechnicalTitle | None:
    code = case.person["technical_title"]
    return next((title for title in TechnicalTitle if title.value == code), None)


def will_be_asked_for(case: Facts, asks: SignupConditions) -> Iterator[Refusal]:
    """Warnings: scans of the person that the new application requires and the sign-up does not, as 注册证 for B."""
    of_signup = asks.papers_of(case)
    for kind in case.required_papers(asks.on):
        if kind in PERSON_PAPERS and kind not in of_signup and kind not in case.person_papers:
            yield Refusal(
                f"later-{kind.value}",
                _(
                    "%(name)s: after the exam, the new application for %(category)s also requires the scan “%(paper)s”, "
                    "which is missing.",
                    name=case.name,
                    category=case.category.value,
                    paper=kind.label,
                ),
                place=FixPlace("person", case.person_id, kind.value),
            )


def keeps_back(case: Facts, entered: Entered, asks: SignupConditions) -> Iterator[Refusal]:
    """Refusals for a selected sign-up."""
    yield from works_for_the_filing_enterprise(case, asks.on, asks.office)
    yield from asks.missing(case, asks.papers_of(case))
    yield from is_not_banned(case, asks.on, asks.office)
    yield from fits_category(case, asks)
    if case.category in SAFETY_OFFICERS:
        yield from is_one_first_c(case, entered, asks.on)


def stands_in_the_way(
    case: Facts, entered: Entered, asks: SignupConditions, general: Collection[PaperKind]
) -> Iterator[Refusal]:
    """Refusals for one person and category before selecting, without the scans that every category asks for."""
    yield from is_new(case, entered)
    yield from fits_category(case, asks)
    yield from asks.missing(case, asks.papers_of(case), but=general)
    if case.category in SAFETY_OFFICERS and case.category not in entered:
        yield from is_one_first_c(case, {*entered, case.category}, asks.on)


def fits_category(case: Facts, asks: SignupConditions) -> Iterator[Refusal]:
    yield from is_of_age(case, asks.on, asks.office)
    yield from position_fits_the_category(case, asks.on, asks.office)
    yield from holds_no_lasting_certificate(case, asks.on, asks.office)


def is_new(case: Facts, entered: Entered) -> Iterator[Refusal]:
    """One sign-up per notice, person and category; also a database constraint."""
    if case.category in entered:
        yield Refusal(
            "already-signed-up",
            _(
                "%(name)s is already signed up for %(category)s in this exam (%(state)s).",
                name=case.name,
                category=case.category.value,
                state=entered[case.category].label,
            ),
        )


def holds_no_lasting_certificate(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """domain.md 3.1: a holder can take the exam again only once renewal is open. C3 covers C1 and C2."""
    covering = {case.category, Category.C3} if case.category in (Category.C1, Category.C2) else {case.category}
    for held in case.certificates:
        opens = office.renewal_opens_on(held.valid_to)
        if held.category in covering and held.in_force(on) and on < opens:
            yield Refusal(
                "already-certified",
                _(
                    "%(name)s holds %(number)s until %(day)s; sign-up for %(category)s is possible from %(opens)s.",
                    name=case.name,
                    number=held.number,
                    day=f"{held.valid_to:%Y-%m-%d}",
                    category=case.category.value,
                    opens=f"{opens:%Y-%m-%d}",
                ),
            )


def is_one_first_c(case: Facts, chosen: Iterable[Category], on: date) -> Iterator[Refusal]:
    """建质〔2015〕206号: a first safety officer's certificate is only one of C1, C2 and C3; holders may add others."""
    first = not any(held.category in SAFETY_OFFICERS and held.in_force(on) for held in case.certificates)
    several = [category.value for category in Category if category in SAFETY_OFFICERS & set(chosen)]
    if first and len(several) > 1:
        yield Refusal(
            "one-first-c",
            _(
                "%(name)s has no C certificate yet and can be signed up for only one of %(categories)s.",
                name=case.name,
                categories="、".join(several),
            ),
        )


def too_many(free: int | None, wanted: int) -> Iterator[Refusal]:
    if free == 0:
        yield Refusal("no-places", _("This exam has no places left."))
    elif free is not None and wanted > free:
        sentence = _("This exam has %(free)s places left; you chose %(n)s people. Please choose fewer.", free=free, n=wanted)
        yield Refusal("no-places", sentence)
