"""补正: what an officer marks for correction, the one complete notice made of it, and what was changed in answer.

Law: what is not marked stays as it was submitted, whatever stands in the books by then (行政许可法 art. 32: told once,
of everything). Items are named by their place in the snapshot: ``person.name``, ``papers.photo``, ``pledge``.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from app.vocabulary import MATTER_PAPERS, PERSON_PAPERS, PaperKind

_PERSON: Mapping[str, object] = {
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
    **{f"person.{name}": label for name, label in _PERSON.items()},
    **{f"papers.{kind.value}": kind.label for kind in (*PERSON_PAPERS, *MATTER_PAPERS)},
    "pledge": PaperKind.PLEDGE.label,
    "qualifications": PaperKind.QUALIFICATION.label,
    **{f"details.{name}": label for name, label in _DETAILS.items()},
}
_FOLLOWING = {"person.id_number": ("sex", "birth_date")}  # derived from it


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that is to be corrected, and why."""

    item: str
    why: str

    def stored(self) -> dict[str, str]:
        return {"item": self.item, "why": self.why}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two submissions. For papers the values are paper ids."""

    item: str
    label: object
    before: Any
    after: Any


def notice(marks: Sequence[Mark], remark: str = "") -> str:
    """The one complete notice: every mark in its own line, numbered, then the remark."""
    lines = [f"{n}. {ITEMS[mark.item]}：{mark.why}" for n, mark in enumerate(marks, 1)]
    return "\n".join([*lines, *([remark.strip()] if remark.strip() else [])])


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


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What an officer looks at again: every item that differs, in the order of ``ITEMS``."""
    found = []
    for item, label in ITEMS.items():
        old, new = _value(before, item), _value(after, item)
        if old != new:
            found.append(Change(item, label, old, new))
    return tuple(found)


def _value(snapshot: Mapping[str, Any], item: str) -> Any:
    section, _dot, key = item.partition(".")
    part = snapshot.get(section)
    return (part or {}).get(key) if key else part
