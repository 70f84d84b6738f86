"""The bench at which somebody decides: a row's place among those that wait, and the scans in the viewer.

Law: knows no table; the rooms say which rows, which page and which papers.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A row among the others of the list it was opened from, and the list's address."""

    title: object
    address: str
    ids: tuple[int, ...]
    row: int
    page: Callable[[int, str], str]  # the address of a row's page, with the way back to the list

    @property
    def number(self) -> int:
        """From 1; 0 when the row is not, or no longer, in the list."""
        return self.ids.index(self.row) + 1 if self.row in self.ids else 0

    @property
    def before(self) -> str:
        return self.page(self.ids[self.number - 2], self.address) if self.number > 1 else ""

    @property
    def after(self) -> str:
        """The one that follows; for a row that has left the list, the first."""
        return self.page(self.ids[self.number], self.address) if self.number < len(self.ids) else ""

    @property
    def following(self) -> str:
        """Where to go once this one is decided: the next one, else the first that is left, else the list."""
        rest = [key for key in self.ids if key != self.row]
        return self.after or (self.page(rest[0], self.address) if rest else self.address)


@dataclass(frozen=True, slots=True)
class Scan:
    """One paper for the viewer; without ``url`` it was not handed in."""

    label: object
    url: str = ""
    small: str = ""
    pdf: bool = False
    name: str = ""
    item: str = ""  # what it is marked by, where it can be marked
    gone: object = ""  # in place of ``url``: when and why it was removed
    before: "Scan | None" = None  # what it was in the submission before, where it differs
