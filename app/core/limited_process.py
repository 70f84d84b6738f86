"""A process of its own for work on hostile input: limited in time and memory, ended when over, started anew.

It runs on between questions, because a start costs half a second. It gets no settings of ours, and ends with its parent.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Timer
from typing import IO, NoReturn

try:
    import resource
except ImportError:  # Windows: the time limit alone
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

SECONDS = 2.0  # for an answer
CPU_SECONDS = 1  # for an answer; the system counts whole seconds, so up to one more
MEMORY = 100 * 1024 * 1024  # on top of what the program needs
START_SECONDS = 60  # on a busy machine
PREFIX = 4  # bytes before each message: its length


class Overran(Exception):
    """No answer within the limits."""


class LimitedProcess:
    """``python -m module``, which calls ``serve``; started by the first question."""

    def __init__(self, module: str, *, seconds: float = SECONDS) -> None:
        self.module, self.seconds = module, seconds
        self.ended: int | None = None  # return code of the last process that overran
        self._running: subprocess.Popen[bytes] | None = None
        self._turn = Lock()

    def ask(self, question: bytes) -> bytes:
        """The answer to one question, one at a time. Raises ``Overran``; the next question finds a new process."""
        with self._turn:
            if self._running is None or self._running.poll() is not None:
                self._start()
            return self._exchange(question, self.seconds)

    def stop(self) -> int | None:
        """End the process; its return code, None if there was none."""
        running, self._running = self._running, None
        if running is None:
            return None
        running.kill()
        running.communicate()  # closes its pipes
        return running.returncode

    def _start(self) -> None:
        self.stop()
        command = [sys.executable, "-m", self.module]
        settings = {"PYTHONPATH": os.pathsep.join(sys.path)}
        self._running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings)  # noqa: S603 - ours
        self._exchange(b"", START_SECONDS)

    def _exchange(self, question: bytes, seconds: float) -> bytes:
        running = self._running
        assert running is not None  # noqa: S101 - started above
        assert running.stdin is not None  # noqa: S101
        assert running.stdout is not None  # noqa: S101
        over = Event()

        def end() -> None:
            over.set()
            running.kill()

        clock = Timer(seconds, end)
        clock.start()
        try:
            _send(running.stdin, question)
            return _received(running.stdout)
        except (OSError, EOFError) as fault:
            with suppress(subprocess.TimeoutExpired):  # it ends by itself, or was ended
                running.wait(seconds)
            self.ended = self.stop()
            raise Overran from fault
        finally:
            clock.cancel()
            clock.join()
            if over.is_set():  # perhaps just after the answer
                self.stop()


# --- in the process ---------------------------------------------------------------------------------------------


def serve(answer: Callable[[bytes], bytes], *, memory: int = MEMORY, cpu_seconds: int = CPU_SECONDS) -> NoReturn:
    """Answer every question until the parent is gone. The first one is empty, and only asks whether all is loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is meant for the parent
    asked, answered = sys.stdin.buffer, sys.stdout.buffer
    try:
        _send(answered, _received(asked))
        _limit_memory(memory)
        while True:
            question = _received(asked)
            _allow_cpu_time(cpu_seconds)
            _send(answered, answer(question))
    except (EOFError, BrokenPipeError):
        sys.exit(0)
    except MemoryError:
        sys.exit(1)


def _limit_memory(memory: int) -> None:
    size = Path("/proc/self/statm")
    if not (HAS_LIMITS and size.exists()):
        return
    most = int(size.read_text().split()[0]) * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would leave personal data on the disk


def _allow_cpu_time(seconds: int) -> None:
    if HAS_LIMITS:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, hard))


# --- messages ---------------------------------------------------------------------------------------------------


def _send(channel: IO[bytes], message: bytes) -> None:
    channel.write(len(message).to_bytes(PREFIX, "big") + message)
    channel.flush()


def _received(channel: IO[bytes]) -> bytes:
    length = int.from_bytes(_exactly(channel, PREFIX), "big")
    return _exactly(channel, length)


def _exactly(channel: IO[bytes], length: int) -> bytes:
    data = channel.read(length)
    if len(data) < length:
        raise EOFError
    return data
