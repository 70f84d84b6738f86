"""The grounds of measures: which measures each allows, whom it concerns, its article and its ban (domain.md 2.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.clock import add_years
from app.core.office import Office
from app.core.vocabulary import Category, CertificateEventKind, MeasureGround

PRINCIPALS = frozenset({Category.A, Category.B})
SAFETY_OFFICERS = frozenset(Category) - PRINCIPALS
PENALTIES = (CertificateEventKind.SUSPENDED, CertificateEventKind.WITHDRAWN)
SUSPENDED, REINSTATED, REVOKED = (
    CertificateEventKind.SUSPENDED,
    CertificateEventKind.REINSTATED,
    CertificateEventKind.REVOKED,
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a ground allows. ``ban`` names the parameter of ``Office`` with the years in which the holder may not apply."""

    kinds: tuple[CertificateEventKind, ...]
    article: object = ""  # as cited in the letter; "" where no article is needed
    ban: str = ""
    categories: frozenset[Category] = frozenset(Category)


GROUNDS: Mapping[MeasureGround, Ground] = {
    MeasureGround.ACCIDENT: Ground((SUSPENDED,), _("document 206 of 2015 of the Ministry, part eleven")),
    MeasureGround.PRINCIPAL_DUTIES: Ground(PENALTIES, _("article 32 of Order 17 of the Ministry"), categories=PRINCIPALS),
    MeasureGround.OFFICER_DUTIES: Ground(PENALTIES, _("article 33 of Order 17 of the Ministry"), categories=SAFETY_OFFICERS),
    MeasureGround.SET_RIGHT: Ground((REINSTATED,)),
    MeasureGround.NOT_RESPONSIBLE: Ground((REINSTATED,)),
    MeasureGround.DECEIT: Ground(
        (REVOKED,),
        _("articles 69 and 79 of the Administrative Licensing Law and article 27 of Order 17 of the Ministry"),
        "ban_years_deceit",
    ),
    MeasureGround.CONCEALMENT: Ground(
        (REVOKED,),
        _("articles 69 and 78 of the Administrative Licensing Law and article 27 of Order 17 of the Ministry"),
        "ban_years_concealment",
    ),
    MeasureGround.OFFICIAL_FAULT: Ground((REVOKED,), _("article 69 of the Administrative Licensing Law")),
}


def grounds_of(kind: CertificateEventKind, category: Category | None = None) -> tuple[MeasureGround, ...]:
    """The grounds on which this measure can be taken, against a certificate of this category if one is given."""
    return tuple(
        ground for ground, rule in GROUNDS.items() if kind in rule.kinds and (category is None or category in rule.categories)
    )


def banned_until(ground: MeasureGround, on: date, office: Office) -> date | None:
    """The day from which the holder may apply again, if the measure is taken on ``on``; None: no ban."""
    parameter = GROUNDS[ground].ban
    return add_years(on, getattr(office, parameter)) if parameter else None
