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
from app.models import Application, Step
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
    legal_paths: bool = False


def letters_of(case: Application) -> list[CaseLetter]:
    """The letters of this case in the order of its steps."""
    return [LETTERS[step.action](case, step) for step in case.steps if step.action in LETTERS]


def _letter(
    case: Application, step: Step, title: str, *sentences: object, number: str = "", legal_paths: bool = False
) -> CaseLetter:
    part, then = f"letter-{step.id}", request_context.office_then(step.at)
    return CaseLetter(part, title, number or case.number, sentences, step.reason, step.actor, step.at, then, legal_paths)


def _slip(case: Application, step: Step) -> CaseLetter:
    days, due = _promised(case, step)
    return _letter(
        case,
        step,
        gettext("Acceptance slip"),
        gettext("Your application was examined, is complete and meets the legal form. It is accepted."),
        gettext("The decision will be made within %(days)s working days, by %(day)s.", days=days, day=long_day(due)),
        number=case.acceptance_number or "",
    )


def _promised(case: Application, step: Step) -> tuple[int, date]:
    """Working days and due date promised on acceptance, whatever the office has set since."""
    if case.promised_days is not None and case.promised_on is not None:
        return case.promised_days, case.promised_on
    office = request_context.current_office()  # accepted before the promise was stored
    days = MATTERS[case.matter].days(office)
    return days, office.calendar.add_working_days(office_day(step.at), days)


def _returned(case: Application, step: Step) -> CaseLetter:
    sentence = gettext("The following must be corrected or added; it is all named at once.")
    return _letter(case, step, gettext("Notice of correction"), sentence)


def _declined(case: Application, step: Step) -> CaseLetter:
    sentence = gettext("After examination your application is not accepted, for the following reason.")
    return _letter(case, step, gettext("Notice of non-acceptance"), sentence, legal_paths=True)


def _extended(case: Application, step: Step) -> CaseLetter:
    sentence = gettext(
        "The decision cannot be made within the time set. With the approval of the head of this authority the limit is "
        "extended to %(day)s (Administrative Licensing Law, article 42), for the following reason.",
        day=long_day(case.extended_to or office_day(step.at)),
    )
    return _letter(case, step, gettext("Notice of extension"), sentence)


def _refused(case: Application, step: Step) -> CaseLetter:
    return _letter(case, step, gettext("Decision of refusal"), REFUSED[case.matter], legal_paths=True)


def _approved(case: Application, step: Step) -> CaseLetter:
    number = [case.certificate.number] if case.certificate else []
    numbered = (gettext("Certificate number: %(number)s", number=certificate_number) for certificate_number in number)
    return _letter(case, step, gettext("Decision of approval"), GRANTED[case.matter], *numbered)


LETTERS = {
    Action.ACCEPT: _slip,
    Action.RETURN: _returned,
    Action.DECLINE: _declined,
    Action.EXTEND: _extended,
    Action.REFUSE_REVIEW: _refused,
    Action.REFUSE_APPROVAL: _refused,
    Action.APPROVE: _approved,
}


def opening(case: Application, submitted: Mapping[str, Any]) -> str:
    """The first sentence of every letter: day of receipt, matter, category and name."""
    assert case.submitted_at is not None or case.steps  # noqa: S101 - drafts have no letters
    sentence: str = gettext(
        "On %(day)s we received your application: %(matter)s, %(category)s, for %(name)s.",
        day=long_day(office_day(case.submitted_at or case.steps[0].at)),
        matter=case.matter,
        category=case.category,
        name=submitted["person"]["name"],
    )
    return sentence


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
    return {"issuer": office.issuer, "title": str(title), "number": number, "seal_text": office.seal_text}


def _on_paper(letter: CaseLetter, case: Application, facts: Facts) -> paper.Page:
    submitted = facts.submitted
    labels = (gettext("Officer"), gettext("Handler"), gettext("Filing"))
    foot = zip(labels, (letter.officer, submitted["handler"]["name"], case.filing.number), strict=True)
    return paper.LetterText(
        **_head(letter.title, letter.number, letter.office),
        addressee=submitted["enterprise"]["name"],
        sentences=(opening(case, submitted), *map(str, letter.sentences)),
        reasons=tuple(letter.reason.splitlines()),
        closing=(letter.office.legal_paths,) if letter.legal_paths else (),
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
