"""Password rules in both profiles, and changes of passwords."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select, update

from app.accounts import passwords
from app.core.clock import now
from app.core.office import Office
from app.core.sign_in_vocabulary import PasswordProfile
from app.core.vocabulary import AuditAction, Role
from app.models import Account, AuditEntry, Parameter, PastPassword
from tests import make
from tests.sign_in_fixture import PASSWORD, account, is_inside, quickly_hashed, sign_in, token

pytest_plugins = ("tests.sign_in_fixture",)

L, C, N, W = "password-length", "password-classes", "password-holds-name", "password-common"
ALSO = ("周经办", "湖南湘江建设有限公司", "91430000MA4L16JQ9B")
# password: faults in mlps3, faults in asvs
TABLE = {
    "Correct-Horse-7": ("", ""),
    "correct horse battery staple": (C, ""),
    "Tr0ub4dor&3x": ("", L),
    "Kd8#mQz2vP": ("", L),
    "Kd8#mQz2v": (L, L),
    "湘江北去橘子洲头万类霜天竞自由": (C, ""),
    "湘江北去-Juzizhou-1925年寒秋": ("", ""),
    "Mountain river 7 boats": ("", ""),
    "mountain river seven boats": (C, ""),
    "MOUNTAINRIVERSEVEN": (C, ""),
    "73910485628104759": (C, ""),
    "x7!k": (L + W, L + W),
    "": (L + C + W, L + W),
    "a" * 129: (L, L),
    "Ab1-" + "q7Zx" * 31: ("", ""),  # 128
    "Ab1-" + "q7Zx" * 31 + "x": (L, L),
    "Password123!": (W, L + W),
    "Password-2026": (W, L + W),
    "P@ssw0rd2026": (W, L + W),
    "P@ssword1234567": (W, W),
    "Passw0rd!!!!!!!!!": (W, W),
    "Qwerty123456!": (W, L + W),
    "Qwertyuiop-2026": (W, W),
    "1qaz2wsx3edc!A": (W, L + W),
    "1QAZ2wsx#EDC": (W, L + W),
    "Asdfghjkl-1234567": (W, W),
    "Abcdefghij-123456": (W, W),
    "Zyxwvutsrq-987654": (W, W),
    "Aa111111!!": (W, L + W),
    "Aaaaaaaa1!": (W, L + W),
    "Anquan@2026": (W, L + W),
    "Anguan-2026-2027": (W, W),
    "Hunan@2024#Anquan": (W, W),
    "Hunan.Zhujian.2026": (W, W),
    "HunanAnquan2024!!": (W, W),
    "Changsha-20260101": (W, W),
    "安管人员网上审批系统A1!": (W, L + W),
    "湖南湘江建设有限公司A1!": (W, L + W),
    "周经办-2026-Aa!": (W, L + W),
    "91430000MA4L16JQ9B-Aa": (W, W),
    "91430000ma4l16jq9b!!": (W, W),
    "Admin@123456": (W, L + W),
    "Root-Admin-1234": (W, W),
    "Test-Test-Test-1": (W, W),
    "Welcome@2026": (W, L + W),
    "Demo-2026!": (W, L + W),
    "Mima-123456789": (W, L + W),
    "iloveyou-2026!A": (W, W),
    "Dragon123456!": (W, L + W),
    "Sunshine-2026!": (W, L + W),
    "Football-1990-X": (W, W),
    "My-clerk7-Password": (N, N),
    "My-ＣＬＥＲＫ7-Password": (N, N),
    "clerk7-river-Boat": (N, N),
    "Ｋｄ８＃ｍＱｚ２ｖＰ": ("", L),  # full width
    "Kd8 mQz2 vP": ("", L),
    "Kd8\tmQz2\tvP-": ("", L),
    "river-7-Boats-😀": ("", ""),
    "Ёлка-растёт-7": ("", L),
    "Straße-über-7-Brücken": ("", ""),
    "2026-2025-2024-Aa": (W, W),
    "Zaq12wsx-Lantern": (W, W),
    "1234-Lantern-5678-Qw": (W, W),
    "Lantern1234!": (W, L + W),
}


@pytest.mark.parametrize("profile", PasswordProfile)
@pytest.mark.parametrize("word", TABLE, ids=lambda word: word[:20] or "empty")
def test_faults_of_a_password_in_each_profile(word, profile):
    office = Office(password_profile=profile)
    found = [refusal.code for refusal in passwords.weaknesses(word, "clerk7", office, also=ALSO)]
    assert "".join(found) == TABLE[word][profile is PasswordProfile.ASVS]


def test_list_of_common_passwords_is_complete():
    assert len(passwords.common_passwords()) == 10_000


def test_password_may_contain_a_short_user_name():
    assert list(passwords.weaknesses("Correct-Horse-7", "o", Office())) == []


def test_long_passwords_are_checked_quickly():
    for word in ("1234567890" * 1000, "qwer" * 32, "安管" * 64, "a1" * 64):
        began = now()
        list(passwords.weaknesses(word, "clerk7", Office(), also=ALSO))
        assert now() - began < timedelta(seconds=1)


def change(visitor, old, new):
    form = {"old": old, "password": new, "again": new, "csrf_token": token(visitor, "/password/")}
    return visitor.post("/password/", data=form).status_code


WORDS = [PASSWORD, *(f"Quokka-{word}-{n}" for n, word in enumerate(("fjord", "juzizhou", "yuelu", "aiwan", "taohua")))]


def test_last_five_passwords_are_refused(visitor, shop):
    account(shop)
    sign_in(visitor)
    assert [change(visitor, old, new) for old, new in pairwise(WORDS[:5])] == [302] * 4
    assert [change(visitor, WORDS[4], before) for before in WORDS[:4]] == [422] * 4
    assert change(visitor, WORDS[4], WORDS[5]) == 302
    assert change(visitor, WORDS[5], WORDS[0]) == 302  # six ago
    assert shop.scalar(select(func.count()).select_from(PastPassword)) == passwords.REMEMBERED - 1


def test_full_width_and_half_width_passwords_are_equal(visitor, shop):
    account(shop, password="Correct-Horse-7")
    assert sign_in(visitor, password="Ｃｏｒｒｅｃｔ-Ｈｏｒｓｅ-７").status_code == 302


@pytest.mark.parametrize(
    ("role", "days", "profile", "redirected"),
    [
        (Role.VIEWER, 89, PasswordProfile.MLPS3, False), (Role.VIEWER, 91, PasswordProfile.MLPS3, True),
        (Role.VIEWER, 91, PasswordProfile.ASVS, False), (Role.ENTERPRISE_CLERK, 91, PasswordProfile.MLPS3, False),
    ],
)  # fmt: skip
def test_officer_passwords_expire_after_ninety_days(visitor, shop, role, days, profile, redirected):
    shop.add(Parameter(name="password_profile", value=profile.value, changed_at=make.NOON, changed_by="管理员"))
    firm = {"enterprise": make.enterprise()} if role is Role.ENTERPRISE_CLERK else {}
    account(shop, "viewer", role, Role.VIEWER, **firm) if not firm else account(shop, "viewer", role, **firm)
    sign_in(visitor)
    shop.execute(update(Account.__table__).values(password_set_at=now() - timedelta(days=days)))
    shop.commit()
    assert visitor.get("/scratch/").headers.get("Location", "").startswith("/password/") is redirected
    if redirected:
        assert change(visitor, PASSWORD, WORDS[1]) == 302
        assert is_inside(visitor)


@pytest.mark.parametrize(("days", "status"), [(29, 302), (31, 403)])
def test_one_time_password_expires_after_thirty_days(visitor, shop, days, status):
    account(shop, must_change_password=True)
    shop.execute(update(Account.__table__).values(password_set_at=now() - timedelta(days=days)))
    shop.commit()
    assert sign_in(visitor).status_code == status


def test_password_change_is_dated_and_logged_without_the_hash(visitor, shop):
    who = account(shop)
    who.password = quickly_hashed(WORDS[1])
    shop.commit()
    assert now() - who.password_set_at < timedelta(minutes=1)
    logged = str(shop.scalars(select(AuditEntry.change).where(AuditEntry.deed == AuditAction.CHANGE)).all())
    assert "pbkdf2" not in logged


def test_password_form_shows_the_requirements(visitor, shop):
    account(shop)
    sign_in(visitor)
    assert "128" in visitor.get("/password/").text
