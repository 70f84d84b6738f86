"""Draft the next migration from the difference between the models and a migrated SQLite database.

    python migrations/draft.py MESSAGE

It is written beside this file, so ``app`` must be of the same tree. Read the draft before
committing it; ``make test`` checks it on both databases.
"""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from app.db import migrate


def draft(message: str) -> Path:
    own = Path(__file__).resolve().parent
    if own != migrate.FOLDER.resolve():
        there, here = migrate.FOLDER.parent, own.parent
        raise SystemExit(f"app comes from {there}, not from {here}: run this with PYTHONPATH={here}.")
    versions = migrate.FOLDER / "versions"
    number = f"{len(list(versions.glob('[0-9]*.py'))) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/draft.db")
        if number != "0001":
            migrate.migrate_to(engine)
        with engine.connect() as connection:
            command.revision(migrate.configuration(connection), message, autogenerate=True, rev_id=number)
        engine.dispose()
    slug = re.sub(r"\W+", "_", message).lower()[:40]
    return next(versions.glob(f"{number}_{slug}*.py"))


if __name__ == "__main__":
    print(draft(" ".join(sys.argv[1:]) or "change"))  # noqa: T201
