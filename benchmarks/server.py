"""Starts the server as ``anguan serve`` does and reads what it costs: CPU time, memory, time to its first answer (Linux)."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT
from benchmarks.data import Built

LONGEST_START = 120.0  # seconds
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its first process, its port, and the first process of its database server, if it has one."""

    pid: int
    port: int
    seconds: float  # from its start to its first answer
    database: int | None = None

    def cpu(self) -> float:
        """CPU seconds of all its processes so far, the database server's included."""
        return sum(_cpu_of_tree(pid) for pid in (self.pid, self.database) if pid)

    def forget_peaks(self) -> None:
        for pid in _tree(self.pid):
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The most memory that one of its processes has held, in MB."""
        return max(_memory(pid, "VmHWM") for pid in _tree(self.pid))

    def at_rest(self) -> float:
        """The memory of its largest process beside the first one, in MB: a web worker's, where it serves the web only."""
        return max(_memory(pid, "VmRSS") for pid in _tree(self.pid)[1:])


Serve = Callable[..., AbstractContextManager[Server]]  # as ``serving``


@contextmanager
def serving(province: Built, *, background: int = 0, proxy: bool = False) -> Iterator[Server]:
    """Our server with two web workers. ``background``: processes for jobs. ``proxy``: believes X-Forwarded-For."""
    command = [sys.executable, "-m", "app.cli", "serve", "--workers", "2"]
    command += ["--background", str(background)] if background else ["--no-worker"]
    environment = province.environment | ({"ANGUAN_TRUSTED_PROXIES": "1"} if proxy else {})
    database = None
    if province.database == "postgresql":
        database = int((province.folder / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    with started(command, environment, "/healthz", ROOT, database=database, port_option="--port") as server:
        yield server


@contextmanager
def started(
    command: Sequence[str],
    environment: Mapping[str, str],
    path: str,
    folder: Path,
    *,
    database: int | None = None,
    port_option: str = "",
) -> Iterator[Server]:
    """A server on a free port of this machine, once ``path`` is answered; ended with all its processes."""
    port = free_port()
    command = [*command, port_option, str(port)] if port_option else [part.replace("{port}", str(port)) for part in command]
    log = Path(f"/proc/{os.getpid()}/fd/2")
    began = time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=dict(environment), cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
    try:
        while not _answers(port, path):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended at once: {' '.join(command)}")
            if time.monotonic() - began > LONGEST_START:
                raise TimeoutError(f"no answer from {' '.join(command)}")
            time.sleep(0.005)
        yield Server(process.pid, port, time.monotonic() - began, database)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tree(pid: int) -> list[int]:
    """A process and its descendants, itself first."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = [pid]
    for known in found:
        found += parents.get(known, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/…/stat after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_of_tree(pid: int) -> float:
    """Including the children that have ended."""
    spent = 0
    for one in _tree(pid):
        with suppress(OSError):
            spent += sum(map(int, _stat(one)[11:15]))
    return spent / _TICKS


def _memory(pid: int, name: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
