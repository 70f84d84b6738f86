"""ID numbers that a sheet has lost or mistyped: proposals from the books, for a person to confirm one by one.

Which numbers come into question says the importer of the import. A proposal is named by a token: the page shows its number
masked, and does not hold it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach
from app.applications.importers.registry import IMPORTERS
from app.applications.sheet_imports.rows import rows_numbered
from app.core.crypto.encryption import keyring
from app.core.errors import Stale
from app.core.id_rescue import IdProposal, id_proposals
from app.core.identifiers import fold, mask_id
from app.core.vocabulary import AuditAction
from app.db import audit
from app.files.row_preview import PreviewRow
from app.models import SheetImport

KEY = "id_number"  # of the column


def proposals(
    session: Session, batch: SheetImport, rows: Iterable[PreviewRow], actor: Actor
) -> dict[int, dict[str, IdProposal]]:
    """By row number and token, for the rows whose ID number cannot be read. A fixed number of queries."""
    importer = IMPORTERS[batch.kind]
    must_reach(actor, batch)
    faulty = [row for row in rows if KEY in row.faults]
    known = importer.known_numbers(session, batch, faulty, actor) if faulty else {}
    found = {}
    for row in faulty:
        offered = id_proposals(row.text(KEY), known.get(row.number, ()))
        found[row.number] = {_token(batch.id, row.number, one): one for one in offered}
    return {number: offered for number, offered in found.items() if offered}


def confirm(
    session: Session, batch: SheetImport, confirmed: Mapping[int, str], actor: Actor, *, at: datetime
) -> dict[int, str]:
    """The ID numbers of the proposals that were confirmed, by row; each is logged. ``Stale`` if one no longer stands."""
    rows = rows_numbered(session, batch.id, list(confirmed))
    offered, shown = proposals(session, batch, rows, actor), {row.number: row.text(KEY) for row in rows}
    numbers = {}
    for row, token in confirmed.items():
        proposal = offered.get(row, {}).get(token)
        if proposal is None:
            raise Stale
        numbers[row] = proposal.number
        change = {"rows": row, KEY: [mask_id(fold(shown[row])), mask_id(proposal.number)], "reason": str(proposal.difference)}
        audit.log(session, actor.name, AuditAction.CHANGE, SheetImport.__tablename__, batch.id, change, at=at)
    return numbers


def _token(import_id: int, row: int, proposal: IdProposal) -> str:
    return str(keyring.lasting_digest(f"{import_id}:{row}:{proposal.number}", "legacy_import.proposal"))
