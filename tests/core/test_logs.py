"""Lines of the log: as text or JSON, with the number of the request, without personal numbers."""

import json
import logging

import pytest

from app.core import logs
from tests import make

MOBILE = "13812342345"


def line_of(message: str, *values: object, as_json: bool = True) -> str:
    try:
        raise RuntimeError(f"no such person {MOBILE}")
    except RuntimeError as error:
        record = logging.LogRecord("app.x", logging.ERROR, "", 0, message, values, (type(error), error, error.__traceback__))
    return logs.formatter(as_json=as_json).format(record)


def test_a_line_is_one_json_object():
    token = logs.number.set("abc1")
    try:
        line = line_of("first\nsecond %s", "页")
    finally:
        logs.number.reset(token)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["level"], read["logger"], read["message"]) == ("ERROR", "app.x", "first\nsecond 页")
    assert read["request"] == "abc1"
    assert "RuntimeError" in read["trace"]


def test_outside_a_request_there_is_no_number():
    assert "request" not in json.loads(line_of("x"))


@pytest.mark.parametrize("as_json", [True, False])
def test_personal_numbers_are_masked_in_message_and_trace(as_json):
    line = line_of("by %s", number := make.id_number(), as_json=as_json)
    assert MOBILE not in line
    assert number not in line
    assert line.count("138****2345") == 1
