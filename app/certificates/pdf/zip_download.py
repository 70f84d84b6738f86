"""Many certificates in one zip: which of them, under which names, and the archive itself, made while it is sent.

Law: only what the asker reaches, only current prints, never more than the office allows; what is left out is named inside.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.access import Actor, reach
from app.core.clock import office_time
from app.core.errors import NotFound, Refusal, Unmet
from app.core.office import Office
from app.core.vocabulary import AuditAction, JobState
from app.db import audit
from app.files.inspect import display_name
from app.files.storage import FileMissing, Store
from app.models import Certificate, CertificateVersion, Job
from app.outbox.jobs import enqueue

KIND = "bundle"
LEFT_OUT = _("Certificates left out")  # a text file in the zip
WHY = _("The e-certificates of these could not be drawn. Please download them again later:")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One certificate of a bundle: its name in the zip, and its paper if it is drawn."""

    version_id: int
    name: str
    digest: str | None


def gather(session: Session, certificate_ids: Sequence[int], actor: Actor, office: Office) -> list[Leaf]:
    """The current prints of these certificates, as far as the actor reaches; those on paper only have none.

    ``Unmet`` for none at all and for too many, with the number that is allowed.
    """
    most = office.largest_bundle
    if len(certificate_ids) > most:
        sentence = _("At most %(n)s certificates fit in one download. Please choose fewer, or narrow the query.", n=most)
        raise Unmet.because(Refusal("bundle-too-large", sentence))
    mine = (CertificateVersion.certificate_id.in_(certificate_ids), reach(actor, Certificate))
    found = _leaves(session, *mine, CertificateVersion.replaced_at.is_(None))
    if not found:
        raise Unmet.because(Refusal("nothing-to-pack", _("None of these certificates has an electronic version.")))
    return found


def note(session: Session, leaves: Sequence[Leaf], actor: Actor, *, at: datetime, address: str = "") -> None:
    """One line in the diary: papers with ID numbers in full left the house."""
    what = {"certificates": len(leaves), "versions": [leaf.version_id for leaf in leaves]}
    audit.log(session, actor.name, AuditAction.EXPORT, Certificate, "", what, at=at, address=address)


# --- prepared in the background ----------------------------------------------------------------------------


def prepare(session: Session, leaves: Sequence[Leaf], actor: Actor, *, at: datetime) -> int:
    """Have drawn what is not there yet, for this asker; the number under which it can be fetched. The caller commits."""
    key = f"{KIND}:{actor.id}:{at:%Y%m%d%H%M%S%f}"
    enqueue(session, KIND, key, {"versions": [leaf.version_id for leaf in leaves], "for": _asker(actor)}, at=at)
    return session.scalars(select(Job.id).where(Job.key == key)).one()


@dataclass(frozen=True, slots=True)
class Prepared:
    """How far a bundle is. ``ready`` once everything was tried; what could not be drawn is left out, by name."""

    number: int
    total: int
    done: int
    ready: bool


def prepared(session: Session, number: int, actor: Actor, *, at: datetime, office: Office) -> Prepared:
    """``NotFound`` unless this very asker, with the same reach as then, asked for it within ``office.bundle_minutes``."""
    versions = _mine(session, number, actor, at, office)[1]
    done = select(func.count(CertificateVersion.digest)).where(CertificateVersion.id.in_(versions))
    state = session.scalar(select(Job.state).where(Job.id == number))
    return Prepared(number, len(versions), session.scalar(done) or 0, state in (JobState.DONE, JobState.DEAD))


def fetched(session: Session, number: int, actor: Actor, *, at: datetime, office: Office) -> list[Leaf]:
    """What was prepared, less what has gone out of reach since."""
    versions = _mine(session, number, actor, at, office)[1]
    return _leaves(session, CertificateVersion.id.in_(versions), reach(actor, Certificate))


def _mine(session: Session, number: int, actor: Actor, at: datetime, office: Office) -> tuple[Job, list[int]]:
    job = session.get(Job, number)
    if job is None or job.kind != KIND or job.payload["for"] != _asker(actor):
        raise NotFound
    if (at - job.created_at).total_seconds() > office.bundle_minutes * 60:
        raise NotFound(_("This download is no longer available. Please choose the certificates again."))
    return job, list(job.payload["versions"])


def _asker(actor: Actor) -> list[Any]:
    return [actor.id, actor.enterprise_id, actor.region]


def _leaves(session: Session, *which: Any) -> list[Leaf]:
    columns = (CertificateVersion.id, Certificate.holder, Certificate.category, Certificate.number, CertificateVersion.digest)
    asked = select(*columns).join(Certificate, Certificate.id == CertificateVersion.certificate_id).where(*which)
    return [
        Leaf(key, display_name(f"{holder}-{category.value}-{number}", "pdf"), digest)
        for key, holder, category, number, digest in session.execute(asked.order_by(Certificate.holder, Certificate.id))
    ]


# --- the archive ----------------------------------------------------------------------------------------------


class _Window(io.RawIOBase):
    """The end of a file of which the beginning is sent already: zipfile goes back to write sizes into an entry's head."""

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
        """What was written since the last time; it cannot be gone back to."""
        data = bytes(self._body)
        self._start += len(data)
        self._body.clear()
        return data


def archive(store: Store, leaves: Iterable[Leaf], *, at: datetime, left_out: str, why: str) -> Iterator[bytes]:
    """The zip, piece by piece: one certificate is in memory at a time, however many there are.

    It is made while it is sent, when no reader's language is known any more: so the words come along.
    """
    window, date, lost = _Window(), office_time(at).timetuple()[:6], list[str]()
    with zipfile.ZipFile(window, "w", zipfile.ZIP_STORED) as made:  # PDF is compressed already
        for leaf in leaves:
            try:
                data = store.read(leaf.digest) if leaf.digest else None
            except FileMissing:
                data = None
            if data is None:
                lost.append(leaf.name.removesuffix(".pdf"))
                continue
            made.writestr(zipfile.ZipInfo(leaf.name, date), data)
            yield window.taken()
        if lost:
            told = "\r\n".join([why, *lost])
            made.writestr(zipfile.ZipInfo(f"{left_out}.txt", date), told.encode("utf-8-sig"))
    yield window.taken()
