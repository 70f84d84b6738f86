"""Who carries text messages: the provider over HTTP, against a real socket, and which one the settings mean."""

from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from app.config import BadSetting, Keys, Settings, make_keys, read_settings
from app.gateways import HttpGateway, gateway_of
from app.messages import ConsoleGateway, FileGateway
from tests.carrier import carrier

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


@pytest.mark.parametrize("name", ["ANGUAN_SMS_URL", "ANGUAN_QUEUE_URL"])
@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://u:secret@x/", "sms.example", "javascript:1"])
def test_an_address_of_another_kind_is_refused_and_not_repeated(tmp_path, name, url):
    make_keys(tmp_path)
    with pytest.raises(BadSetting, match=name) as no:
        read_settings({"ANGUAN_HOME": str(tmp_path), name: url})
    assert url not in str(no.value)
