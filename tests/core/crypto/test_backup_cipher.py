"""Streams to the keepers of a backup: only theirs to open, and never half."""

import io
import os

import pytest

from app.core.crypto import backup_cipher
from app.core.crypto.backup_cipher import BackupDamaged, BadBackupKey

PRIVATE, PUBLIC = backup_cipher.make_key()
RECIPIENTS = backup_cipher.recipients_of([PUBLIC])
DATA = os.urandom(300_000)


def mine(private: str = PRIVATE) -> backup_cipher.Identities:
    return backup_cipher.identities_of(private.encode())


def encrypted(data: bytes = DATA) -> bytes:
    sink = io.BytesIO()
    with backup_cipher.encrypting(sink, RECIPIENTS) as stream:
        for start in range(0, len(data), 50_000):
            stream.write(data[start : start + 50_000])
    return sink.getvalue()


def opened(data: bytes, identities=None) -> bytes:
    with backup_cipher.decrypting(io.BytesIO(data), identities or mine()) as stream:
        return stream.read()


def test_only_a_keeper_opens_a_stream():
    other = backup_cipher.make_key()[0]
    assert opened(encrypted()) == DATA
    assert DATA[:40] not in encrypted()
    assert opened(encrypted(b"")) == b""
    with pytest.raises(BadBackupKey, match="does not open"):
        opened(encrypted(), mine(other))
    assert backup_cipher.decrypt(backup_cipher.encrypt(DATA, RECIPIENTS), mine()) == DATA
    with pytest.raises(BadBackupKey):
        backup_cipher.decrypt(backup_cipher.encrypt(DATA, RECIPIENTS), mine(other))


def test_a_stream_that_was_cut_or_changed_is_damaged_even_if_nobody_reads_its_end():
    whole = encrypted()
    changed = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
    for broken in (whole[:-1], whole[:150_000], changed, b"no age file"):
        with pytest.raises(BackupDamaged):
            opened(broken)
        with pytest.raises(BackupDamaged), backup_cipher.decrypting(io.BytesIO(broken), mine()) as stream:
            stream.read(10)
    with pytest.raises(BackupDamaged):
        backup_cipher.decrypt(changed, mine())


def test_a_fault_of_either_side_comes_through_as_it_is():
    class Full(io.BytesIO):
        def write(self, _data) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), backup_cipher.encrypting(Full(), RECIPIENTS) as stream:
        stream.write(DATA * 10)
    with pytest.raises(ZeroDivisionError), backup_cipher.encrypting(io.BytesIO(), RECIPIENTS):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), backup_cipher.decrypting(io.BytesIO(encrypted()), mine()):
        raise ZeroDivisionError


def test_what_is_no_key_is_refused_in_words():
    assert backup_cipher.identities_of(f"# a note\n\n{PRIVATE}\n{PRIVATE}\n".encode())
    for nothing in (b"", b"# only a note", PUBLIC.encode(), b"\xff\xfe"):
        with pytest.raises(BadBackupKey, match="no private key"):
            backup_cipher.identities_of(nothing)
    for keys in ([], [PRIVATE], ["age1x"]):
        with pytest.raises(BadBackupKey):
            backup_cipher.recipients_of(keys)
