"""When the last backup was made: a file under ``ANGUAN_HOME``, which whoever makes backups writes at their end."""

import json
from datetime import UTC, datetime
from pathlib import Path

from app.core.atomic_file import put_file
from app.core.settings import Settings


def record_file(settings: Settings) -> Path:
    return settings.home / "last-backup.json"


def record(settings: Settings, *, at: datetime) -> None:
    """Note that a backup was made and verified at this moment."""
    put_file(record_file(settings), json.dumps({"at": at.astimezone(UTC).isoformat()}).encode())


def last_backup(settings: Settings) -> datetime | None:
    """When the last backup was made; None if none is on record, or the record cannot be read."""
    try:
        made = datetime.fromisoformat(json.loads(record_file(settings).read_text())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return made if made.tzinfo is not None else None
