"""Parses, checks and masks resident ID numbers, unified social credit codes, mobiles and certificate numbers.

Parsing folds what people type (full width, lower case x, spaces). All masks are made here: one form for the public, one
for officers.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.errors import AppError
from app.core.vocabulary import Sex

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # ISO 7064 MOD 11-2, GB 11643-1999
ID_CHECKS = "10X98765432"
CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015: no I, O, Z, S, V
PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")  # GB/T 2260
OLDEST_BIRTH = 1900  # year
INVISIBLE = dict.fromkeys((0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF))
DOTS = "[\u2022\u2027\u30fb\uff65\u2219\u22c5.]"


def _private_use() -> dict[int, str]:
    """The 80 characters that GBK kept in the private use area (U+E815–E864, GB 18030 FE50–FEA0), at their Unicode place."""
    places = {0xE815 + n: bytes((0xFE, 0x50 + n + (n > 0x2E))).decode("gb18030") for n in range(80)}
    later = "E816𠂇 E817𠂉 E818𠃌 E81E龴 E826龵 E82B龶 E82C龷 E831𡗗 E832龸 E83B𢦏 E843龹 E854龺 E855𤇾 E864龻"
    return places | {int(pair[:4], 16): pair[4:] for pair in later.split()}


_PRIVATE_USE = _private_use()


class BadNumber(AppError):
    """The text is not a valid number of its kind."""

    code = "bad-number"


def visible(text: str) -> str:
    """NFKC (full width to half width), without invisible characters, GBK's private characters at their Unicode place."""
    return unicodedata.normalize("NFKC", text.translate(INVISIBLE).translate(_PRIVATE_USE)).translate(INVISIBLE)


def fold(text: str) -> str:
    """As ``visible``, without spaces, upper case."""
    return re.sub(r"\s+", "", visible(text)).upper()


def fold_name(text: str) -> str:
    """A name as stored: as ``visible``, without spaces, the middle dot of many shapes as ``·``."""
    return re.sub(DOTS, "·", re.sub(r"\s+", "", visible(text)))


def name_key(text: str) -> str:
    """A name for comparing: as ``fold_name``, without case."""
    return fold_name(text).casefold()


def fold_user_name(text: str) -> str:
    """The one spelling of a user name: full-width and half-width, large and small letters are the same."""
    return visible(visible(text).casefold()).strip()


def fold_enterprise_name(text: str) -> str:
    """An enterprise's name for comparing: both widths of brackets are the same name (domain.md 2.3)."""
    return fold(text)


def parse_name(text: str) -> str:
    """A person's name, 2–50 characters: Chinese characters (〇 among them) or Latin letters, with ``·`` between parts."""
    name = fold_name(text)
    if not 2 <= len(name) <= 50:
        raise BadNumber(_("The name must have 2 to 50 characters."), code="bad-name", field="name")
    invalid = [mark for mark in name if not (mark in "·〇" or mark.isalpha())]
    if "" in name.split("·"):
        sentence = _("A dot stands between two parts of a name, not at its beginning or end.")
        raise BadNumber(sentence, code="bad-name", field="name")
    if invalid:
        raise BadNumber(
            _("The name holds a character that does not belong there: %(mark)s", mark=invalid[0]),
            code="bad-name",
            field="name",
        )
    return name


def parse_id_number(text: str, *, on: date | None = None, least_age: int = 0) -> str:
    """A resident ID number (GB 11643-1999), 18 characters: region of a province, birth date since 1900, check digit.

    With a day, the person must have been born by then, and be ``least_age`` years old.
    """
    number = fold(text)
    if not number:
        raise BadNumber(_("Please enter the ID number."), code="id-missing", field="id_number")
    if len(number) != 18:
        raise BadNumber(
            _("An ID number has 18 characters; this one has %(n)s.", n=len(number)), code="id-length", field="id_number"
        )
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise BadNumber(
            _("An ID number consists of digits; only the last place may be X."), code="id-characters", field="id_number"
        )
    if not PROVINCES.match(number):
        raise BadNumber(
            _("No region of China has the number %(region)s, with which this ID number begins.", region=number[:6]),
            code="id-region",
            field="id_number",
        )
    if ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, number, strict=False)) % 11] != number[17]:
        raise BadNumber(
            _("The ID number's check digit is wrong: one of the digits must be mistyped."), code="id-check", field="id_number"
        )
    try:
        born = birth_date(number)
    except ValueError:
        raise BadNumber(
            _("The birth date in the ID number does not exist."), code="id-birth-date", field="id_number"
        ) from None
    if born.year < OLDEST_BIRTH:
        sentence = _("By this ID number the person was born in %(year)s. Please check it.", year=born.year)
        raise BadNumber(sentence, code="id-birth-date", field="id_number")
    if on is not None and born > on:
        sentence = _("By this ID number the person is born on %(day)s, which is yet to come.", day=f"{born:%Y-%m-%d}")
        raise BadNumber(sentence, code="id-birth-date", field="id_number")
    if on is not None and (years := age(born, on)) < least_age:
        sentence = _(
            "By this ID number the person is %(years)s; nobody under %(n)s can be entered.", years=years, n=least_age
        )
        raise BadNumber(sentence, code="too-young", field="id_number")
    return number


def parse_old_id_number(text: str) -> str:
    """As ``parse_id_number``, for old records: a number of 15 digits becomes the one of 18 that replaced it."""
    number = fold(text)
    if not re.fullmatch(r"[0-9]{15}", number):
        return parse_id_number(number)
    body = f"{number[:6]}19{number[6:]}"
    return parse_id_number(body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11])


def birth_date(id_number: str) -> date:
    return date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))


def sex(id_number: str) -> Sex:
    return Sex.MALE if int(id_number[16]) % 2 else Sex.FEMALE


def age(born: date, on: date) -> int:
    """Full years lived on a day."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def parse_credit_code(text: str) -> str:
    """A unified social credit code (GB 32100-2015), 18 characters, with a valid check character."""
    code = fold(text)
    if len(code) != 18:
        raise BadNumber(
            _("A unified social credit code has 18 characters; this one has %(n)s.", n=len(code)),
            code="uscc-length",
            field="uscc",
        )
    invalid = [mark for mark in code if mark not in CREDIT_ALPHABET]
    if invalid:
        raise BadNumber(
            _("A unified social credit code never holds %(mark)s (there is no I, O, S, V, Z).", mark=invalid[0]),
            code="uscc-characters",
            field="uscc",
        )
    total = sum(CREDIT_ALPHABET.index(mark) * pow(3, i, 31) for i, mark in enumerate(code[:17]))
    if CREDIT_ALPHABET[(31 - total % 31) % 31] != code[17]:
        raise BadNumber(
            _("The credit code's check character is wrong: one of the characters must be mistyped."),
            code="uscc-check",
            field="uscc",
        )
    return code


# Area codes have 3 places (010, 020 to 029) or 4; the numbers behind them 8, or in small places 7.
_LANDLINE = re.compile(r"(?:\+?86-?)?\(?(0(?:10|2\d)|0[3-9]\d{2})\)?-?([2-9]\d{6,7})(?:(?:-|转|转分机)(\d{1,6}))?", re.ASCII)


def parse_mobile(text: str) -> str:
    """A mobile number of the mainland: 11 digits, 1 and then 3–9. A landline is refused as one (code ``landline``)."""
    number = fold(text).removeprefix("+86").replace("-", "")
    if not re.fullmatch(r"1[3-9][0-9]{9}", number):
        if landline := _landline(text):
            sentence = _(
                "%(number)s is a landline, which gets no text messages. Please give a mobile number.", number=landline
            )
            raise BadNumber(sentence, code="landline", field="mobile")
        raise BadNumber(_("A mobile number has 11 digits and begins with 13 to 19."), code="bad-mobile", field="mobile")
    return number


def parse_telephone(text: str) -> str:
    """A mobile as ``parse_mobile``, or a landline with its area code as ``0731-84441234``, an extension behind another dash.

    ``is_mobile`` tells them apart.
    """
    return _landline(text) or parse_mobile(text)


def parse_landline(text: str) -> str:
    """As ``parse_telephone``, but no mobile, which is personal."""
    if landline := _landline(text):
        return landline
    sentence = _("A landline is written with its area code, such as 0731-84441234.")
    raise BadNumber(sentence, code="bad-landline", field="telephone")


def _landline(text: str) -> str:
    """The landline that the text is; empty if it is none."""
    found = _LANDLINE.fullmatch(fold(text))
    return "-".join(part for part in found.groups() if part) if found else ""


def is_mobile(telephone: str) -> bool:
    """Of a number as ``parse_telephone`` returns it."""
    return telephone.startswith("1")


def fold_certificate_number(text: str) -> str:
    """Canonical form for storing and comparing: half-width brackets, no spaces (domain.md 2.6)."""
    return fold(text)


IDENTITY = ("name", "id_number")  # who somebody is; all else about a person may change


def identity_of(person: Mapping[str, str]) -> dict[str, str]:
    """Name and ID number as stored beside what was examined, submitted or printed for them."""
    return {field: person[field] for field in IDENTITY}


def identity_differences(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """Which of ``IDENTITY`` differ, spellings of the same text not counted. A field that one lacks is not compared."""
    both = [field for field in IDENTITY if field in one and field in other]
    unlike = [field for field in both if one[field] != other[field]]
    return tuple(field for field in unlike if name_key(one[field]) != name_key(other[field]))


ABBREVIATIONS = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵黔云滇藏陕甘青宁新"
NATIONAL_NUMBER = "粤建安C1(2024)0000001"  # an example
_NATIONAL_NUMBER = re.compile(rf"[{ABBREVIATIONS}]建安(A|B|C[123]?)\([12]\d{{3}}\)\d{{7}}")


def category_in(certificate_number: str) -> str:
    """``A``, ``B``, ``C`` or ``C1`` to ``C3`` by a folded number of the national form (建质〔2015〕206号 six), else ""."""
    found = _NATIONAL_NUMBER.fullmatch(certificate_number)
    return found[1] if found else ""


def mask_id_publicly(id_number: str) -> str:
    """The public form: first 3 and last 2 characters (domain.md 4.5)."""
    return f"{id_number[:3]}{'*' * (len(id_number) - 5)}{id_number[-2:]}" if len(id_number) > 5 else "*" * len(id_number)


def mask_id(id_number: str) -> str:
    """The form in officers' lists: the birth date is hidden."""
    return f"{id_number[:6]}********{id_number[-4:]}" if len(id_number) == 18 else mask_id_publicly(id_number)


def mask_birth_date(born: str) -> str:
    """The year only, of ``1985-06-15``: month and day would complete a masked ID number beside it."""
    return f"{born[:4]}-**-**"


def mask_mobile(mobile: str) -> str:
    return f"{mobile[:3]}****{mobile[-4:]}" if len(mobile) == 11 else "*" * len(mobile)


def mask_name(name: str) -> str:
    """The first character, and a star for each other one."""
    return name[:1] + "*" * (len(name) - 1)
