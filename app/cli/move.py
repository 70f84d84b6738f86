"""The command that moves everything from SQLite to PostgreSQL."""

import getpass
import sys

import click
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.cli.common import alone, database, settings_in_use
from app.core import clock
from app.core.settings import with_driver
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.audit import checkpoints
from app.db.move import move as move_all
from app.db.session import unlock

BY = "anguan move"


@click.command()
@click.argument("url")
def move(url: str) -> int:
    """Move everything into the empty PostgreSQL database at URL; keys and files stay where they are.

    Stop the system before, and set DATABASE_URL to URL afterwards.

    \b
      anguan move postgresql://anguan:secret@db/anguan
    """
    settings = settings_in_use()
    unlock(settings)
    target = create_engine(with_driver(url), hide_parameters=True)
    with alone(settings.home), database(settings) as source:
        moved = move_all(source, target, _progress)
        with Session(target) as session:
            rows = sum(one.rows for one in moved)
            change, by = {"moved": ["sqlite", "postgresql"], "rows": rows}, f"{BY} ({getpass.getuser()})"
            audit.log(session, by, AuditAction.CHANGE, "database", "", change, at=clock.now())
            session.commit()
        found = checkpoints.verify(sessionmaker(target), checkpoints.read_published(settings.diary_heads))
    target.dispose()
    for one in moved:
        print(f"{one.name:<28}{one.rows:>12,}  {one.digest[:16]}")
    print(f"{rows:,} rows in {len(moved)} tables are the same on both sides; {found.lines:,} lines of the audit log hold.")
    print("Now set DATABASE_URL, run 'anguan init', and 'anguan audit grant ROLE' for the server's own role.")
    return 1 if found.broken else 0


def _progress(name: str, rows: int) -> None:
    if rows % 100_000 == 0:
        print(f"  {name}: {rows:,}", file=sys.stderr, flush=True)
