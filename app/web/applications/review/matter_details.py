"""What a case is about besides the person: the certificate acted upon, the reason, and what is to be otherwise afterwards.

Law: before and after stand side by side, both as they were submitted; numbers of persons are masked unless asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from flask_babel import gettext

from app.certificates.lifecycle import extended
from app.core.identifiers import mask_id, mask_mobile
from app.core.vocabulary import CLOSED, Category, CertificateStatus, MatterKind, ReplacementReason, reason_of
from app.eligibility import corrections
from app.eligibility.facts import Facts
from app.eligibility.matter_fields import fields_of
from app.web import request_context
from app.web.applications.review.presentation import WORDS, Pairs, word

CORRECTED = ("name", "id_number")


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing as it is and as it will be."""

    label: object
    before: object
    after: object
    masked: bool = False  # differs in what is not shown
    item: str = ""  # what it is marked by


@dataclass(frozen=True, slots=True)
class MatterDetails:
    certificate: Pairs
    reason: Pairs
    turns: list[Turn]


def details_of(case: Facts, *, in_full: bool = False, today: bool = True) -> MatterDetails:
    """Everything about one case that its matter adds.

    Without ``today`` nothing is said of how the certificate stands by now: the archive tells what was.
    """
    turns = [turn for turn in _turns(case, in_full=in_full) if turn.masked or str(turn.before) != str(turn.after)]
    return MatterDetails(_certificate(case, today=today), _reason(case), turns)


def plain(name: str, text: str, in_full: bool = False) -> object:
    """A stored value as people read it."""
    if name in WORDS:
        return word(WORDS[name], text)
    if name == "id_number" and text and not in_full:
        return mask_id(text)
    return mask_mobile(text) if name == "mobile" and text else text


def _certificate(case: Facts, *, today: bool) -> Pairs:
    """As it was submitted, and how it stands today."""
    kept, held = case.submitted.get("certificate"), case.certificate
    if not kept:
        return []
    pairs: Pairs = [
        (gettext("Certificate number"), kept["number"]),
        (gettext("Personnel category"), word(Category, kept["category"])),
        (gettext("Enterprise as printed"), kept["enterprise"]),
        (gettext("First issued on"), kept["first_issued_on"]),
        (gettext("Validity"), gettext("%(start)s to %(end)s", start=kept["valid_from"], end=kept["valid_to"])),
    ]
    if held and today:
        pairs.append((gettext("Certificate status"), held.status_on(request_context.today()).label))
        kind = gettext("Electronic certificate") if held.is_electronic else gettext("Paper certificate")
        pairs.append((gettext("Form"), kind))
    if case.submitted.get("releasing"):
        pairs.append((gettext("Old enterprise"), case.submitted["releasing"]["name"]))
    return pairs


def _reason(case: Facts) -> Pairs:
    reason = reason_of(case.matter, case.reason_code)
    if reason is None:
        return []
    told: Pairs = [(gettext("Reason"), reason.label)]
    for field in fields_of(case.matter, case.reason_code, case.category):
        if field.name not in (*CORRECTED, "category"):
            told.append((field.label, case.submitted_details.get(field.name, ""), f"details.{field.name}"))
    return told


def _turns(case: Facts, *, in_full: bool) -> Iterator[Turn]:
    kept, details = case.submitted.get("certificate"), case.submitted_details
    if case.reason_code == ReplacementReason.WRONG_INFORMATION.value:
        yield from _corrections(case, in_full=in_full)
    if not kept:
        return
    if case.matter is MatterKind.CANCELLATION:
        yield Turn(gettext("Certificate status"), CertificateStatus.VALID.label, CertificateStatus.CANCELLED.label)
        return
    enterprise = case.submitted["enterprise"]["name"]
    yield Turn(gettext("Enterprise"), kept["enterprise"], enterprise)
    if case.matter is MatterKind.RENEWAL:
        last_day = extended(date.fromisoformat(kept["valid_to"]), request_context.current_office().validity_years)
        yield Turn(gettext("Valid until"), kept["valid_to"], last_day.isoformat())
    if case.matter is MatterKind.REPLACEMENT and case.category is Category.C:
        after = details.get("category", Category.C3.value)
        yield Turn(gettext("Personnel category"), Category.C.label, word(Category, after))


def _corrections(case: Facts, *, in_full: bool) -> Iterator[Turn]:
    """What is printed today against what is asked for; once it is decided, against the books as they were then."""
    person = case.submitted["person"]
    printed = case.face if case.face and case.state not in CLOSED else person
    wanted = {**person, **{name: case.submitted_details[name] for name in CORRECTED if name in case.submitted_details}}
    for item, label in corrections.ITEMS.items():
        section, _dot, name = item.partition(".")
        if section == "person" and name in printed and name != "mobile":
            before, after = str(printed[name] or ""), str(wanted[name] or "")
            if before != after:
                said = f"details.{name}" if name in CORRECTED else ""
                yield Turn(label, plain(name, before, in_full), plain(name, after, in_full), masked=True, item=said)
