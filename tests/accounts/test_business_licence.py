"""Assertions of the licence platform, tickets, and the contract of both providers."""

import json
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.business_licence import tickets
from app.accounts.business_licence.assertion import BadAssertion, public_key, read
from app.accounts.business_licence.provider import LicencePlatformUnavailable, Ticket
from app.accounts.business_licence.simulator import Licence, SimulatedFault, SimulatedPlatform, hs256_by_public_key
from app.core.errors import NotFound, Stale
from app.core.settings import BadSetting, Keys, Settings, make_keys, read_settings
from app.core.sign_in_vocabulary import ChallengeState, LicenceHolder, LicenceStanding, LicenceStep, TicketState
from app.models import Challenge
from app.worker.providers import RemoteLicences, licences_of
from tests import make
from tests.at_once import at_once
from tests.licences import KEY, TRUST, claims, platform, signed

AT = make.NOON
USCC = "91430100MA4L000150"
SECOND = timedelta(seconds=1)
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(OTHER_KEY.public_key()))
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


# --- assertions -----------------------------------------------------------------------------------------
def test_valid_assertion_is_read():
    one = read(signed(claims()), TRUST, at=AT)
    assert (one.step, one.uscc, one.serial, one.holder, one.standing) == (
        LicenceStep.CONFIRMED, USCC, "SN-1", LicenceHolder.STAFF, LicenceStanding.NORMAL,
    )  # fmt: skip


def raw(header: dict, body: dict, signature: str = "") -> str:
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, body)]
    return f"{'.'.join(parts)}.{signature}"


ES, TYP = {"alg": "ES256", "typ": "licence+jwt"}, {"typ": "licence+jwt"}
SOUND = signed(claims())
FORGED = {
    "no signature, alg none": raw({**TYP, "alg": "none"}, claims()),
    "alg None in capitals": raw({**TYP, "alg": "None"}, claims()),
    "no alg": raw(TYP, claims()),
    "signature cut off": SOUND.rpartition(".")[0] + ".",
    "signature of another token": ".".join((*signed(claims(uscc="x")).split(".")[:2], SOUND.rpartition(".")[2])),
    "signature of zeros": raw(ES, claims(), urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()),
    "HS256 with the public key": hs256_by_public_key(claims(), KEY.public_key()),
    "another key": signed(claims(), OTHER_KEY),
    "another key in the header": signed(claims(), OTHER_KEY, jwk=JWK),
    "another key by URL": signed(claims(), OTHER_KEY, jku="https://evil.example/keys", kid="../../../dev/null"),
    "RS256": signed(claims(), RSA, "RS256"),
    "ES384": signed(claims(), ec.generate_private_key(ec.SECP384R1()), "ES384"),
    "another type": signed(claims(), typ="JWT"),
    "unknown critical header": signed(claims(), crit=["b64"], b64=True),
    "another issuer": signed(claims(iss="https://evil.example")),
    "no issuer": signed(claims(iss=None)),
    "for another system": signed(claims(aud="another")),
    "for several systems": signed(claims(aud=["another", TRUST.audience])),
    "no audience": signed(claims(aud=None)),
    "from the future": signed(claims(at=AT + 62 * SECOND)),
    "too old": signed(claims(at=AT - 181 * SECOND)),
    "lifetime too long": signed(claims(exp=int(AT.timestamp()) + 121)),
    "ends before it begins": signed(claims(exp=int(AT.timestamp()) - 1)),
    "no end": signed(claims(exp=None)),
    "times as text": signed(claims(iat="now", exp="later")),
    "infinite time": signed(claims(exp=float("inf"))),
    "true as a time": signed(claims(iat=True)),
    "no jti": signed(claims(jti=None)),
    "jti too short": signed(claims(jti="x")),
    "cid of another form": signed(claims(cid="../../etc/passwd")),
    "cid as a list": signed(claims(cid=["a" * 32])),
    "NUL in the cid": signed(claims(cid="\0" * 32)),
    "no nonce": signed(claims(nonce=None)),
    "no credit code": signed(claims(uscc=None)),
    "a credit code as a number": signed(claims(uscc=914301)),
    "name too long": signed(claims(ent_name="名" * 201)),
    "line break in the name": signed(claims(ent_name="甲\n乙")),
    "unknown role": signed(claims(holder_role="admin")),
    "unknown standing": signed(claims(licence_status="fine")),
    "unknown step": signed(claims(event="approve")),
    "not a token": "x",
    "empty": "",
    "dots": "." * 9000,
    "17 KB": signed(claims(ent_name="x" * 17_000)),
    "bytes": b"\xff\xfe\x00",
    "deep": raw(ES, {}) + "[" * 8000,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_invalid_assertion_is_refused(token):
    with pytest.raises(BadAssertion) as error:
        read(token, TRUST, at=AT)
    assert "evil" not in str(error.value)


@pytest.mark.parametrize("off", [-179, -60, 0, 60])
def test_platform_clock_may_be_a_minute_off(off):
    assert read(signed(claims(at=AT + off * SECOND)), TRUST, at=AT)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), RSA], ids=["P-384", "RSA"])
def test_only_p256_public_keys_are_accepted(key):
    assert public_key(PEM) == KEY.public_key()
    for pem in (
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"",
    ):
        with pytest.raises(ValueError):
            public_key(pem)


# --- tickets -----------------------------------------------------------------------------------------------
@pytest.fixture
def ticket(session):
    """A ticket of browser "b" with the number 42."""
    begun = tickets.begin(session, "b", at=AT, seconds=120, address="192.0.2.1")
    begun.evidence = {"number": "42"}
    session.commit()
    return begun


def assertion(ticket, at=AT, **other):
    return read(signed(claims(ticket.id, ticket.nonce, at, uscc=make.uscc(1), **other)), TRUST, at=at)


def take(session, one, at=AT):
    state = tickets.apply_assertion(session, one, at=at, seconds=120)
    session.commit()
    return state


def test_ticket_is_scanned_confirmed_and_used(session, ticket):
    assert take(session, assertion(ticket, event="scanned")) is ChallengeState.SCANNED
    assert take(session, assertion(ticket)) is ChallengeState.CONFIRMED
    assert tickets.state_of(ticket, AT) is TicketState.CONFIRMED
    assert tickets.use_ticket(session, ticket, "b", at=AT)["uscc"] == make.uscc(1)
    assert tickets.state_of(ticket, AT) is TicketState.USED


def test_repeated_assertion_changes_nothing(session, ticket):
    scanned, confirmed = assertion(ticket, event="scanned"), assertion(ticket)
    for one in (scanned, scanned, confirmed, confirmed, scanned, confirmed):
        take(session, one)
    until = ticket.expires_at
    assert take(session, confirmed, AT + 5 * SECOND) is ChallengeState.CONFIRMED
    assert ticket.expires_at == until
    tickets.use_ticket(session, ticket, "b", at=AT)
    session.commit()
    assert take(session, confirmed) is ChallengeState.CONSUMED


ATTACKS = {"another ticket's nonce": ({"nonce": "c" * 64}, BadAssertion), "nobody's ticket": ({"cid": "d" * 32}, NotFound)}


@pytest.mark.parametrize(("changed", "error"), ATTACKS.values(), ids=ATTACKS)
def test_assertion_with_wrong_nonce_or_ticket_is_refused(session, ticket, changed, error):
    with pytest.raises(error):
        take(session, replace(assertion(ticket), **changed))
    assert tickets.state_of(ticket, AT) is TicketState.WAITING


def test_assertion_for_another_ticket_is_refused(session, ticket):
    other = tickets.begin(session, "other", at=AT, seconds=120, address="")
    with pytest.raises(BadAssertion):
        take(session, replace(assertion(ticket), cid=other.id))


def test_expired_ticket_is_neither_confirmed_nor_used(session, ticket):
    with pytest.raises(Stale):
        take(session, assertion(ticket), AT + 120 * SECOND)
    take(session, assertion(ticket))
    with pytest.raises(Stale):
        tickets.use_ticket(session, ticket, "b", at=AT + 120 * SECOND)
    assert tickets.state_of(ticket, AT + 120 * SECOND) is TicketState.EXPIRED


REJECTIONS = {
    "declined": ({"event": "rejected"}, "declined"),
    "another number": ({"number": "43"}, "wrong-number"),
    "the number in full width": ({"number": "４２"}, "wrong-number"),
    "a cancelled licence": ({"licence_status": "cancelled"}, "licence-cancelled"),
    "an abnormal licence": ({"licence_status": "abnormal"}, "licence-abnormal"),
}


@pytest.mark.parametrize(("other", "why"), REJECTIONS.values(), ids=REJECTIONS)
def test_rejected_ticket_is_neither_confirmed_nor_used(session, ticket, other, why):
    assert take(session, assertion(ticket, **other)) is ChallengeState.REJECTED
    assert tickets.refusal(ticket).code == why
    with pytest.raises(Stale):
        take(session, assertion(ticket))
    with pytest.raises(Stale):
        tickets.use_ticket(session, ticket, "b", at=AT)


def test_invalid_credit_code_rejects_the_ticket(session, ticket):
    one = replace(assertion(ticket), uscc="91430100MA4L000151")
    assert take(session, one) is ChallengeState.REJECTED
    assert tickets.refusal(ticket).code == "bad-credit-code"


def test_newer_ticket_voids_the_older_one(session, ticket):
    tickets.begin(session, "b", at=AT, seconds=120, address="")
    session.commit()
    with pytest.raises(Stale):
        take(session, assertion(ticket))
    assert tickets.refusal(ticket).code == "replaced"


@pytest.mark.parametrize("browser", ["c", ""])
def test_ticket_of_another_browser_is_not_found(session, ticket, browser):
    take(session, assertion(ticket))
    with pytest.raises(NotFound):
        tickets.get_own(session, ticket.id, browser)
    with pytest.raises(Stale):
        tickets.use_ticket(session, ticket, browser, at=AT)


@pytest.mark.parametrize("cid", ["", "x", "a" * 31, "A" * 32, "\0" * 32, "9" * 5000, "' OR 1=1 --"])
def test_malformed_ticket_id_is_not_found(session, cid):
    with pytest.raises(NotFound):
        tickets.get_own(session, cid, "b")


def test_of_fifty_concurrent_uses_one_succeeds(engine, session, ticket):
    take(session, assertion(ticket))
    cid = ticket.id
    session.rollback()

    def once(_):
        with Session(engine) as mine, mine.begin():
            try:
                return bool(tickets.use_ticket(mine, tickets.get_own(mine, cid, "b"), "b", at=AT))
            except Stale:
                return False

    with ThreadPoolExecutor(25) as pool:
        assert list(pool.map(once, range(50))).count(True) == 1


def test_concurrent_copies_of_an_assertion_all_see_it_confirmed(engine, session, ticket):
    one = assertion(ticket)
    session.rollback()

    def arrive(_):
        with Session(engine) as mine, mine.begin():
            return tickets.apply_assertion(mine, one, at=AT, seconds=120)

    assert set(at_once(arrive, range(20))) == {ChallengeState.CONFIRMED}
    session.expire_all()
    assert session.scalar(select(Challenge.evidence))["jti"] == one.jti


def test_licence_data_are_stored_encrypted(engine, session, ticket):
    take(session, assertion(ticket))
    session.rollback()
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT evidence, mark, browser FROM challenge").one()
    assert make.uscc(1).encode() not in bytes(stored[0])
    assert "湘江".encode() not in bytes(stored[0])


# --- provider contract ---------------------------------------------------------------------------------------------
class Remote:
    """The HTTP provider before a fake platform."""

    def __init__(self, server):
        self.server, self.provider = server, RemoteLicences(server.url, TRUST, "https://ag.example/cb", "s3cret")

    def confirms(self, ticket, licence, number, at):
        token = signed(claims(ticket.cid, ticket.nonce, at, uscc=licence.uscc, ent_name=licence.name, number=number))
        self.server.assertions[ticket.cid] = token
        return token.encode()

    def breaks(self):
        self.server.status = 500


class Simulated:
    def __init__(self, folder):
        self.provider = SimulatedPlatform(folder, "https://ag.example")

    def confirms(self, ticket, licence, number, at):
        (one,) = self.provider.confirm(ticket.cid, licence, number, SimulatedFault.NONE, at=at)
        return one.body

    def breaks(self):
        assert list(self.provider.confirm(TICKET.cid, Licence(USCC, "甲"), "42", SimulatedFault.DOWN, at=AT)) == []


@pytest.fixture(params=["simulated", "remote"])
def side(request, tmp_path, monkeypatch):
    if request.param == "simulated":
        yield Simulated(tmp_path)
        return
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with platform() as server:
        yield Remote(server)


TICKET = Ticket("a" * 32, "b" * 64, "安管人员网上审批系统", "192.0.2.1", AT, AT + 120 * SECOND)


def test_qr_code_of_a_ticket_does_not_hold_the_nonce(side):
    code = side.provider.start(TICKET, at=AT)
    other = side.provider.start(replace(TICKET, cid="c" * 32), at=AT)
    assert code != other
    assert TICKET.nonce not in code
    side.provider.health(at=AT)


def test_unscanned_ticket_has_no_assertion(side):
    side.provider.start(TICKET, at=AT)
    assert side.provider.query(TICKET.cid, at=AT) is None


def test_callback_and_query_give_the_same_assertion(side):
    side.provider.start(TICKET, at=AT)
    body = side.confirms(TICKET, Licence(USCC, "湖南湘江建设有限公司"), "42", AT)
    sent = side.provider.parse_callback({}, body, at=AT)
    assert sent == side.provider.query(TICKET.cid, at=AT)
    assert (sent.cid, sent.nonce, sent.number, sent.uscc) == (TICKET.cid, TICKET.nonce, "42", USCC)


def test_altered_callback_is_refused(side):
    side.provider.start(TICKET, at=AT)
    body = side.confirms(TICKET, Licence(USCC, "甲"), "42", AT)
    head, claimed, signature = body.split(b".")
    for spoilt in (body[:-8], head + b"." + claimed[:-4] + b"AAAA." + signature, b"", b"{}", body * 9):
        with pytest.raises(BadAssertion):
            side.provider.parse_callback({}, spoilt, at=AT)


def test_failing_platform_is_reported_as_unavailable(side):
    side.provider.start(TICKET, at=AT)
    side.breaks()
    with pytest.raises(LicencePlatformUnavailable, match="does not answer") as error:
        side.provider.query(TICKET.cid, at=AT)
    assert "s3cret" not in f"{error.value}{error.value.why}{side.provider}"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with platform() as one:
        yield one


def test_start_sends_site_place_and_client(server):
    remote = Remote(server).provider
    remote.start(TICKET, at=AT)
    (sent,) = server.received
    assert (sent["cid"], sent["nonce"], sent["place"], sent["client"]) == ("a" * 32, "b" * 64, "192.0.2.1", "anguan-test")
    assert server.tokens == ["Bearer s3cret"]


@pytest.mark.parametrize("status", [302, 400, 401, 500, 503])
def test_failing_platform_is_not_called_for_half_a_minute(server, status):
    remote, server.status = Remote(server).provider, status
    for _twice in range(2):
        with pytest.raises(LicencePlatformUnavailable):
            remote.start(TICKET, at=AT)
    assert server.asked == 1
    server.status = 200
    assert remote.start(TICKET, at=AT + 31 * SECOND)


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"[]", b'{"qr": 7}', b'{"qr": ""}', b"\xff", b'{"qr": "%s"}' % (b"x" * 513), b'{"qr": "a\\nb"}']
)
def test_answer_without_a_code_counts_as_unavailable(server, answer):
    server.raw = answer
    with pytest.raises(LicencePlatformUnavailable):
        Remote(server).provider.start(TICKET, at=AT)


# --- settings -------------------------------------------------------------------------------------------------
@pytest.fixture
def home(tmp_path):
    make_keys(tmp_path)
    (tmp_path / "platform.pem").write_bytes(PEM)
    (tmp_path / "none.pem").write_text("no key")
    return tmp_path


CONFIGURED = {
    "ANGUAN_LICENCE_URL": "https://licences.example/", "ANGUAN_LICENCE_CLIENT": "anguan-test",
    "ANGUAN_LICENCE_ISSUER": "https://licences.example", "ANGUAN_LICENCE_KEY": "platform.pem", "ANGUAN_LICENCE_TOKEN": "t",
}  # fmt: skip


def settings(home, **environment):
    return read_settings({"ANGUAN_HOME": str(home), **environment})


def test_licence_sign_in_needs_configuration(home):
    assert licences_of(settings(home)) is None
    assert isinstance(licences_of(settings(home, ANGUAN_SIMULATORS="1")), SimulatedPlatform)
    remote = licences_of(settings(home, ANGUAN_SIMULATORS="1", **CONFIGURED))
    assert isinstance(remote, RemoteLicences)
    assert (remote.url, remote.trust) == ("https://licences.example", TRUST)
    assert "'t'" not in repr(settings(home, **CONFIGURED))


BAD = {
    "simulators in production": {"ANGUAN_ENV": "production", "ANGUAN_SIMULATORS": "1"},
    "the simulator's name in production": {**CONFIGURED, "ANGUAN_ENV": "production", "ANGUAN_LICENCE_ISSUER": "sim"},
    "no client": {**CONFIGURED, "ANGUAN_LICENCE_CLIENT": ""},
    "no issuer": {**CONFIGURED, "ANGUAN_LICENCE_ISSUER": ""},
    "no key": {**CONFIGURED, "ANGUAN_LICENCE_KEY": ""},
    "a file address": {**CONFIGURED, "ANGUAN_LICENCE_URL": "file:///etc/passwd"},
    "a key that is none": {**CONFIGURED, "ANGUAN_LICENCE_KEY": "none.pem"},
    "a key that is not there": {**CONFIGURED, "ANGUAN_LICENCE_KEY": "gone.pem"},
}


@pytest.mark.parametrize("environment", BAD.values(), ids=BAD)
def test_bad_setting_is_refused(home, environment):
    with pytest.raises(BadSetting, match="ANGUAN_"):
        licences_of(settings(home, **environment))


def test_assertion_of_the_simulator_is_refused_by_the_real_provider(tmp_path):
    simulator = Simulated(tmp_path)
    simulator.provider.start(TICKET, at=AT)
    body = simulator.confirms(TICKET, Licence(USCC, "甲"), "42", AT)
    with pytest.raises(BadAssertion):
        RemoteLicences("https://licences.example", TRUST, "").parse_callback({}, body, at=AT)


def test_production_refuses_simulators():
    with pytest.raises(BadSetting, match="ANGUAN_SIMULATORS"):
        Settings(home=make.NOON, database_url="", keys=Keys("", b"", {}), production=True, simulators=True)
