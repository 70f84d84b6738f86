"""A row's position in the queue it is decided from, and the scans of the viewer; for any table."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A row among the rows of the list it was opened from, and the list's URL."""

    title: object
    address: str
    ids: tuple[int, ...]
    row: int
    page: Callable[[int, str], str]  # URL of a row's page, given its id and the list's URL

    @property
    def number(self) -> int:
        """From 1; 0 if the row is not, or no longer, in the list."""
        return self.ids.index(self.row) + 1 if self.row in self.ids else 0

    @property
    def before(self) -> str:
        return self.page(self.ids[self.number - 2], self.address) if self.number > 1 else ""

    @property
    def after(self) -> str:
        """The next row's URL; for a row that has left the list, the first."""
        return self.page(self.ids[self.number], self.address) if self.number < len(self.ids) else ""

    @property
    def following(self) -> str:
        """Where to go after deciding: the next row, else the first remaining one, else the list."""
        rest = [key for key in self.ids if key != self.row]
        return self.after or (self.page(rest[0], self.address) if rest else self.address)


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan for the viewer; without ``url`` it was not handed in."""

    label: object
    url: str = ""
    small: str = ""
    pdf: bool = False
    name: str = ""
    item: str = ""  # key of its correction mark, if it can be marked
    gone: object = ""  # in place of ``url``: when and why it was removed
    before: "Scan | None" = None  # the scan of the previous submission, if different
