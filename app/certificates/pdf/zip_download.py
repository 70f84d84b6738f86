"""Many certificates in one zip, streamed while it is made.

Only current versions of certificates in force within the actor's reach, up to the office's limit; a text file inside lists
every other one of the selection, and why it is missing.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.clock import office_day, office_time
from app.core.errors import NotFound, Refusal, Unmet
from app.core.office import Office
from app.core.vocabulary import AuditAction, CertificateStatus, JobState
from app.db import audit
from app.files.inspect import display_name
from app.files.storage import FileMissing, Store
from app.models import Certificate, CertificateVersion, Job
from app.outbox.jobs import enqueue

KIND = "bundle"
LEFT_OUT = _("Certificates left out")  # a text file in the zip
NO_VERSION = _("has no electronic version")
NOT_DRAWN = _("could not be drawn; please download it again later")


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One certificate of a selection: its file name, and the digest of its PDF if it is drawn."""

    version_id: int | None
    name: str
    digest: str | None
    certificate_id: int = 0
    absent: str = ""  # why it is left out, in the user's language


def current_entries(
    session: Session, certificate_ids: Sequence[int], actor: Actor, *, on: date, office: Office
) -> list[ZipEntry]:
    """The current versions of these certificates within the actor's reach, and which of them are left out.

    Raises ``Unmet`` if there is none to pack, and for too many.
    """
    most = office.largest_bundle
    if len(certificate_ids) > most:
        sentence = _("At most %(n)s certificates fit in one download. Please choose fewer, or narrow the query.", n=most)
        raise Unmet.because(Refusal("bundle-too-large", sentence))
    found = _entries(session, certificate_ids, actor, on)
    if all(entry.absent for entry in found):
        sentence = _("None of these certificates is in force and has an electronic version.")
        raise Unmet.because(Refusal("nothing-to-pack", sentence))
    return found


def log_download(session: Session, entries: Sequence[ZipEntry], actor: Actor, *, at: datetime, address: str = "") -> None:
    """Write the download to the audit log: the PDFs have full ID numbers."""
    packed = [entry.version_id for entry in entries if not entry.absent]
    what = {"certificates": len(packed), "versions": packed}
    audit.log(session, actor.name, AuditAction.EXPORT, Certificate, "", what, at=at, address=address)


# --- prepared in the background ----------------------------------------------------------------------------


def prepare(session: Session, entries: Sequence[ZipEntry], actor: Actor, *, at: datetime) -> int:
    """Queue the drawing of what is missing; returns the number of the zip for this actor. The caller commits."""
    key = f"{KIND}:{actor.id}:{at:%Y%m%d%H%M%S%f}"
    versions = [entry.version_id for entry in entries if not entry.absent]
    chosen = [entry.certificate_id for entry in entries]
    enqueue(session, KIND, key, {"versions": versions, "certificates": chosen, "for": _asker(actor)}, at=at)
    return session.scalars(select(Job.id).where(Job.key == key)).one()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Progress of a zip. ``ready`` once everything was tried; what could not be drawn is left out and listed."""

    number: int
    total: int
    done: int
    ready: bool


def prepared(session: Session, number: int, actor: Actor, *, at: datetime, office: Office) -> Prepared:
    """``NotFound`` unless the same actor, with the same reach, asked for it within ``office.bundle_minutes``."""
    versions = _mine(session, number, actor, at, office).payload["versions"]
    done = select(func.count(CertificateVersion.digest)).where(CertificateVersion.id.in_(versions))
    state = session.scalar(select(Job.state).where(Job.id == number))
    return Prepared(number, len(versions), session.scalar(done) or 0, state in (JobState.DONE, JobState.DEAD))


def prepared_entries(session: Session, number: int, actor: Actor, *, at: datetime, office: Office) -> list[ZipEntry]:
    """What was chosen and is still within reach, as it is now: a version or status may have changed since."""
    chosen = _mine(session, number, actor, at, office).payload["certificates"]
    return _entries(session, chosen, actor, office_day(at))


def _mine(session: Session, number: int, actor: Actor, at: datetime, office: Office) -> Job:
    job = session.get(Job, number)
    if job is None or job.kind != KIND or job.payload["for"] != _asker(actor):
        raise NotFound
    if (at - job.created_at).total_seconds() > office.bundle_minutes * 60:
        raise NotFound(_("This download is no longer available. Please choose the certificates again."))
    return job


def _asker(actor: Actor) -> list[Any]:
    return [actor.id, actor.enterprise_id, actor.region]


def _entries(session: Session, certificate_ids: Sequence[int], actor: Actor, on: date) -> list[ZipEntry]:
    version = CertificateVersion
    columns = (Certificate.id, Certificate.holder, Certificate.category, Certificate.number, Certificate.status)
    terms = (Certificate.valid_to, Certificate.suspended_to)
    asked = (
        select(version.id.label("version_id"), version.digest, *columns, *terms)
        .outerjoin(version, (version.certificate_id == Certificate.id) & version.replaced_at.is_(None))
        .where(Certificate.id.in_(certificate_ids), reach(actor, Certificate))
        .order_by(Certificate.holder_sort, Certificate.id)
    )
    found = []
    for row in session.execute(asked):
        status = row.status.on(on, row.valid_to, row.suspended_to)
        absent = str(status.label) if status is not CertificateStatus.VALID else "" if row.version_id else str(NO_VERSION)
        name = display_name(f"{row.holder}-{row.category.value}-{row.number}", "pdf")
        found.append(ZipEntry(row.version_id, name, row.digest, row.id, absent))
    return found


# --- the archive ----------------------------------------------------------------------------------------------


class _Window(io.RawIOBase):
    """The end of a file whose beginning is already sent: zipfile seeks back to write sizes into an entry's head."""

    def __init__(self) -> None:
        self._start, self._at, self._body = 0, 0, bytearray()

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset if whence == io.SEEK_SET else self._start + len(self._body) + offset
        return self._at

    def write(self, data: Any) -> int:
        begin = self._at - self._start
        self._body[begin : begin + len(data)] = data
        self._at += len(data)
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last call. Seeking into it is no longer possible."""
        data = bytes(self._body)
        self._start += len(data)
        self._body.clear()
        return data


def archive(store: Store, entries: Iterable[ZipEntry], *, at: datetime, left_out: str, not_drawn: str) -> Iterator[bytes]:
    """The zip in pieces, with one certificate in memory at a time.

    The two texts are passed in translated: while the answer is sent, there is no request to take the language from.
    """
    window, moment, lost = _Window(), office_time(at).timetuple()[:6], list[str]()
    with zipfile.ZipFile(window, "w", zipfile.ZIP_STORED) as made:  # PDF is compressed already
        for entry in entries:
            try:
                data = store.read(entry.digest) if entry.digest and not entry.absent else None
            except FileMissing:
                data = None
            if data is None:
                lost.append(f"{entry.name.removesuffix('.pdf')}：{entry.absent or not_drawn}")
                continue
            made.writestr(zipfile.ZipInfo(entry.name, moment), data)
            yield window.taken()
        if lost:
            made.writestr(zipfile.ZipInfo(f"{left_out}.txt", moment), "\r\n".join(lost).encode("utf-8-sig"))
    yield window.taken()
