"""A real object store that speaks S3 for tests: SeaweedFS, from a wheel, as a process of its own on this machine alone."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from socket import socket

import pytest
from obstore.exceptions import BaseError

from app.core.settings import Bucket
from app.files import bucket_store
from app.files.bucket_store import client

KEY, SECRET = "tests", "for tests only, and long"
PORTS = tuple(f"{of}.port{kind}" for of in ("master", "volume", "filer", "s3") for kind in ("", ".grpc"))
START_SECONDS = 60
_buckets = count(1)


@dataclass
class ObjectStore:
    """A running server."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    def bucket(self, prefix: str = "anguan/files") -> Bucket:
        """A bucket without any file."""
        made = Bucket(f"tests-{next(_buckets)}", prefix, self.url, "us-east-1", KEY, SECRET)
        client(made).put("made", b"", use_multipart=False)  # which makes it, too
        return made

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Inside, it takes connections and answers nothing, and callers have little patience."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # until all its threads stand still
        try:
            with little_patience():
                yield
        finally:
            self.process.send_signal(signal.SIGCONT)
            self.await_answers()  # its parts find one another again

    def await_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.bucket()
                return
            except BaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@contextmanager
def little_patience() -> Iterator[None]:
    """Inside, calls give up after a few tenths of a second."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("SILENCE", "NOT_AFTER"):
            patched.setattr(bucket_store, name, timedelta(milliseconds=300))
        client.cache_clear()
        yield
    client.cache_clear()


def start(folder: Path, ports: dict[str, int]) -> ObjectStore:
    keys = {"credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
    everything = {"name": "tests", "actions": ["Admin", "Read", "Write", "List"], **keys}
    (folder / "keys.json").write_text(json.dumps({"identities": [everything]}))
    options = [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder / 'keys.json'}"]
    options += ["-volume.max=2000", "-volume.minFreeSpace=0", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    options += [f"-{name}={port}" for name, port in (ports | {"s3.port.iceberg": 0, "s3.port.lance": 0}).items()]
    with (folder / "log").open("ab") as log:
        program = [str(Path(sysconfig.get_path("scripts")) / "weed"), "server", *options]
        return ObjectStore(folder, ports, subprocess.Popen(program, stdout=log, stderr=log, cwd=folder))


@contextmanager
def running(folder: Path) -> Iterator[ObjectStore]:
    with ExitStack() as bound:  # all at once, so that all differ
        free = [bound.enter_context(socket()) for _name in PORTS]
        for one in free:
            one.bind(("127.0.0.1", 0))
        ports = {name: one.getsockname()[1] for name, one in zip(PORTS, free, strict=True)}
    server = start(folder, ports)
    try:
        server.await_answers()
        yield server
    finally:
        server.process.kill()
        server.process.wait()
