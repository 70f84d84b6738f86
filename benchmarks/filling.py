"""Fills an empty database with a province: accounts, all cases, and an audit log whose chain holds."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from app.accounts.role_assignment import RoleRow
from app.applications.office_settings import office_of
from app.core.crypto.encryption import keyring
from app.core.crypto.signing_keys import ring
from app.core.settings import Settings
from app.core.vocabulary import AuditAction, PaperKind, Role
from app.db.audit import hash_chain
from app.files.folder_store import FolderStore
from app.files.storage import Store
from app.models import Account, AuditEntry, AuditLink, Person
from app.web.demo.specimens import portrait, scan
from benchmarks.bulk import Bulk
from benchmarks.cases import Frame, Officer, Province

OFFICERS = tuple(role for role in Role if role is not Role.ENTERPRISE_CLERK)
CLERK = "clerk1"  # user name of the clerk of the largest enterprise; the officers' are their roles
UNUSABLE = "-"  # nobody signs in with a password


@dataclass(frozen=True, slots=True)
class Size:
    """How much is built: people (applications and certificates are as many), lines of the audit log, and the seed."""

    people: int = 1_000_000
    lines: int = 5_000_000
    seed: int = 1


def fill(settings: Settings, size: Size, day: date) -> dict[str, int]:
    """Everything, after ``anguan init``; the cases end on ``day``. How many rows each table got."""
    keyring.unlock(*settings.keys.ring)  # and do not look for newer keys at every value
    ring.open(settings.code_keys)
    engine = create_engine(settings.database_url)
    with Session(engine) as session:
        office = office_of(session, settings.office)
        officers = _officers(session, office.region_code)
        session.commit()
        chain = hash_chain.head(session)
        last = session.scalar(select(func.max(AuditEntry.id))) or 0
        clerk_role = session.scalar(select(RoleRow.id).where(RoleRow.name == Role.ENTERPRISE_CLERK.value))
    frame = Frame(day, office, officers, _scans(FolderStore(settings.blobs)), ring.newest.kid)
    bulk = Bulk(engine)
    gc.disable()  # millions of rows, none of which refers to itself
    region = Province(size.people, size.seed, frame)
    for model, row in region.rows():
        bulk.add(model, row)
    for row in _clerks(region, max(officer.id for officer in officers.values())):
        bulk.add(Account, row)
        bulk.add(_UserRole, {"user_id": row["id"], "role_id": clerk_role})
    for model, row in _audit_lines(size, day, chain, last):
        bulk.add(model, row)
    bulk.close()
    gc.enable()
    engine.dispose()
    return dict(bulk.counts)


class _UserRole:
    """The table that joins accounts and roles, which has no model."""

    __table__ = Account.roles.property.secondary


def _officers(session: Session, region: str) -> dict[str, Officer]:
    """An account for each role of the authority."""
    roles = {role.name: role for role in session.scalars(select(RoleRow))}
    found = {}
    for role in OFFICERS:
        account = Account(
            username=role.value, first_name=f"{role.value[:8]}员", last_name="", email=f"{role.value}@accounts.invalid",
            active=True, password=UNUSABLE, region_code=region, password_set_at=datetime.now(UTC),
        )  # fmt: skip
        account.roles = [roles[role.value]]
        session.add(account)
        session.flush()
        found[role.value] = Officer(account.id, account.get_full_name())
    return found


def _clerks(region: Province, last: int) -> Iterator[dict[str, Any]]:
    """An account for each enterprise."""
    for firm in region.firms:
        yield {
            "id": last + firm.id, "username": f"clerk{firm.id}", "first_name": firm.principal, "last_name": "",
            "email": f"clerk{firm.id}@accounts.invalid", "active": True, "password": UNUSABLE, "enterprise_id": firm.id,
            "mobile": f"141{firm.id:08d}", "mobile_key": f"141{firm.id:08d}",
        }  # fmt: skip


def _scans(store: Store) -> dict[PaperKind, str]:
    """The digest of one specimen of each kind."""
    found = {kind: store.put(scan((str(kind.value), "SAMPLE"))) for kind in PaperKind}
    return found | {PaperKind.PHOTO: store.put(portrait(Person(name="样本")))}


def _audit_lines(size: Size, day: date, chain: hash_chain.ChainHead, last: int) -> Iterator[tuple[type[Any], dict[str, Any]]]:
    """Lines of the last two years, linked into the chain that ``anguan init`` began."""
    rng = Random(size.seed + 3)  # noqa: S311 - not secret
    began = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=730)
    between = timedelta(days=729) / max(size.lines, 1)
    actions = (AuditAction.CHANGE,) * 6 + (AuditAction.SIGN_IN,) * 2 + (AuditAction.READ, AuditAction.EXPORT)
    tables = {AuditAction.SIGN_IN: "ab_user", AuditAction.EXPORT: "exam_notice"}
    seq, previous = chain
    for n in range(1, size.lines + 1):
        action = actions[rng.randrange(len(actions))]
        at = (began + between * n).replace(tzinfo=None)
        facts = {
            "actor": f"clerk{rng.randrange(max(size.people // 50, 2))}", "table": tables.get(action, "person"),
            "row": str(rng.randrange(size.people) + 1), "change": {"mobile": ["140****0001", "140****0002"]},
            "address": f"203.0.113.{n % 250}",
        }  # fmt: skip
        seq += 1
        line = hash_chain.ChainLine(
            last + n, at.isoformat(" ", "microseconds"), facts["actor"], action.value, *list(facts.values())[1:]
        )
        previous = hash_chain.link_hash(previous, seq, line)
        yield AuditEntry, {"id": last + n, "at": at.replace(tzinfo=UTC), "deed": action, **facts}
        yield AuditLink, {"seq": seq, "entry_id": last + n, "hash": previous}
