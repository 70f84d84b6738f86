"""The fields that each matter and reason asks for beyond person and certificate (domain.md 3.5, 3.6).

Here values are parsed only; whether all required ones are given is checked on submission, in ``rules``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.errors import AppError, Refusal, Unmet
from app.core.identifiers import fold, fold_certificate_number, parse_id_number
from app.core.redaction import number_refusals
from app.core.vocabulary import (
    CancellationReason,
    Category,
    Education,
    MatterKind,
    Position,
    ReplacementReason,
    Sex,
    TechnicalTitle,
    Term,
)
from app.files.fonts import parse_printable_name

WRONG = "yes"  # of a part of the certificate that is printed anew from the record
DIVIDED = (Category.C1, Category.C2, Category.C3)  # what an undivided C becomes


@dataclass(frozen=True, slots=True)
class MatterField:
    """One field: its key in ``Application.details`` and in forms, and its parser. Dates are stored as ``2026-03-02``."""

    name: str
    label: object
    read: Callable[[str], str]
    required: bool = True
    terms: type[Term] | None = None  # chosen from a vocabulary, stored as its code


def _text(limit: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        folded = " ".join(text.split())
        if len(folded) > limit:
            raise AppError(_("Please write at most %(n)s characters.", n=limit), code="too-long")
        return folded

    return read


def _day(text: str) -> str:
    try:
        return date.fromisoformat(fold(text).replace("/", "-")).isoformat()
    except ValueError:
        raise AppError(_("Please enter the day as 2026-03-02."), code="bad-day") from None


def _is_wrong(text: str) -> str:
    if text != WRONG:
        raise AppError(_("Please choose from the list."), code="bad-choice")
    return text


def _chosen(name: str, label: object, terms: type[Term]) -> MatterField:
    def read(text: str) -> str:
        if text not in {str(term.value) for term in terms}:
            raise AppError(_("Please choose from the list."), code="bad-choice")
        return text

    return MatterField(name, label, read, required=False, terms=terms)


def _divided(text: str) -> str:
    if text not in {category.value for category in DIVIDED}:
        raise AppError(_("Please choose C1, C2 or C3."), code="bad-category")
    return text


# What is recorded of the person and printed (``particulars.RECORDED``): a transfer completes it, a replacement corrects it.
_RECORDED = (
    _chosen("position", _("Position"), Position),
    _chosen("education", _("Education"), Education),
    MatterField("major", _("Major"), _text(60), required=False),
    _chosen("technical_title", _("Technical title"), TechnicalTitle),
)
_FIELDS: Mapping[tuple[MatterKind, str], tuple[MatterField, ...]] = {
    (MatterKind.REPLACEMENT, ReplacementReason.FROM_OTHER_PROVINCE.value): (
        MatterField("old_number", _("Old certificate number"), _text(40)),
        MatterField("number_note", _("Why the number has another form"), _text(200), required=False),
        MatterField("old_province", _("Province it was issued in"), _text(30)),
        MatterField("first_issued_on", _("First issued on"), _day),
        MatterField("valid_to", _("Valid until"), _day),
    ),
    (MatterKind.REPLACEMENT, ReplacementReason.WRONG_INFORMATION.value): (
        MatterField("name", _("Correct name"), parse_printable_name, required=False),
        MatterField("id_number", _("Correct ID number"), parse_id_number, required=False),
        _chosen("sex", _("Sex"), Sex),
        MatterField("birth_date", _("Birth date"), _day, required=False),
        *_RECORDED,
        MatterField("wrong_photo", _("Photo on the certificate"), _is_wrong, required=False),
        MatterField("wrong_enterprise", _("Enterprise name on the certificate"), _is_wrong, required=False),
    ),
    (MatterKind.TRANSFER, ""): _RECORDED,
    (MatterKind.REPLACEMENT, ReplacementReason.LOST.value): (
        MatterField("declared_on", _("Loss declared on"), _day),
        MatterField("medium", _("Medium of the declaration"), _text(60)),
    ),
    (MatterKind.CANCELLATION, CancellationReason.OTHER.value): (MatterField("note", _("Which other reason"), _text(200)),),
}
_UNDIVIDED = MatterField("category", _("New category"), _divided, required=False)


def fields_of(matter: MatterKind, reason_code: str, category: Category) -> tuple[MatterField, ...]:
    """The fields asked for by this matter and reason, for a certificate of this category."""
    fields = _FIELDS.get((matter, reason_code), ())
    undivided = matter is MatterKind.REPLACEMENT and category is Category.C
    return (*fields, _UNDIVIDED) if undivided else fields


def all_field_names() -> frozenset[str]:
    """The names of all fields of all matters."""
    return frozenset(field.name for fields in (*_FIELDS.values(), (_UNDIVIDED,)) for field in fields)


def parse_matter_fields(
    matter: MatterKind, reason_code: str, category: Category, typed: Mapping[str, str]
) -> dict[str, str] | None:
    """The parsed values; blank and unknown fields are left out; None for no values. Raises ``Unmet`` with every fault."""
    values, wrong = {}, list[Refusal]()
    for field in fields_of(matter, reason_code, category):
        text = (typed.get(field.name) or "").strip()
        if not text:
            continue
        if field.name != "id_number":
            wrong += number_refusals({field.name: (field.label, text)})
        try:
            values[field.name] = fold_certificate_number(text) if field.name == "old_number" else field.read(text)
        except AppError as error:
            wrong.append(Refusal(error.code, error.sentence, field.name))
    if wrong:
        raise Unmet(wrong)
    return values or None
