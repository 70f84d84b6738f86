"""The status list: size, signature, entries, and shuffled indexes."""

import json
import threading
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from datetime import UTC, timedelta
from itertools import pairwise

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.orm import Session

from app.certificates.lifecycle import Decision, record
from app.certificates.qr import status_list
from app.certificates.qr.status_list import BLOCK, BadStatusList, StatusListCache, StatusMark
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import CodeKey, ring
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, CertificateStatus, Role
from app.models import Certificate, CertificateVersion
from tests import make
from tests.query_counter import queries

URI = "https://ag.example.gov.cn/status-list"
VALID, SUSPENDED = CertificateStatus.VALID, CertificateStatus.SUSPENDED


def list_of(session, at=make.NOON, hours=72):
    return status_list.sign_list(status_list.pack_entries(session, on=make.TODAY), ring.newest, uri=URI, at=at, hours=hours)


def opened(session):
    return status_list.opened(list_of(session), ring.public)


@pytest.fixture
def printed(session):
    """``printed(status, replaced)``: a certificate with this status and one version; its index in the list."""

    def make_print(status=VALID, *, is_replaced=False):
        certificate = make.certificate(make.person(make.enterprise()), status=status)
        (place,) = status_list.take_indexes(session, 1)
        version = CertificateVersion(version=1, token=f"{place}", status_index=place, face={}, issued_at=make.NOON)
        version.replaced_at = make.NOON if is_replaced else None
        certificate.versions.append(version)
        session.add(certificate)
        session.commit()
        return place

    return make_print


# --- places -----------------------------------------------------------------------------------------
def test_every_place_is_given_out_once_and_none_is_left_out():
    assert sorted(map(status_list._shuffled, range(2 * BLOCK))) == list(range(2 * BLOCK))


def test_places_tell_nothing_of_the_order_in_which_they_were_given():
    places = [status_list._shuffled(n) for n in range(BLOCK)]
    steps = Counter(abs(b - a) < BLOCK // 16 for a, b in pairwise(places))
    assert 0.08 < steps[True] / BLOCK < 0.16  # by chance: about one in eight
    rising = sum(b > a for a, b in pairwise(places))
    assert 0.48 < rising / BLOCK < 0.52


def test_ten_thousand_places_are_one_statement(system, session):
    with queries(system.engine) as asked:
        places = status_list.take_indexes(session, 10_000)
    assert len(asked) == 1
    assert len(set(places)) == 10_000
    assert not set(status_list.take_indexes(session, 500)) & set(places)


# --- entries -----------------------------------------------------------------------------------
@pytest.mark.parametrize("status", list(CertificateStatus))
def test_each_status_has_its_mark(printed, session, status):
    expected = {VALID: StatusMark.VALID, CertificateStatus.EXPIRED: StatusMark.VALID, SUSPENDED: StatusMark.SUSPENDED}
    place = printed(status)
    assert opened(session).mark(place) is expected.get(status, StatusMark.ENDED)


@pytest.mark.parametrize(
    ("status", "mark"),
    [(VALID, StatusMark.UPDATED), (SUSPENDED, StatusMark.UPDATED), (CertificateStatus.REVOKED, StatusMark.ENDED)],
)
def test_a_replaced_version_is_marked_updated_unless_the_certificate_has_ended(printed, session, status, mark):
    place = printed(status, is_replaced=True)
    assert opened(session).mark(place) is mark


def test_its_neighbours_are_left_alone(printed, session):
    places = [printed(VALID) for _n in range(6)]
    revoked = printed(CertificateStatus.REVOKED)
    listed = opened(session)
    assert [listed.mark(place) for place in places] == [StatusMark.VALID] * 6
    assert listed.mark(revoked) is StatusMark.ENDED
    assert sum(byte.bit_count() for byte in listed.entries) == 1


def test_a_place_beyond_the_list_is_unknown_not_valid(session):
    listed = opened(session)
    assert listed.mark(4 * len(listed.entries) - 1) is StatusMark.VALID
    assert listed.mark(4 * len(listed.entries)) is None
    assert listed.mark(-1) is None


def test_it_is_a_token_status_list_that_another_library_can_read(printed, session):
    place = printed(CertificateStatus.CANCELLED)
    token = list_of(session)
    key = jwt.PyJWK(ring.published()["keys"][0]).key
    claims = jwt.decode(token, key, algorithms=["ES256"], options={"verify_exp": False, "verify_iat": False})
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "statuslist+jwt", "kid": ring.newest.kid}
    assert (claims["sub"], claims["iat"]) == (URI, int(make.NOON.timestamp()))
    lst = claims["status_list"]["lst"]
    raw = zlib.decompress(urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))
    assert raw[place // 4] >> place % 4 * 2 & 3 == 1
    assert len(raw) == BLOCK // 4


# --- what is none of ours ---------------------------------------------------------------------------
def recoded(token: str, *, head=None, claims=None) -> str:
    parts = token.split(".")
    for n, changes in enumerate((head, claims)):
        if changes:
            old = json.loads(urlsafe_b64decode(parts[n] + "=="))
            parts[n] = urlsafe_b64encode(json.dumps({**old, **changes}).encode()).rstrip(b"=").decode()
    return ".".join(parts)


def test_a_changed_list_is_refused(session):
    token = list_of(session)
    for other in (
        recoded(token, claims={"exp": 4_000_000_000}),
        recoded(token, head={"alg": "none"}),
        recoded(token, head={"alg": "none"}).rpartition(".")[0] + ".",
        recoded(token, head={"kid": "AAAA"}),
        recoded(token, head={"typ": "JWT"}),
        token[:-4] + "AAAA",
        token.replace(".", "", 1),
        "",
        "…",
    ):
        with pytest.raises(BadStatusList):
            status_list.opened(other, ring.public)


def test_a_list_signed_by_a_other_key_or_by_a_secret_is_refused(session):
    entries, head = status_list.pack_entries(session, on=make.TODAY), {"typ": status_list.TYPE, "kid": ring.newest.kid}
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    theirs = status_list.sign_list(entries, other_key, uri=URI, at=make.NOON, hours=1)
    hashed = jwt.encode({"iat": 1, "exp": 2, "status_list": {"bits": 2, "lst": ""}}, "k" * 40, "HS256", head)
    for token in (theirs, recoded(theirs, head=head), hashed):
        with pytest.raises(BadStatusList):
            status_list.opened(token, ring.public)


@pytest.mark.parametrize(
    "content", [{"bits": 1, "lst": "eNo"}, {"bits": 2, "lst": "eNo"}, {"bits": 2}, 7, {"bits": 2, "lst": "!"}, None]
)
def test_a_list_that_is_signed_but_holds_nonsense_is_refused(content):
    head = {"typ": status_list.TYPE, "kid": ring.newest.kid}
    token = jwt.encode({"iat": 1, "exp": 2, "status_list": content}, ring.newest.private, "ES256", head)
    with pytest.raises(BadStatusList):
        status_list.opened(token, ring.public)


def test_a_list_that_unpacks_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(status_list, "MOST_BYTES", 1 << 16)
    token = status_list.sign_list(b"\0" * (1 << 20), ring.newest, uri=URI, at=make.NOON, hours=1)
    with pytest.raises(BadStatusList):
        status_list.opened(token, ring.public)


def test_the_age_of_an_old_list_is_shown(session):
    listed = status_list.opened(list_of(session, at=make.NOON, hours=72), ring.public)
    assert listed.made_at == make.NOON.astimezone(UTC)
    assert not listed.is_past(make.NOON + timedelta(hours=71, minutes=59))
    assert listed.is_past(make.NOON + timedelta(hours=72))


def test_a_list_signed_before_a_rotation_can_still_be_read(session, tmp_path):
    ring.open(tmp_path / "codes.json")
    signing_keys.make(tmp_path / "codes.json", at=make.NOON)
    token = list_of(session)
    signing_keys.rotate(tmp_path / "codes.json", at=make.NOON)
    assert status_list.opened(token, ring.public).mark(0) is StatusMark.VALID


# --- handing it out ---------------------------------------------------------------------------------
def handed(shelf, session, minutes=0.0):
    return shelf.token(session, ring, uri=URI, at=make.NOON + timedelta(minutes=minutes), hours=72)


def test_a_request_for_an_unchanged_list_is_one_small_question(system, session, printed):
    place, shelf = printed(), StatusListCache()
    first = handed(shelf, session)
    with queries(system.engine) as asked:
        assert handed(shelf, session, 30) == first
    assert len(asked) == 1
    assert "certificate_version" not in asked[0]
    assert status_list.opened(first, ring.public).mark(place) is StatusMark.VALID


def suspend(session, certificate_id=1):
    session.get_one(Certificate, certificate_id).status = SUSPENDED
    session.flush()
    decision = Decision(session, make.officer(Role.ADMIN), make.NOON, Office())
    record(decision, CertificateEventKind.SUSPENDED, SUSPENDED, [{"certificate_id": certificate_id}])


def test_a_suspension_is_over_in_the_list_on_the_day_after_its_last(session, printed):
    place, shelf = printed(), StatusListCache()
    suspend(session)
    session.get_one(Certificate, 1).suspended_to = make.TODAY
    session.commit()
    for day, mark in ((0, StatusMark.SUSPENDED), (1, StatusMark.VALID)):
        token = shelf.token(session, ring, uri=URI, at=make.NOON + timedelta(days=day), hours=24)
        assert status_list.opened(token, ring.public).mark(place) is mark


def test_what_happens_is_in_the_list_half_a_minute_later(session, printed):
    place, shelf = printed(), StatusListCache()
    first = handed(shelf, session)
    suspend(session)
    session.commit()
    assert handed(shelf, session, 0.4) == first
    assert status_list.opened(handed(shelf, session, 0.5), ring.public).mark(place) is StatusMark.SUSPENDED


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_change_that_commits_after_a_later_one_is_in_the_list(system, session, printed):
    places, shelf = [printed(), printed()], StatusListCache()
    handed(shelf, session)
    suspend(session, 1)
    with Session(system.engine) as other:
        later = threading.Thread(target=lambda: (suspend(other, 2), other.commit()))
        later.start()
        later.join(1)
        with Session(system.engine) as reader:
            handed(shelf, reader, 1)  # whatever is committed by now
        session.commit()
        later.join()
    marks = [status_list.opened(handed(shelf, session, 2), ring.public).mark(place) for place in places]
    assert marks == [StatusMark.SUSPENDED] * 2


def test_an_unchanged_list_is_signed_anew_each_hour_and_under_a_new_key_at_once(system, session, printed, tmp_path):
    printed()
    shelf, path = StatusListCache(), tmp_path / "codes.json"
    signing_keys.make(path, at=make.NOON)
    ring.open(path)
    first = handed(shelf, session)
    with queries(system.engine) as asked:
        second = handed(shelf, session, 60)
    assert len(asked) == 1
    made = [status_list.opened(token, ring.public).made_at for token in (first, second)]
    assert made[1] - made[0] == timedelta(hours=1)
    fresh = signing_keys.rotate(path, at=make.NOON)
    assert jwt.get_unverified_header(handed(shelf, session, 60.1))["kid"] == fresh.kid
