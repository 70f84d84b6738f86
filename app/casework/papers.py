"""Certificates as files: drawn at once after an approval, or when somebody first needs them, and handed out by permission.

Law: a paper that cannot be drawn never undoes the approval; it is tried again when it is needed.
"""

import io
import logging
from collections.abc import Sequence

from sqlalchemy import select

from app import desk
from app.certificates.drawing import paper_of
from app.errors import HouseError
from app.models import CertificateVersion

log = logging.getLogger(__name__)

AT_ONCE = 200  # as many as are drawn while the officer waits (about 10 ms each)


def draw_at_once(application_ids: Sequence[int]) -> None:
    """Draw what these approvals issued; more than ``AT_ONCE`` are left to be drawn when they are needed."""
    if not application_ids or len(application_ids) > AT_ONCE:
        return
    issued = select(CertificateVersion.id).where(CertificateVersion.application_id.in_(application_ids))
    with desk.aside() as session:
        versions = list(session.scalars(issued.where(CertificateVersion.digest.is_(None)).order_by(CertificateVersion.id)))
    for version_id in versions:  # one transaction each: nobody else waits while two hundred pages are drawn
        try:
            _drawn(version_id)
        except HouseError as no:
            log.warning("the certificate of version %s could not be drawn: %s", version_id, no.code)


def opened(version: CertificateVersion) -> io.BytesIO:
    """The PDF of a version that the reader may see, drawn now if it never was."""
    store = desk.store()
    there = version.digest and store.has(version.digest)
    return io.BytesIO(store.read(str(version.digest)) if there else _drawn(version.id))


def _drawn(version_id: int) -> bytes:
    with desk.aside() as session:
        return paper_of(session, desk.store(), session.get_one(CertificateVersion, version_id), desk.office())
