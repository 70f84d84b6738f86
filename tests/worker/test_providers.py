"""Clients of outside services: SMS provider, seal service and ClamAV, each behind a real socket."""

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
from app.core.crypto.seal_provider import NoSuchSeal, SealUnavailable, SealUse, Suite
from app.core.settings import BadSetting, Keys, Settings, make_keys, read_settings
from app.files.storage import ScannerUnavailable
from app.outbox.sms import ConsoleGateway, FileGateway
from app.worker.providers import Clamd, HttpGateway, Operators, RemoteSeal, gateway_of, scanner_of, seal_of, unreachable
from tests import make
from tests.clamd import EICAR, clamd
from tests.fake_sms_provider import sms_provider
from tests.seals import embedded, service

AT = make.NOON
SETTINGS = Settings(home=Path("home"), database_url="sqlite://", keys=Keys("", b"", {}))


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with sms_provider() as one:
        yield one


def test_a_message_is_sent_with_our_reference_and_the_token(provider):
    assert HttpGateway(provider.url, "s3cret").send(7, "13812345678", "【湖南住建厅】字") == "c-1"
    ((headers, body),) = provider.asked
    assert body == {"reference": "7", "mobile": "13812345678", "text": "【湖南住建厅】字"}
    assert headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("answer", [b"", b"OK", b"[]", b"{}", b'{"reference": null}', b"\xff\xfe"])
def test_any_2xx_is_success_whatever_the_body(provider, answer):
    provider.answer = (202, answer, {})
    assert HttpGateway(provider.url).send(7, "13812345678", "字") == "http-7"


def test_a_reference_that_is_far_too_long_is_cut(provider):
    provider.answer = (200, b'{"reference": "%s"}' % (b"x" * 9999), {})
    assert HttpGateway(provider.url).send(7, "13812345678", "字") == "x" * 100


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_an_error_status_raises_without_token_or_number(provider, status):
    provider.answer = (status, b"", {})
    with pytest.raises(HTTPError) as error:
        HttpGateway(provider.url, "s3cret").send(7, "13812345678", "字")
    assert str(status) in str(error.value)
    assert "s3cret" not in f"{error.value}{HttpGateway(provider.url, 's3cret')}"


def test_the_token_is_not_sent_to_a_redirect_target(provider):
    with sms_provider() as other:
        provider.answer = (302, b"", {"Location": other.url})
        with pytest.raises(HTTPError):
            HttpGateway(provider.url, "s3cret").send(7, "13812345678", "字")
        assert other.asked == []


def test_an_unreachable_provider_raises():
    with pytest.raises(URLError):
        HttpGateway("http://127.0.0.1:9/").send(7, "13812345678", "字")


def test_the_settings_choose_the_gateway():
    assert gateway_of(SETTINGS) == FileGateway(Path("home/messages.jsonl"))
    assert isinstance(gateway_of(SETTINGS, console=True), ConsoleGateway)
    asked = replace(SETTINGS, sms_url="https://sms.example/", sms_token="t")
    assert gateway_of(asked) == HttpGateway("https://sms.example/", "t")
    assert "'t'" not in repr(asked)


@pytest.mark.parametrize("name", ["ANGUAN_SMS_URL", "ANGUAN_QUEUE_URL", "ANGUAN_SEAL_URL"])
@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://u:secret@x/", "sms.example", "javascript:1"])
def test_a_url_of_another_scheme_is_refused_and_not_quoted(tmp_path, name, url):
    make_keys(tmp_path)
    with pytest.raises(BadSetting, match=name) as error:
        read_settings({"ANGUAN_HOME": str(tmp_path), name: url})
    assert url not in str(error.value)


@pytest.fixture
def seal_held(tmp_path):
    """A seal held by the service."""
    return embedded(tmp_path / "theirs").seal(Suite.P256, at=AT)


@pytest.fixture
def seal_service(monkeypatch, seal_held):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with service(seal_held) as one:
        yield one


def test_only_the_digest_is_sent_and_the_signature_verifies(seal_service, seal_held):
    seal = RemoteSeal(seal_service.url, "s3cret").seal(Suite.P256, at=AT)
    assert seal.fingerprint == seal_held.fingerprint
    digest = hashlib.sha256(b"a paper").digest()
    seal_held.certificate.public_key().verify(seal.sign(digest), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    (path, _headers, _body), (paths, headers, body) = seal_service.asked
    assert (path, paths) == ("/seals/ecdsa-p256-sha256", "/seals/ecdsa-p256-sha256/signatures")
    assert body == {"certificate": seal_held.fingerprint, "digest": b64encode(digest).decode()}
    assert headers["Authorization"] == "Bearer s3cret"


def test_the_seal_of_letters_is_asked_for_at_its_own_address(seal_service):
    remote = RemoteSeal(seal_service.url)
    with pytest.raises(NoSuchSeal):  # the service of this test keeps none
        remote.seal(Suite.P256, at=AT, use=SealUse.LETTERS)
    assert seal_service.asked[-1][0] == "/letter-seals/ecdsa-p256-sha256"
    assert remote.seal(Suite.P256, at=AT)


def test_the_certificates_are_asked_for_once_in_five_minutes(seal_service):
    remote = RemoteSeal(seal_service.url)
    for later in (0, 4, 6):
        remote.seal(Suite.P256, at=AT + timedelta(minutes=later))
    assert len(seal_service.asked) == 2


def test_a_wrong_signature_is_refused(seal_service, seal_held):
    seal_service.wrong = seal_held.sign(b"0" * 32)
    seal = RemoteSeal(seal_service.url).seal(Suite.P256, at=AT)
    with pytest.raises(SealUnavailable, match="seal service") as error:
        seal.sign(b"1" * 32)
    assert "no signature of its certificate" in error.value.why


@pytest.mark.parametrize("status", [302, 400, 401, 409, 500, 503])
def test_after_an_error_the_service_is_not_called_for_half_a_minute(seal_service, status):
    remote = RemoteSeal(seal_service.url, "s3cret")
    seal_service.answer = status
    for _twice in range(2):
        with pytest.raises(SealUnavailable) as error:
            remote.seal(Suite.P256, at=AT)
    assert len(seal_service.asked) == 1
    assert "s3cret" not in f"{error.value}{error.value.why}{remote}"
    seal_service.answer = 200
    assert remote.seal(Suite.P256, at=AT + timedelta(seconds=31))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"chain": []}', b'{"chain": ["AAAA"]}', b'{"chain": 7}', b"\xff" * 99])
def test_a_malformed_answer_means_the_seal_is_unavailable(seal_service, raw):
    seal_service.raw = raw
    with pytest.raises(SealUnavailable):
        RemoteSeal(seal_service.url).seal(Suite.P256, at=AT)


def test_a_missing_kind_of_seal_does_not_pause_the_service(seal_service):
    remote = RemoteSeal(seal_service.url)
    with pytest.raises(NoSuchSeal):
        remote.seal(Suite.SM2, at=AT)
    assert remote.seal(Suite.P256, at=AT)


def test_an_unreachable_or_silent_service_means_the_seal_is_unavailable(seal_held):
    with pytest.raises(SealUnavailable):
        RemoteSeal("http://127.0.0.1:9").seal(Suite.P256, at=AT)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SealUnavailable) as error:
        RemoteSeal(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=1).seal(Suite.P256, at=AT)
    assert "TimeoutError" in error.value.why


def test_the_settings_choose_the_seal_and_only_a_lawful_one_is_no_demonstration():
    own = seal_of(replace(SETTINGS, seal_lawful=True))
    assert own == EmbeddedSeal(Path("home/seal"))
    assert own.demonstration
    asked = replace(SETTINGS, seal_url="https://seal.example", seal_token="t", seal_seconds=3)
    assert seal_of(asked) == RemoteSeal("https://seal.example", "t", 3, demonstration=True)
    assert not seal_of(replace(asked, seal_lawful=True)).demonstration
    assert "'t'" not in repr(asked)


@pytest.mark.parametrize("by", ["port", "socket"])
def test_a_file_is_sent_to_clamd_whole_and_its_verdict_is_returned(tmp_path, by):
    with clamd(str(tmp_path / "clamd") if by == "socket" else "") as daemon:
        ask = Clamd(daemon.address)
        large = bytes(range(256)) * 3000  # more than one piece
        assert [ask(data) for data in (b"", b"x", large, large + EICAR)] == ["", "", "", "Eicar-Signature"]
        assert daemon.asked == [b"", b"x", large, large + EICAR]
        assert ask.answers()


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0", b"OK\0", b"stream: ", b"stream:  FOUND\0", b"INSTREAM size limit exceeded. ERROR\0",
     b"stream: <script> alert FOUND\0", b"\xff" * 5000, b"stream: OK\r\nstream: Evil FOUND\0", b"UNKNOWN COMMAND\0"],
)  # fmt: skip
def test_any_other_answer_of_clamd_is_an_error(answer):
    with clamd() as daemon:
        daemon.reply = answer
        with pytest.raises(ScannerUnavailable):
            Clamd(daemon.address)(b"x")


def test_a_clamd_that_is_down_or_silent_is_unavailable_within_the_time_limit(tmp_path):
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
def test_an_invalid_clamd_address_is_refused(monkeypatch, tmp_path, address):
    make_keys(tmp_path)
    with pytest.raises(BadSetting, match="ANGUAN_CLAMD"):
        read_settings({"ANGUAN_HOME": str(tmp_path), "ANGUAN_CLAMD": address})


def test_without_a_setting_there_is_no_scanner():
    assert scanner_of(SETTINGS) is None
    assert scanner_of(replace(SETTINGS, clamd="/run/clamd")) == Clamd("/run/clamd")


# --- telling the operator -----------------------------------------------------------------------------------


def test_a_webhook_gets_the_finding_with_its_token_and_an_error_holds_none():
    with sms_provider() as hook:
        operators = Operators((), hook.url, "s3cret")
        operators.call({"event": "began", "code": "disk-low"})
        [(headers, body)] = hook.asked
        assert (body, headers["Authorization"]) == ({"event": "began", "code": "disk-low"}, "Bearer s3cret")
        hook.answer = (500, b"", {})
        with pytest.raises(OSError) as error:
            operators.call({"event": "ended", "code": "disk-low"})
    assert "s3cret" not in f"{error.value}{operators}"


def test_a_service_is_reached_without_sending_it_anything():
    with sms_provider() as service:
        assert unreachable(service.url) == ""
        assert service.asked == []
    assert unreachable("http://127.0.0.1:9") == "ConnectionRefusedError"
