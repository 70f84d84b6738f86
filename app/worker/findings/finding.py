"""A finding, how grave it is, and how thoroughly it was looked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from app.worker.findings.kinds import KINDS, Severity

__all__ = ["Depth", "Severity", "SystemFinding"]


class Depth(IntEnum):
    """How much a check may cost; each depth includes those before it."""

    LIVE = 1  # within a request: a few rows of the database by index, no network, no file of the store
    WATCH = 2  # every few minutes by a worker: outside services are asked, a few files opened
    FULL = 3  # by command: whole tables are read
    DEEP = 4  # by command, when asked for: every file is opened, the whole audit log verified


@dataclass(frozen=True, slots=True)
class SystemFinding:
    """Something that is wrong. ``code`` and ``place`` together name it for as long as it lasts.

    ``values``: what its sentences are filled with. ``fix`` puts it right and may be repeated; None: a person must.
    """

    code: str
    place: str = ""  # a setting, file, table or service
    values: Mapping[str, str] = field(default_factory=dict, compare=False)
    fix: Callable[[], None] | None = field(default=None, compare=False, repr=False)
    found_by: str = field(default="", compare=False)  # the name of the check; filled by ``examine``

    @property
    def severity(self) -> Severity:
        return KINDS[self.code].severity

    @property
    def what(self) -> str:
        """What is wrong, as a sentence in the reader's language."""
        return self._filled(KINDS[self.code].what)

    @property
    def remedy(self) -> str:
        """What to do, as a sentence in the reader's language."""
        return self._filled(KINDS[self.code].remedy)

    def _filled(self, sentence: object) -> str:
        return str(sentence) % {"place": self.place, **self.values}

    def as_record(self) -> dict[str, str]:
        """For machines; the sentences are in the reader's language."""
        named = {"code": self.code, "severity": self.severity.name.lower(), "place": self.place}
        return named | {"what": self.what, "remedy": self.remedy}
