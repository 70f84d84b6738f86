"""The rules of the procedure: one function for one sentence of the regulations, named as it reads when satisfied.

A rule is a pure function of the facts of one case, the day and the office's settings; it yields a refusal per violation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.clock import add_years
from app.core.errors import FixPlace, Refusal
from app.core.identifiers import IDENTITY, age, fold_enterprise_name, identity_differences, name_key
from app.core.office import Office
from app.core.vocabulary import (
    MATTER_PAPERS,
    PERSON_PAPERS,
    UNDER_WAY,
    Category,
    CertificateStatus,
    MatterKind,
    MeasureGround,
    PaperKind,
    PassSource,
    Position,
    Registration,
    State,
    reason_of,
)
from app.eligibility.facts import Facts
from app.eligibility.identity_refusals import differing, unbound
from app.eligibility.matter_fields import fields_of
from app.eligibility.particulars import corrects_information

SAFETY_OFFICERS = frozenset({Category.C1, Category.C2, Category.C3, Category.C})
Rule = Callable[[Facts, date, Office], Iterable[Refusal]]


# --- person and enterprise --------------------------------------------------------------------------


def works_for_the_filing_enterprise(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R70: an enterprise files for its own people."""
    if case.employer_id != case.enterprise_id:
        yield Refusal(
            "not-own-person",
            _("%(name)s is no longer registered as a person of your enterprise.", name=case.name),
            place=FixPlace("people"),
        )


def enterprise_is_registered(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R30: only an enterprise whose registration was approved may file."""
    if case.enterprise_registration is not Registration.APPROVED:
        yield Refusal("enterprise-not-registered", _("The registration of your enterprise has not been approved yet."))


def names_a_handler(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R71: the handler is notified of every decision."""
    if not case.handler_name or not case.handler_mobile:
        yield Refusal(
            "handler-missing",
            _("Please enter the handler's name and mobile number."),
            place=FixPlace("filing", case.filing_id),
        )


def is_one_and_the_same_person(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Who is on record now is who was submitted, who was examined and whom the certificate names (docs/domain.md 4.6).

    A replacement for wrong information may differ from the certificate in what it states to be wrong, and may find the
    record corrected by it already: two certificates of one person are corrected by two applications.
    """
    stated = _stated_corrections(case)
    if case.snapshot and case.state in UNDER_WAY:
        then = case.snapshot["person"]
        settled = {field: text for field, text in stated.items() if name_key(case.person[field]) == name_key(text)}
        refused = _identity_refusals(case, {**then, **settled}, _("the application as submitted"))
        yield from (replace(refusal, sentence=_with_remedy(refusal.sentence, case)) for refusal in refused)
    if case.matter is MatterKind.NEW and (passed := case.latest_pass):
        exam = _("the exam passed on %(day)s", day=f"{passed.passed_on:%Y-%m-%d}")
        if passed.identity is None:
            yield unbound(case.name, exam, FixPlace("identity", case.person_id))
        else:
            yield from _identity_refusals(case, passed.identity, exam)
    if held := case.certificate:
        said: dict[str, str] = {}  # by its row, or else by its current version: both must name the person
        for printed in (case.face or {}, {"name": held.holder}):
            said |= {field: printed[field] for field in identity_differences(case.person, printed)}
        unstated = {field: text for field, text in said.items() if field not in stated}
        yield from (_must_be_stated if corrects_information(case) else _identity_refusals)(case, unstated, held.number)
    for kind in case.foreign_papers:
        yield Refusal(
            "identity-differs",
            _("%(name)s: the submitted scan “%(paper)s” is not this person's.", name=case.name, paper=kind.label),
        )


def _with_remedy(sentence: object, case: Facts) -> object:
    """What to do with an application that was under way when the identity was corrected."""
    if case.state in (State.AWAITING_REVIEW, State.AWAITING_APPROVAL):
        return _("%(sentence)s If it was corrected meanwhile, refuse this application: it is filed anew.", sentence=sentence)
    return _(
        "%(sentence)s If it was corrected meanwhile, the enterprise withdraws this application and submits it again.",
        sentence=sentence,
    )


def _stated_corrections(case: Facts) -> Mapping[str, str]:
    """Name and ID number that a replacement for wrong information states to be the right ones."""
    if not corrects_information(case):
        return {}
    return {field: case.submitted_details[field] for field in IDENTITY if case.submitted_details.get(field)}


def _must_be_stated(case: Facts, then: Mapping[str, str], where: object) -> Iterator[Refusal]:
    """The certificate is wrong and the record right: the application says so, so that officers decide on it."""
    for field in identity_differences(case.person, then):
        label = _("Full name") if field == "name" else _("ID number")
        sentence = _(
            "%(name)s: what %(where)s shows differs from the record in “%(field)s”. Please enter the right one in this "
            "application, too.",
            name=case.name,
            where=where,
            field=label,
        )
        yield Refusal("identity-differs", sentence, field, FixPlace("filing", case.filing_id, field))


def _identity_refusals(case: Facts, then: Mapping[str, str], where: object) -> Iterator[Refusal]:
    return differing(case.person, then, where, FixPlace("identity", case.person_id))


def no_correction_is_pending(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Nothing is filed for an identity that the authority is about to change (docs/domain.md 4.6)."""
    if case.correction_pending:
        sentence = _(
            "%(name)s: a correction of name or ID number awaits its decision. Wait for it, or withdraw it first.",
            name=case.name,
        )
        yield Refusal("correction-pending", sentence, place=FixPlace("identities"))


def is_not_banned(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """令17号 art. 27: no application for one or three years after concealing facts or cheating."""
    if case.banned_until and on < case.banned_until:
        yield Refusal("banned", ban_sentence(case.name, case.banned_until, case.banned_for))


def ban_sentence(name: str, until: date, ground: MeasureGround | None) -> object:
    """Until when somebody may not apply, and why."""
    day = f"{until:%Y-%m-%d}"
    if ground is None:
        return _("%(name)s may not apply before %(day)s.", name=name, day=day)
    return _("%(name)s may not sit an exam or apply before %(day)s: %(ground)s.", name=name, day=day, ground=ground.label)


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


def position_fits_the_category(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """建质〔2015〕206号 one: each category is for certain positions (``Office.positions_of``)."""
    held, fitting = case.person["position"], office.positions_of(case.category)
    if held in [position.value for position in fitting]:
        return
    facts = {"name": case.name, "category": case.category.value, "positions": "、".join(map(str, fitting))}
    if held:
        sentence = _(
            "%(name)s: the position is %(position)s; category %(category)s is for %(positions)s. "
            "Choose another category, or correct the position.",
            position=Position(held).label, **facts,  # type: ignore[call-arg]
        )  # fmt: skip
    else:
        sentence = _("%(name)s has no position; category %(category)s is for %(positions)s. Add the position.", **facts)
    yield Refusal("position-does-not-fit", sentence, place=FixPlace("person", case.person_id, "position"))


def nears_retirement(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A warning for A and B (domain.md 3.3); the legal representative has no such age."""
    if case.category in SAFETY_OFFICERS or case.person["position"] == Position.LEGAL_REPRESENTATIVE.value:
        return
    if age(case.birth_date, on) >= office.age_limit_c:
        yield Refusal("past-retirement", _("%(name)s is %(limit)s or older.", name=case.name, limit=office.age_limit_c))


# --- papers -----------------------------------------------------------------------------------------


def papers_are_complete(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R64, R74–R76: every scan that the table of required papers demands; a refusal for each missing one."""
    for kind in case.required_papers(on):
        if kind in PERSON_PAPERS:
            yield from _has_person_paper(case, kind)
        elif kind in MATTER_PAPERS:
            yield from _has_matter_paper(case, kind)
        else:
            yield from (has_integrity_pledge if kind is PaperKind.PLEDGE else has_qualification_scan)(case, on, office)


def has_person_papers(*kinds: PaperKind) -> Rule:
    """R49: a rule that these scans of the person exist, independent of the table of required papers."""

    def has_papers(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
        for kind in kinds:
            yield from _has_person_paper(case, kind)

    return has_papers


def _has_person_paper(case: Facts, kind: PaperKind) -> Iterator[Refusal]:
    if case.matter is MatterKind.TRANSFER:  # the person's own scans belong to the old enterprise
        yield from _has_matter_paper(case, kind)
    elif kind not in case.person_papers:
        yield Refusal(
            f"missing-{kind.value}",
            _(
                "%(name)s: the scan “%(paper)s” is missing. Add it under Basic information, People.",
                name=case.name,
                paper=kind.label,
            ),
            place=FixPlace("person", case.person_id, kind.value),
        )


def _has_matter_paper(case: Facts, kind: PaperKind) -> Iterator[Refusal]:
    if kind not in case.application_papers:
        yield Refusal(
            f"missing-{kind.value}",
            _("%(name)s: the scan “%(paper)s” is missing. Add it to this application.", name=case.name, paper=kind.label),
            place=FixPlace("filing", case.filing_id, kind.value),
        )


def has_qualification_scan(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R75: a scan of a qualification certificate exists."""
    if not case.qualification_papers:
        yield Refusal(
            "missing-qualification",
            _("The qualification certificate scan is missing. Add it under Basic information, Qualifications."),
            place=FixPlace("qualification"),
        )


def has_integrity_pledge(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R76: the signed integrity pledge exists."""
    if case.pledge_paper is None:
        yield Refusal(
            "missing-pledge",
            _("The integrity pledge is missing. Add it under Basic information, Enterprise."),
            place=FixPlace("enterprise", case.enterprise_id, PaperKind.PLEDGE.value),
        )


# --- exam -------------------------------------------------------------------------------------------


def has_passed_the_exam(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R65–R67: a passed exam of this category, at most two years old on the day of submission (that day included)."""
    passed = case.latest_pass
    if passed is None:
        yield from still_has_the_pass(case, on, office)
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
    """A passed exam supports one certificate: another application may have used it since submission."""
    named = {"name": case.name, "category": case.category.value}
    if case.latest_pass is None and any(one.category is case.category for one in case.passes):
        yield Refusal(
            "no-exam-pass",
            _("The exam that %(name)s passed for category %(category)s has already been used for a certificate.", **named),
        )
    elif case.latest_pass is None:
        yield Refusal("no-exam-pass", _("%(name)s has no passed exam for category %(category)s.", **named))


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
    category = case.target_category
    covering = {category, Category.C3} if category in (Category.C1, Category.C2) else {category}
    for held in case.certificates:
        if held.id != case.certificate_id and held.category in covering and held.in_force(on):
            yield Refusal("already-certified", _("%(name)s already holds %(number)s.", name=case.name, number=held.number))


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
    """One open application per certificate, or per person and category for a new one; also a database constraint."""
    for other in case.excluded_by:
        if case.certificate is None:
            sentence = _(
                "%(name)s already has an open application for category %(category)s.",
                name=case.name,
                category=case.category.value,
            )
        else:
            sentence = _(
                "%(number)s: a %(matter)s is already open; it must be closed first.",
                number=case.certificate.number,
                matter=other.matter.label,
            )
        yield Refusal("already-open", sentence)
        return


def certificate_is_own(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R97: an enterprise files for the certificates of its own people."""
    if (held := case.certificate) and held.enterprise_id != case.enterprise_id:
        yield Refusal("not-own-certificate", _("%(number)s is no longer held with your enterprise.", number=held.number))


def certificate_is_with_another_enterprise(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R105: not yet held by this enterprise; R106: still held by the one whose consent is asked for."""
    held = case.certificate
    if held is None:
        return
    if held.enterprise_id == case.enterprise_id:
        yield Refusal("already-yours", _("%(number)s is held with your enterprise already.", number=held.number))
    elif held.enterprise_id != case.releasing_enterprise_id:
        yield Refusal(
            "moved-meanwhile",
            _("%(number)s has moved to another enterprise in the meantime. Please file anew.", number=held.number),
        )


def certificate_is_of_this_province(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R104: only certificates issued by this province can be transferred within it."""
    held = case.certificate
    if held and not held.is_electronic and not held.number.startswith(office.short_name):
        yield Refusal(
            "other-province",
            _(
                "%(number)s was issued by another province: file a replacement for “%(reason)s” instead.",
                number=held.number,
                reason=_("Transferred in from another province"),
            ),
        )


def certificate_stands(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Neither suspended nor ended. Expiry is checked on submission only: a request made in time stays valid."""
    held = case.certificate
    if held and (status := held.status_on(on)) not in (CertificateStatus.VALID, CertificateStatus.EXPIRED):
        yield Refusal(
            "certificate-not-valid",
            _("%(number)s: “%(status)s”. Nothing can be done with it.", number=held.number, status=status.label),
        )


def certificate_has_not_expired(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """206号 seven: an expired certificate needs a new exam. The last day still counts as valid."""
    held = case.certificate
    if held and (on > held.valid_to or held.status is CertificateStatus.EXPIRED):
        yield Refusal(
            "certificate-expired",
            _(
                "%(number)s ran out on %(day)s: %(name)s must pass the exam again.",
                number=held.number,
                day=f"{held.valid_to:%Y-%m-%d}",
                name=case.name,
            ),
        )


def asks_within_the_renewal_window(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """令17号 art. 10: within the last three months, first and last day included (``Office.renewal_opens_on``)."""
    held = case.certificate
    if held and on < (opens := office.renewal_opens_on(held.valid_to)):
        yield Refusal(
            "renewal-too-early",
            _(
                "%(number)s runs until %(day)s: its renewal can be filed from %(opens)s.",
                number=held.number,
                day=f"{held.valid_to:%Y-%m-%d}",
                opens=f"{opens:%Y-%m-%d}",
            ),
        )


def leaves_no_certificate_behind(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A warning: each certificate is transferred by an application of its own (domain.md 3.4)."""
    for held in case.certificates:
        if held.id != case.certificate_id and held.enterprise_id != case.enterprise_id and held.in_force(on):
            yield Refusal(
                "left-behind",
                _(
                    "%(name)s: %(number)s stays with %(enterprise)s until it is transferred, too.",
                    name=case.name,
                    number=held.number,
                    enterprise=held.enterprise_name,
                ),
            )


# --- replacement and cancellation --------------------------------------------------------------------


def reason_is_known(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    if reason_of(case.matter, case.reason_code) is None:
        yield Refusal("reason-unknown", _("Please choose a reason from the list."), "reason_code")


def matter_fields_are_given(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """The required fields of the reason are filled in."""
    for field in fields_of(case.matter, case.reason_code, case.category):
        if field.required and not case.details.get(field.name):
            yield Refusal(
                f"missing-{field.name}",
                _("%(name)s: please fill in “%(field)s”.", name=case.name, field=field.label),
                field.name,
                FixPlace("filing", case.filing_id, field.name),
            )


def divided_category_is_free(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """An undivided C becomes C1, C2 or C3 only if the person does not hold that category."""
    if case.certificate and case.category is Category.C:
        yield from holds_no_such_certificate(case, on, office)


def new_category_is_free(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """On approval of a new certificate: the person has obtained none in the meantime."""
    if case.certificate is None:
        yield from holds_no_such_certificate(case, on, office)


def escapes_no_suspension(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """C3 covers C1 and C2 (206号): whoever holds one of them suspended gets no C3 that is in force."""
    if case.target_category is not Category.C3:
        return
    for held in case.certificates:
        if held.category in (Category.C1, Category.C2) and held.status_on(on) is CertificateStatus.SUSPENDED:
            sentence = _(
                "%(name)s: %(number)s is suspended. No C3, which would take its place, until the suspension is over.",
                name=case.name,
                number=held.number,
            )
            yield Refusal("covered-suspended", sentence)


def no_measure_is_proposed(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """No certificate is ended on application while a measure against it awaits its decision: the measure comes first."""
    ended = [case.certificate] if case.certificate else []
    if case.matter is MatterKind.NEW and case.category is Category.C3:
        ended = [held for held in case.certificates if held.category in (Category.C1, Category.C2)]
    for held in ended:
        if held.measure_proposed:
            sentence = _("%(number)s: a measure is proposed and has to be decided first.", number=held.number)
            yield Refusal("measure-proposed", sentence)


def newcomer_is_not_banned(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A ban that came after submission stops a new certificate at every step; one that is held is another matter."""
    if case.certificate is None:
        yield from is_not_banned(case, on, office)


def newcomer_has_a_fitting_position(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """On acceptance: the position may have been changed since submission; a certificate that is held is another matter."""
    if case.certificate is None:
        yield from position_fits_the_category(case, on, office)


def loss_is_declared(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Reason 3 (R119): the loss was declared before the application, not after it."""
    declared = case.details.get("declared_on", "")
    if declared > f"{on:%Y-%m-%d}":
        sentence = _(
            "%(name)s: the declaration of the loss is dated %(day)s, which is yet to come.", name=case.name, day=declared
        )
        yield Refusal("declared-in-future", sentence, "declared_on", FixPlace("filing", case.filing_id, "declared_on"))


def shows_another_enterprise_name(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Reason 4 (R120): the certificate shows another name; full-width and half-width brackets are equal."""
    held = case.certificate
    if held and fold_enterprise_name(held.printed_enterprise) == fold_enterprise_name(case.enterprise["name"]):
        yield Refusal(
            "name-not-changed", _("%(number)s shows the present name of your enterprise already.", number=held.number)
        )


def is_still_on_paper(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Reason 5 (R121): not yet an electronic certificate."""
    if (held := case.certificate) and held.is_electronic:
        yield Refusal("already-electronic", _("%(number)s is an electronic certificate already.", number=held.number))


# --- more time --------------------------------------------------------------------------------------


def was_never_given_more_time(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """行政许可法 art. 42: the head of the authority may extend the time limit once."""
    if case.extended_to:
        yield Refusal(
            "already-extended", _("%(name)s: the time limit was extended before; it can be done once.", name=case.name)
        )


def is_still_in_time(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """行政许可法 art. 42: an extension is granted before the deadline has passed."""
    if case.due_on is None or on > case.due_on:
        yield Refusal(
            "too-late-to-extend", _("%(name)s: the limit has passed, so it can no longer be extended.", name=case.name)
        )


def refusals(case: Facts, rules: Iterable[Rule], on: date, office: Office) -> list[Refusal]:
    """All refusals of these rules, not only the first."""
    return [refusal for rule in rules for refusal in rule(case, on, office)]
