"""Password rules in two profiles: classified protection level 3 (等保三级) and OWASP ASVS. Checked when a password is set."""

import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from unicodedata import normalize

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.accounts.role_assignment import roles_of
from app.core.errors import Refusal
from app.core.identifiers import fold_user_name
from app.core.office import Office
from app.core.sign_in_vocabulary import PasswordProfile
from app.core.vocabulary import AUTHORITY
from app.models import Account

MAX_LENGTH = 128  # bounds the cost of hashing
MIN_LENGTH_ASVS = 15
CLASSES = 3  # of lower case, upper case, digits, other characters
MIN_NAME_CHECKED = 3  # shorter user names may occur in a password
REMEMBERED = 5
MIN_REMAINDER = 4  # distinct characters left once common and own words are taken out
LEET = str.maketrans("013457@$!", "oieastasi")
CONTEXT_WORDS = (
    *("anquan", "anguan", "hunan", "zhujian", "jianzhu", "shenpi", "changsha", "password", "passw0rd", "mima", "admin"),
    *("root", "login", "welcome", "qwerty", "test", "demo", "安管", "安全", "湖南", "住建", "建设厅", "审批", "密码"),
)
KEYBOARD_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb6yhn")
MIN_RUN = 4
YEAR = re.compile(r"(19|20)\d\d((0[1-9]|1[0-2])([0-3]\d)?)?")
REPEATED = re.compile(r"(.)\1{2,}")


def min_length(office: Office) -> int:
    """The office's setting, but at least what the profile demands."""
    return max(office.password_length, MIN_LENGTH_ASVS if office.password_profile is PasswordProfile.ASVS else 0)


def requirements(office: Office) -> str:
    """The requirements as a text to show at the field."""
    sentences = [
        gettext(
            "%(least)s to %(most)s characters; spaces and Chinese characters count.",
            least=min_length(office),
            most=MAX_LENGTH,
        )
    ]
    if office.password_profile is PasswordProfile.MLPS3:
        sentences.append(gettext("At least three of these four: small letters, capital letters, digits, other marks."))
        sentences.append(gettext("None of the last %(n)s passwords.", n=REMEMBERED))
    sentences.append(
        gettext("Not made of common passwords, your name or the enterprise's, years, or runs like 1234 and qwer alone.")
    )
    return " ".join(sentences)


def weaknesses(password: str, username: str, office: Office, *, also: Iterable[str] = ()) -> Iterator[Refusal]:
    """All faults of a new password; none if it is acceptable. ``also``: further names it must not consist of."""
    plain = normalised(password)
    if not min_length(office) <= len(plain) <= MAX_LENGTH:
        sentence = _("A password has %(least)s to %(most)s characters.", least=min_length(office), most=MAX_LENGTH)
        yield Refusal("password-length", sentence, "password")
        if len(plain) > MAX_LENGTH:
            return  # the checks below are not bounded otherwise
    if office.password_profile is PasswordProfile.MLPS3 and sum(_classes(plain)) < CLASSES:
        sentence = _("Use at least three of these four: small letters, capital letters, digits, other marks.")
        yield Refusal("password-classes", sentence, "password")
    name = fold_user_name(username)
    if len(name) >= MIN_NAME_CHECKED and name in fold_user_name(plain):
        yield Refusal("password-holds-name", _("The password must not contain the user name."), "password")
    elif is_common(plain, (name, office.system_name, office.short_name, *also)):
        sentence = _("Too easily guessed: common, or made of names, years and runs like 1234 alone. Add words of your own.")
        yield Refusal("password-common", sentence, "password")


def is_common(plain: str, ours: Iterable[str] = ()) -> bool:
    """Listed as common, or fewer than ``MIN_REMAINDER`` distinct characters left without words, years and runs."""
    folded = plain.casefold()
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    if {folded, core, core.translate(LEET), folded.translate(LEET)} & common_passwords():
        return True
    left = YEAR.sub(" ", folded)
    for word in sorted({word.casefold() for word in (*CONTEXT_WORDS, *ours) if len(word) >= 2}, key=len, reverse=True):
        left = left.replace(word, " ").replace(word.translate(LEET), " ")
    left = REPEATED.sub(" ", _without_runs(left))
    parts = [part for part in re.split(r"[\W_]+", left) if part and part not in common_passwords()]
    return sum(len(set(part)) for part in parts) < MIN_REMAINDER


def normalised(password: str) -> str:
    """NFKC form, in which passwords are checked and hashed: full and half width are the same."""
    return normalize("NFKC", password)


def expired(account: Account, office: Office, *, at: datetime) -> bool:
    """Whether an officer's password is older than the office allows; other passwords do not expire."""
    days = office.password_days
    if office.password_profile is not PasswordProfile.MLPS3 or not days or account.password_set_at is None:
        return False
    return not roles_of(account).isdisjoint(AUTHORITY) and at - account.password_set_at > timedelta(days=days)


def one_time_expired(account: Account, office: Office, *, at: datetime) -> bool:
    """Whether a one-time password was not used within ``office.one_time_days``."""
    since = account.password_set_at
    return account.must_change_password and since is not None and at - since > timedelta(days=office.one_time_days)


@cache
def common_passwords() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("# "))


def _without_runs(text: str) -> str:
    """``text`` with runs of keyboard or alphabet neighbours, in either direction, replaced by a space."""
    rows = (*KEYBOARD_ROWS, *(row[::-1] for row in KEYBOARD_ROWS))
    start, remaining = 0, []
    while start < len(text):
        long = MIN_RUN
        while start + long <= len(text) and any(text[start : start + long] in row for row in rows):
            long += 1
        if long > MIN_RUN:
            remaining.append(" ")
            start += long - 1
        else:
            remaining.append(text[start])
            start += 1
    return "".join(remaining)


def _classes(password: str) -> tuple[bool, ...]:
    return (
        any(mark.islower() for mark in password),
        any(mark.isupper() for mark in password),
        any(mark.isdigit() for mark in password),
        any(not mark.isalnum() for mark in password),
    )


ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no characters that look alike


# A first password of 20 random characters has log2(54 ** 20) = 115 bits. From 112 bits on no stretching is needed against
# guessing (NIST SP 800-63B 5.1.2.2, look-up secrets), so that thousands can be made at once; a chosen password is stretched.
FIRST_PASSWORD_LENGTH = 20
QUICK_METHOD = "scrypt:1024:8:1"


def one_time_password(length: int = 16) -> str:
    """Random characters of three classes."""
    while True:
        password = "".join(secrets.choice(ONE_TIME_ALPHABET) for _place in range(length))
        if any(c.isdigit() for c in password) and any(c.islower() for c in password) and any(c.isupper() for c in password):
            return password
