"""What a person answered to a sheet that was read: texts in place of cells, words and titles for whole columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.models import SheetImport


@dataclass(frozen=True, slots=True)
class SheetAnswers:
    """``cells``: (row, column key) → text; ``words``: column key → text of a cell → text to take for it; ``titles``: column
    key → title of the sheet to take it from. ``sheet`` is the one to read, if several fit.
    ``shown``: what the answered cells show. ``confirmed``: row → token of the ID number proposed for it (``rescue``).
    """

    cells: Mapping[tuple[int, str], str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    sheet: str = ""
    shown: Mapping[tuple[int, str], str] = field(default_factory=dict)
    confirmed: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: SheetImport) -> "SheetAnswers":
        """What was answered to an import so far."""
        private, kept = batch.answers or {}, batch.mapping or {}
        cells = {(row, key): text for row, key, text, _shown in private.get("cells", ())}
        shown = {(row, key): was for row, key, _text, was in private.get("cells", ())}
        return cls(cells, kept.get("words", {}), kept.get("titles", {}), private.get("sheet", ""), shown)

    def joined(self, later: "SheetAnswers", keys: set[str]) -> "SheetAnswers":
        """With later answers, which count; only for columns with these keys."""
        words = {key: {**self.words.get(key, {}), **later.words.get(key, {})} for key in keys}
        cells = {spot: text for spot, text in (self.cells | later.cells).items() if spot[1] in keys}  # type: ignore[operator]
        titles = {key: title for key, title in (self.titles | later.titles).items() if key in keys}  # type: ignore[operator]
        words, shown = {key: one for key, one in words.items() if one}, later.shown | self.shown  # type: ignore[operator]
        return SheetAnswers(cells, words, titles, later.sheet or self.sheet, shown)

    @property
    def private(self) -> dict[str, Any]:
        """For ``SheetImport.answers``: of this sheet only."""
        cells = [[*spot, text, self.shown.get(spot, "")] for spot, text in self.cells.items()]
        return {"cells": cells, "sheet": self.sheet}

    @property
    def kept(self) -> dict[str, Any]:
        """For ``SheetImport.mapping``: also for later sheets."""
        return {"words": {key: dict(one) for key, one in self.words.items()}, "titles": dict(self.titles)}
