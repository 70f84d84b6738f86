"""Errors as pages or JSON, and flashed only where the error has no status of its own."""

import pytest
from flask import get_flashed_messages
from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestURITooLarge, ServiceUnavailable

from app.core import errors
from app.core.heavy_work import Busy
from app.web.base.error_pages import ERROR_TEXTS, flash_refusals, on_app_error, on_http_error, wants_json


@pytest.fixture
def asked(app, session):
    with app.test_request_context() as request:
        yield request


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        ("application/json", True),
        ("text/html;q=0.1,application/json", True),
    ],
)
def test_json_is_for_those_who_prefer_it(app, accept, json):
    with app.test_request_context(headers={"Accept": accept} if accept else {}):
        assert wants_json() is json


@pytest.mark.parametrize(
    ("error", "status", "like"),
    [
        (NotFound(), 404, 404),
        (MethodNotAllowed(["GET"]), 405, 405),
        (RequestURITooLarge(), 414, 400),
        (ServiceUnavailable(retry_after=9), 503, 500),
    ],
)
def test_an_error_without_a_text_of_its_own_gets_the_nearest(asked, error, status, like):
    answer = on_http_error(error)
    assert (answer.status_code, str(ERROR_TEXTS[like][0]) in answer.get_data(as_text=True)) == (status, True)
    assert (answer.headers.get("Allow"), answer.headers.get("Retry-After")) == (
        "GET" if status == 405 else None,
        "9" if status == 503 else None,
    )


@pytest.mark.parametrize("error", [errors.NotAllowed(), errors.NotFound(), errors.Stale(), errors.TooMany(retry_after=5)])
def test_an_error_with_a_status_is_a_page_and_never_a_message(asked, error):
    with pytest.raises(type(error)):
        flash_refusals(error)
    answer = on_app_error(error)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (error.status, "5" if error.status == 429 else None)


@pytest.mark.parametrize(
    ("method", "address", "status"), [("GET", "/no/such/page", 404), ("POST", "/healthz", 405), ("GET", "/metrics", 403)]
)
def test_every_error_page_shows_a_number_that_is_in_the_log_beside_no_address(client, caplog, method, address, status):
    answer = client.open(f"{address}?q=13812342345", method=method, environ_base={"REMOTE_ADDR": "203.0.113.7"})
    number = answer.headers["X-Request-ID"]
    assert answer.status_code == status
    assert number in answer.text
    [line] = [record.getMessage() for record in caplog.records if number in record.getMessage()]
    assert f"answered {status}" in line
    assert "?" not in line


@pytest.mark.parametrize("error", [errors.ClockInDoubt(), Busy()])
def test_a_503_for_a_reason_of_its_own_is_not_headed_as_many_who_save(asked, error):
    page = on_app_error(error).get_data(as_text=True)
    assert str(error.title) in page
    assert error.title
    assert str(ERROR_TEXTS[503][0]) not in page


def test_every_refusal_is_flashed(asked):
    flash_refusals(errors.Unmet([errors.Refusal("a", "甲"), errors.Refusal("b", "乙")]))
    assert get_flashed_messages() == ["甲", "乙"]
