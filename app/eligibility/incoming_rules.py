"""Rules of a replacement of a certificate from another province (换证, reason 1; R117, domain.md 3.5)."""

from collections.abc import Iterator
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.clock import add_years
from app.core.errors import Refusal
from app.core.identifiers import NATIONAL_NUMBER, category_in, fold
from app.core.office import Office
from app.core.regions import plain_name
from app.eligibility.facts import Facts


def comes_with_a_certificate_in_force(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """Issued by now, valid on the day of submission, its last day included, and no longer than a term from there."""
    first, last = (case.details.get(name, "") for name in ("first_issued_on", "valid_to"))
    latest = f"{add_years(on, office.validity_years):%Y-%m-%d}"
    if last and last < f"{on:%Y-%m-%d}":
        sentence = _("%(name)s: the certificate of the other province ran out on %(day)s.", name=case.name, day=last)
        yield Refusal("old-certificate-expired", sentence, "valid_to")
    if last > latest:
        sentence = _(
            "%(name)s: a certificate runs %(n)s years at most, until %(latest)s; it cannot be valid until %(day)s.",
            name=case.name, n=office.validity_years, latest=latest, day=last,
        )  # fmt: skip
        yield Refusal("term-too-long", sentence, "valid_to")
    if first > f"{on:%Y-%m-%d}":
        yield Refusal("days-out-of-order", _("The day of first issue lies in the future."), "first_issued_on")
    elif last and first > last:
        yield Refusal("days-out-of-order", _("The certificate cannot run out before it was issued."), "valid_to")


def comes_from_another_province(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """R117: province and number are of another province, by name, abbreviation and region code."""
    province, number = fold(case.details.get("old_province", "")), case.details.get("old_number", "")
    own = {plain_name(office.province), office.short_name}
    if plain_name(province) in own or province.startswith(office.region_code[:2]) or number.startswith(office.short_name):
        home = office.province
        sentence = _("%(name)s: this certificate is of %(province)s itself: use a transfer.", name=case.name, province=home)
        yield Refusal("own-province", sentence, "old_number" if number.startswith(office.short_name) else "old_province")


def brings_a_number_of_the_national_form(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """建质〔2015〕206号 six; a number of another form needs an explanation; its category is the one filed for."""
    number = case.details.get("old_number", "")
    category = category_in(number)
    if number and not category and not case.details.get("number_note"):
        sentence = _(
            "%(name)s: “%(number)s” is not of the form %(form)s. Correct it, or explain under “%(field)s”.",
            name=case.name, number=number, form=NATIONAL_NUMBER,
            field=_("Why the number has another form"),
        )  # fmt: skip
        yield Refusal("number-form", sentence, "old_number")
    if category and case.category.value not in (category, *(("C1", "C2", "C3") if category == "C" else ())):
        sentence = _("%(name)s: %(number)s is of category %(category)s.", name=case.name, number=number, category=category)
        yield Refusal("number-category", sentence, "old_number")
