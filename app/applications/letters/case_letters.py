"""The letters of an application: slip, notices and decision, one for each step that requires one.

Built from the step and from what was submitted in its round, as it stood on the day of the step.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _

from app.applications.letters.text import DraftLetter, in_chinese, long_day, number_blank
from app.certificates.pdf.letters import LetterText
from app.core.clock import office_day
from app.core.letter_titles import letter_title
from app.core.office import Office
from app.core.vocabulary import LETTER_OF, Action, LetterKind, MatterKind
from app.matters import MATTERS
from app.models import Application, CertificateVersion, Step

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
BASIS = _("It is decided by %(articles)s.")
ACCEPTED = _("Your application was examined, is complete and meets the legal form. It is accepted.")
ACCEPTED_AS = _("Acceptance number: %(number)s. Accepted by article 32 of the Administrative Licensing Law.")
PROMISED = _("The decision will be made within %(days)s working days, by %(day)s.")
BY_LAPSE = _(
    "It counts as accepted from %(day)s, when it was received (Administrative Licensing Law, article 32); the time is "
    "counted from that day."
)
TO_CORRECT = _("The following must be corrected or added; it is all named at once.")
BROUGHT_UP = _("Your correction has brought up the following, which must be corrected or added.")
AWAITED = _("The correction is awaited until %(day)s.")
LAPSED = _(
    "You were asked on %(asked)s to correct your application by %(until)s. Nothing was received by that day, so the "
    "application is closed. You may file it anew."
)
NOT_ACCEPTED = _("After examination your application is not accepted, for the following reason.")
EXTENDED = _(
    "The decision cannot be made within the time set. With the approval of the head of this authority the limit is "
    "extended to %(day)s (Administrative Licensing Law, article 42), for the following reason."
)
NEW_TERM = _("New period of validity: %(first)s to %(last)s.")
BOTH_ENTERPRISES = _("Enterprise before: %(old)s. Enterprise now: %(new)s.")
CERTIFICATE_NUMBER = _("Certificate number: %(number)s")
FOOT = (_("Officer"), _("Handler"), _("Filing"))


@dataclass(frozen=True, slots=True)
class CaseStep:
    """A step with the case as it stood then."""

    case: Application
    step: Step
    submitted: Mapping[str, Any]
    office: Office  # of that day

    @property
    def day(self) -> date:
        return office_day(self.step.at)


def has_letter(step: Step) -> bool:
    return step.action in LETTER_OF


def title_of(case: Application, step: Step) -> str:
    """The heading of the letter of a step, in the province's language."""
    return in_chinese(letter_title(step.action, case.matter))


def draft_of(case: Application, step: Step, office_then: Callable[[Any], Office]) -> DraftLetter:
    """The letter of a step that has one."""
    known = CaseStep(case, step, _submitted_then(case, step), office_then(step.at))
    kind, submitted = LETTER_OF[step.action], known.submitted
    values = (step.actor, submitted["handler"]["name"], case.filing.number)
    page = LetterText(
        issuer=known.office.issuer,
        title=title_of(case, step),
        number="",
        seal_text=known.office.letter_seal_text,
        addressee=submitted["enterprise"]["name"],
        sentences=(_received(known), *_SENTENCES[step.action](known)),
        reasons=tuple(step.reason.splitlines()),
        closing=_remedies(kind, known.office),
        signed_on=long_day(known.day),
        foot="；".join(f"{in_chinese(label)}：{value}" for label, value in zip(FOOT, values, strict=True)),
    )
    return DraftLetter(kind, page, submitted["person"]["name"], known.day, number_blank(known.office, kind, known.day))


def _submitted_then(case: Application, step: Step) -> Mapping[str, Any]:
    """The snapshot of the step's round; two submissions are kept, so that of an older round stands for it."""
    if step.round < case.round and case.snapshot_before:
        return case.snapshot_before
    if case.snapshot:
        return case.snapshot
    filing = case.filing  # never submitted through the procedure: taken over, or made by hand
    return {
        "person": {"name": case.person.name},
        "enterprise": {"name": case.enterprise.name},
        "handler": {"name": filing.handler_name},
    }


def _received(known: CaseStep) -> str:
    """The first sentence of every letter: when that submission was received, matter, name and category."""
    case, step = known.case, known.step
    moments = [other.at for other in case.steps if other.action is Action.SUBMIT and other.id < step.id]
    received = moments[-1] if moments else min(case.submitted_at or step.at, step.at)
    return in_chinese(
        RECEIVED[case.matter],
        day=long_day(office_day(received)),
        category=in_chinese(case.category.label),
        name=known.submitted["person"]["name"],
    )


def _remedies(kind: LetterKind, office: Office) -> tuple[str, ...]:
    """How to contest it; a slip, a correction, an extension and what was granted are not contested."""
    if kind in (LetterKind.REFUSAL, LetterKind.NON_ACCEPTANCE, LetterKind.CLOSING):
        return (office.ways_to_appeal(decision=kind is LetterKind.REFUSAL),)
    return ()


def _slip(known: CaseStep) -> Iterable[str]:
    case, days, due = known.case, known.case.promised_days, known.case.promised_on
    if days is None or due is None:  # accepted before the promise was stored
        days = MATTERS[case.matter].days(known.office)
        due = known.office.calendar.add_working_days(known.day, days)
    yield in_chinese(ACCEPTED)
    yield in_chinese(ACCEPTED_AS, number=case.acceptance_number or case.number)
    yield in_chinese(PROMISED, days=days, day=long_day(due))
    if case.counts_from is not None:
        yield in_chinese(BY_LAPSE, day=long_day(case.counts_from))


def _correction(known: CaseStep) -> Iterable[str]:
    yield in_chinese(BROUGHT_UP if known.step.brought_up else TO_CORRECT)
    if known.step.awaited_until:
        yield in_chinese(AWAITED, day=long_day(known.step.awaited_until))


def _closing(known: CaseStep) -> Iterable[str]:
    returns = [step for step in known.case.steps if step.action is Action.RETURN and step.id < known.step.id]
    if returns and returns[-1].awaited_until:
        asked, until = office_day(returns[-1].at), returns[-1].awaited_until
        yield in_chinese(LAPSED, asked=long_day(asked), until=long_day(until))


def _extension(known: CaseStep) -> Iterable[str]:
    yield in_chinese(EXTENDED, day=long_day(known.case.extended_to or known.day))


def _refusal(known: CaseStep) -> Iterable[str]:
    yield _basis(known)
    yield in_chinese(REFUSED[known.case.matter])


def _grant(known: CaseStep) -> Iterable[str]:
    case = known.case
    yield _basis(known)
    yield in_chinese(GRANTED[case.matter])
    yield from _particulars(known)
    if case.certificate:
        yield in_chinese(CERTIFICATE_NUMBER, number=case.certificate.number)


def _basis(known: CaseStep) -> str:
    return in_chinese(BASIS, articles=in_chinese(BASES[known.case.matter]))


def _particulars(known: CaseStep) -> Iterable[str]:
    """Of a renewal the new term, as printed then; of a transfer both enterprises."""
    case = known.case
    if case.matter is MatterKind.RENEWAL and case.certificate:
        for version in case.certificate.versions:
            if version.application_id == case.id:
                first, last = (_printed_day(version, name) for name in ("valid_from", "valid_to"))
                yield in_chinese(NEW_TERM, first=first, last=last)
    if case.matter is MatterKind.TRANSFER and case.releasing_enterprise:
        submitted = known.submitted
        old = (submitted.get("releasing") or {}).get("name") or case.releasing_enterprise.name
        yield in_chinese(BOTH_ENTERPRISES, old=old, new=submitted["enterprise"]["name"])


def _printed_day(version: CertificateVersion, name: str) -> str:
    return long_day(date.fromisoformat(version.face[name]))


_SENTENCES: Mapping[Action, Callable[[CaseStep], Iterable[str]]] = {
    Action.ACCEPT: _slip,
    Action.RETURN: _correction,
    Action.LAPSE: _closing,
    Action.DECLINE: lambda _known: (in_chinese(NOT_ACCEPTED),),
    Action.EXTEND: _extension,
    Action.REFUSE_REVIEW: _refusal,
    Action.REFUSE_APPROVAL: _refusal,
    Action.APPROVE: _grant,
}
