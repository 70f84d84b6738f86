"""Publication of decisions (R16–R19) and measures, written in the transaction of the decision.

The table holds no reasons and only masked ID numbers, so that no page can leak them. Publishing delays no decision (Q13).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, func, insert, or_, select
from sqlalchemy.orm import Session

from app.core.clock import OFFICE_ZONE
from app.core.identifiers import mask_id_publicly
from app.core.office import Office
from app.core.redaction import mask_numbers
from app.core.search_text import variants
from app.core.vocabulary import Category, CertificateEventKind, MatterKind, Stage
from app.models import PublicNotice

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """A decision to publish. ``id_number`` is given in full and masked here."""

    application_id: int
    matter: MatterKind
    category: Category
    stage: Stage
    agreed: bool
    name: str
    id_number: str
    enterprise_name: str
    region_code: str
    certificate_number: str = ""


_PUBLISHED = [one.name for one in fields(DecisionResult) if one.name not in ("id_number", "enterprise_name")]


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """A measure to publish. ``id_number`` is given in full and masked here."""

    measure_id: int
    kind: CertificateEventKind
    category: Category
    name: str
    id_number: str
    enterprise_name: str
    region_code: str
    certificate_number: str


@dataclass(frozen=True, slots=True)
class NoticePage:
    """A page of notices, newest first, out of ``total``."""

    notices: tuple[PublicNotice, ...]
    number: int  # from 1
    total: int
    size: int = PAGE_SIZE

    @property
    def last(self) -> int:
        return max(-(-self.total // self.size), 1)


def publish(session: Session, results: Sequence[DecisionResult], *, at: datetime) -> None:
    """Publish decisions in one statement. The caller commits, together with the decisions."""
    if results:
        names = {name: mask_numbers(name) for name in {result.enterprise_name for result in results}}
        session.execute(insert(PublicNotice), [_row(result, names[result.enterprise_name], at) for result in results])


def publish_measures(session: Session, results: Sequence[MeasureResult], *, at: datetime) -> None:
    """Publish measures in one statement. The caller commits, together with the measures."""
    if results:
        session.execute(insert(PublicNotice), [_measure_row(result, at) for result in results])


def notices_page(
    session: Session,
    *,
    on: date,
    office: Office,
    text: str = "",
    matter: MatterKind | None = None,
    stage: Stage | None = None,
    measures: bool = False,
    page: int = 1,
    size: int = PAGE_SIZE,
) -> NoticePage:
    """Notices public on a day. ``text`` is part of an enterprise's or a person's name, as ``variants`` writes it.

    ``measures``: only those of measures.
    A page number beyond the last page gives the last page.
    """
    conditions = [_is_public(on, office), *_matches(text, matter, stage)]
    if measures:
        conditions.append(PublicNotice.measure_id.is_not(None))
    total = session.scalar(select(func.count()).select_from(PublicNotice).where(*conditions)) or 0
    number = min(max(page, 1), max(-(-total // size), 1))
    newest = select(PublicNotice).where(*conditions).order_by(PublicNotice.published_at.desc(), PublicNotice.id.desc())
    notices = session.scalars(newest.limit(size).offset((number - 1) * size)).all() if total else ()
    return NoticePage(tuple(notices), number, total, size)


def latest(session: Session, *, on: date, office: Office, most: int) -> tuple[PublicNotice, ...]:
    """The newest public notices, without counting, for the front page."""
    newest = select(PublicNotice).where(_is_public(on, office))
    return tuple(session.scalars(newest.order_by(PublicNotice.published_at.desc(), PublicNotice.id.desc()).limit(most)))


def _row(result: DecisionResult, enterprise_name: str, at: datetime) -> dict[str, object]:
    return {
        **{name: getattr(result, name) for name in _PUBLISHED},
        "masked_id_number": mask_id_publicly(result.id_number),
        "enterprise_name": enterprise_name,
        "published_at": at,
    }


def _measure_row(result: MeasureResult, at: datetime) -> dict[str, object]:
    return {
        "measure_id": result.measure_id,
        "measure": result.kind,
        "category": result.category,
        "agreed": True,
        "name": result.name,
        "masked_id_number": mask_id_publicly(result.id_number),
        "enterprise_name": mask_numbers(result.enterprise_name),
        "certificate_number": result.certificate_number,
        "region_code": result.region_code,
        "published_at": at,
    }


def _is_public(on: date, office: Office) -> ColumnElement[bool]:
    """Published within the last ``publicity_days`` office days, today included."""
    tomorrow = datetime.combine(on + timedelta(days=1), time(), OFFICE_ZONE)
    since = tomorrow - timedelta(days=office.publicity_days)
    return and_(PublicNotice.published_at >= since, PublicNotice.published_at < tomorrow)


def _matches(text: str, matter: MatterKind | None, stage: Stage | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if text:
        columns = (PublicNotice.enterprise_name, PublicNotice.name)
        conditions.append(or_(*(column.icontains(name, autoescape=True) for name in variants(text) for column in columns)))
    if matter is not None:
        conditions.append(PublicNotice.matter == matter)
    if stage is not None:
        conditions.append(PublicNotice.stage == stage)
    return conditions
