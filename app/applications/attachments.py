"""Attachments (papers): handing in scans, the current one of each kind, and who may read them.

A new scan replaces the current one and never overwrites it: a submitted application keeps the papers it was submitted
with. The bytes are in ``Store``. Papers of an application are handed in by its filer, while its state is changeable.
"""

from collections.abc import Mapping
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach, reaches
from app.core.clock import office_day
from app.core.errors import AppError, NotFound, Stale
from app.core.vocabulary import CHANGEABLE, MATTER_PAPERS, PERSON_PAPERS, MatterKind, PaperKind, Role
from app.files.storage import KeptScan, Store
from app.models import Application, Enterprise, Paper, Person, Qualification

Owner = Person | Qualification | Enterprise | Application


class PaperRemoved(AppError):
    """The scan was removed when its retention period ended."""

    status = 410
    code = "paper-removed"

    def __init__(self, paper: Paper) -> None:
        assert paper.removed_at is not None  # noqa: S101 - callers check
        day = office_day(paper.removed_at).isoformat()
        super().__init__(_("Removed on %(day)s, as its time of keeping had passed", day=day))


# owner -> its column in ``Paper``, and the kinds of paper it may have
_OWNERS: Mapping[type[Owner], tuple[str, tuple[PaperKind, ...]]] = {
    Person: ("person_id", PERSON_PAPERS),
    Qualification: ("qualification_id", (PaperKind.QUALIFICATION,)),
    Enterprise: ("pledging_enterprise_id", (PaperKind.PLEDGE,)),
    Application: ("application_id", MATTER_PAPERS),
}


def attach(session: Session, owner: Owner, kind: PaperKind, scan: KeptScan, actor: Actor, *, at: datetime) -> Paper:
    """A kept scan for a person, qualification, enterprise or application of the actor's; it becomes the current one.

    Raises ``NotFound`` for what is not the actor's own.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    _must_take(owner, kind, actor)
    _retire(session, owner, kind, at)
    paper = Paper(
        kind=kind,
        enterprise_id=actor.enterprise_id,
        filename=scan.name,
        digest=scan.digest,
        mime=scan.mime,
        size=scan.size,
        uploaded_at=at,
        uploaded_by=actor.name,
        **{_OWNERS[type(owner)][0]: owner.id},
    )
    session.add(paper)
    try:
        session.flush()  # of two uploads at once, the unique index refuses one
    except IntegrityError:
        raise Stale from None
    return paper


def _must_take(owner: Owner, kind: PaperKind, actor: Actor) -> None:
    """The owner is the actor's, can be changed, and may have this kind of paper; raises otherwise."""
    must_reach(actor, owner)
    _column, kinds = _OWNERS[type(owner)]
    if isinstance(owner, Application):
        if owner.enterprise_id != actor.enterprise_id:  # the old enterprise of a transfer can read it too
            raise NotFound
        if owner.state not in CHANGEABLE:
            raise Stale
        _must_be_open(owner, kind)
        if owner.matter is MatterKind.TRANSFER:  # until approval the person's record is the old enterprise's
            kinds = (*kinds, *PERSON_PAPERS)
    if kind not in kinds:
        raise AppError(_("“%(paper)s” does not belong here.", paper=kind.label), code="wrong-paper")


def _must_be_open(application: Application, kind: PaperKind) -> None:
    """After a return with marks only marked papers can change; raises otherwise."""
    if application.marks and f"papers.{kind.value}" not in {mark["item"] for mark in application.marks}:
        raise AppError(
            _("“%(paper)s” was not marked for correction and stays as it was submitted.", paper=kind.label), code="not-marked"
        )


def discard(session: Session, paper_id: int, actor: Actor, *, at: datetime) -> Paper:
    """Withdraw a scan: it is no longer current, and stays in applications submitted with it."""
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
    """The current scans of an owner, by kind."""
    papers = session.scalars(select(Paper).where(_of(owner), Paper.replaced_at.is_(None)))
    return {paper.kind: paper for paper in papers}


def may_open(session: Session, paper_id: int, actor: Actor) -> Paper:
    """The paper, if this actor may read it; ``NotFound`` otherwise."""
    return must_reach(actor, session.get(Paper, paper_id))


def bytes_of(paper: Paper, store: Store) -> bytes:
    """The bytes of a scan. Raises ``PaperRemoved``, ``FileMissing``."""
    if paper.removed_at is not None:
        raise PaperRemoved(paper)
    return store.read(paper.digest)


def _of(owner: Owner) -> ColumnElement[bool]:
    column, _kinds = _OWNERS[type(owner)]
    condition: ColumnElement[bool] = getattr(Paper, column) == owner.id
    return condition


def _retire(session: Session, owner: Owner, kind: PaperKind, at: datetime) -> None:
    session.execute(update(Paper).where(_of(owner), Paper.kind == kind, Paper.replaced_at.is_(None)).values(replaced_at=at))
