"""Compresses the texts that are sent: a page of 60 KB takes 10, which a telephone on a building site notices."""

import gzip
from functools import lru_cache

from flask import request
from werkzeug.wrappers import Response

LEAST = 800  # bytes; smaller answers fit one packet as they are
QUICK, THOROUGH = 4, 9  # of a page in a millisecond; of what is kept, once
TEXTS = frozenset({
    "text/html", "text/css", "text/javascript", "text/plain", "text/csv", "application/json", "application/jwk-set+json",
    "image/svg+xml",
})  # fmt: skip


def compress(answer: Response) -> Response:
    """``after_request``. Not for requests that another site causes: the length of the answer would tell it what is in it."""
    if answer.mimetype not in TEXTS:
        return answer
    answer.vary.add("Accept-Encoding")
    foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"
    if answer.status_code != 200 or foreign or not request.accept_encodings["gzip"] or "Content-Encoding" in answer.headers:
        return answer
    answer.direct_passthrough = False  # of files
    body, (etag, _weak) = answer.get_data(), answer.get_etag()
    if len(body) < LEAST:
        return answer
    answer.set_data(_kept(body) if etag else gzip.compress(body, QUICK, mtime=0))
    answer.headers["Content-Encoding"] = "gzip"
    if etag:
        answer.set_etag(etag, weak=True)  # the same text, in other bytes
    return answer


@lru_cache(maxsize=128)
def _kept(body: bytes) -> bytes:
    """What has an ETag is sent again and again, the same to everybody."""
    return gzip.compress(body, THOROUGH, mtime=0)
