"""Files in a bucket of a real object store: what goes there, and what happens while it cannot be used."""

import hashlib
import logging
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from socket import socket
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from werkzeug.serving import make_server

from app.core.crypto.encryption import keyring
from app.core.errors import FilesAway, Obstacle, Unwritable
from app.files import bucket_store
from app.files.bucket_store import BucketStore, client
from app.files.storage import FileMissing, object_name
from tests.at_once import at_once
from tests.certs import SERVER, issued
from tests.conftest import KEYS
from tests.object_store import SECRET, little_patience

NOW = datetime.now(UTC)
TOMORROW, YESTERDAY = NOW + timedelta(days=1), NOW - timedelta(days=1)
PAPER = b"a scan of 430102199001011234"
DIGEST = hashlib.sha256(PAPER).hexdigest()


@pytest.fixture
def store(object_store) -> BucketStore:
    return BucketStore(object_store.bucket())


def raw(store: BucketStore, place: str = "objects") -> bytes:
    """What lies in the object store, under its full name there."""
    return bytes(client(replace(store.bucket, prefix="")).get(f"anguan/files/{place}/{object_name(DIGEST)}").bytes())


def test_nothing_leaves_unencrypted(store):
    store.put(PAPER)
    assert raw(store).startswith(b"AGS1")
    assert PAPER not in raw(store)


def test_what_was_changed_in_the_bucket_is_found_and_repaired_by_the_next_put(store):
    store.put(PAPER)
    client(store.bucket).put(f"objects/{object_name(DIGEST)}", raw(store)[:-1] + b"x")
    assert not store.verify(DIGEST)
    store.put(PAPER)
    assert store.read(DIGEST) == PAPER


def test_a_rotation_encrypts_again_what_lies_in_the_bucket(store):
    store.put(PAPER)
    try:
        keyring.unlock(KEYS.index, {**KEYS.data, 2: b"e" * 32})
        assert store.reencrypt(DIGEST)
        assert (store.key_of(DIGEST), store.read(DIGEST)) == (2, PAPER)
        assert not store.reencrypt(DIGEST)
    finally:
        keyring.unlock(*KEYS.ring)


def test_a_removed_object_is_found_for_another_day(store):
    """Somebody may have stored it again between the look at its age and the removal, which S3 cannot refuse then."""
    store.put(PAPER)
    assert store.remove(DIGEST, older_than=TOMORROW)
    assert store.read(DIGEST) == PAPER
    assert list(store.digests()) == [DIGEST]
    assert list(store.orphans({DIGEST}, TOMORROW)) == []  # a row names it after all: it stays where it is
    assert list(store.orphans(set(), TOMORROW)) == [f"removed/{DIGEST}"]
    assert not store.remove(f"removed/{DIGEST}", older_than=YESTERDAY)
    assert store.remove(f"removed/{DIGEST}", older_than=TOMORROW)
    assert not store.has(DIGEST)
    with pytest.raises(FileMissing):
        store.read(DIGEST)


def test_whoever_stores_a_file_while_it_is_removed_does_not_lose_it(store):
    def put():
        for _turn in range(25):
            store.put(PAPER)
            assert store.read(DIGEST) == PAPER

    def remove():
        for _turn in range(50):
            store.remove(DIGEST, older_than=TOMORROW)

    at_once(lambda work: work(), [put, remove, put, remove])


def test_a_silent_store_is_given_up_after_a_few_tries(store, object_store):
    store.put(PAPER)
    with object_store.silent():
        with pytest.raises(FilesAway):
            store.read(DIGEST)
        with pytest.raises(Unwritable) as caught:
            store.put(PAPER)
    assert caught.value.obstacle is Obstacle.FILES_AWAY


def test_a_store_that_always_fails_is_asked_three_times(store):
    with answering("503 Slow Down") as (url, asked), little_patience(), pytest.raises(FilesAway):
        BucketStore(replace(store.bucket, url=f"http://{url}")).has(DIGEST)
    assert asked == ["HEAD"] * (1 + bucket_store.TRIES_AGAIN)


def test_a_private_authority_is_trusted_where_it_is_named(store, tmp_path):
    machine = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    start, end = NOW - timedelta(days=1), NOW + timedelta(days=1)
    authority = issued("authority", ca=True, start=start, end=end)
    service = issued("service", authority, start=start, end=end, eku=(SERVER,), more=[(machine, False)])
    (tmp_path / "key.pem").write_bytes(service.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "service.pem").write_bytes(service.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "authority.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    ours = (str(tmp_path / "service.pem"), str(tmp_path / "key.pem"))
    with answering("404 Not Found", ours) as (url, _asked):
        strange = replace(store.bucket, url=f"https://{url}")
        with pytest.raises(FilesAway):
            BucketStore(strange).has(DIGEST)
        assert not BucketStore(replace(strange, authority=tmp_path / "authority.pem")).has(DIGEST)


@contextmanager
def answering(status, certificate=None):
    """A server that answers everything with this status: its place, and the methods that it was asked with."""
    asked = []

    def answer(environ, start_response):
        asked.append(environ["REQUEST_METHOD"])
        start_response(status, [("Content-Length", "0")])
        return []

    server = make_server("127.0.0.1", 0, answer, ssl_context=certificate)
    Thread(target=server.serve_forever).start()
    try:
        yield f"127.0.0.1:{server.port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_no_answer_tells_the_secret(store, caplog):
    """A closed port, a wrong key, a bucket that does not exist: the log says which, and no key."""
    with socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    faulty = {
        "it does not answer": replace(store.bucket, url=closed),
        "it refuses the key": replace(store.bucket, secret=f"{SECRET} or not"),
        "it has no such bucket": replace(store.bucket, name="nobodys-bucket"),
    }
    caplog.set_level(logging.WARNING)
    for why, bucket in faulty.items():
        caplog.clear()
        with pytest.raises(FilesAway) as caught:
            BucketStore(bucket).read(DIGEST)
        assert str(caught.value.why) == why
        assert bucket.address in caplog.text
        assert SECRET not in f"{caught.value} {bucket!r} {caplog.text}"
