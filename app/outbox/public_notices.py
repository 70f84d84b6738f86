"""Results made public (R16–R19): one masked line for each decision, written in the decision's own transaction.

Law: a reason never comes here, and an ID number is masked before it is stored, so that no page can leak what the table
does not hold. Publishing delays nothing (Q13).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, func, insert, or_, select
from sqlalchemy.orm import Session

from app.core.clock import OFFICE_ZONE
from app.core.identifiers import mask_id_publicly
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import Category, MatterKind, Stage
from app.models import PublicNotice

PAGE_SIZE = 20
_BRACKETS = (str.maketrans("()", "（）"), str.maketrans("（）", "()"))


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """One decision as the file knows it. The ID number comes in full and is masked here, once."""

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


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Some of the notices asked for, newest first, and where they stand among ``total``."""

    notices: tuple[PublicNotice, ...]
    number: int  # from 1
    total: int
    size: int = PAGE_SIZE

    @property
    def last(self) -> int:
        return max(-(-self.total // self.size), 1)


def publish(session: Session, results: Sequence[DecisionResult], *, at: datetime) -> None:
    """Make results public in one statement, however many. The caller commits, together with the decisions."""
    if results:
        session.execute(insert(PublicNotice), [_row(result, at) for result in results])


def notices_page(
    session: Session,
    *,
    on: date,
    office: Office,
    text: str = "",
    matter: MatterKind | None = None,
    stage: Stage | None = None,
    page: int = 1,
    size: int = PAGE_SIZE,
) -> NoticePage:
    """The notices still on the board on a day. ``text`` is part of an enterprise's or a person's name, either bracket width.

    A page beyond the last one is read as the last.
    """
    wanted = [_on_the_board(on, office), *_asked_for(text, matter, stage)]
    total = session.scalar(select(func.count()).select_from(PublicNotice).where(*wanted)) or 0
    number = min(max(page, 1), max(-(-total // size), 1))
    newest = select(PublicNotice).where(*wanted).order_by(PublicNotice.published_at.desc(), PublicNotice.id.desc())
    notices = session.scalars(newest.limit(size).offset((number - 1) * size)).all() if total else ()
    return NoticePage(tuple(notices), number, total, size)


def latest(session: Session, *, on: date, office: Office, most: int) -> tuple[PublicNotice, ...]:
    """The newest notices on the board, uncounted: what a front page shows."""
    newest = select(PublicNotice).where(_on_the_board(on, office))
    return tuple(session.scalars(newest.order_by(PublicNotice.published_at.desc(), PublicNotice.id.desc()).limit(most)))


def _row(result: DecisionResult, at: datetime) -> dict[str, object]:
    return {
        "application_id": result.application_id,
        "matter": result.matter,
        "category": result.category,
        "stage": result.stage,
        "agreed": result.agreed,
        "name": result.name,
        "masked_id_number": mask_id_publicly(result.id_number),
        "enterprise_name": without_numbers(result.enterprise_name),
        "certificate_number": result.certificate_number,
        "region_code": result.region_code,
        "published_at": at,
    }


def _on_the_board(on: date, office: Office) -> ColumnElement[bool]:
    """Published within the last ``publicity_days`` office days, today included."""
    tomorrow = datetime.combine(on + timedelta(days=1), time(), OFFICE_ZONE)
    since = tomorrow - timedelta(days=office.publicity_days)
    return and_(PublicNotice.published_at >= since, PublicNotice.published_at < tomorrow)


def _asked_for(text: str, matter: MatterKind | None, stage: Stage | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if text:
        ways = {text, *(text.translate(width) for width in _BRACKETS)}
        columns = (PublicNotice.enterprise_name, PublicNotice.name)
        wanted.append(or_(*(column.icontains(way, autoescape=True) for way in sorted(ways) for column in columns)))
    if matter is not None:
        wanted.append(PublicNotice.matter == matter)
    if stage is not None:
        wanted.append(PublicNotice.stage == stage)
    return wanted
