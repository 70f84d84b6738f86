"""The job that compares the records of the whole book, portion by portion, and keeps what it finds.

A portion is read by index (people in the order of their ids), compared and stored before the next, so that memory does not
grow with the book but for the digests of the numbers. Run twice, or twice at once, it finds the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.applications.reconciliation import comparing
from app.applications.reconciliation.rules import ComparisonRules, Discovery
from app.core.crypto.encryption import keyring
from app.core.discrepancy_vocabulary import DiscrepancyKind, DiscrepancyState
from app.core.identifiers import BadNumber, fold_certificate_number, fold_name, parse_old_id_number
from app.core.office import Office
from app.core.redaction import mask_numbers
from app.core.vocabulary import ImportKind, ImportPhase, RowOutcome
from app.db.id_lists import among, read_rows
from app.db.session import insert_into, read_only
from app.models import Certificate, Discrepancy, ExamPass, ImportedRow, Person, SheetImport

PEOPLE = 3_000  # whose certificates and passes are compared at once
ROWS = 500  # refused rows compared, and discrepancies stored, at once
PURPOSE = "discrepancy.values"  # of the keyed digest
_COMPARED = (ImportKind.PASSES, ImportKind.CERTIFICATES)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run: where it reads and stores, as of when, and whom it tells how far it is."""

    sessions: sessionmaker[Session]
    rules: ComparisonRules
    at: datetime
    progress: Callable[[int, int], None]


def compare(
    sessions: sessionmaker[Session], office: Office, *, on: date, at: datetime, progress: Callable[[int, int], None]
) -> int:
    """Compare everything, and close what is no longer found. How many discrepancies there are now, decided or not."""
    run = Comparison(sessions, ComparisonRules.of(office, on), at, progress)
    with read_only(), sessions() as session:
        total = session.scalar(select(func.count()).select_from(Person)) or 0
        imports = session.scalars(_imports()).all()
    numbers, done = comparing.Numbers(), 0
    for people, held, passes in _portions(sessions):
        numbers.add(held)
        _keep(run, comparing.of_people(held, passes, run.rules))
        done += people
        progress(min(done, total), total)
    for ids in _parts(numbers.alike()):
        with read_only(), sessions() as session:
            held = _certificates(session, among(Certificate.id, ids))
        _keep(run, comparing.of_numbers(held))
        progress(total, total)
    for import_id in imports:
        for rows in _refused(sessions, import_id):
            _keep(run, _against_the_books(sessions, rows))
            progress(total, total)
    with sessions.begin() as session:
        gone = update(Discrepancy).where(Discrepancy.seen_at < at, Discrepancy.state != DiscrepancyState.GONE)
        session.execute(gone.values(state=DiscrepancyState.GONE).execution_options(synchronize_session=False))
        return session.scalar(select(func.count()).where(Discrepancy.state != DiscrepancyState.GONE)) or 0


# --- reading ------------------------------------------------------------------------------------------------


def _portions(sessions: sessionmaker[Session]) -> Iterator[tuple[int, Any, Any]]:
    """How many people, and tables of all their certificates and passed exams."""
    last = 0
    while True:
        with read_only(), sessions() as session:
            ids = session.scalars(select(Person.id).where(Person.id > last).order_by(Person.id).limit(PEOPLE)).all()
            if not ids:
                return
            held = _certificates(session, Certificate.person_id.between(ids[0], ids[-1]))
            passes = _passes(session, ids[0], ids[-1])
        yield len(ids), held, passes
        last = ids[-1]


def _certificates(session: Session, *which: Any) -> Any:
    columns = [getattr(Person if name in ("name", "birth_date") else Certificate, name) for name in comparing.CERTIFICATE]
    query = select(*columns).join(Person, Person.id == Certificate.person_id).where(*which)
    return comparing.table(comparing.CERTIFICATE, map(_plain, read_rows(session, query)))


def _passes(session: Session, first: int, last: int) -> Any:
    """Passes of the people with ids between these two; ``examined`` is the name in what was bound to the pass."""
    query = (
        select(*(getattr(ExamPass, name) for name in comparing.PASS[:4]), ExamPass.identity, Person.name, Person.birth_date)
        .join(Person, Person.id == ExamPass.person_id)
        .where(ExamPass.person_id.between(first, last))
    )
    rows = map(_plain, read_rows(session, query))
    return comparing.table(comparing.PASS, ((*row[:4], (row[4] or {}).get("name", ""), *row[5:]) for row in rows))


def _plain(row: Any) -> tuple[Any, ...]:
    """A row with codes in place of terms."""
    return tuple(getattr(value, "value", value) for value in row)


def _parts(groups: Iterable[Sequence[int]]) -> Iterator[list[int]]:
    """Ids of several groups together, of which none is divided."""
    part: list[int] = []
    for group in groups:
        part += group
        if len(part) >= PEOPLE:
            yield part
            part = []
    if part:
        yield part


# --- refused rows of sheets -----------------------------------------------------------------------------------


def _imports() -> Any:
    """Imports that are done and of which the rows are still kept."""
    done = SheetImport.phase == ImportPhase.DONE, SheetImport.kind.in_(_COMPARED), SheetImport.report_object.is_not(None)
    return select(SheetImport.id).where(*done).order_by(SheetImport.id)


def _refused(sessions: sessionmaker[Session], import_id: int) -> Iterator[list[tuple[Any, ...]]]:
    last = -1
    while True:
        query = select(ImportedRow.position, ImportedRow.content).where(
            ImportedRow.import_id == import_id, ImportedRow.outcome == RowOutcome.REFUSED, ImportedRow.position > last
        )
        with read_only(), sessions() as session:
            rows = session.execute(query.order_by(ImportedRow.position).limit(ROWS)).all()
        if not rows:
            return
        yield [_sheet_row(f"row:{import_id}:{row.position}", row.content) for row in rows]
        last = rows[-1].position


def _sheet_row(side: str, content: dict[str, Any]) -> tuple[Any, ...]:
    """What a refused row says, as far as it can be read; see ``comparing.SHEET_ROW``."""
    said = content.get("shown", {}) | content.get("stored", {})
    try:
        id_number = parse_old_id_number(said.get("id_number") or "")
    except BadNumber:
        id_number = ""
    number, name = fold_certificate_number(said.get("number") or ""), fold_name(said.get("name") or "")
    number, name = mask_numbers(number), mask_numbers(name)  # of a sheet whose columns are out of place
    person = str(keyring.lasting_digest(id_number or name, PURPOSE))
    return side, number[:40], id_number, name, said.get("valid_from"), said.get("valid_to"), person


def _against_the_books(sessions: sessionmaker[Session], rows: list[tuple[Any, ...]]) -> list[Discovery]:
    numbers, id_numbers = {row[1] for row in rows if row[1]}, {row[2] for row in rows if row[2]}
    with read_only(), sessions() as session:
        held = _certificates(session, Certificate.number.in_(numbers))
        people = or_(Person.id_number_key.in_(id_numbers), Person.id.in_([int(key) for key in held.person_id]))
        known = session.execute(select(Person.id_number, Person.id, Person.name).where(people)).all()
    said = comparing.table(comparing.SHEET_ROW, rows)
    return comparing.of_refused_rows(said, held, {row.id_number: (row.id, row.name) for row in known})


# --- keeping ---------------------------------------------------------------------------------------------------


def _keep(run: Comparison, found: Sequence[Discovery]) -> None:
    """Store what is new, open what has changed, and note that the rest is still found."""
    once = list({(one.kind, one.subject): one for one in found}.values())
    for start in range(0, len(once), ROWS):
        with run.sessions.begin() as session:
            _keep_some(session, run, {(one.kind, one.subject): one for one in once[start : start + ROWS]})


def _keep_some(session: Session, run: Comparison, found: Mapping[tuple[DiscrepancyKind, str], Discovery]) -> None:
    """The decision holds while the values are the same; the rows may be others, as those of a sheet that came again."""
    columns = ("id", "kind", "subject", "values_key", "state", "revision", "seen_at")
    query = select(*(getattr(Discrepancy, name) for name in columns)).where(
        Discrepancy.subject.in_({subject for _kind, subject in found})
    )
    known = {(row.kind, row.subject): row for row in session.execute(query.order_by(Discrepancy.id).with_for_update())}
    if new := [_row(run, one) for key, one in found.items() if key not in known]:
        rows = insert_into(session.get_bind(), Discrepancy).on_conflict_do_nothing(index_elements=["subject", "kind"])
        session.execute(rows, new)
    seen, opened = [], []
    for key in found.keys() & known.keys():
        row, fresh = known[key], _row(run, found[key])
        again = {"id": row.id, "sides": fresh["sides"], "seen_at": max(run.at, row.seen_at)}
        if row.values_key == fresh["values_key"] and row.state is not DiscrepancyState.GONE:
            seen.append(again)
        else:
            opened.append(fresh | again | {"revision": row.revision + 1})
    for changes in filter(None, (seen, opened)):
        session.execute(update(Discrepancy), changes)


def _row(run: Comparison, one: Discovery) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "subject": one.subject,
        "values_key": str(keyring.lasting_digest(one.values, PURPOSE)),
        "sides": list(one.sides),
        "holder": one.holder,
        "number": one.number,
        "state": DiscrepancyState.OPEN,
        "found_at": run.at,
        "seen_at": run.at,
        "revision": 0,
    }
