"""Assertions of a licence platform, the ticket they answer, and the contract that both platforms keep."""

import json
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.accounts.business_licence import tickets
from app.accounts.business_licence.assertion import BadAssertion, public_key, read
from app.accounts.business_licence.provider import LicencePlatformUnavailable, Ticket
from app.accounts.business_licence.simulator import Licence, SimulatedFault, SimulatedPlatform, hs256_by_public_key
from app.core.errors import NotFound, Stale
from app.core.settings import BadSetting, Keys, Settings, make_keys, read_settings
from app.core.vocabulary import ChallengeState, LicenceHolder, LicenceStanding, LicenceStep, TicketState
from app.models import Challenge
from app.worker.providers import RemoteLicences, licences_of
from tests import make
from tests.licences import KEY, TRUST, claims, platform, signed

AT = make.NOON
USCC = "91430100MA4L000150"
SECOND = timedelta(seconds=1)
STRANGER = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(STRANGER.public_key()))
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


# --- what is believed -----------------------------------------------------------------------------------------


def test_a_sound_assertion_says_who_holds_which_licence():
    told = read(signed(claims()), TRUST, at=AT)
    assert (told.step, told.uscc, told.serial, told.holder, told.standing) == (
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
    "signature of noughts": raw(ES, claims(), urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()),
    "HS256 with the public key": hs256_by_public_key(claims(), KEY.public_key()),
    "another key": signed(claims(), STRANGER),
    "another key, brought along": signed(claims(), STRANGER, jwk=JWK),
    "another key, to be fetched": signed(claims(), STRANGER, jku="https://evil.example/keys", kid="../../../dev/null"),
    "RS256": signed(claims(), RSA, "RS256"),
    "ES384": signed(claims(), ec.generate_private_key(ec.SECP384R1()), "ES384"),
    "another type": signed(claims(), typ="JWT"),
    "a demand we do not know": signed(claims(), crit=["b64"], b64=True),
    "another issuer": signed(claims(iss="https://evil.example")),
    "no issuer": signed(claims(iss=None)),
    "for another system": signed(claims(aud="another")),
    "for several systems": signed(claims(aud=["another", TRUST.audience])),
    "for nobody": signed(claims(aud=None)),
    "from the future": signed(claims(at=AT + 62 * SECOND)),
    "too old": signed(claims(at=AT - 181 * SECOND)),
    "good for too long": signed(claims(exp=int(AT.timestamp()) + 121)),
    "ends before it begins": signed(claims(exp=int(AT.timestamp()) - 1)),
    "no end": signed(claims(exp=None)),
    "times in words": signed(claims(iat="now", exp="later")),
    "time without end": signed(claims(exp=float("inf"))),
    "true as a time": signed(claims(iat=True)),
    "no jti": signed(claims(jti=None)),
    "a jti of one letter": signed(claims(jti="x")),
    "cid of another form": signed(claims(cid="../../etc/passwd")),
    "cid as a list": signed(claims(cid=["a" * 32])),
    "NUL in the cid": signed(claims(cid="\0" * 32)),
    "no nonce": signed(claims(nonce=None)),
    "no credit code": signed(claims(uscc=None)),
    "a credit code as a number": signed(claims(uscc=914301)),
    "a name without end": signed(claims(ent_name="名" * 201)),
    "a line end in the name": signed(claims(ent_name="甲\n乙")),
    "a role that is none": signed(claims(holder_role="admin")),
    "a standing that is none": signed(claims(licence_status="fine")),
    "a step that is none": signed(claims(event="approve")),
    "not a token": "x",
    "nothing": "",
    "dots": "." * 9000,
    "17 KB": signed(claims(ent_name="x" * 17_000)),
    "bytes": b"\xff\xfe\x00",
    "deep": raw(ES, {}) + "[" * 8000,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_what_the_platform_did_not_sign_for_us_just_now_is_refused(token):
    with pytest.raises(BadAssertion) as no:
        read(token, TRUST, at=AT)
    assert "evil" not in str(no.value)


@pytest.mark.parametrize("off", [-179, -60, 0, 60])
def test_a_platforms_clock_may_be_a_minute_off(off):
    assert read(signed(claims(at=AT + off * SECOND)), TRUST, at=AT)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), RSA], ids=["P-384", "RSA"])
def test_only_a_public_key_on_p256_is_pinned(key):
    assert public_key(PEM) == KEY.public_key()
    for pem in (
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"",
    ):
        with pytest.raises(ValueError):
            public_key(pem)


# --- the ticket -----------------------------------------------------------------------------------------------


@pytest.fixture
def engine(system, session):
    engine = create_engine(system.engine.url, pool_size=20, max_overflow=30)
    yield engine
    engine.dispose()


@pytest.fixture
def ticket(session):
    """A ticket of browser "b" with the number 42."""
    begun = tickets.begin(session, "b", at=AT, seconds=120, address="192.0.2.1")
    begun.evidence = {"number": "42"}
    session.commit()
    return begun


def told(ticket, at=AT, **other):
    return read(signed(claims(ticket.id, ticket.nonce, at, uscc=make.uscc(1), **other)), TRUST, at=at)


def take(session, one, at=AT):
    state = tickets.apply_assertion(session, one, at=at, seconds=120)
    session.commit()
    return state


def test_a_ticket_is_scanned_confirmed_and_used(session, ticket):
    assert take(session, told(ticket, event="scanned")) is ChallengeState.SCANNED
    assert take(session, told(ticket)) is ChallengeState.CONFIRMED
    assert tickets.state_of(ticket, AT) is TicketState.CONFIRMED
    assert tickets.use_ticket(session, ticket, "b", at=AT)["uscc"] == make.uscc(1)
    assert tickets.state_of(ticket, AT) is TicketState.USED


def test_the_same_message_again_changes_nothing(session, ticket):
    scanned, confirmed = told(ticket, event="scanned"), told(ticket)
    for one in (scanned, scanned, confirmed, confirmed, scanned, confirmed):
        take(session, one)
    until = ticket.expires_at
    assert take(session, confirmed, AT + 5 * SECOND) is ChallengeState.CONFIRMED
    assert ticket.expires_at == until
    tickets.use_ticket(session, ticket, "b", at=AT)
    session.commit()
    assert take(session, confirmed) is ChallengeState.CONSUMED


ATTACKS = {
    "another ticket's nonce": ({"nonce": "c" * 64}, BadAssertion),
    "nobody's ticket": ({"cid": "d" * 32}, NotFound),
}


@pytest.mark.parametrize(("spoilt", "no"), ATTACKS.values(), ids=ATTACKS)
def test_an_assertion_answers_its_own_ticket_only(session, ticket, spoilt, no):
    with pytest.raises(no):
        take(session, replace(told(ticket), **spoilt))
    assert tickets.state_of(ticket, AT) is TicketState.WAITING


def test_an_assertion_for_one_ticket_does_nothing_to_another(session, ticket):
    other = tickets.begin(session, "other", at=AT, seconds=120, address="")
    with pytest.raises(BadAssertion):
        take(session, replace(told(ticket), cid=other.id))


def test_after_a_ticket_has_expired_nothing_helps(session, ticket):
    with pytest.raises(Stale):
        take(session, told(ticket), AT + 120 * SECOND)
    take(session, told(ticket))
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
def test_a_ticket_that_was_turned_down_is_dead(session, ticket, other, why):
    assert take(session, told(ticket, **other)) is ChallengeState.REJECTED
    assert tickets.refusal(ticket).code == why
    with pytest.raises(Stale):
        take(session, told(ticket))
    with pytest.raises(Stale):
        tickets.use_ticket(session, ticket, "b", at=AT)


def test_a_credit_code_that_cannot_be_one_is_not_looked_up(session, ticket):
    one = replace(told(ticket), uscc="91430100MA4L000151")
    assert take(session, one) is ChallengeState.REJECTED
    assert tickets.refusal(ticket).code == "bad-credit-code"


def test_a_newer_ticket_voids_the_older_one(session, ticket):
    tickets.begin(session, "b", at=AT, seconds=120, address="")
    session.commit()
    with pytest.raises(Stale):
        take(session, told(ticket))
    assert tickets.refusal(ticket).code == "replaced"


@pytest.mark.parametrize("browser", ["c", ""])
def test_another_browser_neither_sees_nor_uses_a_ticket(session, ticket, browser):
    take(session, told(ticket))
    with pytest.raises(NotFound):
        tickets.get_own(session, ticket.id, browser)
    with pytest.raises(Stale):
        tickets.use_ticket(session, ticket, browser, at=AT)


@pytest.mark.parametrize("cid", ["", "x", "a" * 31, "A" * 32, "\0" * 32, "9" * 5000, "' OR 1=1 --"])
def test_what_is_no_ticket_number_is_not_looked_up(session, cid):
    with pytest.raises(NotFound):
        tickets.get_own(session, cid, "b")


def test_of_fifty_who_use_a_ticket_at_once_one_gets_in(engine, session, ticket):
    take(session, told(ticket))
    cid = ticket.id
    session.rollback()

    def once(_):
        with Session(engine) as mine, mine.begin():
            try:
                return bool(tickets.use_ticket(mine, tickets.get_own(mine, cid, "b"), "b", at=AT))
            except Stale:
                return False

    with ThreadPoolExecutor(25) as crowd:
        assert list(crowd.map(once, range(50))).count(True) == 1


def test_of_twenty_messages_at_once_one_is_taken_and_none_is_lost(engine, session, ticket):
    one = told(ticket)
    session.rollback()

    def arrive(_):
        with Session(engine) as mine, mine.begin():
            return tickets.apply_assertion(mine, one, at=AT, seconds=120)

    with ThreadPoolExecutor(20) as crowd:
        assert set(crowd.map(arrive, range(20))) == {ChallengeState.CONFIRMED}
    session.expire_all()
    assert session.scalar(select(Challenge.evidence))["jti"] == one.jti


def test_the_licence_and_the_number_do_not_lie_in_the_open(engine, session, ticket):
    take(session, told(ticket))
    session.rollback()
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT evidence, mark, browser FROM challenge").one()
    assert make.uscc(1).encode() not in bytes(kept[0])
    assert "湘江".encode() not in bytes(kept[0])


# --- the contract ---------------------------------------------------------------------------------------------


class Remote:
    """The HTTP adapter, and what the platform behind it does when somebody confirms."""

    def __init__(self, server):
        self.server, self.provider = server, RemoteLicences(server.url, TRUST, "https://ag.example/cb", "s3cret")

    def confirms(self, ticket, licence, number, at):
        token = signed(claims(ticket.cid, ticket.nonce, at, uscc=licence.uscc, ent_name=licence.name, number=number))
        self.server.said[ticket.cid] = token
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


def test_a_ticket_that_is_announced_gets_a_code_that_gives_nothing_away(side):
    code = side.provider.start(TICKET, at=AT)
    other = side.provider.start(replace(TICKET, cid="c" * 32), at=AT)
    assert code != other
    assert TICKET.nonce not in code
    side.provider.health(at=AT)


def test_nobody_has_confirmed_what_nobody_scanned(side):
    side.provider.start(TICKET, at=AT)
    assert side.provider.query(TICKET.cid, at=AT) is None


def test_what_is_sent_and_what_is_asked_for_are_the_same_assertion(side):
    side.provider.start(TICKET, at=AT)
    body = side.confirms(TICKET, Licence(USCC, "湖南湘江建设有限公司"), "42", AT)
    sent = side.provider.parse_callback({}, body, at=AT)
    assert sent == side.provider.query(TICKET.cid, at=AT)
    assert (sent.cid, sent.nonce, sent.number, sent.uscc) == (TICKET.cid, TICKET.nonce, "42", USCC)


def test_a_message_that_was_touched_is_refused(side):
    side.provider.start(TICKET, at=AT)
    body = side.confirms(TICKET, Licence(USCC, "甲"), "42", AT)
    head, claimed, signature = body.split(b".")
    for spoilt in (body[:-8], head + b"." + claimed[:-4] + b"AAAA." + signature, b"", b"{}", body * 9):
        with pytest.raises(BadAssertion):
            side.provider.parse_callback({}, spoilt, at=AT)


def test_a_platform_that_fails_is_away_and_says_so_in_one_sentence(side):
    side.provider.start(TICKET, at=AT)
    side.breaks()
    with pytest.raises(LicencePlatformUnavailable, match="does not answer") as no:
        side.provider.query(TICKET.cid, at=AT)
    assert "s3cret" not in f"{no.value}{no.value.why}{side.provider}"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with platform() as one:
        yield one


def test_the_platform_learns_where_and_from_where_and_who_we_are(server):
    remote = Remote(server).provider
    remote.start(TICKET, at=AT)
    (told_,) = server.told
    assert (told_["cid"], told_["nonce"], told_["place"], told_["client"]) == ("a" * 32, "b" * 64, "192.0.2.1", "anguan-test")
    assert server.tokens == ["Bearer s3cret"]


@pytest.mark.parametrize("status", [302, 400, 401, 500, 503])
def test_a_platform_that_says_no_is_left_alone_for_half_a_minute(server, status):
    remote, server.status = Remote(server).provider, status
    for _twice in range(2):
        with pytest.raises(LicencePlatformUnavailable):
            remote.start(TICKET, at=AT)
    assert server.asked == 1
    server.status = 200
    assert remote.start(TICKET, at=AT + 31 * SECOND)


@pytest.mark.parametrize(
    "said", [b"", b"{}", b"[]", b'{"qr": 7}', b'{"qr": ""}', b"\xff", b'{"qr": "%s"}' % (b"x" * 513), b'{"qr": "a\\nb"}']
)
def test_an_answer_without_a_code_is_no_answer(server, said):
    server.raw = said
    with pytest.raises(LicencePlatformUnavailable):
        Remote(server).provider.start(TICKET, at=AT)


# --- settings -------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path):
    make_keys(tmp_path)
    (tmp_path / "platform.pem").write_bytes(PEM)
    (tmp_path / "none.pem").write_text("no key")
    return tmp_path


TRUE = {
    "ANGUAN_LICENCE_URL": "https://licences.example/", "ANGUAN_LICENCE_CLIENT": "anguan-test",
    "ANGUAN_LICENCE_ISSUER": "https://licences.example", "ANGUAN_LICENCE_KEY": "platform.pem", "ANGUAN_LICENCE_TOKEN": "t",
}  # fmt: skip


def settings(home, **environment):
    return read_settings({"ANGUAN_HOME": str(home), **environment})


def test_this_way_in_is_shut_unless_it_is_configured(home):
    assert licences_of(settings(home)) is None
    assert isinstance(licences_of(settings(home, ANGUAN_SIMULATORS="1")), SimulatedPlatform)
    true = licences_of(settings(home, ANGUAN_SIMULATORS="1", **TRUE))
    assert isinstance(true, RemoteLicences)
    assert (true.url, true.trust) == ("https://licences.example", TRUST)
    assert "'t'" not in repr(settings(home, **TRUE))


BAD = {
    "simulators in production": {"ANGUAN_ENV": "production", "ANGUAN_SIMULATORS": "1"},
    "the simulator's name in production": {**TRUE, "ANGUAN_ENV": "production", "ANGUAN_LICENCE_ISSUER": "sim"},
    "no client": {**TRUE, "ANGUAN_LICENCE_CLIENT": ""},
    "no issuer": {**TRUE, "ANGUAN_LICENCE_ISSUER": ""},
    "no key": {**TRUE, "ANGUAN_LICENCE_KEY": ""},
    "a file address": {**TRUE, "ANGUAN_LICENCE_URL": "file:///etc/passwd"},
    "a key that is none": {**TRUE, "ANGUAN_LICENCE_KEY": "none.pem"},
    "a key that is not there": {**TRUE, "ANGUAN_LICENCE_KEY": "gone.pem"},
}


@pytest.mark.parametrize("environment", BAD.values(), ids=BAD)
def test_with_a_bad_setting_nothing_starts(home, environment):
    with pytest.raises(BadSetting, match="ANGUAN_"):
        licences_of(settings(home, **environment))


def test_the_simulators_words_mean_nothing_to_a_true_platforms_house(tmp_path):
    simulator = Simulated(tmp_path)
    simulator.provider.start(TICKET, at=AT)
    body = simulator.confirms(TICKET, Licence(USCC, "甲"), "42", AT)
    with pytest.raises(BadAssertion):
        RemoteLicences("https://licences.example", TRUST, "").parse_callback({}, body, at=AT)


def test_production_refuses_simulators_however_it_is_told():
    with pytest.raises(BadSetting, match="ANGUAN_SIMULATORS"):
        Settings(home=make.NOON, database_url="", keys=Keys("", b"", {}), production=True, simulators=True)
