"""What the house has checked by itself, for the officer's eye: each rule as a line that says what was found.

Law: a red line stands in the way of the favourable decision (``workflow.plan`` says so); an amber one held on submission and
does not now, which the officer weighs; nothing is judged here.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app import rules
from app.config import Office
from app.errors import Refusal
from app.facts import Facts
from app.identity import age
from app.matters import MATTERS, can_be_printed
from app.originals import ORIGINALS
from app.rules import Rule
from app.vocabulary import PaperKind, PassSource

Check = tuple[bool | None, object, object, str]  # for ``ui.checklist``
Detail = Callable[[Facts, date], object]


def _exam(case: Facts, _on: date) -> object:
    passed = case.latest_pass
    return gettext("%(day)s, %(source)s", day=passed.passed_on.isoformat(), source=passed.source.label) if passed else ""


def _originals(case: Facts, _on: date) -> object:
    passed = case.latest_pass
    if passed is None or passed.source is not PassSource.LEGACY:
        return gettext("Not needed: the exam was passed in this system.")
    return gettext(", ").join(str(kind.label) for kind in ORIGINALS)


def _qualifications(case: Facts, _on: date) -> object:
    return gettext("%(n)s scans", n=len(case.qualification_papers))


def _age(case: Facts, on: date) -> object:
    return gettext("%(years)s years old", years=age(case.birth_date, on))


def _certificates(case: Facts, on: date) -> object:
    held = [certificate.number for certificate in case.certificates if certificate.in_force(on)]
    return gettext(", ").join(held) if held else gettext("Holds no certificate in force.")


def _nothing(_case: Facts, _on: date) -> object:
    return ""


# The rules that are shown when they hold; any rule that does not hold is shown anyway, in its own words.
LINES: Mapping[Rule, tuple[object, Detail]] = {
    rules.has_passed_the_exam: (_("Exam passed"), _exam),
    rules.originals_were_seen: (_("Originals verified"), _originals),
    rules.has_qualification_scan: (_("Qualification certificate on file"), _qualifications),
    rules.has_integrity_pledge: (_("Integrity pledge on file"), _nothing),
    rules.works_for_the_filing_enterprise: (_("Employed by the filing enterprise"), _nothing),
    rules.is_of_age: (_("Within the age limits"), _age),
    rules.is_not_banned: (_("Not barred from applying"), _nothing),
    rules.holds_no_such_certificate: (_("No certificate of this category yet"), _certificates),
    can_be_printed: (_("All characters can be printed"), _nothing),
}


def checks_of(case: Facts, blocking: tuple[Refusal, ...], on: date, office: Office) -> list[Check]:
    """The lines for one case: what blocks, what has changed since, what holds."""
    matter = MATTERS[case.matter]
    red: dict[str, Check] = {str(no.sentence): (False, no.sentence, "", "") for no in blocking}
    amber: dict[str, Check] = {}
    green: list[Check] = []
    asked = dict.fromkeys((*matter.rules, *matter.on_acceptance, *matter.on_approval, matter.papers_are_complete))
    for rule in asked:
        standing = [no for no in rule(case, on, office) if str(no.sentence) not in red]
        amber |= {str(no.sentence): (None, no.sentence, gettext("Changed since it was submitted."), "") for no in standing}
        if not standing:
            green += _held(rule, case, on, blocked=any(True for _no in rule(case, on, office)))
    return [*red.values(), *amber.values(), *green]


def _held(rule: Rule, case: Facts, on: date, *, blocked: bool) -> Iterator[Check]:
    if blocked:
        return
    if rule == MATTERS[case.matter].papers_are_complete:
        kinds = MATTERS[case.matter].papers[case.category]
        yield True, gettext("Scans of the person complete"), _labels(kinds), ""
    elif rule in LINES:
        title, detail = LINES[rule]
        yield True, title, detail(case, on), ""


def _labels(kinds: tuple[PaperKind, ...]) -> object:
    return gettext(", ").join(str(kind.label) for kind in kinds)
