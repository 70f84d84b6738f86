"""The official letters of a case (slips, notices, decisions), one per step that requires one, on screen and as PDF.

Built from the steps and the submitted snapshot, not from present data. PDFs are always in Chinese.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import force_locale, gettext
from flask_babel import lazy_gettext as _

from app.certificates.pdf import letters as paper
from app.core.clock import office_day
from app.core.office import Office
from app.core.vocabulary import Action, MatterKind, Role
from app.eligibility.facts import Facts
from app.matters import MATTERS
from app.models import Application, CertificateVersion, Step
from app.web import request_context
from app.web.applications.review.matter_details import details_of
from app.web.applications.review.presentation import Pairs, about_case, about_person
from app.web.applications.review.progress import history
from app.web.base import shown
from app.web.base.links import long_day

FORMS: Mapping[MatterKind, object] = {  # 申报表, the heading of each matter
    MatterKind.NEW: _("Application form for the work safety assessment certificate"),
    MatterKind.RENEWAL: _("Application form for the renewal of the work safety assessment certificate"),
    MatterKind.TRANSFER: _("Application form for the transfer of the work safety assessment certificate"),
    MatterKind.REPLACEMENT: _("Application form for the replacement of the work safety assessment certificate"),
    MatterKind.CANCELLATION: _("Application form for the cancellation of the work safety assessment certificate"),
}
DECISIONS: Mapping[MatterKind, object] = {  # the heading of a favourable decision
    MatterKind.NEW: _("Decision granting the administrative licence"),
    MatterKind.RENEWAL: _("Decision granting the renewal of the administrative licence"),
    MatterKind.TRANSFER: _("Decision granting the transfer of the administrative licence"),
    MatterKind.REPLACEMENT: _("Decision granting the replacement of the certificate"),
    MatterKind.CANCELLATION: _("Decision of cancellation"),
}
REFUSALS: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("Decision refusing the administrative licence"),
    MatterKind.RENEWAL: _("Decision refusing the renewal of the administrative licence"),
    MatterKind.TRANSFER: _("Decision refusing the transfer of the administrative licence"),
    MatterKind.REPLACEMENT: _("Decision refusing the replacement of the certificate"),
    MatterKind.CANCELLATION: _("Decision refusing the cancellation"),
}
BASES: Mapping[MatterKind, object] = {  # the articles relied on
    MatterKind.NEW: _("article 38 of the Administrative Licensing Law and articles 8 and 9 of Order 17 of 2014"),
    MatterKind.RENEWAL: _("articles 38 and 50 of the Administrative Licensing Law and article 10 of Order 17 of 2014"),
    MatterKind.TRANSFER: _("articles 38 and 49 of the Administrative Licensing Law and article 11 of Order 17 of 2014"),
    MatterKind.REPLACEMENT: _("articles 38 and 49 of the Administrative Licensing Law and article 12 of Order 17 of 2014"),
    MatterKind.CANCELLATION: _("articles 38 and 70 of the Administrative Licensing Law"),
}
RECEIVED: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("On %(day)s we received your application for a certificate of %(name)s, %(category)s."),
    MatterKind.RENEWAL: _("On %(day)s we received your application for the renewal of %(name)s's certificate, %(category)s."),
    MatterKind.TRANSFER: _(
        "On %(day)s we received your application for the transfer of %(name)s's certificate, %(category)s."
    ),
    MatterKind.REPLACEMENT: _(
        "On %(day)s we received your application for the replacement of %(name)s's certificate, %(category)s."
    ),
    MatterKind.CANCELLATION: _(
        "On %(day)s we received your application for the cancellation of %(name)s's certificate, %(category)s."
    ),
}
GRANTED: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("After review the conditions are met. The certificate is granted."),
    MatterKind.RENEWAL: _("After review the conditions are met. The validity of the certificate is extended."),
    MatterKind.TRANSFER: _("After review the conditions are met. The certificate is transferred to your enterprise."),
    MatterKind.REPLACEMENT: _("After review the conditions are met. The certificate is replaced."),
    MatterKind.CANCELLATION: _("After review the conditions are met. The certificate is cancelled from today."),
}
REFUSED: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("After review the certificate is not granted, for the following reason."),
    MatterKind.RENEWAL: _("After review the validity is not extended, for the following reason."),
    MatterKind.TRANSFER: _("After review the transfer is not granted, for the following reason."),
    MatterKind.REPLACEMENT: _("After review the replacement is not granted, for the following reason."),
    MatterKind.CANCELLATION: _("After review the cancellation is not granted, for the following reason."),
}


@dataclass(frozen=True, slots=True)
class CaseLetter:
    """A slip, notice or decision."""

    part: str  # anchor on the page and part of the URL
    title: object
    number: str
    sentences: Sequence[object]
    reason: str
    officer: str
    at: datetime
    office: Office  # as it stood that day
    decision: bool | None = None  # of what can be contested: whether it is a decision or a notice

    @property
    def closing(self) -> str:
        """The ways to contest it."""
        return "" if self.decision is None else self.office.ways_to_appeal(decision=self.decision)


def letters_of(case: Application) -> list[CaseLetter]:
    """The letters of this case in the order of its steps."""
    return [LETTERS[step.action](case, step) for step in case.steps if step.action in LETTERS]


def _letter(
    case: Application, step: Step, title: str, *sentences: object, number: str = "", decision: bool | None = None
) -> CaseLetter:
    part, then = f"letter-{step.id}", request_context.office_then(step.at)
    return CaseLetter(part, title, number or case.number, sentences, step.reason, step.actor, step.at, then, decision)


def _slip(case: Application, step: Step) -> CaseLetter:
    days, due = _promised(case, step)
    return _letter(
        case,
        step,
        gettext("Acceptance slip"),
        gettext("Your application was examined, is complete and meets the legal form. It is accepted."),
        gettext("The decision will be made within %(days)s working days, by %(day)s.", days=days, day=long_day(due)),
        *_by_lapse(case),
        number=case.acceptance_number or "",
    )


def _by_lapse(case: Application) -> list[str]:
    if case.counts_from is None:
        return []
    return [
        gettext(
            "It counts as accepted from %(day)s, when it was received (Administrative Licensing Law, article 32); the "
            "time is counted from that day.",
            day=long_day(case.counts_from),
        )
    ]


def _promised(case: Application, step: Step) -> tuple[int, date]:
    """Working days and due date promised on acceptance, whatever the office has set since."""
    if case.promised_days is not None and case.promised_on is not None:
        return case.promised_days, case.promised_on
    office = request_context.current_office()  # accepted before the promise was stored
    days = MATTERS[case.matter].days(office)
    return days, office.calendar.add_working_days(office_day(step.at), days)


def _returned(case: Application, step: Step) -> CaseLetter:
    sentences = [gettext("The following must be corrected or added; it is all named at once.")]
    if step.brought_up:
        sentences = [gettext("Your correction has brought up the following, which must be corrected or added.")]
    if step.awaited_until:
        sentences.append(gettext("The correction is awaited until %(day)s.", day=long_day(step.awaited_until)))
    return _letter(case, step, gettext("Notice of correction"), *sentences)


def _lapsed(case: Application, step: Step) -> CaseLetter:
    returned = next((earlier for earlier in reversed(case.steps) if earlier.action is Action.RETURN), None)
    until = long_day(returned.awaited_until) if returned and returned.awaited_until else ""
    sentence = gettext(
        "You were asked on %(asked)s to correct your application by %(until)s. Nothing was received by that day, so the "
        "application is closed. You may file it anew.",
        asked=long_day(office_day(returned.at)) if returned else "",
        until=until,
    )
    return _letter(case, step, gettext("Notice of closing"), sentence, decision=False)


def _declined(case: Application, step: Step) -> CaseLetter:
    sentence = gettext("After examination your application is not accepted, for the following reason.")
    return _letter(case, step, gettext("Notice of non-acceptance"), sentence, decision=False)


def _extended(case: Application, step: Step) -> CaseLetter:
    sentence = gettext(
        "The decision cannot be made within the time set. With the approval of the head of this authority the limit is "
        "extended to %(day)s (Administrative Licensing Law, article 42), for the following reason.",
        day=long_day(case.extended_to or office_day(step.at)),
    )
    return _letter(case, step, gettext("Notice of extension"), sentence)


def _refused(case: Application, step: Step) -> CaseLetter:
    return _letter(case, step, str(REFUSALS[case.matter]), _basis(case), REFUSED[case.matter], decision=True)


def _approved(case: Application, step: Step) -> CaseLetter:
    number = [case.certificate.number] if case.certificate else []
    numbered = (gettext("Certificate number: %(number)s", number=certificate_number) for certificate_number in number)
    return _letter(
        case, step, str(DECISIONS[case.matter]), _basis(case), GRANTED[case.matter], *_particulars(case), *numbered
    )


def _basis(case: Application) -> str:
    sentence: str = gettext("It is decided by %(articles)s.", articles=BASES[case.matter])
    return sentence


def _particulars(case: Application) -> list[str]:
    """Of a renewal the new term, as printed then; of a transfer both enterprises."""
    if case.matter is MatterKind.RENEWAL and case.certificate:
        return [
            gettext("New period of validity: %(first)s to %(last)s.", first=first, last=last)
            for version in case.certificate.versions
            if version.application_id == case.id
            for first, last in [(_day_of(version, "valid_from"), _day_of(version, "valid_to"))]
        ]
    if case.matter is MatterKind.TRANSFER and case.releasing_enterprise:
        submitted = case.snapshot or {}
        old = (submitted.get("releasing") or {}).get("name") or case.releasing_enterprise.name
        new = (submitted.get("enterprise") or {}).get("name") or case.enterprise.name
        return [gettext("Enterprise before: %(old)s. Enterprise now: %(new)s.", old=old, new=new)]
    return []


def _day_of(version: CertificateVersion, name: str) -> str:
    return long_day(date.fromisoformat(version.face[name]))


LETTERS = {
    Action.ACCEPT: _slip,
    Action.RETURN: _returned,
    Action.LAPSE: _lapsed,
    Action.DECLINE: _declined,
    Action.EXTEND: _extended,
    Action.REFUSE_REVIEW: _refused,
    Action.REFUSE_APPROVAL: _refused,
    Action.APPROVE: _approved,
}


def opening(case: Application, submitted: Mapping[str, Any]) -> str:
    """The first sentence of every letter: day of receipt, matter, category and name."""
    assert case.submitted_at is not None or case.steps  # noqa: S101 - drafts have no letters
    return str(RECEIVED[case.matter]) % {
        "day": long_day(office_day(case.submitted_at or case.steps[0].at)),
        "category": case.category,
        "name": submitted["person"]["name"],
    }


def may_see_numbers(case: Application) -> bool:
    """Whether ID numbers are shown in full: only to the filing enterprise, not to the old one of a transfer."""
    actor = request_context.current_actor()
    return Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id == case.enterprise_id


def printed(case: Application, facts: Facts, part: str | None = None) -> list[tuple[str, bytes]]:
    """``(file name, PDF)`` of the form, every letter and the record of the steps, in this order; or of one ``part``."""
    with force_locale("zh"):
        pages = {"form": _form(case, facts)}
        pages |= {letter.part: _on_paper(letter, case, facts) for letter in letters_of(case)}
        pages["steps"] = _steps(case)
        return [(f"{page.title}.pdf", paper.draw(page)) for name, page in pages.items() if part in (None, name)]


def _head(title: object, number: str, office: Office) -> dict[str, Any]:
    return {"issuer": office.issuer, "title": str(title), "number": number, "seal_text": office.letter_seal_text}


def _on_paper(letter: CaseLetter, case: Application, facts: Facts) -> paper.Page:
    submitted = facts.submitted
    labels = (gettext("Officer"), gettext("Handler"), gettext("Filing"))
    foot = zip(labels, (letter.officer, submitted["handler"]["name"], case.filing.number), strict=True)
    return paper.LetterText(
        **_head(letter.title, letter.number, letter.office),
        addressee=submitted["enterprise"]["name"],
        sentences=(opening(case, submitted), *map(str, letter.sentences)),
        reasons=tuple(letter.reason.splitlines()),
        closing=(letter.closing,) if letter.closing else (),
        signed_on=long_day(office_day(letter.at)),
        foot="；".join(f"{label}：{value}" for label, value in foot),
    )


def _form(case: Application, facts: Facts) -> paper.Page:
    in_full = may_see_numbers(case)
    claim = details_of(facts, in_full=in_full, today=False)
    asked: Pairs = [
        *(pair[:2] for pair in claim.reason),
        *((change.label, f"{shown(change.before)} → {shown(change.after)}") for change in claim.changes),
    ]
    opinions: Pairs = [(step["label"], _in_lines(step["text"], step["who"], step["at"])) for step in reversed(history(case))]
    tables = (
        (gettext("About the person"), about_person(facts, in_full=in_full)),
        (gettext("Application"), [(gettext("Kind of application"), case.matter), *about_case(case, facts)]),
        (gettext("Certificate acted upon"), claim.certificate),
        (gettext("What is asked for"), asked),
    )
    return paper.Form(
        **_head(FORMS[case.matter], case.number, request_context.current_office()),
        tables=tuple((caption, _as_text(pairs)) for caption, pairs in tables),
        wide=((gettext("Opinions of the authority"), _as_text(opinions)),),
    )


def _steps(case: Application) -> paper.Page:
    lines: Pairs = [
        (shown(step["at"]), _in_lines(f"{step['label']} → {step['result']}", step["text"], step["who"]))
        for step in reversed(history(case))
    ]
    title = gettext("Record of the procedure")
    return paper.Form(
        **_head(title, case.number, request_context.current_office()),
        tables=(),
        wide=((gettext("History"), _as_text(lines)),),
    )


def _in_lines(*parts: object) -> str:
    return "\n".join(str(shown(part)) for part in parts if part)


def _as_text(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    return tuple((str(label), str(shown(value))) for label, value in pairs)
