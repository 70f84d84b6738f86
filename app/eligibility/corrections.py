"""补正: marks for correction, the one complete notice of them (行政许可法 art. 32), and the changes made in answer.

What is not marked stays as submitted, whatever the records say by then. Items are paths in the snapshot: ``person.name``,
``papers.photo``, ``pledge``.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.errors import FixPlace, Refusal, Unmet
from app.core.vocabulary import MATTER_PAPERS, PERSON_PAPERS, Action, PaperKind

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
    "number_note": _("Why the number has another form"),
    "old_province": _("Province it was issued in"),
    "first_issued_on": _("First issued on"),
    "valid_to": _("Valid until"),
    "name": _("Correct name"),
    "id_number": _("Correct ID number"),
    "declared_on": _("Loss declared on"),
    "medium": _("Medium of the declaration"),
    "note": _("Which other reason"),
    "category": _("New category"),
    "sex": _("Correct sex"),
    "birth_date": _("Correct birth date"),
    "position": _("Stated position"),
    "education": _("Stated education"),
    "major": _("Stated major"),
    "technical_title": _("Stated technical title"),
    "wrong_photo": _("Photo on the certificate"),
    "wrong_enterprise": _("Enterprise name on the certificate"),
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

# Standard texts per item, which officers pick and may edit.
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
    **{
        f"details.{name}": (_AS_IN["old"],)
        for name in ("old_number", "number_note", "old_province", "first_issued_on", "valid_to")
    },
    "details.name": (_AS_IN["id_card"],),
    "details.id_number": (_AS_IN["id_card"],),
    **{f"details.{name}": (_AS_IN["id_card"],) for name in ("sex", "birth_date")},
    "details.position": (
        _("The position does not fit the category applied for."),
        _("Differs from the appointment or employment contract."),
    ),
    **{f"details.{name}": (_AS_IN["education"],) for name in ("education", "major")},
    "details.technical_title": (_AS_IN["title"],),
    **{f"details.{name}": (_AS_IN["old"],) for name in ("wrong_photo", "wrong_enterprise")},
    "details.declared_on": (_("Differs from the published statement."),),
    "details.medium": (_("Differs from the published statement."),),
    "details.note": (_("Please say more precisely what the reason is."),),
    "details.category": (_("Please say which category the certificate is to have."),),
}


@dataclass(frozen=True, slots=True)
class CorrectionMark:
    """An item to be corrected, and why."""

    item: str
    why: str

    def stored(self) -> dict[str, str]:
        return {"item": self.item, "why": self.why}


@dataclass(frozen=True, slots=True)
class CorrectedItem:
    """An item that differs between two submissions. For papers the values are paper ids."""

    item: str
    label: object
    before: Any
    after: Any


def notice(marks: Sequence[CorrectionMark], remark: str = "") -> str:
    """The notice: one numbered line per mark, then the remark."""
    lines = [f"{n}. {ITEMS[mark.item]}：{' '.join(mark.why.split())}" for n, mark in enumerate(marks, 1)]
    return "\n".join([*lines, *([remark.strip()] if remark.strip() else [])])


def checked_notice(action: Action, marks: Sequence[CorrectionMark], reason: str) -> str:
    """The notice of a return with marks, else ``reason``. Raises ``Unmet`` for unknown and unexplained marks."""
    if not marks:
        return reason
    if action is not Action.RETURN or any(mark.item not in ITEMS for mark in marks):
        sentence = _("Only what belongs to the application can be marked for correction.")
        raise Unmet.because(Refusal("bad-mark", sentence, "marks"))
    if invalid := [_unexplained(mark) for mark in marks if not 0 < len(mark.why.strip()) <= LONGEST_WHY]:
        raise Unmet(invalid)
    return notice(marks, reason)


def _unexplained(mark: CorrectionMark) -> Refusal:
    sentence = _(
        "%(item)s: please say in at most %(n)s characters what is to be corrected.", item=ITEMS[mark.item], n=LONGEST_WHY
    )
    return Refusal("bad-mark", sentence, f"why-{mark.item}")


def not_corrected(name: str, application_id: int | None, item: str) -> Refusal:
    """Told on submission for a marked item that is as it was."""
    sentence = _(
        "%(name)s: “%(item)s” was marked and is still as it was. Correct it, or write to the officer why it stays.",
        name=name, item=ITEMS[item],
    )  # fmt: skip
    return Refusal("not-corrected", sentence, place=FixPlace("correction", application_id, item))


def remark_of(reason: str, marks: Sequence[object]) -> str:
    """The remark of a notice: what follows the lines of its marks."""
    return "\n".join(reason.splitlines()[len(marks) :])


def parse_marks(stored: Iterable[Mapping[str, str]] | None) -> tuple[CorrectionMark, ...]:
    """The marks stored with a step; unknown items are left out."""
    return tuple(CorrectionMark(mark["item"], mark["why"]) for mark in stored or () if mark["item"] in ITEMS)


def unchanged_items(before: Mapping[str, Any], now: Mapping[str, Any], marked: Iterable[str]) -> list[str]:
    """The marked items that are still as submitted."""
    return [item for item in marked if _value(before, item) == _value(now, item)]


def corrected(before: Mapping[str, Any], now: Mapping[str, Any], marked: Iterable[str]) -> dict[str, Any]:
    """The next snapshot: as before, but marked items, handler, certificate and reason as they are now."""
    snapshot: dict[str, Any] = deepcopy(dict(before))
    for section in ("handler", "certificate", "reason", "releasing"):
        snapshot[section] = now.get(section)
    for item in marked:
        section, _dot, key = item.partition(".")
        if not key:
            snapshot[section] = now[section]
            continue
        part = snapshot.get(section) or {}
        for name in (key, *_FOLLOWING.get(item, ())):
            part.pop(name, None)
            if name in now[section]:
                part[name] = now[section][name]
        snapshot[section] = part
    return snapshot


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[CorrectedItem, ...]:
    """Every item that differs, in the order of ``ITEMS``."""
    items = []
    for item, label in ITEMS.items():
        old, new = _value(before, item), _value(after, item)
        if old != new:
            items.append(CorrectedItem(item, label, old, new))
    return tuple(items)


def _value(snapshot: Mapping[str, Any], item: str) -> Any:
    section, _dot, key = item.partition(".")
    part = snapshot.get(section)
    return (part or {}).get(key) if key else part
