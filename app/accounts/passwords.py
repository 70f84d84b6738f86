"""What a good password is, in two profiles: that of the classified protection (等保三级), and that of the ASVS.

Law: a password is judged when it is set, never when it is shown; every fault is named at once, in words that say what to do.
What is asked of it stands under the field before anything is typed.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from unicodedata import normalize

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.errors import Refusal
from app.core.identifiers import fold_user_name
from app.core.office import Office
from app.core.vocabulary import AUTHORITY, PasswordProfile
from app.models import Account

MAX_LENGTH = 128  # hashing what is longer would cost us more than the sender
MIN_LENGTH_ASVS = 15
CLASSES = 3  # of: small letters, capitals, digits, other marks
MIN_NAME_CHECKED = 3  # a password may well hold the user name "a"
REMEMBERED = 5
MIN_REMAINDER = 4  # letters and digits that are neither common nor ours
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
    """Never shorter than the profile says; the administrator may ask for more."""
    return max(office.password_length, MIN_LENGTH_ASVS if office.password_profile is PasswordProfile.ASVS else 0)


def requirements(office: Office) -> str:
    """What is asked of a password, for whoever is about to choose one."""
    said = [
        gettext(
            "%(least)s to %(most)s characters; spaces and Chinese characters count.",
            least=min_length(office),
            most=MAX_LENGTH,
        )
    ]
    if office.password_profile is PasswordProfile.MLPS3:
        said.append(gettext("At least three of these four: small letters, capital letters, digits, other marks."))
        said.append(gettext("None of the last %(n)s passwords.", n=REMEMBERED))
    said.append(
        gettext("Not made of common passwords, your name or the enterprise's, years, or runs like 1234 and qwer alone.")
    )
    return " ".join(said)


def weaknesses(password: str, username: str, office: Office, *, also: Iterable[str] = ()) -> Iterator[Refusal]:
    """Everything that speaks against a new password; nothing is consent. ``also``: names that it must not be made of."""
    plain = normalised(password)
    if not min_length(office) <= len(plain) <= MAX_LENGTH:
        sentence = _("A password has %(least)s to %(most)s characters.", least=min_length(office), most=MAX_LENGTH)
        yield Refusal("password-length", sentence, "password")
        if len(plain) > MAX_LENGTH:
            return  # nobody asks us to read a book
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
    """On the list of the most common, or nothing much left once what anybody would try first is taken out."""
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
    """As it is judged and hashed: typed in full width or half width, it is the same."""
    return normalize("NFKC", password)


def expired(account: Account, office: Office, *, at: datetime) -> bool:
    """Whether an officer's password has been the same for too long; nobody else's ever is."""
    days = office.password_days
    if office.password_profile is not PasswordProfile.MLPS3 or not days or account.password_set_at is None:
        return False
    held = {role.name for role in account.roles}
    officer = not held.isdisjoint(role.value for role in AUTHORITY)
    return officer and at - account.password_set_at > timedelta(days=days)


def one_time_expired(account: Account, office: Office, *, at: datetime) -> bool:
    """Whether a one-time password was not used in time."""
    since = account.password_set_at
    return account.must_change_password and since is not None and at - since > timedelta(days=office.one_time_days)


@cache
def common_passwords() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("# "))


def _without_runs(text: str) -> str:
    """Neighbours on a keyboard or in the alphabet, forwards or backwards, as long as they go."""
    rows = (*KEYBOARD_ROWS, *(row[::-1] for row in KEYBOARD_ROWS))
    start, kept = 0, []
    while start < len(text):
        long = MIN_RUN
        while start + long <= len(text) and any(text[start : start + long] in row for row in rows):
            long += 1
        if long > MIN_RUN:
            kept.append(" ")
            start += long - 1
        else:
            kept.append(text[start])
            start += 1
    return "".join(kept)


def _classes(password: str) -> tuple[bool, ...]:
    return (
        any(mark.islower() for mark in password),
        any(mark.isupper() for mark in password),
        any(mark.isdigit() for mark in password),
        any(not mark.isalnum() for mark in password),
    )


ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # of one-time passwords: none that look alike


def one_time_password() -> str:
    """Sixteen characters of three classes; whoever gets it must change it at the first sign-in."""
    while True:
        word = "".join(secrets.choice(ONE_TIME_ALPHABET) for _place in range(16))
        if any(c.isdigit() for c in word) and any(c.islower() for c in word) and any(c.isupper() for c in word):
            return word
