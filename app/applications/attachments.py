"""Papers: who handed in which scan, which one counts now, and who may look at it.

Law: a new scan replaces the old one as the current one and never overwrites it, because a submitted application keeps the
papers it was submitted with. The bytes are ``storage``'s affair. A paper of an application can be handed in while the
application is in the enterprise's own hands, by the enterprise that files it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach, reaches
from app.core.clock import office_day
from app.core.errors import AppError, NotFound, Stale
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import CHANGEABLE, MATTER_PAPERS, PERSON_PAPERS, MatterKind, PaperKind, Role
from app.files.inspect import LIMITS, inspect
from app.files.storage import Store
from app.models import Application, Enterprise, Filing, Paper, Person, Qualification

Owner = Person | Qualification | Enterprise | Application


class PaperRemoved(AppError):
    """The paper was there, and its time has passed."""

    status = 410
    code = "paper-removed"

    def __init__(self, paper: Paper) -> None:
        assert paper.removed_at is not None  # noqa: S101 - whoever raises this has asked
        day = office_day(paper.removed_at).isoformat()
        super().__init__(_("Removed on %(day)s, as its time of keeping had passed", day=day))


# which column names the owner, and which kinds it may hand in
_OWNERS: Mapping[type[Owner], tuple[str, tuple[PaperKind, ...]]] = {
    Person: ("person_id", PERSON_PAPERS),
    Qualification: ("qualification_id", (PaperKind.QUALIFICATION,)),
    Enterprise: ("pledging_enterprise_id", (PaperKind.PLEDGE,)),
    Application: ("application_id", MATTER_PAPERS),
}


def attach(
    session: Session,
    store: Store,
    owner: Owner,
    kind: PaperKind,
    data: bytes,
    filename: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> Paper:
    """Take in a scan of one's own person, qualification, enterprise or application; it becomes the current one.

    Raises ``FileRefused`` (what is wrong with the file), ``NotFound`` for what is not one's own.
    """
    (paper,) = _attach(session, store, [owner], kind, data, filename, actor, at=at, office=office)
    return paper


def attach_to_all(
    session: Session,
    store: Store,
    filing: Filing,
    kind: PaperKind,
    data: bytes,
    filename: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> list[Paper]:
    """One scan for every application of a filing that is in the enterprise's hands: the approval of a new name, say."""
    owners = [application for application in filing.applications if application.state in CHANGEABLE]
    if filing.enterprise_id != actor.enterprise_id or not owners:
        raise NotFound
    return _attach(session, store, owners, kind, data, filename, actor, at=at, office=office)


def _attach(
    session: Session,
    store: Store,
    owners: Sequence[Owner],
    kind: PaperKind,
    data: bytes,
    filename: str,
    actor: Actor,
    *,
    at: datetime,
    office: Office,
) -> list[Paper]:
    actor.demand(Role.ENTERPRISE_CLERK)
    for owner in owners:
        _must_take(owner, kind, actor)
    store.screen(data, filename)
    limits = replace(LIMITS, bytes=office.scan_bytes, photo_bytes=office.photo_bytes)
    # People name a scan after whoever is on it; "*" is in no file's name.
    filename = without_numbers(filename).replace("*", "_")
    sound = inspect(data, filename, photo=kind is PaperKind.PHOTO, limits=limits)
    digest = store.put(sound.data)
    papers = []
    for owner in owners:
        _retire(session, owner, kind, at)
        papers.append(
            Paper(
                kind=kind,
                enterprise_id=actor.enterprise_id,
                filename=sound.name,
                digest=digest,
                mime=sound.mime,
                size=len(sound.data),
                uploaded_at=at,
                uploaded_by=actor.name,
                **{_OWNERS[type(owner)][0]: owner.id},
            )
        )
    session.add_all(papers)
    try:
        session.flush()  # two uploads of the same scan at once: the index lets one through
    except IntegrityError:
        raise Stale from None
    return papers


def _must_take(owner: Owner, kind: PaperKind, actor: Actor) -> None:
    """The owner is the actor's own, can still be changed, and is asked for such a paper."""
    must_reach(actor, owner)
    _column, kinds = _OWNERS[type(owner)]
    if isinstance(owner, Application):
        if owner.enterprise_id != actor.enterprise_id:  # the old enterprise of a transfer reaches it, too
            raise NotFound
        if owner.state not in CHANGEABLE:
            raise Stale
        _must_be_open(owner, kind)
        if owner.matter is MatterKind.TRANSFER:  # the person's own page is the old enterprise's until then
            kinds = (*kinds, *PERSON_PAPERS)
    if kind not in kinds:
        raise AppError(_("“%(paper)s” does not belong here.", paper=kind.label), code="wrong-paper")


def _must_be_open(application: Application, kind: PaperKind) -> None:
    """What was returned with marks is open where it was marked, and nowhere else."""
    if application.marks and f"papers.{kind.value}" not in {mark["item"] for mark in application.marks}:
        raise AppError(
            _("“%(paper)s” was not marked for correction and stays as it was submitted.", paper=kind.label), code="not-marked"
        )


def discard(session: Session, paper_id: int, actor: Actor, *, at: datetime) -> Paper:
    """Take a scan back: it no longer counts, and stays where applications were submitted with it."""
    actor.demand(Role.ENTERPRISE_CLERK)
    paper = session.get(Paper, paper_id)
    if paper is None or not reaches(actor, paper) or paper.replaced_at is not None:
        raise NotFound
    if paper.application_id is not None:
        application = session.get_one(Application, paper.application_id)
        if application.state not in CHANGEABLE:
            raise Stale
        _must_be_open(application, paper.kind)
    paper.replaced_at = at
    return paper


def current(session: Session, owner: Owner) -> dict[PaperKind, Paper]:
    """The scans that count now, by kind."""
    papers = session.scalars(select(Paper).where(_of(owner), Paper.replaced_at.is_(None)))
    return {paper.kind: paper for paper in papers}


def may_open(session: Session, paper_id: int, actor: Actor) -> Paper:
    """The paper, if this actor may look at it; ``NotFound`` otherwise."""
    paper = session.get(Paper, paper_id)
    must_reach(actor, paper)
    assert paper is not None  # noqa: S101 - must_reach has refused None
    return paper


def bytes_of(paper: Paper, store: Store) -> bytes:
    """What was handed in. Raises ``PaperRemoved``, ``FileMissing``."""
    if paper.removed_at is not None:
        raise PaperRemoved(paper)
    return store.read(paper.digest)


def _of(owner: Owner) -> ColumnElement[bool]:
    column, _kinds = _OWNERS[type(owner)]
    condition: ColumnElement[bool] = getattr(Paper, column) == owner.id
    return condition


def _retire(session: Session, owner: Owner, kind: PaperKind, at: datetime) -> None:
    session.execute(update(Paper).where(_of(owner), Paper.kind == kind, Paper.replaced_at.is_(None)).values(replaced_at=at))
