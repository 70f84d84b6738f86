"""Merged cells below a header: only the first of them holds a value, so none is read."""

from collections.abc import Iterable, Mapping

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cells import Fault
from app.files.spreadsheets.columns import SheetRefused
from app.files.spreadsheets.sheet import Span

_SAID = Fault("")


class MergedCells:
    """Asked row by row, from the top, which of ``places`` are covered."""

    def __init__(self, spans: Iterable[Span], places: set[int]) -> None:
        relevant = [span for span in spans if any(span.left <= place <= span.right for place in places)]
        self._coming = sorted(relevant, key=lambda span: span.top, reverse=True)
        self._open: list[tuple[Span, list[int]]] = []
        self._said: set[Span] = set()
        self._places = sorted(places)

    def over(self, number: int) -> Mapping[int, Fault]:
        """By column number; a range is said once, at the first of its cells that is asked for."""
        if not self._coming and not self._open:
            return {}
        while self._coming and self._coming[-1].top <= number:
            span = self._coming.pop()
            self._open.append((span, [place for place in self._places if span.left <= place <= span.right]))
        self._open = [(span, covered) for span, covered in self._open if span.bottom >= number]
        if sum(len(covered) for _span, covered in self._open) > len(self._places):
            raise SheetRefused(code="overlapping-ranges")
        found: dict[int, Fault] = {}
        for span, covered in self._open:
            found |= dict.fromkeys(covered, _SAID)
            if span not in self._said:
                self._said.add(span)
                found[covered[0]] = Fault(self._sentence(span))
        return found

    @staticmethod
    def _sentence(span: Span) -> object:
        return _(
            "The cells %(cells)s are merged, so that only the first one holds a value. "
            "Please unmerge them and fill in every cell.",
            cells=span.ref,
        )
