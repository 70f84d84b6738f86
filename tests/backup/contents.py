"""What a database and its store hold, to be compared before a backup and after a restore."""

import hashlib
from pathlib import Path

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from app.applications.scan_retention import referenced_digests
from app.db.session import read_only
from app.files.folder_store import FolderStore
from app.models import AuditLink, Certificate, Paper, Person


def contents(url: str, home: Path) -> dict[str, object]:
    """People with their ID numbers, certificates, papers, the audit log, and the digest of each file that a row names."""
    engine, store = create_engine(url), FolderStore(home / "blobs")
    with read_only(), Session(engine) as session:
        held = {
            "people": session.execute(select(Person.id, Person.name, Person.id_number).order_by(Person.id)).all(),
            "certificates": session.scalars(select(Certificate.number).order_by(Certificate.id)).all(),
            "papers": session.execute(select(Paper.id, Paper.digest).order_by(Paper.id)).all(),
            "log": session.execute(select(AuditLink.seq, AuditLink.hash).order_by(AuditLink.seq)).all(),
            "files": {
                digest: hashlib.sha256(store.read(digest)).hexdigest() for digest in sorted(referenced_digests(session))
            },
        }
    engine.dispose()
    assert all(digest == name for name, digest in held["files"].items())
    return held
