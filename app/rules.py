"""What must hold before something may happen. One function, one sentence of the regulations.

Law: a rule is pure. It looks at the facts of one case on a given day and yields a refusal for everything that stands in the
way; yielding nothing means *nothing stands in the way*.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from flask_babel import lazy_gettext as _

from app.clock import add_years
from app.config import Office
from app.errors import Place, Refusal
from app.facts import Facts
from app.identity import age
from app.vocabulary import Category, PaperKind, PassSource, Registration

SAFETY_OFFICERS = frozenset({Category.C1, Category.C2, Category.C3, Category.C})


Rule = Callable[[Facts, date, Office], Iterable[Refusal]]


# --- person and enterprise --------------------------------------------------------------------------


def works_for_the_filing_enterprise(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R70: an enterprise files for its own people."""
    if case.employer_id != case.enterprise_id:
        yield Refusal(
            "not-own-person",
            _("%(name)s is no longer registered as a person of your enterprise.", name=case.name),
            place=Place("people"),
        )


def enterprise_is_registered(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R30: only an enterprise whose registration was approved may file."""
    if case.enterprise_registration is not Registration.APPROVED:
        yield Refusal("enterprise-not-registered", _("The registration of your enterprise has not been approved yet."))


def names_a_handler(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R71: the handler is told of every decision."""
    if not case.handler_name or not case.handler_mobile:
        yield Refusal(
            "handler-missing", _("Please enter the handler's name and mobile number."), place=Place("filing", case.filing_id)
        )


def is_not_banned(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """令17号: who hid facts or cheated may not apply for one or three years."""
    if case.banned_until and on < case.banned_until:
        yield Refusal(
            "banned", _("%(name)s may not apply before %(day)s.", name=case.name, day=f"{case.banned_until:%Y-%m-%d}")
        )


def is_of_age(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """建质〔2015〕206号 three (3): full-time safety officers are 18 or older and under 60; A and B only of age."""
    years = age(case.birth_date, on)
    if years < office.least_age:
        yield Refusal("too-young", _("%(name)s is under %(limit)s.", name=case.name, limit=office.least_age))
    elif case.category in SAFETY_OFFICERS and years >= office.age_limit_c:
        yield Refusal(
            "over-age",
            _(
                "%(name)s has reached %(limit)s and can no longer be a full-time safety officer.",
                name=case.name,
                limit=office.age_limit_c,
            ),
        )


# --- papers -----------------------------------------------------------------------------------------


def has_person_papers(*kinds: PaperKind) -> Rule:
    """R64, R74: the scans of the person are complete. One refusal per missing scan, each with its place."""

    def has_papers(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
        for kind in kinds:
            if kind not in case.person_papers:
                yield Refusal(
                    f"missing-{kind.value}",
                    _(
                        "%(name)s: the scan “%(paper)s” is missing. Add it under Basic information, People.",
                        name=case.name,
                        paper=kind.label,
                    ),
                    place=Place("person", case.person_id, kind.value),
                )

    return has_papers


def has_qualification_scan(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R75."""
    if not case.qualification_papers:
        yield Refusal(
            "missing-qualification",
            _("The qualification certificate scan is missing. Add it under Basic information, Qualifications."),
            place=Place("qualification"),
        )


def has_integrity_pledge(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R76."""
    if case.pledge_paper is None:
        yield Refusal(
            "missing-pledge",
            _("The integrity pledge is missing. Add it under Basic information, Enterprise."),
            place=Place("enterprise", case.enterprise_id, PaperKind.PLEDGE.value),
        )


# --- exam -------------------------------------------------------------------------------------------


def has_passed_the_exam(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R65–R67: a passed exam of this category, at most two years old on the day of submission (that day included)."""
    passed = case.latest_pass
    if passed is None:
        yield Refusal(
            "no-exam-pass",
            _("%(name)s has no passed exam for category %(category)s.", name=case.name, category=case.category.value),
        )
    elif on > add_years(passed.passed_on, office.pass_valid_years):
        yield Refusal(
            "exam-pass-too-old",
            _(
                "%(name)s passed the %(category)s exam on %(day)s, more than %(years)s years ago, and must take it again.",
                name=case.name,
                category=case.category.value,
                day=f"{passed.passed_on:%Y-%m-%d}",
                years=office.pass_valid_years,
            ),
        )


def still_has_the_pass(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A passed exam carries one certificate: between submission and approval it may have been used up."""
    if case.latest_pass is None:
        yield Refusal(
            "no-exam-pass",
            _("%(name)s has no passed exam for category %(category)s.", name=case.name, category=case.category.value),
        )


def originals_were_seen(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R68: people who passed in the old system show ID card, education and title certificates at the service centre."""
    passed = case.latest_pass
    if passed and passed.source is PassSource.LEGACY and not passed.originals_verified:
        yield Refusal(
            "originals-not-verified",
            _("%(name)s passed in the old system: verify the originals (ID card, education, title) first.", name=case.name),
        )


# --- certificates -----------------------------------------------------------------------------------


def holds_no_such_certificate(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """One certificate per category; C3 covers C1 and C2 (206号)."""
    covering = {case.category, Category.C3} if case.category in (Category.C1, Category.C2) else {case.category}
    for held in case.certificates:
        if held.category in covering and held.in_force(on):
            yield Refusal(
                "already-certified",
                _("%(name)s already holds %(number)s.", name=case.name, number=held.number),
            )


def keeps_certificates_in_one_enterprise(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A, B and C of one person belong to one enterprise; only A may be held for several (domain.md 3.2)."""
    for held in case.certificates:
        if held.category is not Category.A and held.in_force(on) and held.enterprise_id != case.enterprise_id:
            yield Refusal(
                "certified-elsewhere",
                _(
                    "%(name)s holds %(number)s with another enterprise: a transfer comes first.",
                    name=case.name,
                    number=held.number,
                ),
            )


def is_the_only_open_application(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """One open application per person, category and matter; the database says so, too."""
    if case.open_applications:
        yield Refusal(
            "already-open",
            _(
                "%(name)s already has an open application for category %(category)s.",
                name=case.name,
                category=case.category.value,
            ),
        )


def refusals(case: Facts, rules: Iterable[Rule], on: date, office: Office) -> list[Refusal]:
    """Everything that stands in the way, not just the first thing: people should come once."""
    return [refusal for rule in rules for refusal in rule(case, on, office)]
