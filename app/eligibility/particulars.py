"""What an application states about the person beyond the record: a transfer completes it (R111), a replacement for wrong
information corrects it (R118). What is stated is printed, and becomes the record on approval.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.errors import FixPlace, Refusal
from app.core.identifiers import age, birth_date, fold_enterprise_name, name_key, sex
from app.core.office import Office
from app.core.vocabulary import Category, MatterKind, PaperKind, Position, ReplacementReason
from app.eligibility.facts import Facts

RECORDED = ("position", "education", "major", "technical_title")  # columns of the person
DERIVED = ("sex", "birth_date")  # from the ID number
PRINTED = ("name", "id_number", *RECORDED)


def corrects_information(case: Facts) -> bool:
    return case.matter is MatterKind.REPLACEMENT and case.reason_code == ReplacementReason.WRONG_INFORMATION.value


def stated(case: Facts) -> dict[str, str]:
    """What the application, as submitted, states about the person."""
    if case.matter is not MatterKind.TRANSFER and not corrects_information(case):
        return {}
    names = PRINTED if corrects_information(case) else RECORDED
    return {name: case.submitted_details[name] for name in names if case.submitted_details.get(name)}


def printed_person(case: Facts) -> dict[str, str]:
    """The person as printed: as submitted, with what the application states; sex and birth follow from the ID number."""
    person = {**case.submitted["person"], **stated(case)}
    if corrects_information(case):
        person |= {"sex": sex(person["id_number"]).value, "birth_date": f"{birth_date(person['id_number']):%Y-%m-%d}"}
    return person


# --- rules ------------------------------------------------------------------------------------------


def corrects_something(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R118: something differs from what the certificate shows: a stated value, or the record by now.

    What a paper certificate shows beyond name and ID number is not on record here: what is stated counts as different.
    """
    held = case.certificate
    if held is None:
        return
    shown: Mapping[str, str] = case.face or {"name": held.holder, "id_number": case.person["id_number"]}
    given = {name: case.details[name] for name in (*PRINTED, *DERIVED) if case.details.get(name)}
    now = {**case.person, **given}
    differs = any(name_key(str(now[name] or "")) != name_key(str(shown[name] or "")) for name in PRINTED if name in shown)
    states = any(name_key(text) != name_key(str(shown.get(name) or "")) for name, text in given.items())
    if not differs and not states and not _photo_differs(case) and not _enterprise_differs(case):
        sentence = _(
            "%(name)s: nothing differs from what is printed. Please enter what is wrong on the certificate.", name=case.name
        )
        yield Refusal("nothing-corrected", sentence, "name", FixPlace("filing", case.filing_id, "name"))


def _photo_differs(case: Facts) -> bool:
    photo = case.person_papers.get(PaperKind.PHOTO)
    printed = case.face.get("photo") if case.face else None
    return bool(case.details.get("wrong_photo")) and photo is not None and photo != printed


def _enterprise_differs(case: Facts) -> bool:
    if not case.details.get("wrong_enterprise") or case.certificate is None:
        return False
    if case.face is None:  # of a paper certificate only the imported list is known
        return True
    return fold_enterprise_name(case.certificate.printed_enterprise) != fold_enterprise_name(case.enterprise["name"])


def wrong_photo_was_replaced(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A photo said to be wrong is not printed once more."""
    if not case.details.get("wrong_photo") or not case.face or _photo_differs(case):
        return
    if PaperKind.PHOTO in case.person_papers:
        sentence = _("%(name)s: the photo on record is still that of the certificate. Upload the right one.", name=case.name)
        yield Refusal("photo-not-replaced", sentence, place=FixPlace("person", case.person_id, PaperKind.PHOTO.value))


def stated_sex_and_birth_follow_the_number(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """GB 11643: both are part of the ID number; whoever has them wrong there corrects the number."""
    number = case.details.get("id_number") or case.person["id_number"]
    right = {"sex": sex(number).value, "birth_date": f"{birth_date(number):%Y-%m-%d}"}
    labels = {"sex": _("Sex"), "birth_date": _("Birth date")}
    for name, value in right.items():
        if case.details.get(name) not in (None, "", value):
            sentence = _(
                "%(name)s: “%(field)s” differs from what the ID number says. Please check both; if the number is wrong, "
                "enter the right one.",
                name=case.name,
                field=labels[name],
            )
            yield Refusal("differs-from-number", sentence, name, FixPlace("filing", case.filing_id, name))


def stated_position_fits_the_category(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """建质〔2015〕206号 one: the position that is to be recorded and printed is one of the certificate's category."""
    position, fitting = stated(case).get("position", ""), office.positions_of(case.target_category)
    if not position or position in [one.value for one in fitting]:
        return
    sentence = _(
        "%(name)s: the position is %(position)s; category %(category)s is for %(positions)s.",
        name=case.name,
        position=Position(position).label,  # type: ignore[call-arg]
        category=case.target_category.value,
        positions="、".join(map(str, fitting)),
    )
    yield Refusal("position-does-not-fit", sentence, "position", FixPlace("filing", case.filing_id, "position"))


def principal_has_a_position(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """An A certificate shows the position of the holder (建质〔2015〕206号 one)."""
    if case.category is Category.A and not printed_person(case).get("position"):
        sentence = _("%(name)s has no position, and an A certificate shows it. Add the position.", name=case.name)
        at_filing = case.matter is MatterKind.TRANSFER  # the person's page belongs to another enterprise
        place = (
            FixPlace("filing", case.filing_id, "position") if at_filing else FixPlace("person", case.person_id, "position")
        )
        yield Refusal("no-position-to-print", sentence, "position" if at_filing else "", place)


def corrected_id_number_is_free(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """One ID number, one person; also a database constraint."""
    if case.id_number_taken:
        yield Refusal(
            "id-taken",
            _("%(name)s: the corrected ID number belongs to another record.", name=case.name),
            "id_number",
            FixPlace("filing", case.filing_id, "id_number"),
        )


def corrected_number_is_of_age(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A corrected ID number implies another birth date."""
    number = case.details.get("id_number")
    if number and age(birth_date(number), on) < office.least_age:
        yield Refusal("too-young", _("%(name)s is under %(limit)s.", name=case.name, limit=office.least_age))
