"""Who is asked outside the house: the carrier of messages, the keeper of the seal and ClamAV, each behind a real socket."""

import hashlib
import socket
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import NoSuchSeal, SealUnavailable, Suite
from app.core.settings import BadSetting, Keys, Settings, make_keys, read_settings
from app.files.storage import ScannerUnavailable
from app.outbox.sms import ConsoleGateway, FileGateway
from app.worker.providers import Clamd, HttpGateway, RemoteSeal, gateway_of, scanner_of, seal_of
from tests import make
from tests.clamd import EICAR, clamd
from tests.fake_sms_provider import carrier
from tests.seals import embedded, service

AT = make.NOON
SETTINGS = Settings(home=Path("home"), database_url="sqlite://", keys=Keys("", b"", {}))


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with carrier() as one:
        yield one


def test_a_message_goes_out_with_our_reference_and_the_token(provider):
    assert HttpGateway(provider.url, "s3cret").send(7, "13812345678", "【湖南住建厅】字") == "c-1"
    ((headers, body),) = provider.asked
    assert body == {"reference": "7", "mobile": "13812345678", "text": "【湖南住建厅】字"}
    assert headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("said", [b"", b"OK", b"[]", b"{}", b'{"reference": null}', b"\xff\xfe"])
def test_a_yes_is_a_yes_however_it_is_worded(provider, said):
    provider.answer = (202, said, {})
    assert HttpGateway(provider.url).send(7, "13812345678", "字") == "http-7"


def test_a_reference_that_is_far_too_long_is_cut(provider):
    provider.answer = (200, b'{"reference": "%s"}' % (b"x" * 9999), {})
    assert HttpGateway(provider.url).send(7, "13812345678", "字") == "x" * 100


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_a_no_raises_and_names_neither_token_nor_number(provider, status):
    provider.answer = (status, b"", {})
    with pytest.raises(HTTPError) as no:
        HttpGateway(provider.url, "s3cret").send(7, "13812345678", "字")
    assert str(status) in str(no.value)
    assert "s3cret" not in f"{no.value}{HttpGateway(provider.url, 's3cret')}"


def test_the_token_follows_no_redirection(provider):
    with carrier() as stranger:
        provider.answer = (302, b"", {"Location": stranger.url})
        with pytest.raises(HTTPError):
            HttpGateway(provider.url, "s3cret").send(7, "13812345678", "字")
        assert stranger.asked == []


def test_a_provider_that_is_not_there_raises():
    with pytest.raises(URLError):
        HttpGateway("http://127.0.0.1:9/").send(7, "13812345678", "字")


def test_the_settings_say_who_carries():
    assert gateway_of(SETTINGS) == FileGateway(Path("home/messages.jsonl"))
    assert isinstance(gateway_of(SETTINGS, console=True), ConsoleGateway)
    asked = replace(SETTINGS, sms_url="https://sms.example/", sms_token="t")
    assert gateway_of(asked) == HttpGateway("https://sms.example/", "t")
    assert "'t'" not in repr(asked)


@pytest.mark.parametrize("name", ["ANGUAN_SMS_URL", "ANGUAN_QUEUE_URL", "ANGUAN_SEAL_URL"])
@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://u:secret@x/", "sms.example", "javascript:1"])
def test_an_address_of_another_kind_is_refused_and_not_repeated(tmp_path, name, url):
    make_keys(tmp_path)
    with pytest.raises(BadSetting, match=name) as no:
        read_settings({"ANGUAN_HOME": str(tmp_path), name: url})
    assert url not in str(no.value)


# --- the seal -----------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    """A seal as the service keeps it."""
    return embedded(tmp_path / "theirs").seal(Suite.P256, at=AT)


@pytest.fixture
def seal_service(monkeypatch, kept):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with service(kept) as one:
        yield one


def test_only_the_digest_goes_out_and_the_signature_is_proven(seal_service, kept):
    seal = RemoteSeal(seal_service.url, "s3cret").seal(Suite.P256, at=AT)
    assert seal.fingerprint == kept.fingerprint
    digest = hashlib.sha256(b"a paper").digest()
    kept.certificate.public_key().verify(seal.sign(digest), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    (path, _headers, _body), (paths, headers, body) = seal_service.asked
    assert (path, paths) == ("/seals/ecdsa-p256-sha256", "/seals/ecdsa-p256-sha256/signatures")
    assert body == {"certificate": kept.fingerprint, "digest": b64encode(digest).decode()}
    assert headers["Authorization"] == "Bearer s3cret"


def test_the_certificates_are_asked_for_once_in_five_minutes(seal_service):
    remote = RemoteSeal(seal_service.url)
    for later in (0, 4, 6):
        remote.seal(Suite.P256, at=AT + timedelta(minutes=later))
    assert len(seal_service.asked) == 2


def test_a_signature_that_does_not_fit_is_never_used(seal_service, kept):
    seal_service.wrong = kept.sign(b"0" * 32)
    seal = RemoteSeal(seal_service.url).seal(Suite.P256, at=AT)
    with pytest.raises(SealUnavailable, match="seal service") as no:
        seal.sign(b"1" * 32)
    assert "no signature of its certificate" in no.value.why


@pytest.mark.parametrize("status", [302, 400, 401, 409, 500, 503])
def test_a_service_that_says_no_is_left_alone_for_half_a_minute(seal_service, status):
    remote = RemoteSeal(seal_service.url, "s3cret")
    seal_service.answer = status
    for _twice in range(2):
        with pytest.raises(SealUnavailable) as no:
            remote.seal(Suite.P256, at=AT)
    assert len(seal_service.asked) == 1
    assert "s3cret" not in f"{no.value}{no.value.why}{remote}"
    seal_service.answer = 200
    assert remote.seal(Suite.P256, at=AT + timedelta(seconds=31))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"chain": []}', b'{"chain": ["AAAA"]}', b'{"chain": 7}', b"\xff" * 99])
def test_an_answer_that_makes_no_sense_is_an_absent_seal(seal_service, raw):
    seal_service.raw = raw
    with pytest.raises(SealUnavailable):
        RemoteSeal(seal_service.url).seal(Suite.P256, at=AT)


def test_a_kind_of_seal_that_the_service_does_not_keep_is_nothing_to_wait_for(seal_service):
    remote = RemoteSeal(seal_service.url)
    with pytest.raises(NoSuchSeal):
        remote.seal(Suite.SM2, at=AT)
    assert remote.seal(Suite.P256, at=AT)


def test_a_service_that_is_not_there_or_never_answers_is_an_absent_seal(kept):
    with pytest.raises(SealUnavailable):
        RemoteSeal("http://127.0.0.1:9").seal(Suite.P256, at=AT)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SealUnavailable) as no:
        RemoteSeal(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=1).seal(Suite.P256, at=AT)
    assert "TimeoutError" in no.value.why


def test_the_settings_say_whose_seal_it_is_and_only_a_lawful_one_is_no_demonstration():
    own = seal_of(replace(SETTINGS, seal_lawful=True))
    assert own == EmbeddedSeal(Path("home/seal"))
    assert own.demonstration
    asked = replace(SETTINGS, seal_url="https://seal.example", seal_token="t", seal_seconds=3)
    assert seal_of(asked) == RemoteSeal("https://seal.example", "t", 3, demonstration=True)
    assert not seal_of(replace(asked, seal_lawful=True)).demonstration
    assert "'t'" not in repr(asked)


# --- viruses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["port", "socket"])
def test_a_file_goes_to_clamd_whole_and_its_word_counts(tmp_path, by):
    with clamd(str(tmp_path / "clamd") if by == "socket" else "") as daemon:
        ask = Clamd(daemon.address)
        large = bytes(range(256)) * 3000  # more than one piece
        assert [ask(data) for data in (b"", b"x", large, large + EICAR)] == ["", "", "", "Eicar-Signature"]
        assert daemon.asked == [b"", b"x", large, large + EICAR]
        assert ask.answers()


@pytest.mark.parametrize(
    "said",
    [b"", b"\0", b"OK\0", b"stream: ", b"stream:  FOUND\0", b"INSTREAM size limit exceeded. ERROR\0",
     b"stream: <script> alert FOUND\0", b"\xff" * 5000, b"stream: OK\r\nstream: Evil FOUND\0", b"UNKNOWN COMMAND\0"],
)  # fmt: skip
def test_whatever_is_no_plain_verdict_is_none(said):
    with clamd() as daemon:
        daemon.says = said
        with pytest.raises(ScannerUnavailable):
            Clamd(daemon.address)(b"x")


def test_a_clamd_that_is_down_or_silent_is_away_within_its_patience(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for address in (f"tcp://127.0.0.1:{closed.getsockname()[1]}", str(tmp_path / "nothing"), "tcp://no.invalid:3310"):
            with pytest.raises(ScannerUnavailable):
                Clamd(address)(b"x")
            assert not Clamd(address).answers()
    with clamd() as daemon:
        daemon.silent = True
        with pytest.raises(ScannerUnavailable):
            Clamd(daemon.address, seconds=0.2)(b"x")


@pytest.mark.parametrize("address", ["clamd", "http://x", "tcp://", "tcp://a b:1", "tcp://x:99999999", "unix:/run/x", "./x"])
def test_an_address_that_clamd_cannot_have_is_refused(monkeypatch, tmp_path, address):
    make_keys(tmp_path)
    with pytest.raises(BadSetting, match="ANGUAN_CLAMD"):
        read_settings({"ANGUAN_HOME": str(tmp_path), "ANGUAN_CLAMD": address})


def test_without_a_setting_nobody_is_asked():
    assert scanner_of(SETTINGS) is None
    assert scanner_of(replace(SETTINGS, clamd="/run/clamd")) == Clamd("/run/clamd")
