"""The last backup that was made whole, for whoever watches over the system. In the database: every machine can ask."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.applications.office_settings import LAST_BACKUP
from app.backup.repository import Backup
from app.models import Parameter


def last_backup(session: Session) -> Backup | None:
    """None if none was made of this database, or since it was restored. One small query."""
    stored = session.scalar(select(Parameter.value).where(Parameter.name == LAST_BACKUP))
    return Backup.load(stored) if stored else None


def record(session: Session, backup: Backup, *, by: str, at: datetime) -> None:
    """Store that this backup was made. The caller commits."""
    session.execute(delete(Parameter).where(Parameter.name == LAST_BACKUP))
    session.add(Parameter(name=LAST_BACKUP, value=backup.dump(), changed_at=at, changed_by=by))
