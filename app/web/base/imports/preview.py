"""How the sheet of an import is read: its titles, each of its columns, its rows by page; and what is answered to it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from app.applications import sheet_imports
from app.applications.sheet_imports import SheetAnswers
from app.core.redaction import mask_numbers
from app.core.vocabulary import ImportPhase, RowOutcome
from app.db.session import db
from app.files.row_preview import PreviewRow
from app.files.spreadsheets import Column
from app.models import SheetImport
from app.web import request_context
from app.web.base.sheet_preview import (
    LONGEST_ANSWER,
    PlaceAsked,
    SheetPreview,
    answered_cells,
    confirmed_proposals,
    faulty_first,
    lines_of,
    pages_of,
)

ROWS_KEPT = (ImportPhase.CHECKED, ImportPhase.DRY_RUN, ImportPhase.DONE)


class ColumnReading(NamedTuple):
    """What was found in a column; ``words``: texts that are on no list, how often, and what each may be mapped to.

    ``mapped`` are words that were mapped already, with their meaning.
    """

    column: Column
    title: str
    counts: Mapping[str, int]  # of the cells that are filled, doubtful, refused
    words: Sequence[tuple[str, int, Sequence[object]]]
    mapped: Mapping[str, str]


class LayoutReading(NamedTuple):
    """How the sheet as a whole is read."""

    sheet: str
    sheets: Sequence[str]  # to choose from
    titles: Sequence[str]
    unmapped: Sequence[str]
    left_out: Sequence[Sequence[Any]]
    columns: Sequence[ColumnReading]
    needs_look: bool  # something of it may have to be mapped


def layout_of(course: SheetImport) -> LayoutReading | None:
    """None where nothing is kept of it."""
    layout = course.layout
    if layout is None:
        return None
    found, words = layout.get("columns", {}), layout.get("words", {})
    titles, unmapped = layout.get("titles", {}), layout.get("unmapped", [])
    columns = [
        ColumnReading(
            column,
            titles.get(column.key, ""),
            found.get(column.key, {}),
            [
                (mask_numbers(word), n, [*may_mean, *column.choices])
                for word, n, may_mean in words.get(column.key, ())
                if word
            ],
            course.mapping.get("words", {}).get(column.key, {}),
        )
        for column in sheet_imports.IMPORTERS[course.kind].columns
    ]
    sheets = layout.get("sheets", [])
    unread = course.phase is ImportPhase.UNREADABLE or any(column.words for column in columns)
    left_out = [(row, mask_numbers(text)) for row, text in layout.get("left_out", [])]
    return LayoutReading(layout.get("sheet", ""), sheets, [*titles.values(), *unmapped], unmapped, left_out, columns, unread)


def rows_of(course: SheetImport) -> SheetPreview | None:
    """The page of rows that the address asks for."""
    if course.phase not in ROWS_KEPT or course.layout is None:
        return None
    counts = {outcome: course.counts.get(outcome.value, 0) for outcome in RowOutcome}
    asked = PlaceAsked.of(request.args.get("rows", ""))
    asked = asked._replace(page=min(asked.page, pages_of(counts, asked.only)))
    rows = sheet_imports.page_of(db.session(), course.id, asked.only, asked.page - 1)
    columns = faulty_first(sheet_imports.IMPORTERS[course.kind].columns, rows)
    return SheetPreview(
        columns,
        lines_of(columns, rows, asked.edit, _proposals(course, rows)),
        counts,
        asked,
        course.phase is ImportPhase.CHECKED,
        lambda place: url_for("ImportView.course", import_id=course.id, rows=place, _anchor="rows"),
    )


def _proposals(course: SheetImport, rows: Sequence[PreviewRow]) -> dict[int, dict[str, str]]:
    """For ID numbers that cannot be read, while they can be answered."""
    if course.phase is not ImportPhase.CHECKED:
        return {}
    offered = sheet_imports.proposals(db.session(), course, rows, request_context.current_actor())
    return {row: {token: one.shown for token, one in found.items()} for row, found in offered.items()}


def answers_in(form: MultiDict[str, str]) -> SheetAnswers:
    """What was answered on the page: cells, words of whole columns, titles of columns, the sheet to read."""
    words: dict[str, dict[str, str]] = {}
    titles = {}
    for name, text in form.items():
        kind, _mark, place = name.partition(":")
        key, _mark, word = place.partition(":")
        if kind == "word" and text.strip():
            words.setdefault(key, {})[word[:LONGEST_ANSWER]] = text.strip()[:LONGEST_ANSWER]
        elif kind == "title" and text != form.get(f"read:{key}", ""):
            titles[key] = text
    chosen = confirmed_proposals(form)
    return SheetAnswers(answered_cells(form), words, titles, form.get("sheet", ""), confirmed=chosen)
