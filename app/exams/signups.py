"""Exam sign-ups by enterprises: candidates, selecting (保存) and submitting them (上报) (R48–R53).

The window, the papers, the person and the places are checked on both steps; all refusals are returned at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor, must_reach, region_prefix
from app.accounts.identity_binding import lock_people
from app.core.clock import office_day, office_time
from app.core.errors import FixPlace, NotFound, Refusal, Unmet
from app.core.identifiers import mask_id
from app.core.office import Office
from app.core.vocabulary import AuditAction, Category, MatterKind, NoticeState, Position, Registration, Role, SignupState
from app.db import sequences
from app.eligibility.facts import Facts, of_candidates
from app.eligibility.picking import EVERYTHING, PickerPage, PickerQuery, count, of_page, pages_of, people_of
from app.eligibility.rules import is_not_banned
from app.exams.identity import bind
from app.exams.locking import (
    MOST_AT_ONCE,
    check_batch_size,
    free_places,
    lock_notices,
    lock_notices_of,
    log_signups,
    valid_ids,
)
from app.exams.papers import lacks_papers
from app.exams.signup_rules import (
    Entered,
    SignupConditions,
    conditions_on,
    fits_category,
    is_new,
    is_one_first_c,
    keeps_back,
    stands_in_the_way,
    too_many,
    will_be_asked_for,
)
from app.models import Enterprise, ExamNotice, ExamSignup, Person, ScoreCorrection

UNSENT = (SignupState.SELECTED, SignupState.REJECTED)  # the enterprise can still change these


class CandidateGroup(IntEnum):
    """What the database can tell of a person before the rules are asked, in the order of the page."""

    COMPLETE = 0  # has the scans that every category asks for, and is not on the list
    LACKING = 1
    LISTED = 2


@dataclass(frozen=True, slots=True)
class SignupCandidate:
    """One of the enterprise's people, with the refusals that prevent a sign-up."""

    person_id: int
    name: str
    masked_id_number: str
    position: Position | None
    lacks: tuple[Refusal, ...]  # scans missing for every category, each with the place to upload it (R49)
    bars: tuple[Refusal, ...]  # refusals for every category
    per_category: Mapping[Category, tuple[Refusal, ...]]  # every category of the notice; empty: allowed
    signed_up: Entered
    warnings: Mapping[Category, tuple[Refusal, ...]] = field(default_factory=dict)  # the new application will ask for it

    @property
    def open_categories(self) -> tuple[Category, ...]:
        """The categories this person can be signed up for now."""
        if self.lacks or self.bars:
            return ()
        return tuple(category for category, refusals in self.per_category.items() if not refusals)


class SignupLine(NamedTuple):
    """A stored sign-up of a batch."""

    id: int
    notice_id: int
    person_id: int
    category: Category
    state: SignupState
    name: str
    enterprise_id: int


@dataclass(slots=True)
class SignupOutcome:
    """The result of each sign-up of a batch: every id is in ``moved`` or in ``refused``."""

    moved: list[int] = field(default_factory=list)
    refused: dict[int, tuple[Refusal, ...]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)  # for messages


def candidates(
    session: Session,
    notice_id: int,
    actor: Actor,
    asked: PickerQuery = EVERYTHING,
    *,
    group: CandidateGroup | None = None,
    at: datetime,
    office: Office,
) -> PickerPage[SignupCandidate]:
    """A page of the enterprise's people, with the reasons for those who cannot be selected. A fixed number of queries.

    Does not check whether sign-up is open: see ``not_open``.
    """
    enterprise = own_enterprise(session, actor)
    notice = must_reach(actor, session.get(ExamNotice, notice_id) if valid_ids([notice_id]) else None)
    asks = conditions_on(session, office_day(at), office)
    query = _people_for(session, notice, enterprise, asked, group, asks)
    total = count(session, query)
    page = min(asked.page, pages_of(total))
    ids = session.scalars(of_page(query, page)).all()
    return PickerPage(_checked(session, notice, enterprise, ids, notice.categories, asks), total, page)


def all_open(
    session: Session,
    notice_id: int,
    category: Category,
    actor: Actor,
    asked: PickerQuery,
    *,
    at: datetime,
    office: Office,
    portion: int = 500,
) -> list[int]:
    """Of the people who match those that can be signed up for this category and are not on the list, ``largest_batch``
    at most. They are judged in portions.
    """
    enterprise = own_enterprise(session, actor)
    notice = must_reach(actor, session.get(ExamNotice, notice_id) if valid_ids([notice_id]) else None)
    asks = conditions_on(session, office_day(at), office)
    ids = session.scalars(_people_for(session, notice, enterprise, asked, CandidateGroup.COMPLETE, asks)).all()
    found: list[int] = []
    for start in range(0, len(ids), portion):
        theirs = _checked(session, notice, enterprise, ids[start : start + portion], [category], asks)
        found += [one.person_id for one in theirs if category in one.open_categories]
        if len(found) >= office.largest_batch:
            break
    return found[: office.largest_batch]


def own_names(session: Session, ids: Collection[int], actor: Actor) -> dict[int, str]:
    """The names of those of these people who are the enterprise's own."""
    mine = sa.select(Person.id, Person.name).where(Person.id.in_(valid_ids(ids)[:MOST_AT_ONCE]))
    rows = session.execute(mine.where(Person.enterprise_id == own_enterprise(session, actor).id).order_by(Person.name_sort))
    return {row.id: row.name for row in rows}


def _people_for(
    session: Session,
    notice: ExamNotice,
    enterprise: Enterprise,
    asked: PickerQuery,
    group: CandidateGroup | None,
    asks: SignupConditions,
) -> sa.Select[int]:
    """Ids of the people who match, in the order of ``CandidateGroup`` and by name."""
    is_listed = sa.exists().where(ExamSignup.notice_id == notice.id, ExamSignup.person_id == Person.id)
    of = sa.case(
        (is_listed, CandidateGroup.LISTED), (lacks_papers(asks.papers), CandidateGroup.LACKING), else_=CandidateGroup.COMPLETE
    )
    people = people_of(session, enterprise.id, asked.text)
    if group is not None:
        people = people.where(of == group)
    return people.order_by(of, Person.name_sort, Person.id)


def _checked(
    session: Session,
    notice: ExamNotice,
    enterprise: Enterprise,
    ids: Sequence[int],
    categories: Sequence[Category],
    asks: SignupConditions,
) -> list[SignupCandidate]:
    """These people in this order, judged for these categories of the notice."""
    pairs = [(person_id, category) for person_id in ids for category in categories]
    cases = of_candidates(session, enterprise.id, MatterKind.NEW, pairs)
    entered = entered_by(session, [notice.id], ids)
    rows = session.execute(sa.select(Person.id, Person.name, Person.id_number, Person.position).where(Person.id.in_(ids)))
    people, found = {row.id: row for row in rows}, []
    for person in (people[person_id] for person_id in ids if person_id in people):
        own = [cases[person.id, category] for category in categories]
        theirs = entered.get((notice.id, person.id), {})
        general = asks.general_papers(own)
        found.append(
            SignupCandidate(
                person_id=person.id,
                name=person.name,
                masked_id_number=mask_id(person.id_number),
                position=person.position,
                lacks=tuple(asks.missing(own[0], general)),
                bars=tuple(is_not_banned(own[0], asks.on, asks.office)),
                per_category={case.category: tuple(stands_in_the_way(case, theirs, asks, general)) for case in own},
                signed_up=theirs,
                warnings={case.category: tuple(will_be_asked_for(case, asks)) for case in own},
            )
        )
    return found


def select(
    session: Session, notice_id: int, picks: Iterable[tuple[int, Category]], actor: Actor, *, at: datetime, office: Office
) -> list[ExamSignup]:
    """保存 (R52): put people, each with a category, on the enterprise's list. All or nothing; not yet a sign-up (R53)."""
    enterprise = own_enterprise(session, actor)
    wanted = list(dict.fromkeys(picks))
    check_batch_size(wanted)
    locked = lock_notices(session, ExamNotice.id == notice_id) if valid_ids([notice_id]) else {}
    notice = must_reach(actor, locked.get(notice_id))
    refusals = [
        *not_open(notice, enterprise, at=at),
        *too_many(free_places(session, [notice]).get(notice_id), len(wanted)),
        *_wrong_picks(session, notice, enterprise, wanted, conditions_on(session, office_day(at), office)),
    ]
    if refusals:
        raise Unmet(refusals)
    return _put_on_list(session, notice_id, enterprise, wanted, actor, at)


def _put_on_list(
    session: Session, notice_id: int, enterprise: Enterprise, wanted: list[tuple[int, Category]], actor: Actor, at: datetime
) -> list[ExamSignup]:
    """In bulk: on SQLite the session would write row by row."""
    given = sequences.daily_numbers(session, enterprise.region_code, "BM", office_day(at), len(wanted))
    common = {
        "notice_id": notice_id,
        "enterprise_id": enterprise.id,
        "region_code": enterprise.region_code,
        "state": SignupState.SELECTED,
        "created_at": at,
        "reviewed_by": "",
        "reason": "",
        "absent": False,
    }
    rows = [
        {**common, "number": number, "person_id": person_id, "category": category}
        for number, (person_id, category) in zip(given, wanted, strict=True)
    ]
    session.execute(sa.insert(ExamSignup), rows)
    signups = list(session.scalars(sa.select(ExamSignup).where(ExamSignup.number.in_(given)).order_by(ExamSignup.id)))
    made = [(s.id, {"person_id": [None, s.person_id], "category": [None, s.category.value]}) for s in signups]
    log_signups(session, made, actor, at, action=AuditAction.CREATE)
    return signups


def deselect(session: Session, ids: Iterable[int], actor: Actor) -> SignupOutcome:
    """Delete sign-ups that are not submitted, or rejected."""
    mine = ExamSignup.enterprise_id == own_enterprise(session, actor).id
    ids = list(dict.fromkeys(ids))
    check_batch_size(ids)
    lock_notices_of(session, valid_ids(ids), mine)
    outcome, rows = split_by_state(session, ids, mine, UNSENT)
    named = sa.exists().where(ScoreCorrection.signup_id == ExamSignup.id)  # a record of others, which needs its sign-up
    chosen = sa.select(ExamSignup).where(ExamSignup.id.in_([row.id for row in rows]), ExamSignup.state.in_(UNSENT), ~named)
    gone = set()
    for signup in session.scalars(chosen.execution_options(populate_existing=True)):
        gone.add(signup.id)
        session.delete(signup)  # through the session, which logs it; written in one statement
    session.flush()
    return with_results(outcome, rows, gone)


def submit(session: Session, ids: Iterable[int], actor: Actor, *, at: datetime, office: Office) -> SignupOutcome:
    """上报 (R53): what was selected, or rejected and put right, goes to review. Everything is checked again.

    Where the places left do not suffice for all rows of a notice, none of them moves: the enterprise has to choose.
    """
    enterprise = own_enterprise(session, actor)
    mine = ExamSignup.enterprise_id == enterprise.id
    ids = list(dict.fromkeys(ids))
    check_batch_size(ids)
    notices = lock_notices_of(session, valid_ids(ids), mine)
    outcome, rows = split_by_state(session, ids, mine, UNSENT)
    lock_people(session, {row.person_id for row in rows})  # from now on nobody is renamed: see ``registry``
    cases = of_candidates(session, enterprise.id, MatterKind.NEW, [(row.person_id, row.category) for row in rows])
    entered = entered_by(session, notices, {row.person_id for row in rows})
    asks, fit = conditions_on(session, office_day(at), office), []
    for row in rows:
        case, theirs = cases[row.person_id, row.category], entered[row.notice_id, row.person_id]
        refusals = [*not_open(notices[row.notice_id], enterprise, at=at), *keeps_back(case, theirs, asks)]
        if refusals:
            outcome.refused[row.id] = tuple(refusals)
        else:
            fit.append(row)
    fit = with_free_places(session, notices, fit, outcome)
    new = {"state": SignupState.SUBMITTED, "submitted_at": at, "reviewed_at": None, "reviewed_by": "", "reason": ""}
    done = change_state(session, outcome, fit, UNSENT, new, actor, at)
    bind(session, done.moved)
    return done


# --- changing the state; also for ``signup_review`` --------------------------------------------------------------------


def not_open(notice: ExamNotice, enterprise: Enterprise, *, at: datetime) -> Iterator[Refusal]:
    """Why this enterprise cannot sign up for this exam now. The window includes both its ends."""
    span = {
        "start": f"{office_time(notice.signup_start):%Y-%m-%d %H:%M}",
        "end": f"{office_time(notice.signup_end):%Y-%m-%d %H:%M}",
    }
    if notice.state is not NoticeState.PUBLISHED:
        yield Refusal("notice-not-in-force", _("This notice: %(state)s. Nobody can be signed up.", state=notice.state.label))
    elif at < notice.signup_start:
        sentence = _("Sign-up for this exam is from %(start)s to %(end)s; it has not begun yet.", **span)
        yield Refusal("signup-not-begun", sentence)
    elif at > notice.signup_end:
        yield Refusal("signup-closed", _("Sign-up for this exam was from %(start)s to %(end)s; it is closed.", **span))
    if not enterprise.region_code.startswith(region_prefix(notice.region_code)):
        yield Refusal("other-region", _("This exam is for enterprises of another region. Please choose an exam of your own."))
    if enterprise.registration is not Registration.APPROVED:
        yield Refusal("enterprise-not-registered", _("The registration of your enterprise has not been approved yet."))


def split_by_state(
    session: Session, ids: Collection[int], within: sa.ColumnElement[bool], sources: Collection[SignupState]
) -> tuple[SignupOutcome, list[SignupLine]]:
    """The rows within reach and in one of these states; the others are refused. Unknown and foreign ids look alike."""
    query = (
        sa.select(
            ExamSignup.id,
            ExamSignup.notice_id,
            ExamSignup.person_id,
            ExamSignup.category,
            ExamSignup.state,
            Person.name,
            ExamSignup.enterprise_id,
        )
        .join(Person, Person.id == ExamSignup.person_id)
        .where(ExamSignup.id.in_(valid_ids(ids)), within)
    )
    found = {row.id: SignupLine(*row) for row in session.execute(query)}
    outcome, fit = SignupOutcome(names={row.id: row.name for row in found.values()}), []
    for signup_id in ids:
        row = found.get(signup_id)
        if row is None:
            outcome.refused[signup_id] = NotFound().refusals
        elif row.state not in sources:
            outcome.refused[signup_id] = (stale_refusal(row),)
        else:
            fit.append(row)
    return outcome, fit


def stale_refusal(row: SignupLine) -> Refusal:
    sentence = _("%(name)s: now “%(state)s”; this can no longer be done.", name=row.name, state=row.state.label)
    return Refusal("stale", sentence, place=FixPlace("signup", row.notice_id))


def change_state(
    session: Session,
    outcome: SignupOutcome,
    rows: list[SignupLine],
    sources: Collection[SignupState],
    new: dict[str, Any],
    actor: Actor,
    at: datetime,
) -> SignupOutcome:
    """Write the new state where the old one is unchanged, and log it."""
    if not rows:
        return outcome
    here = ExamSignup.id.in_([row.id for row in rows]) & ExamSignup.state.in_(sources)
    statement = sa.update(ExamSignup).where(here).values(**new).returning(ExamSignup.id)
    moved = set(session.scalars(statement.execution_options(synchronize_session=False)))
    session.expire_all()  # the bulk statement did not update loaded objects
    reason = {"reason": new["reason"]} if new.get("reason") else {}
    lines = [(row.id, {"state": [row.state.value, new["state"].value], **reason}) for row in rows if row.id in moved]
    log_signups(session, lines, actor, at)
    return with_results(outcome, rows, moved)


def with_results(outcome: SignupOutcome, rows: Iterable[SignupLine], moved: Collection[int]) -> SignupOutcome:
    for row in rows:
        if row.id in moved:
            outcome.moved.append(row.id)
        else:
            outcome.refused[row.id] = (stale_refusal(row),)
    return outcome


def with_free_places(
    session: Session, notices: Mapping[int, ExamNotice], rows: Iterable[SignupLine], outcome: SignupOutcome
) -> list[SignupLine]:
    """The rows of notices that have places for all of their rows."""
    per_notice: dict[int, list[SignupLine]] = defaultdict(list)
    for row in rows:
        per_notice[row.notice_id].append(row)
    free = free_places(session, (notices[notice_id] for notice_id in per_notice))
    fit: list[SignupLine] = []
    for notice_id, group in per_notice.items():
        if refusals := tuple(too_many(free.get(notice_id), len(group))):
            outcome.refused |= {row.id: refusals for row in group}
        else:
            fit += group
    return fit


# --- whose, and who -----------------------------------------------------------------------


def own_enterprise(session: Session, actor: Actor) -> Enterprise:
    actor.demand(Role.ENTERPRISE_CLERK)
    enterprise = session.get(Enterprise, actor.enterprise_id) if actor.enterprise_id is not None else None
    if enterprise is None:
        raise NotFound
    return enterprise


def entered_by(
    session: Session, notice_ids: Iterable[int], people: Iterable[int]
) -> dict[tuple[int, int], dict[Category, SignupState]]:
    """By (notice, person), whichever enterprise signed them up: nobody takes the same exam twice."""
    query = sa.select(ExamSignup.notice_id, ExamSignup.person_id, ExamSignup.category, ExamSignup.state).where(
        ExamSignup.notice_id.in_(list(notice_ids)), ExamSignup.person_id.in_(list(people))
    )
    found: dict[tuple[int, int], dict[Category, SignupState]] = defaultdict(dict)
    for row in session.execute(query):
        found[row.notice_id, row.person_id][row.category] = row.state
    return dict(found)


def _wrong_picks(
    session: Session, notice: ExamNotice, enterprise: Enterprise, picks: list[tuple[int, Category]], asks: SignupConditions
) -> Iterator[Refusal]:
    """All refusals for these picks, person by person."""
    known = set(valid_ids(person_id for person_id, _category in picks))
    cases = of_candidates(session, enterprise.id, MatterKind.NEW, [pick for pick in picks if pick[0] in known])
    own = {pick: case for pick, case in cases.items() if case.employer_id == enterprise.id}
    entered = entered_by(session, [notice.id], known)
    if len(own) < len(picks):  # once, without revealing whose people they are
        yield from NotFound().refusals
    people: dict[int, list[Facts]] = defaultdict(list)
    for (person_id, _category), case in own.items():
        people[person_id].append(case)
    for person_id, theirs in people.items():
        before = entered.get((notice.id, person_id), {})
        general = asks.general_papers(theirs)
        yield from asks.missing(theirs[0], general)
        yield from is_not_banned(theirs[0], asks.on, asks.office)
        for case in theirs:
            if case.category not in notice.categories:
                offered = _("%(name)s: this exam is not held for %(category)s.", name=case.name, category=case.category.value)
                yield Refusal("category-not-offered", offered)
            yield from fits_category(case, asks)
            yield from asks.missing(case, asks.papers_of(case), but=general)
            yield from is_new(case, before)
        yield from is_one_first_c(theirs[0], {*before, *(case.category for case in theirs)}, asks.on)
