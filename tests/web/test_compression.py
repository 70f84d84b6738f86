"""What is sent compressed, and what is not."""

import gzip

import pytest

from tests import make

GZIP = {"Accept-Encoding": "gzip, deflate"}


@pytest.mark.parametrize("path", ["/", "/login/", "/static/ag.css", "/static/js/main.js", "/static/icons.svg"])
def test_a_text_is_compressed_for_those_who_read_that(client, path):
    plain, packed = client.get(path), client.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    assert len(gzip.decompress(packed.data)) == pytest.approx(len(plain.data), abs=200)  # tokens and request numbers differ
    assert packed.content_length == len(packed.data)
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_the_rest_is_sent_as_it_is(client):
    asked = [
        ("/healthz", GZIP),  # short
        ("/status-list", GZIP),  # compressed in itself
        ("/lookup", GZIP | {"Sec-Fetch-Site": "cross-site"}),
        ("/lookup", {"Accept-Encoding": "gzip;q=0"}),
        ("/lookup/list/template.xlsx", GZIP),
    ]
    for path, headers in asked:
        answer = client.get(path, headers=headers)
        assert (answer.status_code, "Content-Encoding" in answer.headers) == (200, False), path


def test_a_compressed_page_is_not_sent_again(client, session):
    session.add(make.notice())
    session.commit()  # of an empty system nothing is kept
    etag = client.get("/lookup", headers=GZIP).headers["ETag"]
    assert etag.startswith("W/")
    assert client.get("/lookup", headers=GZIP | {"If-None-Match": etag}).status_code == 304
