"""A program that ``test_limited_process`` starts: it does to itself what hostile input would."""

import os
import time

from app.core.limited_process import serve


def answer(question: bytes) -> bytes:
    deed, _space, about = question.partition(b" ")
    if deed == b"say":
        return about
    if deed == b"setting":
        return os.environ.get(about.decode(), "").encode()
    if deed == b"fill":
        return str(len(bytearray(int(about) * 1024 * 1024))).encode()
    if deed == b"sleep":
        time.sleep(3600)
    if deed == b"raise":
        raise RuntimeError("as it was told")
    while deed == b"compute":
        pass
    os._exit(3)


serve(answer)
