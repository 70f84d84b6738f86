"""Sheets of the old system: accounts, exam passes and certificates. The administrator's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, in_region
from app.applications.importers.importer import CheckFacts, Importer, JsonValues, Trace
from app.applications.legacy_import import undo
from app.applications.legacy_import.accounts import AccountMerge
from app.applications.legacy_import.certificates import CertificateMerge
from app.applications.legacy_import.columns import COLUMNS, variants
from app.applications.legacy_import.exam_passes import PassMerge
from app.applications.legacy_import.merge import RecordMerge
from app.core.identifiers import fold, fold_enterprise_name, fold_name
from app.core.vocabulary import Role
from app.files.row_preview import PreviewRow
from app.models import Enterprise, Person, SheetImport


class OldSystemImporter(Importer):
    """Sound rows go in, the others are reported."""

    def __init__(self, merge: type[RecordMerge]) -> None:
        self.merge, self.kind, self.columns = merge, merge.kind, COLUMNS[merge.kind]

    def whose(self, session: Session, actor: Actor, about: int | None) -> JsonValues:  # noqa: ARG002
        actor.demand(Role.ADMIN)
        return {}

    def begin(self, facts: CheckFacts) -> RecordMerge:
        return self.merge(facts)

    def undo(self, session: Session, batch: SheetImport, traces: Iterator[Trace], at: datetime) -> JsonValues:
        return dict(undo.undo(session, batch, traces, at))

    def known_numbers(
        self,
        session: Session,
        batch: SheetImport,  # noqa: ARG002
        rows: Sequence[PreviewRow],
        actor: Actor,
    ) -> Mapping[int, Sequence[str]]:
        """Of people of the same name whom the enterprise of the row employs, within the actor's region."""
        known = _people_of(session, rows, actor)
        return {
            row.number: [number for firm in _names_of(row) for number in known.get((fold_name(row.text("name")), firm), ())]
            for row in rows
        }


OLD_SYSTEM_IMPORTERS = tuple(OldSystemImporter(merge) for merge in (AccountMerge, PassMerge, CertificateMerge))


def _people_of(session: Session, rows: Sequence[PreviewRow], actor: Actor) -> dict[tuple[str, str], list[str]]:
    """ID numbers by name, and by credit code or name of the employer."""
    codes = {code for row in rows if (code := fold(row.text("uscc")))}
    names = {name for row in rows if (text := row.text("enterprise")) for name in variants(text)}
    firms = select(Enterprise.id).where(or_(Enterprise.uscc.in_(codes), Enterprise.name.in_(names)))
    ids = session.scalars(firms).all()
    query = select(Person.name, Person.id_number, Enterprise.uscc, Enterprise.name.label("firm")).join(
        Enterprise, Enterprise.id == Person.enterprise_id
    )
    wanted = Person.name.in_({fold_name(row.text("name")) for row in rows}), Person.enterprise_id.in_(ids)
    found = defaultdict(list)
    for person in session.execute(query.where(*wanted, in_region(actor, Person))):
        for firm in (person.uscc, fold_enterprise_name(person.firm)):
            found[person.name, firm].append(person.id_number)
    return found


def _names_of(row: PreviewRow) -> list[str]:
    """How the row names the enterprise: its credit code, or else its name."""
    code, name = fold(row.text("uscc")), row.text("enterprise")
    return [code] if code else [fold_enterprise_name(name)] if name else []
