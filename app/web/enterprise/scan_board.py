"""What the page 批量上传扫描件 shows: people by papers, and the doubtful files with what can be chosen for each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.bulk_scans import waiting
from app.applications.bulk_scans.judging import Judged, Ready, judge
from app.applications.bulk_scans.names import Roster, candidates
from app.core.office import Office
from app.core.vocabulary import PERSON_PAPERS, PaperKind
from app.exams import lacks_papers, signup_papers
from app.models import Person, WaitingScan
from app.web import request_context
from app.web.scan_upload import current_kinds

ON_PAGE = 30  # people
MOST_OFFERED = 50  # people of one name
MOST_NAMES = 2_000  # offered while a name is typed


@dataclass(frozen=True, slots=True)
class PaperPlace:
    """One paper of one person: handed in already, come now, or missing."""

    kind: PaperKind
    there: bool
    ready: Ready | None
    doubtful: bool  # a file was given to it that is not ready
    asked: bool  # a sign-up asks for it


@dataclass(frozen=True, slots=True)
class BoardLine:
    person: Person
    places: Sequence[PaperPlace]


@dataclass(frozen=True, slots=True)
class Question:
    """A file to which the clerk says whose it is."""

    scan: WaitingScan
    why: object
    person: Person | None
    offered: Sequence[Person]  # of whom one is chosen, where the name leaves several


@dataclass(frozen=True, slots=True)
class Board:
    lines: Sequence[BoardLine]
    questions: Sequence[Question]
    judged: Judged
    names: Sequence[str]  # of everybody on the list
    space: waiting.SpaceLeft
    page: int
    pages: int
    total: int


def judged_now(session: Session, actor: Actor, office: Office) -> tuple[Sequence[WaitingScan], set[int], Judged]:
    """The files that wait, the people on the list to whom some were given, and which files are ready."""
    scans = waiting.waiting(session, actor, at=request_context.now(), office=office)
    named = {scan.person_id for scan in scans} - {None}
    mine = select(Person.id).where(Person.enterprise_id == actor.enterprise_id, Person.id.in_(named))
    on_list = set(session.scalars(mine)) if named else set()
    return scans, on_list, judge(scans, on_list)


def board(session: Session, actor: Actor, office: Office, *, page: int = 1, change: Collection[int] = ()) -> Board:
    """``change``: files that are to be given to somebody else, doubtful or not."""
    scans, on_list, judged = judged_now(session, actor, office)
    mine = Person.enterprise_id == actor.enterprise_id
    asked = signup_papers(session, request_context.today())
    by_name = (Person.name_sort, Person.id)
    first = session.scalars(select(Person.id).where(mine, Person.id.in_(on_list)).order_by(*by_name)).all()
    lacking = select(Person.id).where(mine, Person.id.not_in(on_list), lacks_papers(asked)).order_by(*by_name)
    everybody = [*first, *session.scalars(lacking)]
    pages = max(1, -(-len(everybody) // ON_PAGE))
    page = min(max(page, 1), pages)
    shown = everybody[(page - 1) * ON_PAGE : page * ON_PAGE]
    people = {one.id: one for one in session.scalars(select(Person).where(mine, Person.id.in_({*shown, *on_list})))}
    kinds = current_kinds(session, shown)
    ready = {(one.person_id, one.kind): one for one in judged.ready}
    unclear = {(scan.person_id, scan.kind) for scan in scans if scan.id in judged.doubtful}
    lines = []
    for key in shown:
        needed = asked.required(people[key].technical_title)
        places = [
            PaperPlace(kind, kind in kinds[key], ready.get((key, kind)), (key, kind) in unclear, kind in needed)
            for kind in PERSON_PAPERS
        ]
        lines.append(BoardLine(people[key], places))
    roster = waiting.roster(session, actor, [])
    asking = [scan for scan in scans if scan.id in judged.doubtful or scan.id in change]
    questions = _questions(session, asking, judged.doubtful, people, roster)
    names = [name for (name,) in session.execute(select(Person.name).where(mine).distinct().limit(MOST_NAMES))]
    space = waiting.space_left(session, actor, at=request_context.now(), office=office)
    return Board(lines, questions, judged, names, space, page, pages, len(everybody))


def _questions(
    session: Session,
    scans: Sequence[WaitingScan],
    doubtful: Mapping[int, object],
    people: Mapping[int, Person],
    roster: Roster,
) -> list[Question]:
    """Those whom each file name may mean are loaded in one query."""
    meant = {scan.id: sorted(candidates(scan.path, roster))[:MOST_OFFERED] for scan in scans}
    wanted = {person_id for several in meant.values() if len(several) > 1 for person_id in several}
    offered = {one.id: one for one in session.scalars(select(Person).where(Person.id.in_(wanted)))} if wanted else {}
    return [
        Question(
            scan,
            doubtful.get(scan.id, ""),
            people.get(scan.person_id or 0),
            [offered[key] for key in meant[scan.id] if key in offered] if len(meant[scan.id]) > 1 else [],
        )
        for scan in scans
    ]
