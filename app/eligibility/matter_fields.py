"""What a filing says beyond person and certificate: the fields that each matter and reason asks for (domain.md 3.5, 3.6).

Law: here is judged whether something can be read; whether what was given suffices is asked on submission, in ``rules``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.errors import AppError, Refusal, Unmet
from app.core.identifiers import fold, fold_certificate_number, parse_id_number, parse_name
from app.core.vocabulary import CancellationReason, Category, MatterKind, ReplacementReason

DIVIDED = (Category.C1, Category.C2, Category.C3)  # what an undivided C becomes


@dataclass(frozen=True, slots=True)
class MatterField:
    """One field: its name in ``Application.details`` and in forms, and how it is read. Days are kept as ``2026-03-02``."""

    name: str
    label: object
    read: Callable[[str], str]
    required: bool = True


def _line(limit: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        line = " ".join(text.split())
        if len(line) > limit:
            raise AppError(_("Please write at most %(n)s characters.", n=limit), code="too-long")
        return line

    return read


def _day(text: str) -> str:
    try:
        return date.fromisoformat(fold(text).replace("/", "-")).isoformat()
    except ValueError:
        raise AppError(_("Please enter the day as 2026-03-02."), code="bad-day") from None


def _divided(text: str) -> str:
    if text not in {category.value for category in DIVIDED}:
        raise AppError(_("Please choose C1, C2 or C3."), code="bad-category")
    return text


_FIELDS: Mapping[tuple[MatterKind, str], tuple[MatterField, ...]] = {
    (MatterKind.REPLACEMENT, ReplacementReason.FROM_OTHER_PROVINCE.value): (
        MatterField("old_number", _("Old certificate number"), _line(40)),
        MatterField("old_province", _("Province it was issued in"), _line(30)),
        MatterField("first_issued_on", _("First issued on"), _day),
        MatterField("valid_to", _("Valid until"), _day),
    ),
    (MatterKind.REPLACEMENT, ReplacementReason.WRONG_INFORMATION.value): (
        MatterField("name", _("Correct name"), parse_name, required=False),
        MatterField("id_number", _("Correct ID number"), parse_id_number, required=False),
    ),
    (MatterKind.REPLACEMENT, ReplacementReason.LOST.value): (
        MatterField("declared_on", _("Loss declared on"), _day),
        MatterField("medium", _("Medium of the declaration"), _line(60)),
    ),
    (MatterKind.CANCELLATION, CancellationReason.OTHER.value): (MatterField("note", _("Which other reason"), _line(200)),),
}
_UNDIVIDED = MatterField("category", _("New category"), _divided, required=False)


def matter_fields(matter: MatterKind, reason_code: str, category: Category) -> tuple[MatterField, ...]:
    """The fields that this matter asks for, for this reason, of a certificate of this category."""
    fields = _FIELDS.get((matter, reason_code), ())
    undivided = matter is MatterKind.REPLACEMENT and category is Category.C
    return (*fields, _UNDIVIDED) if undivided else fields


def all_field_names() -> frozenset[str]:
    """The names of all fields, of whatever matter."""
    return frozenset(field.name for fields in (*_FIELDS.values(), (_UNDIVIDED,)) for field in fields)


def parse_matter_fields(
    matter: MatterKind, reason_code: str, category: Category, typed: Mapping[str, str]
) -> dict[str, str] | None:
    """What was typed, folded; blanks left out, unknown names ignored; None for nothing. ``Unmet`` with every mistake."""
    found, wrong = {}, []
    for field in matter_fields(matter, reason_code, category):
        text = (typed.get(field.name) or "").strip()
        if not text:
            continue
        try:
            found[field.name] = fold_certificate_number(text) if field.name == "old_number" else field.read(text)
        except AppError as no:
            wrong.append(Refusal(no.code, no.sentence, field.name))
    if wrong:
        raise Unmet(wrong)
    return found or None
