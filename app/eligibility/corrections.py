"""补正: what an officer marks for correction, the one complete notice made of it, and what was changed in answer.

Law: what is not marked stays as it was submitted, whatever stands in the books by then (行政许可法 art. 32: told once,
of everything). Items are named by their place in the snapshot: ``person.name``, ``papers.photo``, ``pledge``.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.vocabulary import MATTER_PAPERS, PERSON_PAPERS, PaperKind

PERSON: Mapping[str, object] = {
    "name": _("Full name"),
    "id_number": _("ID number"),
    "position": _("Position"),
    "education": _("Education"),
    "major": _("Major"),
    "technical_title": _("Technical title"),
    "mobile": _("Mobile"),
}
_DETAILS: Mapping[str, object] = {
    "old_number": _("Old certificate number"),
    "old_province": _("Province it was issued in"),
    "first_issued_on": _("First issued on"),
    "valid_to": _("Valid until"),
    "name": _("Correct name"),
    "id_number": _("Correct ID number"),
    "declared_on": _("Loss declared on"),
    "medium": _("Medium of the declaration"),
    "note": _("Which other reason"),
    "category": _("New category"),
}
ITEMS: Mapping[str, object] = {
    **{f"person.{name}": label for name, label in PERSON.items()},
    **{f"papers.{kind.value}": kind.label for kind in (*PERSON_PAPERS, *MATTER_PAPERS)},
    "pledge": PaperKind.PLEDGE.label,
    "qualifications": PaperKind.QUALIFICATION.label,
    **{f"details.{name}": label for name, label in _DETAILS.items()},
}
_FOLLOWING = {"person.id_number": ("sex", "birth_date")}  # derived from it
LONGEST_WHY = 200  # characters

# What officers ask for most, item by item: picked, then changed at will. Each is complete enough to act on.
_ANY_SCAN = (_("Not legible; please scan it again."), _("Pages are missing; please hand in all of it."))
_NO_SEAL = _("Seal or signature is missing.")
_AS_IN = {
    "id_card": _("Differs from the ID card."),
    "education": _("Differs from the education certificate."),
    "title": _("Differs from the technical title certificate."),
    "old": _("Differs from the original certificate."),
}
STOCK: Mapping[str, tuple[object, ...]] = {
    "person.name": (_AS_IN["id_card"],),
    "person.id_number": (_AS_IN["id_card"],),
    "person.position": (
        _("The position does not fit the category applied for."),
        _("Differs from the appointment or employment contract."),
    ),
    "person.education": (_AS_IN["education"],),
    "person.major": (_AS_IN["education"], _("Please fill in the major.")),
    "person.technical_title": (_AS_IN["title"],),
    "person.mobile": (_("The number cannot be reached."),),
    "papers.photo": (
        _("The photo is not clear."),
        _("The background is not white."),
        _("Not a recent bareheaded photo of the person."),
    ),
    "papers.id_card": (_("The ID card has expired."), _("One side of the ID card is missing."), *_ANY_SCAN),
    "papers.education": (
        _("The name on the education certificate differs from the applicant's."),
        _("The education certificate differs from what was stated."),
        *_ANY_SCAN,
    ),
    "papers.title": (
        _("The name on the title certificate differs from the applicant's."),
        _("The title certificate differs from what was stated."),
        *_ANY_SCAN,
    ),
    "papers.registration": (
        _("The registration certificate has expired."),
        _("It is registered with another enterprise."),
        *_ANY_SCAN,
    ),
    "pledge": (_("The signature of the legal representative is missing."), _NO_SEAL, *_ANY_SCAN),
    "qualifications": (_("The qualification certificate has expired."), *_ANY_SCAN),
    **{f"papers.{kind.value}": (*_ANY_SCAN, _NO_SEAL) for kind in MATTER_PAPERS},
    **{f"details.{name}": (_AS_IN["old"],) for name in ("old_number", "old_province", "first_issued_on", "valid_to")},
    "details.name": (_AS_IN["id_card"],),
    "details.id_number": (_AS_IN["id_card"],),
    "details.declared_on": (_("Differs from the published statement."),),
    "details.medium": (_("Differs from the published statement."),),
    "details.note": (_("Please say more precisely what the reason is."),),
    "details.category": (_("Please say which category the certificate is to have."),),
}


@dataclass(frozen=True, slots=True)
class CorrectionMark:
    """One thing that is to be corrected, and why."""

    item: str
    why: str

    def stored(self) -> dict[str, str]:
        return {"item": self.item, "why": self.why}


@dataclass(frozen=True, slots=True)
class CorrectedItem:
    """One thing that differs between two submissions. For papers the values are paper ids."""

    item: str
    label: object
    before: Any
    after: Any


def notice(marks: Sequence[CorrectionMark], remark: str = "") -> str:
    """The one complete notice: every mark in its own line, numbered, then the remark."""
    lines = [f"{n}. {ITEMS[mark.item]}：{' '.join(mark.why.split())}" for n, mark in enumerate(marks, 1)]
    return "\n".join([*lines, *([remark.strip()] if remark.strip() else [])])


def remark_of(reason: str, marks: Sequence[object]) -> str:
    """What a notice says besides its marks."""
    return "\n".join(reason.splitlines()[len(marks) :])


def parse_marks(stored: Iterable[Mapping[str, str]] | None) -> tuple[CorrectionMark, ...]:
    """Marks as a step keeps them; an item that is no longer known is left out."""
    return tuple(CorrectionMark(one["item"], one["why"]) for one in stored or () if one["item"] in ITEMS)


def unchanged_items(before: Mapping[str, Any], now: Mapping[str, Any], marked: Iterable[str]) -> list[str]:
    """What was marked and still is as it was submitted."""
    return [item for item in marked if _value(before, item) == _value(now, item)]


def corrected(before: Mapping[str, Any], now: Mapping[str, Any], marked: Iterable[str]) -> dict[str, Any]:
    """The next snapshot: as before, with the marked items (and handler and certificate) as they are now."""
    kept: dict[str, Any] = deepcopy(dict(before))
    for section in ("handler", "certificate", "reason", "releasing"):
        kept[section] = now.get(section)
    for item in marked:
        section, _dot, key = item.partition(".")
        if not key:
            kept[section] = now[section]
            continue
        part = kept.get(section) or {}
        for name in (key, *_FOLLOWING.get(item, ())):
            part.pop(name, None)
            if name in now[section]:
                part[name] = now[section][name]
        kept[section] = part
    return kept


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[CorrectedItem, ...]:
    """What an officer looks at again: every item that differs, in the order of ``ITEMS``."""
    found = []
    for item, label in ITEMS.items():
        old, new = _value(before, item), _value(after, item)
        if old != new:
            found.append(CorrectedItem(item, label, old, new))
    return tuple(found)


def _value(snapshot: Mapping[str, Any], item: str) -> Any:
    section, _dot, key = item.partition(".")
    part = snapshot.get(section)
    return (part or {}).get(key) if key else part
