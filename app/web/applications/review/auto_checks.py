"""The automatic checks shown to the officer, one line per rule.

Red: a refusal of ``workflow.plan``, so the favourable decision is impossible. Amber: a rule that held on submission and fails
now, or a warning; the officer weighs it. Green: the rule holds. Nothing is decided here.
``applications.checks`` says in one word for the queues what is listed here.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.applications.checks import asked_rules
from app.applications.originals_check import ORIGINALS
from app.core.errors import Refusal
from app.core.identifiers import age
from app.core.office import Office
from app.core.vocabulary import PassSource, Position
from app.eligibility import incoming_rules, particulars, rules
from app.eligibility.facts import CertificateFacts, Facts
from app.eligibility.rules import Rule
from app.matters import MATTERS, can_be_printed, warnings_of

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


def _certificates(case: Facts, on: date) -> object:
    held = [certificate.number for certificate in case.certificates if certificate.in_force(on)]
    return gettext(", ").join(held) if held else gettext("Holds no certificate in force.")


def _held_with(show: Callable[[CertificateFacts], object]) -> Detail:
    """A detail of the certificate acted upon."""
    return lambda case, _on: show(case.certificate) if case.certificate else ""


_number, _until = _held_with(lambda held: held.number), _held_with(lambda held: held.valid_to.isoformat())

# Rules shown when they hold. A rule that fails is always shown, with the sentence of its refusal.
CHECK_LINES: Mapping[Rule, tuple[object, Detail | None]] = {
    rules.is_one_and_the_same_person: (_("Record, application, exam and certificate name the same person"), None),
    rules.has_passed_the_exam: (_("Exam passed"), _exam),
    rules.originals_were_seen: (_("Originals verified"), _originals),
    rules.has_qualification_scan: (
        _("Qualification certificate on file"),
        lambda case, _on: gettext("%(n)s scans", n=len(case.qualification_papers)),
    ),
    rules.has_integrity_pledge: (_("Integrity pledge on file"), None),
    rules.works_for_the_filing_enterprise: (_("Employed by the filing enterprise"), None),
    rules.is_of_age: (
        _("Within the age limits"),
        lambda case, on: gettext("%(years)s years old", years=age(case.birth_date, on)),
    ),
    rules.position_fits_the_category: (
        _("Position fits the category"),
        lambda case, _on: Position(case.person["position"]).label,  # type: ignore[call-arg]
    ),
    rules.is_not_banned: (_("Not barred from applying"), None),
    rules.holds_no_such_certificate: (_("No certificate of this category yet"), _certificates),
    can_be_printed: (_("All characters can be printed"), None),
    rules.enterprise_is_registered: (_("Registration of the enterprise approved"), None),
    rules.certificate_is_own: (_("Certificate held with the filing enterprise"), _number),
    rules.certificate_is_with_another_enterprise: (
        _("Certificate held with the old enterprise"),
        _held_with(lambda held: held.enterprise_name),
    ),
    rules.certificate_is_of_this_province: (_("Issued by this province"), _number),
    rules.certificate_stands: (_("Certificate neither suspended nor ended"), _number),
    rules.certificate_has_not_expired: (_("Certificate not expired"), _until),
    rules.asks_within_the_renewal_window: (_("Within the window of renewal"), _until),
    rules.is_the_only_open_application: (_("No other open application on it"), None),
    rules.divided_category_is_free: (
        _("Category after the replacement is free"),
        lambda case, _on: case.target_category.label if case.target_category is not case.category else "",
    ),
    rules.no_correction_is_pending: (_("No correction of the identity is pending"), None),
    rules.escapes_no_suspension: (_("No suspended certificate is replaced"), None),
    rules.no_measure_is_proposed: (_("No measure is proposed"), None),
    rules.loss_is_declared: (_("Loss declared"), None),
    particulars.principal_has_a_position: (_("Position to be shown on the certificate"), None),
    particulars.corrects_something: (_("Something is corrected"), None),
    particulars.wrong_photo_was_replaced: (_("Wrong photo replaced"), None),
    particulars.stated_sex_and_birth_follow_the_number: (_("Sex and birth date agree with the ID number"), None),
    particulars.stated_position_fits_the_category: (
        _("Stated position fits the category"),
        lambda case, _on: Position(particulars.stated(case)["position"]).label,  # type: ignore[call-arg]
    ),
    particulars.corrected_id_number_is_free: (_("Corrected ID number belongs to nobody else"), None),
    rules.shows_another_enterprise_name: (_("Enterprise name on the certificate is out of date"), None),
    rules.is_still_on_paper: (_("Certificate still on paper"), None),
    incoming_rules.comes_from_another_province: (_("Certificate of another province"), None),
    incoming_rules.brings_a_number_of_the_national_form: (_("Old number of the national form, or explained"), None),
    incoming_rules.comes_with_a_certificate_in_force: (_("Certificate of the other province in force"), None),
}


_ON_A_CERTIFICATE = {
    rules.certificate_is_own,
    rules.certificate_stands,
    rules.certificate_has_not_expired,
    rules.certificate_is_of_this_province,
}


_ON_STATEMENTS: Mapping[Rule, tuple[str, ...]] = {
    particulars.stated_position_fits_the_category: ("position",),
    particulars.stated_sex_and_birth_follow_the_number: particulars.DERIVED,
    particulars.wrong_photo_was_replaced: ("wrong_photo",),
}


def _applies(rule: Rule, case: Facts) -> bool:
    """Whether the rule checks anything in this case; if not, it is not listed."""
    if rule is rules.divided_category_is_free:
        return case.target_category is not case.category
    if rule is particulars.corrected_id_number_is_free:
        return "id_number" in case.submitted_details
    if rule in _ON_STATEMENTS:
        return any(name in case.submitted_details for name in _ON_STATEMENTS[rule])
    return case.certificate is not None or rule not in _ON_A_CERTIFICATE


def checks_of(case: Facts, blocking: tuple[Refusal, ...], on: date, office: Office) -> list[Check]:
    """The lines for one case: refusals first, then what changed since submission and warnings, then what holds."""
    red: dict[str, Check] = {str(refusal.sentence): (False, refusal.sentence, "", "") for refusal in blocking}
    amber: dict[str, Check] = {}
    green: list[Check] = []
    for rule in asked_rules(MATTERS[case.matter], case):
        failed = [refusal for refusal in rule(case, on, office) if str(refusal.sentence) not in red]
        changed = gettext("Changed since it was submitted.")
        amber |= {str(refusal.sentence): (None, refusal.sentence, changed, "") for refusal in failed}
        if not failed:
            green += _held(rule, case, on, blocked=any(True for _refusal in rule(case, on, office)))
    known = {
        str(refusal.sentence): (None, refusal.sentence, gettext("To be weighed; it may go on."), "")
        for refusal in warnings_of(case, on, office)
    }
    return [*red.values(), *(amber | known).values(), *green]


def _held(rule: Rule, case: Facts, on: date, *, blocked: bool) -> Iterator[Check]:
    if blocked:
        return
    if rule == rules.papers_are_complete:
        labels = gettext(", ").join(str(kind.label) for kind in case.required_papers(on))
        yield True, gettext("Scans complete"), labels, ""
    elif rule in CHECK_LINES and _applies(rule, case):
        title, detail = CHECK_LINES[rule]
        yield True, title, detail(case, on) if detail else "", ""
