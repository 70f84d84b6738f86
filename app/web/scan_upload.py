"""Scans on a form: upload cards, storing what was chosen, and what is still missing.

A scan that was accepted is put aside when the form comes back for another fault: its bytes are in the store, the form
carries a ticket in the place of the file. What is never attached is removed by the nightly sweep of the store.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from flask import g, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from app.accounts.access import reaches
from app.applications.attachments import Owner, attach, current, discard
from app.certificates.status_changes import MeasureDocument
from app.core import heavy_work
from app.core.errors import Refusal, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import CURRENT_CATEGORIES, PERSON_PAPERS, MatterKind, PaperKind, TechnicalTitle
from app.db.session import db
from app.exams import signup_papers
from app.files.inspect import PICTURE_NAMES, SCAN_NAMES, FileRefused
from app.files.storage import Store, keep_scan
from app.matters import standard_papers
from app.models import Paper
from app.web import request_context
from app.web.base.staged_upload import StagedUpload
from app.web.fix_links import anchor_of
from app.web.forms import KEPT, Uploaded, UploadField

# Shorter than ``storage.MIN_ORPHAN_AGE``: the sweep leaves the bytes alone as long as a ticket counts.
ASIDE = StagedUpload(
    "scan", minutes=12 * 60, expired=_("It is too long ago that this file was received. Please choose it again.")
)
_BY_CATEGORY = {category: standard_papers(MatterKind.NEW, category) for category in CURRENT_CATEGORIES}


def scan_field(kind: PaperKind, hint: object = "") -> Any:
    """The upload card of one scan; its id is the target of ``fix_links``."""
    is_photo = kind is PaperKind.PHOTO
    return UploadField(
        kind.label,
        id=anchor_of(kind.value),
        accept=PICTURE_NAMES if is_photo else SCAN_NAMES,
        description=hint,
        removable=True,
        portrait=is_photo,
    )


def field_name(kind: PaperKind) -> str:
    return f"paper_{kind.value}"


def categories_needing(kind: PaperKind) -> str:
    return str(gettext(", ").join(category.value for category, papers in _BY_CATEGORY.items() if kind in papers))


def card(paper: Paper) -> Uploaded:
    """A scan as its card shows it; one that a former employer handed in is named but cannot be opened."""
    if not reaches(request_context.current_actor(), paper):
        return Uploaded(paper.filename, paper.size)
    image, url = paper.mime == "image/jpeg", url_for("PaperView.open", paper_id=paper.id)
    small = url_for("PaperView.small", paper_id=paper.id) if image else ""
    return Uploaded(paper.filename, paper.size, url, image, small)


def fill_cards(form: Any, kinds: Iterable[PaperKind], papers: Mapping[PaperKind, Paper]) -> None:
    """Show on each card the stored scan and the size limit."""
    limit = request_context.current_office().scan_bytes
    for kind in kinds:
        field = form[field_name(kind)]
        field.limit_bytes = limit
        paper = papers.get(kind)
        field.current = None if paper is None else card(paper)
        field.removable = field.current is not None and bool(field.current.url)


class TakenScan(NamedTuple):
    """A scan that was accepted and stored; see ``storage.KeptScan``."""

    name: str
    digest: str
    mime: str
    size: int


def take_scans() -> None:
    """``receive_scans``, then begin the transaction that writes."""
    receive_scans()
    request_context.begin_writing()


def receive_scans(*only: str, browser: str = "") -> None:
    """Check and store every scan sent with the form, or in the fields named, and take up those put aside.

    ``taken`` gives what was found. If the form comes back, cards show the accepted ones as received, and why others were not.
    ``browser``: to whom what is put aside belongs, where nobody is signed in.
    """
    store, office = request_context.store(), request_context.current_office()
    g.browser = browser
    sent = [(name, file) for name, file in request.files.items(multi=True) if name and file.filename]
    sent = [(name, file) for name, file in sent if not only or name in only]
    found = {name: _put_aside(name) for name in _tickets() if not only or name in only}
    with heavy_work.PICTURES.taken():  # one place for the whole form
        found |= {name: _checked(store, name, file, office) for name, file in reversed(sent)}  # of two, the first is taken
    g.taken = found
    g.received = {name: _received(name, scan) for name, scan in found.items() if isinstance(scan, TakenScan)}
    g.refused = {name: error.sentence for name, error in found.items() if isinstance(error, FileRefused)}


def _tickets() -> Iterable[str]:
    """The cards whose file was put aside and is not ticked for removal."""
    names = (name.removesuffix(KEPT) for name, ticket in request.form.items() if ticket and (name or "").endswith(KEPT))
    return [name for name in names if not request.form.get(f"{name}-remove")]


def _put_aside(name: str) -> TakenScan | FileRefused:
    try:
        scan = TakenScan(*ASIDE.redeem(*_purpose(name), field=f"{name}{KEPT}"))
    except Stale as error:
        return FileRefused(error.sentence, code="scan-expired")
    if not request_context.store().has(scan.digest):
        return FileRefused(ASIDE.expired, code="scan-expired")
    return scan


def _checked(store: Store, name: str, file: FileStorage, office: Office) -> TakenScan | FileRefused:
    data = file.stream.read()
    file.stream.seek(0)
    try:
        kept = keep_scan(store, data, str(file.filename), photo=_is_photo(name), office=office)
    except FileRefused as error:
        return error
    return TakenScan(kept.name, kept.digest, kept.mime, kept.size)


def _received(name: str, scan: TakenScan) -> Uploaded:
    """As its card shows it. The ticket of a scan that came by ticket is not renewed, lest it outlive the bytes."""
    came = request.form.get(f"{name}{KEPT}", "") if not _was_sent(name) else ""
    return Uploaded(scan.name, scan.size, ticket=came or ASIDE.issue(scan, *_purpose(name)))


def _was_sent(name: str) -> bool:
    return any(file.filename for file in request.files.getlist(name))


def _purpose(name: str) -> tuple[object, ...]:
    """The form, as what the file was checked, and the browser of somebody who is not signed in."""
    return request.path, _is_photo(name), g.browser


def _is_photo(name: str) -> bool:
    return PaperKind.PHOTO.value in name


def is_taken(name: str) -> bool:
    """Whether a scan was sent in this field, or had been put aside for it."""
    return name in g.taken


def taken_names() -> list[str]:
    return list(g.taken)


def taken(name: str) -> TakenScan:
    """The scan that ``take_scans`` found in this field. Raises ``FileRefused``."""
    found: TakenScan | FileRefused = g.taken[name]
    if isinstance(found, FileRefused):
        raise found
    return found


def store_scans(session: Session, owner: Owner, form: Any, kinds: Iterable[PaperKind]) -> None:
    """Attach the scans taken, discard the ticked ones. Raises ``Unmet`` naming every bad file."""
    actor, at = request_context.current_actor(), request_context.office_now()
    there = current(session, owner)
    refusals: list[Refusal] = []
    for kind in kinds:
        field = form[field_name(kind)]
        if not is_taken(field.name):
            if field.removed and kind in there:
                discard(session, there[kind].id, actor, at=at)
            continue
        try:
            attach(session, owner, kind, taken(field.name), actor, at=at)
        except FileRefused as error:
            refusals.append(Refusal(error.code, error.sentence, field.name))
    if refusals:
        raise Unmet(refusals)


def taken_or_none(name: str) -> TakenScan | None:
    """As ``taken``; None if nothing was sent in this field. Raises ``FileRefused``."""
    return taken(name) if is_taken(name) else None


def measure_document(name: str) -> MeasureDocument | None:
    """The scan taken for a measure; None without one. Raises ``FileRefused``."""
    scan = taken_or_none(name)
    return scan and MeasureDocument(scan.digest, scan.mime, scan.name)


def current_kinds(session: Session, people: Collection[int]) -> dict[int, frozenset[PaperKind]]:
    """Which scans each of these people has, in one query."""
    found: dict[int, set[PaperKind]] = {person_id: set() for person_id in people}
    rows = select(Paper.person_id, Paper.kind).where(Paper.person_id.in_(people), Paper.replaced_at.is_(None))
    for person_id, kind in session.execute(rows):
        found[person_id or 0].add(kind)
    return {person_id: frozenset(kinds) for person_id, kinds in found.items()}


def person_checks(
    kinds: Collection[PaperKind], title: TechnicalTitle | None = None
) -> list[tuple[bool | None, object, object, str]]:
    """A person's scans as ``(present, label, note, link)``; ``None`` for one that only some categories need."""
    checks: list[tuple[bool | None, object, object, str]] = []
    asked = signup_papers(db.session(), request_context.today()).required(title)
    for kind in PERSON_PAPERS:
        there, url = kind in kinds, f"#{anchor_of(kind.value)}"
        if kind in asked:
            checks.append((there, kind.label, "" if there else _("Go to the upload card"), "" if there else url))
        else:
            sub = "" if there else gettext("Only for category %(categories)s", categories=categories_needing(kind))
            checks.append((True if there else None, kind.label, sub, "" if there else url))
    return checks
