"""The columns of the three sheets, and parsers of their cells: lenient where the meaning is clear."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.identifiers import (
    ABBREVIATIONS,
    fold,
    fold_certificate_number,
    fold_enterprise_name,
    fold_user_name,
    parse_credit_code,
    parse_id_number,
    parse_name,
    parse_old_id_number,
    parse_telephone,
)
from app.core.spellings import categories_in, term_parser
from app.core.vocabulary import CURRENT_CATEGORIES, Category, CertificateStatus, ImportKind
from app.files.spreadsheets import Column, Doubtful, Kind, at_most, titles, write

EARLIEST, LATEST = date(1990, 1, 1), date(2099, 12, 31)


def parse_old_day(text: str) -> date:
    """A day, as the reader gives it, of a year that the old system can have written."""
    day = date.fromisoformat(text)
    if not EARLIEST <= day <= LATEST:
        raise ValueError(_("The date %(day)s cannot be right. Please check the year.", day=day.isoformat()))
    return day


_EACH = "(各一行)"  # what makes one row several, if it stands behind the categories


def parse_exam_categories(text: str) -> tuple[Category, ...]:
    """The category of the exam. Several are doubtful, unless ``(各一行)`` behind them says that each is a row of its own.

    C alone is refused: no new application rests on it.
    """
    found = categories_in(text.removesuffix(_EACH))
    if Category.C in found:
        raise ValueError(_("C alone is not enough: which exam was it, C1, C2 or C3?"))
    if len(found) > 1 and not text.endswith(_EACH):
        codes = [category.value for category in found]
        raise Doubtful(_several(text, codes), "、".join(codes) + _EACH, *codes)
    return tuple(found)


def parse_single_category(text: str) -> Category:
    """The category of a certificate, which has one: several are doubtful."""
    found = categories_in(text)
    if len(found) > 1:
        codes = [category.value for category in found]
        raise Doubtful(_several(text, codes), *codes)
    return found[0]


def _several(text: str, codes: Sequence[str]) -> object:
    return _("“%(text)s” names several categories: %(found)s.", text=text[:20], found="、".join(codes))


_STATUSES = {
    "有效": CertificateStatus.VALID, "正常": CertificateStatus.VALID, "在用": CertificateStatus.VALID,
    "暂扣": CertificateStatus.SUSPENDED, "撤销": CertificateStatus.REVOKED, "注销": CertificateStatus.CANCELLED,
    "已注销": CertificateStatus.CANCELLED, "失效": CertificateStatus.EXPIRED, "过期": CertificateStatus.EXPIRED,
    "已过期": CertificateStatus.EXPIRED, "办理转出": CertificateStatus.TRANSFERRED_OUT,
    "转出": CertificateStatus.TRANSFERRED_OUT, "吊销": CertificateStatus.WITHDRAWN, "其他": CertificateStatus.OTHER,
}  # fmt: skip


_NUMBERED = {status.value.lstrip("0"): status for status in CertificateStatus}
parse_status = term_parser(CertificateStatus, _STATUSES | _NUMBERED)  # a national code (01 … 07, 99) or its word


def parse_asked_id_number(text: str) -> str:
    """As ``parse_id_number``. The 15 digits of before 1999 are doubtful: the 18 are proposed (``rescue``), not taken."""
    if len(number := fold(text)) != 15:
        return parse_id_number(number)
    parse_old_id_number(number)  # says what is wrong with them
    raise Doubtful(_("An ID number of 15 digits has no check digit. Please confirm the one of 18 that replaced it."))


def parse_number(text: str) -> str:
    """A certificate's number as free text, normalised: half-width brackets, no spaces."""
    number = fold_certificate_number(text)
    if len(number) > 40:
        raise ValueError(_("A certificate number has at most %(n)s characters.", n=40))
    return number


def parse_enterprise_name(text: str) -> str:
    name = " ".join(text.split())
    if not 2 <= len(name) <= 120:
        raise ValueError(_("An enterprise's name has 2 to 120 characters."))
    return name


def parse_user_name(text: str) -> str:
    name = fold_user_name(text)
    if len(name) > 64 or re.search(r"\s", name):
        raise ValueError(_("A user name has at most 64 characters and no spaces."))
    return name


def category_in(number: str) -> Category | None:
    """The category that a certificate's number begins with, of whichever province; the rest of the number is free."""
    found = re.match(rf"[{ABBREVIATIONS}]?建安(A|B|C[123]?)(?![0-9A-Z])", number)
    return Category(found[1]) if found and "建安" not in number[found.end() :] else None  # type: ignore[call-arg]


def agree(category: Category, other: Category) -> bool:
    """Undivided C stands for each of its three."""
    return category is other or {category.value, other.value} in ({"C", "C1"}, {"C", "C2"}, {"C", "C3"})


def variants(name: str) -> set[str]:
    """Spellings of an enterprise's name in the database: brackets of either width."""
    folded = fold_enterprise_name(name)
    return {name, folded, folded.replace("(", "（").replace(")", "）")}


def _may_lack(key: str, title: object, parse: Callable[[str], object], also: tuple[str, ...], **more: Any) -> Column:
    """A column that a sheet need not have, and a row need not fill in."""
    numbers = key in ("username", "mobile", "telephone", "uscc")  # old user names are what people sign in by
    return Column(key, title, parse=parse, required=False, also=also, numbers=numbers, may_lack=True, **more)


def _free(key: str, title: object, most: int, also: tuple[str, ...], width: int = 14) -> Column:
    fitting = at_most(most)
    return _may_lack(key, title, lambda text: " ".join(fitting(text).split()), also, width=width)


_DAY: dict[str, Any] = {"kind": Kind.DAY, "width": 14}
_NAME = Column("name", _("Full name"), parse=parse_name, width=12, also=titles.NAME)
_ID = Column("id_number", _("ID number"), parse=parse_asked_id_number, numbers=True, width=24, also=titles.ID_NUMBER)
_FIRM = _may_lack("enterprise", _("Enterprise name"), parse_enterprise_name, titles.ENTERPRISE, width=34)
_USCC = _may_lack("uscc", _("Unified social credit code"), parse_credit_code, titles.CREDIT_CODE, width=24)

COLUMNS: dict[ImportKind, tuple[Column, ...]] = {
    ImportKind.ACCOUNTS: (
        replace(_FIRM, required=True, may_lack=False),
        replace(_USCC, required=True, may_lack=False),
        _free("region", _("Region"), 60, titles.REGION),
        _may_lack("username", _("User name"), parse_user_name, titles.USER_NAME, width=24),
        _free("contact", _("Contact"), 50, titles.CONTACT),
        _may_lack("mobile", _("Mobile no."), parse_telephone, titles.MOBILE, width=16),
        _may_lack("telephone", _("Landline"), parse_telephone, titles.LANDLINE, width=16),
        _free("legal_representative", _("Legal representative"), 50, titles.LEGAL_REPRESENTATIVE),
        _free("address", _("Address"), 200, titles.ADDRESS, width=40),
    ),
    ImportKind.PASSES: (
        _NAME,
        _ID,
        Column(
            *("category", _("Personnel category")),
            parse=parse_exam_categories,
            width=10,
            also=titles.CATEGORY,
            choices=tuple(one.value for one in CURRENT_CATEGORIES),
        ),
        Column("passed_on", _("Passed on"), parse=parse_old_day, also=titles.PASSED_ON, **_DAY),
        _FIRM,
        _USCC,
    ),
    ImportKind.CERTIFICATES: (
        Column("number", _("Certificate number"), parse=parse_number, width=26, also=titles.CERTIFICATE_NUMBER),
        _may_lack(
            *("category", _("Personnel category"), parse_single_category, titles.CATEGORY),
            width=10,
            choices=tuple(one.value for one in Category),
        ),
        _NAME,
        _ID,
        _FIRM,
        _USCC,
        _may_lack("first_issued_on", _("First issued on"), parse_old_day, titles.FIRST_ISSUED_ON, **_DAY),
        _may_lack("issued_on", _("Issued on"), parse_old_day, titles.ISSUED_ON, **_DAY),
        _may_lack("valid_from", _("Valid from"), parse_old_day, titles.VALID_FROM, **_DAY),
        Column("valid_to", _("Valid until"), parse=parse_old_day, also=titles.VALID_TO, **_DAY),
        _may_lack(
            *("status", _("Certificate status"), parse_status, titles.STATUS), width=10, choices=tuple(CertificateStatus)
        ),
        _free("status_reason", _("Note on the status"), 500, titles.STATUS_REASON, width=24),
    ),
}

_NOTES: dict[ImportKind, object] = {
    ImportKind.ACCOUNTS: _(
        "One enterprise per row. Without a user name the credit code is the user name; "
        "without a region the credit code tells it."
    ),
    ImportKind.PASSES: _(
        "One person and category per row. The enterprise: its credit code, or its name if it is on the books. "
        "Dates like 2018-03-05."
    ),
    ImportKind.CERTIFICATES: _(
        "One certificate per row. Status: a national code (01 to 07, 99) or its word, empty for valid. Dates like 2018-03-05."
    ),
}


def template(kind: ImportKind) -> bytes:
    """An empty workbook to fill in."""
    return write(COLUMNS[kind], (), sheet_title=kind.label, note=_NOTES[kind], to_fill_in=True)


def title_of(kind: ImportKind, key: str) -> object:
    return next(column.title for column in COLUMNS[kind] if column.key == key)
