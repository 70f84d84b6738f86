"""What the matter adds to a case: the certificate acted upon, the reason, and values before and after, all as submitted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from flask_babel import gettext

from app.certificates.lifecycle import extended
from app.core.identifiers import mask_birth_date, mask_id, mask_mobile
from app.core.vocabulary import CLOSED, Category, CertificateStatus, MatterKind, reason_of
from app.eligibility import corrections, particulars
from app.eligibility.facts import Facts
from app.eligibility.matter_fields import fields_of
from app.web import request_context
from app.web.applications.review.presentation import CODED_FIELDS, Pairs, code_label

# Shown as values before and after, not with the reason.
CORRECTED = (*particulars.PRINTED, *particulars.DERIVED, "wrong_photo", "wrong_enterprise")


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One value before and after."""

    label: object
    before: object
    after: object
    masked: bool = False  # shown even if the masked texts are equal
    item: str = ""  # key for marking it


@dataclass(frozen=True, slots=True)
class MatterDetails:
    certificate: Pairs
    reason: Pairs
    changes: list[BeforeAfter]


def details_of(case: Facts, *, in_full: bool = False, today: bool = True) -> MatterDetails:
    """Everything the matter adds; ``today=False`` leaves out the present status of the certificate (for the archive)."""
    values = _before_after(case, in_full=in_full)
    changes = [change for change in values if change.masked or str(change.before) != str(change.after)]
    return MatterDetails(_certificate(case, today=today), _reason(case), changes)


def readable(name: str, text: str, in_full: bool = False) -> object:
    """A stored value as text for people: codes as labels, numbers masked unless ``in_full``."""
    if name in CODED_FIELDS:
        return code_label(CODED_FIELDS[name], text)
    if name == "id_number" and text and not in_full:
        return mask_id(text)
    if name == "birth_date" and text and not in_full:
        return mask_birth_date(text)
    return mask_mobile(text) if name == "mobile" and text else text


def _certificate(case: Facts, *, today: bool) -> Pairs:
    """The certificate as submitted and, with ``today``, its present status."""
    submitted, held = case.submitted.get("certificate"), case.certificate
    if not submitted:
        return []
    pairs: Pairs = [
        (gettext("Certificate number"), submitted["number"]),
        (gettext("Personnel category"), code_label(Category, submitted["category"])),
        (gettext("Enterprise as printed"), submitted["enterprise"]),
        (gettext("First issued on"), submitted["first_issued_on"]),
        (gettext("Validity"), gettext("%(start)s to %(end)s", start=submitted["valid_from"], end=submitted["valid_to"])),
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
    pairs: Pairs = [(gettext("Reason"), reason.label)]
    for field in fields_of(case.matter, case.reason_code, case.category):
        if field.name not in (*CORRECTED, "category"):
            pairs.append((field.label, case.submitted_details.get(field.name, ""), f"details.{field.name}"))
    return pairs


def _before_after(case: Facts, *, in_full: bool) -> Iterator[BeforeAfter]:
    submitted, details = case.submitted.get("certificate"), case.submitted_details
    if particulars.corrects_information(case):
        yield from _corrections(case, in_full=in_full)
    elif case.matter is MatterKind.TRANSFER:
        yield from _completions(case)
    if not submitted:
        return
    if case.matter is MatterKind.CANCELLATION:
        yield BeforeAfter(gettext("Certificate status"), CertificateStatus.VALID.label, CertificateStatus.CANCELLED.label)
        return
    enterprise = case.submitted["enterprise"]["name"]
    yield BeforeAfter(gettext("Enterprise"), submitted["enterprise"], enterprise)
    if case.matter is MatterKind.RENEWAL:
        last_day = extended(date.fromisoformat(submitted["valid_to"]), request_context.current_office().validity_years)
        yield BeforeAfter(gettext("Valid until"), submitted["valid_to"], last_day.isoformat())
    if case.matter is MatterKind.REPLACEMENT and case.category is Category.C:
        after = details.get("category", Category.C3.value)
        yield BeforeAfter(gettext("Personnel category"), Category.C.label, code_label(Category, after))


def _completions(case: Facts) -> Iterator[BeforeAfter]:
    """What a transfer states about the person, against the record as submitted."""
    person = case.submitted["person"]
    for name, text in particulars.stated(case).items():
        label = corrections.PERSON[name]
        yield BeforeAfter(label, readable(name, person[name]), readable(name, text), item=f"details.{name}")


def _corrections(case: Facts, *, in_full: bool) -> Iterator[BeforeAfter]:
    """Requested corrections against the printed certificate; for closed cases against the submitted person."""
    person, stated = case.submitted["person"], case.submitted_details
    printed = case.face if case.face and case.state not in CLOSED else person
    wanted = {**person, **particulars.stated(case)}
    for name, label in corrections.PERSON.items():
        if name not in printed or name == "mobile":
            continue
        before, after = str(printed[name] or ""), str(wanted[name] or "")
        if before != after:
            mark_item = f"details.{name}" if name in stated else ""
            yield BeforeAfter(
                label, readable(name, before, in_full), readable(name, after, in_full), masked=True, item=mark_item
            )
    for name in particulars.DERIVED:
        if text := stated.get(name):
            before = str((case.face or {}).get(name) or "")
            yield BeforeAfter(
                corrections.ITEMS[f"details.{name}"], readable(name, before, in_full), readable(name, text, in_full),
                masked=True, item=f"details.{name}",
            )  # fmt: skip
    for name, after in (
        ("wrong_photo", gettext("photo on record")),
        ("wrong_enterprise", case.submitted["enterprise"]["name"]),
    ):
        if name in stated:
            before = gettext("as printed, stated to be wrong")
            yield BeforeAfter(corrections.ITEMS[f"details.{name}"], before, after, item=f"details.{name}")
