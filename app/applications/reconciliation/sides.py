"""The rows that a discrepancy is about, as they are now: certificates, passed exams, people, refused rows of sheets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.applications.sheet_imports import rows as sheet_rows
from app.core.identifiers import mask_id
from app.core.redaction import mask_numbers
from app.core.vocabulary import ImportKind
from app.models import Certificate, Discrepancy, Enterprise, ExamPass, LegacyRecord, Person, SheetImport

TEXTS = ("number", "category", "enterprise")
DAYS = ("first_issued_on", "issued_on", "valid_from", "valid_to")


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One row, with its ID number masked. ``kind`` is ``certificate``, ``pass``, ``person`` or ``row``.

    ``import_id``: the import that brought it, if any did; ``position``: of a row, its place in that sheet, from 0.
    """

    kind: str
    name: str
    id_number: str
    number: str = ""
    category: str = ""
    enterprise: str = ""
    enterprise_id: int | None = None
    first_issued_on: str = ""
    issued_on: str = ""
    valid_from: str = ""
    valid_to: str = ""
    status: object = ""
    import_id: int | None = None
    position: int = 0


def sides_of(session: Session, discrepancy: Discrepancy, on: date) -> list[ComparedRow]:
    """In the order in which they were compared; what is on the books no longer is left out."""
    wanted: dict[str, list[str]] = {}
    for side in discrepancy.sides:
        kind, _mark, key = side.partition(":")
        wanted.setdefault(kind, []).append(key)
    found = dict(_certificates(session, [int(key) for key in wanted.get("certificate", ())], on))
    found |= _passes(session, [int(key) for key in wanted.get("pass", ())])
    found |= _people(session, [int(key) for key in wanted.get("person", ())])
    found |= _refused(session, wanted.get("row", []))
    return [found[side] for side in discrepancy.sides if side in found]


def _certificates(session: Session, ids: list[int], on: date) -> Iterator[tuple[str, ComparedRow]]:
    loads = (selectinload(Certificate.person), selectinload(Certificate.enterprise))
    brought = _imports_of(session, ImportKind.CERTIFICATES, ids)
    for held in session.scalars(select(Certificate).where(Certificate.id.in_(ids)).options(*loads)):
        days: dict[str, Any] = {name: f"{getattr(held, name)}" for name in DAYS}
        side = ComparedRow(
            "certificate", held.holder, held.person.masked_id_number, held.number, held.category.value, held.enterprise.name,
            held.enterprise_id, status=held.status_on(on), import_id=brought.get(held.id),
        )  # fmt: skip
        yield f"certificate:{held.id}", replace(side, **days)


def _passes(session: Session, ids: list[int]) -> Iterator[tuple[str, ComparedRow]]:
    brought = _imports_of(session, ImportKind.PASSES, ids)
    query = select(ExamPass, ExamPass.identity).where(ExamPass.id.in_(ids)).options(selectinload(ExamPass.person))
    for one, identity in session.execute(query):
        who = identity or {"name": one.person.name, "id_number": one.person.id_number}
        yield f"pass:{one.id}", ComparedRow(
            "pass", who["name"], mask_id(who["id_number"]), category=one.category.value, issued_on=f"{one.passed_on}",
            import_id=brought.get(one.id),
        )  # fmt: skip


def _people(session: Session, ids: list[int]) -> Iterator[tuple[str, ComparedRow]]:
    query = select(Person, Enterprise.name).outerjoin(Enterprise, Enterprise.id == Person.enterprise_id)
    for person, enterprise in session.execute(query.where(Person.id.in_(ids))):
        side = ComparedRow("person", person.name, person.masked_id_number, enterprise=enterprise or "")
        yield f"person:{person.id}", side


def _refused(session: Session, places: list[str]) -> Iterator[tuple[str, ComparedRow]]:
    """Rows are kept as long as the report of their import."""
    for place in places:
        import_id, position = map(int, place.split(":"))
        for row in sheet_rows.slice_of(session, import_id, position, 1):
            said: dict[str, Any] = {key: mask_numbers(row.stored.get(key, "")) for key in ("name", "status", *TEXTS, *DAYS)}
            said["issued_on"] = said["issued_on"] or mask_numbers(row.stored.get("passed_on", ""))
            id_number = mask_id(row.stored.get("id_number", ""))
            yield f"row:{place}", ComparedRow("row", id_number=id_number, import_id=import_id, position=position, **said)


def _imports_of(session: Session, kind: ImportKind, ids: list[int]) -> dict[int, int]:
    query = select(LegacyRecord.row_id, LegacyRecord.import_id).where(LegacyRecord.kind == kind, LegacyRecord.row_id.in_(ids))
    return {row.row_id: row.import_id for row in session.execute(query)}


def sheets_of(session: Session, sides: list[ComparedRow]) -> dict[int, str]:
    """File names of the imports that brought these."""
    ids = {side.import_id for side in sides if side.import_id}
    query = select(SheetImport.id, SheetImport.filename).where(SheetImport.id.in_(ids))
    return {row.id: row.filename for row in session.execute(query)}
