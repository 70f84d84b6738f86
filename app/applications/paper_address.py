"""The address that papers bear: noticing that the site has moved, and having certificates drawn again with the new one.

QR codes lead to ``Office.public_url`` as it was when a paper was drawn; the signed payload behind it stays as it is.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.certificates.pdf import render_jobs
from app.core.office import Office
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import insert_into
from app.models import CertificateVersion, Parameter

NAME = "papers_address"  # in the table of parameters, none of ``ADJUSTABLE``
SLICE = 1_000  # certificates in one transaction


def known(session: Session) -> str:
    """The address that papers drawn so far bear; "" in a database from before it was noted."""
    return session.scalar(select(Parameter.value).where(Parameter.name == NAME)) or ""


def remember(session: Session, office: Office, *, by: str, at: datetime) -> None:
    """Take the present address for that of all papers. The caller commits."""
    before = known(session)
    if before == office.public_url:
        return
    row = {"value": office.public_url, "changed_at": at, "changed_by": by}
    new = insert_into(session.get_bind(), Parameter).values(name=NAME, **row)
    session.execute(new.on_conflict_do_update(index_elements=["name"], set_=row))
    audit.log(session, by, AuditAction.CHANGE, Parameter, NAME, {"value": [before, office.public_url]}, at=at)


def redraw(session: Session, *, after: int, at: datetime) -> tuple[int, int]:
    """Queue the drawing of the next slice of current certificates after this id; their files so far are given up.

    Returns how many, and the last id (0: none left). Until a worker has drawn one, it is drawn when it is opened. The caller
    commits.
    """
    drawn = (CertificateVersion.replaced_at.is_(None), CertificateVersion.digest.is_not(None), CertificateVersion.id > after)
    ids = session.scalars(select(CertificateVersion.id).where(*drawn).order_by(CertificateVersion.id).limit(SLICE)).all()
    if not ids:
        return 0, 0
    given_up = update(CertificateVersion).where(CertificateVersion.id.in_(ids)).values(digest=None, ofd=None)
    session.execute(given_up.execution_options(synchronize_session=False))
    render_jobs.enqueue_versions(session, ids, at=at, occasion=f"moved:{at.isoformat()}")
    return len(ids), ids[-1]
