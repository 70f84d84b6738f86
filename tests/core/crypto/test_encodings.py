"""Base64url without padding, and the lengths of DER elements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.crypto import base64url
from app.core.crypto.der import tlv


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"\xfb\xff", "-_8"), (b"\0", "AA")]
)
def test_base64url_has_no_padding_and_no_marks_of_an_address(data, text):
    assert (base64url.encode(data), base64url.decode(text)) == (text, data)


@given(st.binary(max_size=70))
def test_base64url_is_read_back(data):
    assert base64url.decode(base64url.encode(data)) == data


@pytest.mark.parametrize("text", ["A", "AAAAA", "Zm9vA"])
def test_a_length_that_no_bytes_have_is_refused(text):
    with pytest.raises(ValueError):
        base64url.decode(text)


@pytest.mark.parametrize(
    ("long", "head"), [(0, "3000"), (127, "307f"), (128, "308180"), (255, "3081ff"), (256, "30820100"), (65536, "3083010000")]
)
def test_a_length_takes_as_few_bytes_as_it_can(long, head):
    assert tlv(0x30, b"x" * long) == bytes.fromhex(head) + b"x" * long
