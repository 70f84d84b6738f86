"""ID numbers that a sheet has lost or mistyped: proposals from the books, for a person to confirm one by one.

Proposed are the numbers of people of the same name whom the enterprise of the row employs, within the actor's region. A
proposal is named by a token: the page shows its number masked, and does not hold it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, in_region
from app.applications.legacy_import.columns import variants
from app.applications.legacy_import.rows import rows_numbered
from app.core.crypto.encryption import keyring
from app.core.errors import Stale
from app.core.id_rescue import IdProposal, id_proposals
from app.core.identifiers import fold, fold_enterprise_name, fold_name, mask_id
from app.core.vocabulary import AuditAction, Role
from app.db import audit
from app.files.row_preview import PreviewRow
from app.models import Enterprise, LegacyImport, Person

KEY = "id_number"  # of the column


def proposals(session: Session, import_id: int, rows: Iterable[PreviewRow], actor: Actor) -> dict[int, dict[str, IdProposal]]:
    """By row number and token, for the rows whose ID number cannot be read. Two queries, however many rows."""
    actor.demand(Role.ADMIN)
    faulty = [row for row in rows if KEY in row.faults]
    known = _known(session, faulty, actor) if faulty else {}
    found = {}
    for row in faulty:
        name = fold_name(_text(row, "name"))
        numbers = [number for firm in _names_of(row) for number in known.get((name, firm), ())]
        found[row.number] = {_token(import_id, row.number, one): one for one in id_proposals(_text(row, KEY), numbers)}
    return {number: offered for number, offered in found.items() if offered}


def confirm(
    session: Session, batch: LegacyImport, confirmed: Mapping[int, str], actor: Actor, *, at: datetime
) -> dict[int, str]:
    """The ID numbers of the proposals that were confirmed, by row; each is logged. ``Stale`` if one no longer stands."""
    rows = rows_numbered(session, batch.id, list(confirmed))
    offered, shown = proposals(session, batch.id, rows, actor), {row.number: _text(row, KEY) for row in rows}
    numbers = {}
    for row, token in confirmed.items():
        proposal = offered.get(row, {}).get(token)
        if proposal is None:
            raise Stale
        numbers[row] = proposal.number
        change = {"rows": row, KEY: [mask_id(fold(shown[row])), mask_id(proposal.number)], "reason": str(proposal.difference)}
        audit.log(session, actor.name, AuditAction.CHANGE, LegacyImport.__tablename__, batch.id, change, at=at)
    return numbers


def _known(session: Session, rows: Sequence[PreviewRow], actor: Actor) -> dict[tuple[str, str], list[str]]:
    """ID numbers by name, and by credit code or name of the employer."""
    codes = {code for row in rows if (code := fold(_text(row, "uscc")))}
    names = {name for row in rows if (text := _text(row, "enterprise")) for name in variants(text)}
    firms = select(Enterprise.id).where(or_(Enterprise.uscc.in_(codes), Enterprise.name.in_(names)))
    ids = session.scalars(firms).all()
    query = select(Person.name, Person.id_number, Enterprise.uscc, Enterprise.name.label("firm")).join(
        Enterprise, Enterprise.id == Person.enterprise_id
    )
    wanted = Person.name.in_({fold_name(_text(row, "name")) for row in rows}), Person.enterprise_id.in_(ids)
    found = defaultdict(list)
    for person in session.execute(query.where(*wanted, in_region(actor, Person))):
        for firm in (person.uscc, fold_enterprise_name(person.firm)):
            found[person.name, firm].append(person.id_number)
    return found


def _names_of(row: PreviewRow) -> list[str]:
    """How the row names the enterprise: its credit code, or else its name."""
    code, name = fold(_text(row, "uscc")), _text(row, "enterprise")
    return [code] if code else [fold_enterprise_name(name)] if name else []


def _text(row: PreviewRow, key: str) -> str:
    return row.stored.get(key) or row.shown.get(key, "")


def _token(import_id: int, row: int, proposal: IdProposal) -> str:
    return str(keyring.lasting_digest(f"{import_id}:{row}:{proposal.number}", "legacy_import.proposal"))
