"""Checking without us: the verdict."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.certificates.qr import offline_check, payload
from app.certificates.qr.offline_check import OfflineStatus
from app.certificates.qr.payload import Claims, Forged
from app.certificates.qr.status_list import StatusList, StatusMark
from app.core.clock import office_day
from app.core.crypto.signing_keys import CodeKey, ring
from tests import make

CLAIMS = Claims(7, 2, "湘建安C1(2026)0000001", "欧阳𬭎翀", date(2029, 3, 1), 5)
HOUR = timedelta(hours=1)


def listed(mark=StatusMark.VALID, *, at=make.NOON, hours=72):
    return StatusList(bytes([0, mark << 2, 0, 0]), at, at + hours * HOUR)


def stands(mark, *, at=make.NOON, made=make.NOON, claims=CLAIMS):
    status_list = None if mark is None else listed(mark, at=made)
    return offline_check.check(payload.write(claims, ring.newest), ring.public, status_list, at=at).standing


# --- the verdict ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mark", "standing"),
    [
        (StatusMark.VALID, OfflineStatus.IN_FORCE),
        (StatusMark.SUSPENDED, OfflineStatus.SUSPENDED),
        (StatusMark.ENDED, OfflineStatus.ENDED),
        (StatusMark.UPDATED, OfflineStatus.UPDATED),
        (None, OfflineStatus.UNKNOWN),
    ],
)
def test_the_list_gives_the_status_of_the_version(mark, standing):
    assert stands(mark) is standing


@pytest.mark.parametrize(
    ("days", "standing"), [(-1, OfflineStatus.IN_FORCE), (0, OfflineStatus.IN_FORCE), (1, OfflineStatus.EXPIRED)]
)
def test_the_last_day_counts_in_full_and_needs_no_list(days, standing):
    at = make.NOON
    claims = replace(CLAIMS, valid_to=office_day(at) - timedelta(days=days))
    assert stands(StatusMark.VALID, claims=claims) is standing
    assert stands(None, claims=claims) is (OfflineStatus.EXPIRED if days > 0 else OfflineStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("mark", "standing"),
    [
        (StatusMark.VALID, OfflineStatus.LIST_TOO_OLD),
        (StatusMark.SUSPENDED, OfflineStatus.LIST_TOO_OLD),
        (StatusMark.ENDED, OfflineStatus.ENDED),
        (StatusMark.UPDATED, OfflineStatus.UPDATED),
    ],
)
def test_a_list_that_is_replayed_after_its_time_proves_ends_and_nothing_else(mark, standing):
    assert stands(mark, at=make.NOON + 72 * HOUR) is standing
    assert stands(mark, at=make.NOON + 72 * HOUR - timedelta(seconds=1)) is not OfflineStatus.LIST_TOO_OLD


def test_a_version_newer_than_the_list_is_unknown():
    for place in (16, 10**6, None):
        assert stands(StatusMark.VALID, claims=replace(CLAIMS, status_index=place)) is OfflineStatus.UNKNOWN


def test_a_other_key_s_code_gets_no_verdict():
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Forged):
        offline_check.check(payload.write(CLAIMS, other_key), ring.public, listed(), at=make.NOON)
