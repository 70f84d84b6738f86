"""Findings kept over time: since when each lasts, and telling the operator once when it begins and once when it ends."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.core.office import Office
from app.db.session import read_only
from app.models import OpenFinding
from app.outbox import sms
from app.outbox.sms_texts import FINDINGS_BEGAN, FINDINGS_ENDED, system_message
from app.worker.findings.examination import LIVE, examine
from app.worker.findings.finding import Depth, SystemFinding
from app.worker.findings.installation import Installation
from app.worker.findings.kinds import KINDS

LONGEST_PLACE = 200
MOST_IN_A_MESSAGE, LONGEST_IN_A_MESSAGE = 3, 300  # findings named in one text message; characters


@dataclass(frozen=True, slots=True)
class Lasting:
    """A finding, and since when it lasts."""

    finding: SystemFinding
    since: datetime


def record(
    session: Session, found: Iterable[SystemFinding], *, at: datetime
) -> tuple[list[SystemFinding], list[SystemFinding]]:
    """Store what was found now; returns what has begun and what has ended since the last time. The caller commits."""
    stored = {(row.code, row.place): row for row in session.scalars(select(OpenFinding).with_for_update())}
    now = {(one.code, one.place[:LONGEST_PLACE]): one for one in found}
    began = [one for key, one in now.items() if key not in stored]
    ended = [row for key, row in stored.items() if key not in now and row.ended_at is None]
    for key, one in now.items():
        row = stored.get(key) or OpenFinding(code=key[0], place=key[1], began_at=at)
        row.details, row.found_by, row.ended_at = {name: str(value) for name, value in one.values.items()}, one.found_by, None
        session.add(row)
    for row in ended:
        row.ended_at = at
    session.flush()
    return began, [of_row(row) for row in ended if row.code in KINDS]


def queue_texts(
    session: Session,
    began: Sequence[SystemFinding],
    ended: Sequence[SystemFinding],
    mobiles: Sequence[str],
    office: Office,
    *,
    at: datetime,
) -> None:
    """Owe each operator one text message for all that has begun, and one for all that has ended. The caller commits."""
    owed = []
    for findings, sentence in ((began, FINDINGS_BEGAN), (ended, FINDINGS_ENDED)):
        if findings:
            what = " ".join(one.what for one in findings[:MOST_IN_A_MESSAGE])[:LONGEST_IN_A_MESSAGE]
            owed += [system_message(sentence, mobile, office, n=len(findings), what=what) for mobile in mobiles]
    sms.queue_messages(session, owed, at=at)


def call(sessions: sessionmaker[Session], tell: Callable[[Mapping[str, str]], None], office: Office, *, at: datetime) -> None:
    """Tell by webhook what nobody was told of: once when it begins, once when it ends. An error is raised and tried again."""
    with read_only(), sessions() as session:
        rows = session.scalars(select(OpenFinding).order_by(OpenFinding.began_at, OpenFinding.code, OpenFinding.place)).all()
    named = {"system": office.system_name, "address": office.public_url}
    for row in rows:
        event = "ended" if row.ended_at is not None else "began"
        if row.code in KINDS and (row.told_at is None) == (event == "began"):
            tell(of_row(row).as_record() | named | {"event": event, "since": row.began_at.isoformat()})
            with sessions.begin() as session:
                ours = (OpenFinding.code == row.code, OpenFinding.place == row.place)
                session.execute(update(OpenFinding).where(*ours).values(told_at=at if event == "began" else None))


def forget_ended(session: Session) -> None:
    """Delete what has ended and nobody has still to be told of. The caller commits."""
    session.execute(delete(OpenFinding).where(OpenFinding.ended_at.is_not(None), OpenFinding.told_at.is_(None)))


def of_row(row: OpenFinding) -> SystemFinding:
    return SystemFinding(row.code, row.place, row.details, found_by=row.found_by)


def present(of: Installation) -> list[Lasting]:
    """What is wrong at present, the gravest first: what is found live, and what the last watch found by slower checks."""
    live = examine(of, Depth.LIVE)
    rows: dict[tuple[str, str], OpenFinding] = {}
    with suppress(SQLAlchemyError), of.reading() as session:  # without the database, what was found live says so
        lasting = select(OpenFinding).where(OpenFinding.ended_at.is_(None))
        rows = {(row.code, row.place): row for row in session.scalars(lasting)}
    found = [Lasting(one, row.began_at if (row := rows.get((one.code, one.place))) else of.at) for one in live]
    slower = [row for row in rows.values() if row.found_by not in LIVE and row.code in KINDS]
    found += [Lasting(of_row(row), row.began_at) for row in slower]
    return sorted(found, key=lambda one: (-one.finding.severity, one.since))
