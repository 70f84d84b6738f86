"""What is said, about a sign-up, a pass, an application or a certificate, when it concerns another name or ID number."""

from collections.abc import Iterator, Mapping

from flask_babel import lazy_gettext as _

from app.core.errors import FixPlace, Refusal
from app.core.identifiers import identity_differences, mask_id


def differing(
    person: Mapping[str, str], then: Mapping[str, str], where: object, place: FixPlace | None = None
) -> Iterator[Refusal]:
    """In what the person on record differs from whom ``where`` was bound to. ID numbers are masked."""
    for field in identity_differences(person, then):
        if field == "id_number":
            sentence = _(
                "%(name)s: the ID number on record is %(now)s, but %(where)s has %(then)s. Nothing can be decided until this "
                "is cleared up.",
                name=person["name"],
                now=mask_id(person[field]),
                where=where,
                then=mask_id(then[field]),
            )
        else:
            sentence = _(
                "The name on record is %(now)s, but %(where)s has %(then)s. Nothing can be decided until this is cleared up.",
                now=person[field],
                where=where,
                then=then[field],
            )
        yield Refusal("identity-differs", sentence, place=place)


def unbound(name: str, where: object, place: FixPlace | None = None) -> Refusal:
    """It was never written down for whom it is, or no longer holds."""
    sentence = _(
        "%(name)s: name and ID number of %(where)s are not on record. A correction of the identity, approved by the "
        "authority, settles it.",
        name=name,
        where=where,
    )
    return Refusal("identity-differs", sentence, place=place)
