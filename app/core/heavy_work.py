"""Bounds for work that costs much more than a page: hashing, files, sheets, drawing.

Each kind has places of its own in a process. A request that finds no place, and too many waiting for one, is refused at once;
so a flood of one kind leaves the threads that serve pages, and the other kinds, alone. Strangers have other places than known
people, and keep none of them out. Jobs and commands wait without limit.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from threading import BoundedSemaphore

from flask_babel import lazy_gettext as _

from app.core.errors import TooMany

WAIT = 10  # seconds; what waits for a place takes its turn much sooner, unless the machine is overloaded
RETRY_AFTER = 5  # seconds


class Asker(Enum):
    """Who waits for an answer."""

    STRANGER = "stranger"
    KNOWN = "known"  # signed in, or in a browser from which somebody has signed in


# Set for each request; None in jobs and commands.
asker: ContextVar[Asker | None] = ContextVar("asker", default=None)
_entered: ContextVar[frozenset["Places"]] = ContextVar("_entered", default=frozenset())


class Busy(TooMany):
    """All places for this kind of work are taken; nothing was done or counted."""

    status = 503
    code = "busy"
    title = _("Very many people ask for this at the moment")

    def __init__(self) -> None:
        sentence = _("Very many people ask for this at the moment, so nothing was done. Please try again in a few seconds.")
        super().__init__(sentence, retry_after=RETRY_AFTER)


class Places:
    """``at_once`` places for one kind of work in this process, for which up to ``waiting`` more may wait.

    Strangers have as many of their own, or ``strangers``: who waits for a shared place may be overtaken without end.
    """

    def __init__(self, at_once: int, waiting: int, strangers: int = 0) -> None:
        self.threads = at_once + waiting
        self._working = {Asker.STRANGER: BoundedSemaphore(strangers or at_once), Asker.KNOWN: BoundedSemaphore(at_once)}
        self._present = {who: BoundedSemaphore(self.threads) for who in Asker}

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A context, or a decorator of a view, that holds one place; what it calls needs none. Raises ``Busy`` in a request.

        Whoever may write while holding a place must enter before anything is written: of two, one would wait for the place
        and the other for the writer.
        """
        if self in _entered.get():
            yield
            return
        who = asker.get()
        working = self._working[who or Asker.KNOWN]
        if who and not self._present[who].acquire(blocking=False):
            raise Busy
        try:
            if not working.acquire(timeout=WAIT if who else None):
                raise Busy
            token = _entered.set(_entered.get() | {self})
            try:
                yield
            finally:
                _entered.reset(token)
                working.release()
        finally:
            if who:
                self._present[who].release()


HASHING = Places(max(1, (os.cpu_count() or 2) - 1), waiting=3)  # a hash occupies a core; one is left for pages
CHECKING = Places(1, waiting=1)  # files whose seal is verified, in a process of its own
SHEETS = Places(1, waiting=1)  # read and written in Python, which keeps other threads from running
DRAWING = Places(1, waiting=2)  # certificates, letters, forms
PICTURES = Places(2, waiting=5, strangers=1)  # scans and photographs; one may take 300 MB
THUMBNAILS = Places(2, waiting=10)  # some 30 ms each; the page of a case has nine, of which a browser asks for six at once
KINDS = (HASHING, CHECKING, SHEETS, DRAWING, PICTURES, THUMBNAILS)
THREADS = sum(kind.threads for kind in KINDS)  # that requests of known people can hold; of strangers as many
