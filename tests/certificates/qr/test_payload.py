"""The signed statement in a QR code: what this system signed is read, anything else is refused."""

import json
import stat
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from hmac import new as hmac

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from app.certificates.qr import payload as qr_payload
from app.certificates.qr import symbol
from app.certificates.qr.payload import Claims, Forged
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import BadKeys, CodeKey, ring
from tests import make

CLAIMS = Claims(123456, 3, "湘建安C1(2026)0000001", "欧阳𬭎翀", date(2029, 11, 24), 61234)
HOST = "https://aqsc.zjt.hunan.gov.cn/v/"
RARE = (
    "㛃䶮𬭎𫖯𠅤𡋾𪚥𰻝𱅒𠮷𡈽𠂢𢛳𣏌𤩴𥖄𦒍𧏊𨭉𩸽𪀚𫍯𫓧𫔍𬍛𬘭𬜬𬬭𬳵𬴊𬶍𮧵𰀁𰃮𰉀𰠖𰥛𰶝𰻮𱁬㐀㐂㑇㘎㙍㛹㝵㠇㥄㧑㬊㮾㱮㳇㴔㵐㶲㸆㸌㺄"
)


def message_of(digits: str) -> list:
    number = int(digits)
    return cbor2.loads(number.to_bytes((number.bit_length() + 7) // 8)[1:])


def digits_of(message: object) -> str:
    return str(int.from_bytes(b"\x01" + cbor2.dumps(message)))


def signature_by(private, protected: bytes, payload: bytes, size: int = 32, algorithm=hashes.SHA256) -> bytes:
    signed = private.sign(cbor2.dumps(["Signature1", protected, b"", payload]), ec.ECDSA(algorithm()))
    return b"".join(half.to_bytes(size) for half in decode_dss_signature(signed))


def under(protected: bytes, payload: bytes, signature: bytes) -> str:
    return digits_of([protected, {}, payload, signature])


@pytest.fixture
def genuine() -> str:
    return qr_payload.write(CLAIMS, ring.newest)


def is_refused(digits: str) -> bool:
    try:
        qr_payload.read(digits, ring.public)
    except Forged:
        return True
    return False


# --- what is ours -----------------------------------------------------------------------------------
def test_a_code_has_the_signed_claims_and_is_always_the_same(genuine):
    assert qr_payload.read(genuine, ring.public) == CLAIMS
    assert qr_payload.write(CLAIMS, ring.newest) == genuine
    assert qr_payload.write(replace(CLAIMS, version=4), ring.newest) != genuine


def test_another_library_s_reading_of_the_standard_agrees(genuine):
    """RFC 9052, section 4.4, put together by hand and verified by OpenSSL alone."""
    protected, unprotected, payload, signature = message_of(genuine)
    assert cbor2.loads(protected) == {1: -7, 4: ring.newest.kid.encode()}
    assert (unprotected, len(signature)) == ({}, 64)
    assert cbor2.loads(payload) == [1, 123456, 3, "湘建安C1(2026)0000001", "欧阳𬭎翀", 21877, 61234]


@pytest.mark.parametrize("name", RARE)
def test_every_rare_name_is_in_the_code_as_it_is_written(name):
    claims = replace(CLAIMS, name=f"欧阳{name}")
    assert qr_payload.read(qr_payload.write(claims, ring.newest), ring.public) == claims


def test_sixty_rare_names_are_sixty():
    assert len(set(RARE)) == 60
    assert sum(ord(c) > 0xFFFF for c in RARE) > 30


def test_a_very_long_name_is_cut_between_characters_and_the_code_still_fits():
    long = replace(
        CLAIMS, certificate_id=2**31 - 1, number="鄂建安B(2016)101309161005501", name="𬭎·" * 25, status_index=2**31 - 1
    )
    digits = qr_payload.write(long, ring.newest)
    read = qr_payload.read(digits, ring.public)
    assert read.name.endswith("…")
    assert long.name.startswith(read.name[:-1])
    assert len(symbol.matrix(HOST + digits)) <= 17 + 4 * 12  # version 12
    assert len(digits) < qr_payload.MOST_DIGITS


def test_an_ordinary_code_is_no_denser_than_version_9(genuine):
    assert len(symbol.matrix(HOST + genuine)) <= 17 + 4 * 9


@pytest.mark.parametrize(
    "given", ["{host}{code}", "{code}", " {code}\n", "{host}{code}/", "{host}{code}?from=wechat", "{host}{code}#top"]
)
def test_a_code_is_found_in_whatever_form_it_is_pasted(genuine, given):
    assert qr_payload.digits_in(given.format(host=HOST, code=genuine)) == genuine


# --- what is not ------------------------------------------------------------------------------------
def test_every_single_digit_counts(genuine):
    for place, digit in enumerate(genuine):
        other = str((int(digit) + 1) % 10)
        assert is_refused(genuine[:place] + other + genuine[place + 1 :]), place


@pytest.mark.parametrize("change", [
    {"name": "李雷"}, {"number": "湘建安A(2026)0000001"}, {"certificate_id": 123457}, {"version": 4},
    {"valid_to": date(2039, 11, 24)}, {"status_index": 1},
])  # fmt: skip
def test_other_words_under_the_same_signature_are_refused(genuine, change):
    protected, _empty, _payload, signature = message_of(genuine)
    other = message_of(qr_payload.write(replace(CLAIMS, **change), ring.newest))[2]
    assert is_refused(under(protected, other, signature))


def test_another_issuer_s_key_is_refused_even_under_the_name_of_ours(genuine):
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    assert is_refused(qr_payload.write(CLAIMS, other_key))
    protected, _empty, payload, _signature = message_of(genuine)
    assert is_refused(under(protected, payload, signature_by(other_key.private, protected, payload)))


def head(**changes) -> bytes:
    return cbor2.dumps({1: -7, 4: ring.newest.kid.encode(), **changes.get("more", {})} | changes.get("set", {}))


@pytest.mark.parametrize("algorithm", [None, 0, "none", 5, -8, -35, -36, -47, -257])
def test_no_other_algorithm_is_talked_into(genuine, algorithm):
    """Nothing, HMAC, EdDSA, ES384, ES512, ES256K, RS256: the head says so, the signature is ours and good."""
    payload = message_of(genuine)[2]
    protected = head(set={1: algorithm})
    assert is_refused(under(protected, payload, signature_by(ring.newest.private, protected, payload)))
    assert is_refused(under(protected, payload, b""))


def test_a_mac_with_the_public_key_is_no_signature(genuine):
    payload, protected = message_of(genuine)[2], head(set={1: 5})
    secret = json.dumps(ring.published()).encode()
    tag = hmac(secret, cbor2.dumps(["MAC0", protected, b"", payload]), sha256).digest()
    assert is_refused(under(protected, payload, tag))
    assert is_refused(under(protected, payload, tag * 2))


def test_another_curve_is_refused(genuine):
    payload, protected = message_of(genuine)[2], head()
    other = ec.generate_private_key(ec.SECP384R1())
    assert is_refused(under(protected, payload, signature_by(other, protected, payload, 48, hashes.SHA384)))
    assert is_refused(under(protected, payload, signature_by(other, protected, payload, 48)))


@pytest.mark.parametrize(
    "signature", [b"", b"\0" * 64, b"\xff" * 64, b"\0" * 32 + b"\x01" + b"\0" * 31, b"\x01" * 63, b"\x01" * 65]
)
def test_no_hollow_signature_passes(genuine, signature):
    protected, _empty, payload, _signature = message_of(genuine)
    assert is_refused(under(protected, payload, signature))


def test_the_key_must_be_named_where_it_is_signed(genuine):
    _protected, _empty, payload, _signature = message_of(genuine)
    bare = cbor2.dumps({1: -7})
    signature = signature_by(ring.newest.private, bare, payload)
    assert is_refused(digits_of([bare, {4: ring.newest.kid.encode()}, payload, signature]))
    crowded = head(set={3: "text"})
    assert is_refused(under(crowded, payload, signature_by(ring.newest.private, crowded, payload)))


def test_one_statement_is_written_in_one_way_only(genuine):
    """Leading zeros, a longer way of writing a length, a tag, something behind: the same content, and yet refused."""
    protected, empty, payload, signature = message_of(genuine)
    tagged = cbor2.dumps(cbor2.CBORTag(18, [protected, empty, payload, signature]))
    longer = cbor2.dumps([protected, empty, payload, signature]).replace(b"\x58\x40", b"\x59\x00\x40", 1)
    for data in (tagged, longer, cbor2.dumps([protected, empty, payload, signature]) + b"\0"):
        assert is_refused(str(int.from_bytes(b"\x01" + data)))
    for prefix in ("0", "00", "+", "-", " "):
        assert is_refused(prefix + genuine)
    assert is_refused(genuine.translate(str.maketrans("0123456789", "０１２３４５６７８９")))


def test_truncated_and_oversized_codes_are_refused(genuine):
    assert all(is_refused(genuine[:n]) and is_refused(genuine[n:]) for n in range(1, len(genuine), 7))
    assert is_refused(genuine + genuine)
    assert is_refused(genuine + "1")
    assert is_refused("9" * 1_000_000)


@given(st.binary(min_size=60, max_size=300))
@example(b"\x81" * 250)
@example(b"\xbb" + b"\xff" * 100)
@example(b"\x84" + b"\xd8\x23\x61(" * 40)
@example(b"\xc2\x58\xff" + b"\xff" * 255)
def test_no_bytes_whatsoever_are_taken_for_ours(data):
    assert is_refused(str(int.from_bytes(b"\x01" + data)))


@given(st.recursive(st.none() | st.binary(max_size=40) | st.integers() | st.text(max_size=9), st.lists, max_leaves=12))
def test_no_message_whatsoever_is_taken_for_ours(message):
    assert is_refused(digits_of([message, {}, message, b"\x01" * 64]))
    assert is_refused(digits_of([cbor2.dumps(message), message, b"", b"\x01" * 64]))


# --- keys -------------------------------------------------------------------------------------------
@pytest.fixture
def file(tmp_path):
    path = tmp_path / "codes.json"
    assert signing_keys.make(path, at=make.NOON)
    ring.open(path)
    return path


def test_keys_are_made_once_for_their_owner_only(file):
    before = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert signing_keys.make(file, at=make.NOON) is False
    assert file.read_text() == before


def test_a_rotated_key_signs_and_the_old_one_still_verifies(file):
    old = qr_payload.write(CLAIMS, ring.newest)
    first = ring.newest.kid
    fresh = signing_keys.rotate(file, at=datetime(2027, 1, 1, tzinfo=UTC))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ring.newest.kid == fresh.kid != first  # noticed without opening it again
    assert qr_payload.read(old, ring.public) == qr_payload.read(qr_payload.write(CLAIMS, ring.newest), ring.public) == CLAIMS
    assert qr_payload.write(CLAIMS, ring.signer(first)) == old  # drawn again after the rotation, a version keeps its code
    assert [key["kid"] for key in ring.published()["keys"]] == [fresh.kid, first]


def test_what_is_published_verifies_and_holds_nothing_secret(file):
    text = json.dumps(ring.published())
    assert qr_payload.read(qr_payload.write(CLAIMS, ring.newest), signing_keys.parse_jwk_set(text)) == CLAIMS
    assert {name for key in ring.published()["keys"] for name in key} == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_key_under_another_s_name_is_not_accepted(file):
    other_key = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    mine = ring.published()["keys"][0]
    theirs = {**signing_keys._jwk(other_key.public), "kid": mine["kid"]}
    with pytest.raises(BadKeys):
        signing_keys.parse_jwk_set(json.dumps({"keys": [theirs]}))


POINTLESS = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "AAAA"}


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AA"}]}', '{"keys": 7}',
        json.dumps({"keys": [POINTLESS]}),
    ],
)  # fmt: skip
def test_published_keys_that_are_none_are_refused_with_a_sentence(text):
    with pytest.raises(BadKeys):
        signing_keys.parse_jwk_set(text)


def test_without_keys_the_command_explains_what_to_do(tmp_path):
    ring.open(tmp_path / "codes.json")
    with pytest.raises(BadKeys, match="anguan init"):
        _ = ring.newest
    (tmp_path / "codes.json").write_text("{}")
    with pytest.raises(BadKeys, match="backup"):
        _ = ring.newest


def test_a_key_s_name_is_a_piece_of_its_fingerprint():
    """RFC 7638, reckoned by hand."""
    jwk = ring.published()["keys"][0]
    text = f'{{"crv":"P-256","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    assert jwk["kid"] == urlsafe_b64encode(sha256(text.encode()).digest()).decode()[: signing_keys.KID]
