"""Takes in the files of a pile, one after the other: each is checked as a scan sent singly, and recorded as waiting."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flask_babel import gettext

from app.applications.bulk_scans import waiting
from app.applications.bulk_scans.names import Match, match
from app.core import heavy_work
from app.core.errors import AppError
from app.core.vocabulary import PaperKind
from app.db.session import db
from app.files import apart
from app.files.archives import ArchiveLimits, Entry
from app.files.images import FileFault
from app.files.inspect import FileRefused, refusal
from app.files.storage import keep_scan
from app.models import Person, WaitingScan
from app.web import request_context
from app.web.base.staged_upload import StagedUpload, remove

ARCHIVE = StagedUpload("scan-archive", minutes=12 * 60)
ARCHIVE_NAME = ".zip"


class Sent(NamedTuple):
    """A file as it was sent, with the folders that the browser or the archive names; or why it could not be unpacked."""

    path: str
    data: bytes
    fault: FileRefused | None = None

    @property
    def name(self) -> str:
        return self.path.replace("\\", "/").rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.path.replace("\\", "/").rpartition("/")[0]


class Outcome(NamedTuple):
    """What became of one file: ``state`` is given, doubtful, known or refused."""

    name: str
    state: str
    sentence: str


class Unpacked(NamedTuple):
    """A portion of an archive; with a ``ticket`` there is more of it."""

    name: str
    outcomes: Sequence[Outcome]
    done: int
    total: int
    ticket: str = ""


def is_archive(name: str) -> bool:
    return name.casefold().endswith(ARCHIVE_NAME)


def take(files: Iterable[Sent], *, by_phone: bool = False, as_known: Match | None = None) -> list[Outcome]:
    """Check, store and record these files, each by itself. Commits.

    ``as_known``: to whom and as what, where that need not be read from the name. Ends the transaction first.
    """
    found = list(files)
    given = (request_context.current_actor(), request_context.now(), request_context.current_office())
    with heavy_work.PICTURES.taken():  # one place for all of them
        matches = [as_known] * len(found) if as_known else _matches(found)
        checked = [_checked(file, matched) for file, matched in zip(found, matches, strict=True)]
    request_context.begin_writing()
    session, (actor, at, office) = db.session(), given
    outcomes = []
    for file, one in zip(found, checked, strict=True):
        if isinstance(one, Outcome):
            outcomes.append(one)
            continue
        try:
            before = waiting.known(session, actor, [one.source], at=at, office=office)
            row = waiting.receive(session, actor, one, at=at, office=office, by_phone=by_phone)
            outcomes.append(_known(file, row) if before else _recorded(row))
        except AppError as error:  # nothing was written for it
            outcomes.append(Outcome(file.name, "refused", str(error)))
    session.commit()
    return outcomes


def _matches(files: Sequence[Sent]) -> list[Match]:
    session, actor = db.session(), request_context.current_actor()
    roster = waiting.roster(session, actor, [file.path for file in files])
    found = [match(file.path, roster) for file in files]
    session.rollback()  # no transaction stays open while files are checked
    return found


def _checked(file: Sent, matched: Match) -> waiting.Received | Outcome:
    """The file as it may be recorded; an outcome if it is refused or here already."""
    if file.fault is not None:
        return Outcome(file.name, "refused", str(file.fault))
    session, actor, at = db.session(), request_context.current_actor(), request_context.now()
    office, store = request_context.current_office(), request_context.store()
    source = hashlib.sha256(file.data).hexdigest()
    there = waiting.known(session, actor, [source], at=at, office=office).get(source)
    known = _known(file, there) if there else None
    session.rollback()
    if known is not None:
        return known
    try:
        as_photo = matched.kind is PaperKind.PHOTO
        portrait = keep_scan(store, file.data, file.name, photo=True, office=office) if as_photo else None
        return waiting.Received(file.folder, source, keep_scan(store, file.data, file.name, office=office), matched, portrait)
    except FileRefused as error:
        return Outcome(file.name, "refused", str(error))


def _known(file: Sent, row: WaitingScan) -> Outcome:
    sentence = gettext("The same file has been received already (%(name)s); it counts once.", name=row.path)
    return Outcome(file.name, "known", sentence)


def _recorded(row: WaitingScan) -> Outcome:
    if row.doubt is not None:
        return Outcome(row.path, "doubtful", str(row.doubt))
    person = db.session().get_one(Person, row.person_id)
    return Outcome(row.path, "given", gettext("%(paper)s of %(name)s", paper=row.kind, name=person.name))


# --- archives -----------------------------------------------------------------------------------------------


def unpack_first(name: str, data: bytes) -> Unpacked:
    """The first files of an archive. Raises ``FileRefused``."""
    request_context.store().screen(data, name)
    return _unpack(name, data, 0, "")


def unpack_more() -> Unpacked:
    """The next files of the archive whose ticket was sent. Raises ``Stale``, ``FileRefused``."""
    file = ARCHIVE.staged()
    name, first = file.note
    unpacked = _unpack(name, file.data, first, file.digest)
    if not unpacked.ticket:
        remove(file)
    return unpacked


def _unpack(name: str, data: bytes, first: int, digest: str) -> Unpacked:
    """``digest``: of the archive in the store, once it has been put there."""
    office = request_context.current_office()
    limits = ArchiveLimits(office.waiting_scans, office.waiting_scan_bytes, office.scan_bytes)
    try:
        portion = apart.unzipped(data, first, limits)
    except FileFault as fault:
        raise refusal(name, fault.code, **fault.figures) from None
    ticket = ""
    if portion.next is not None:
        note = [name, portion.next]
        ticket = ARCHIVE.issue([digest, note]) if digest else ARCHIVE.stage(data, note=note)
    outcomes = take(Sent(entry.name, entry.data, _fault(entry)) for entry in portion.files)
    return Unpacked(name, outcomes, first + len(portion.files), portion.total, ticket)


def _fault(entry: Entry) -> FileRefused | None:
    return refusal(entry.name, entry.fault, **entry.figures) if entry.fault else None
