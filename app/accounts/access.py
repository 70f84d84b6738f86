"""Who is acting, and how far their hand reaches.

Law: asked twice on purpose, as SQL, so that lists show only what is in reach, and as a plain question, so that nothing is
done to what is not. ``test_scope`` keeps the two in step.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, false, or_, select, true

from app.core.errors import NotAllowed, NotFound
from app.core.office import Office
from app.core.vocabulary import DECIDED, Level, MatterKind, Role, SignupState, State
from app.models import (
    Application,
    Certificate,
    Enterprise,
    ExamNotice,
    ExamPass,
    ExamSignup,
    Filing,
    Paper,
    Person,
    Qualification,
)

CASE_OFFICERS = frozenset({Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER})
BETWEEN_ENTERPRISES = (State.DRAFT, State.AWAITING_RELEASE, State.RELEASE_REFUSED)  # between enterprises, if at all
OFFICERS = CASE_OFFICERS | {Role.EXAM_CLERK, Role.VIEWER}


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever is acting: a clerk, an officer, or the house itself."""

    id: int | None
    name: str
    roles: frozenset[Role]
    region: str = ""  # an officer's region code; "" reaches nowhere
    enterprise_id: int | None = None  # the enterprise a clerk acts for

    def demand(self, *roles: Role) -> None:
        """Refuse whoever holds none of these roles."""
        if self.roles.isdisjoint(roles):
            raise NotAllowed


NOBODY = Actor(None, "", frozenset())


def region_prefix(code: str) -> str:
    """``430000`` → ``43``, ``430100`` → ``4301``: what every code within it begins with."""
    while code.endswith("00"):
        code = code[:-2]
    return code


def level_of(role: Role, office: Office) -> Level | None:
    """Whose officers take the decisions of this role, as the administrator has set it; None where it is not set."""
    levels = {
        Role.ACCEPTANCE_OFFICER: office.acceptance_level,
        Role.REVIEWER: office.review_level,
        Role.APPROVER: office.approval_level,
    }
    return levels.get(role)


def decides(actor: Actor, role: Role, office: Office) -> bool:
    """Whether officers of the actor's region take the decisions of this role at all; of which cases, ``reach`` says.

    What a province has handed down to its prefectures it may still decide itself; a county reads and never decides.
    """
    level = level_of(role, office)
    if level is None or actor.region == office.region_code:
        return True
    return level is Level.PREFECTURE and _is_prefecture(actor.region)


def _is_prefecture(region: str) -> bool:
    """``430100``; also what lies directly under the province (``429004``), whose codes have 90 in the middle."""
    return len(region_prefix(region)) == 4 or region[2:4] == "90"


def reach(actor: Actor, model: type[Any]) -> ColumnElement[bool]:
    """SQL for *this row of ``model`` is within the actor's reach*."""
    grants: list[ColumnElement[bool]] = []
    if Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id is not None:
        grants.append(_own(actor, model))
    if actor.region and (limit := _official(actor, model)) is not None:
        grants.append(and_(_within(actor.region, model), limit))
    return or_(false(), *grants)


def reaches(actor: Actor, thing: Any) -> bool:
    """The same question about one loaded row."""
    if Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id is not None and _is_own(actor, thing):
        return True
    return bool(actor.region) and _region_of(thing).startswith(region_prefix(actor.region)) and _is_official(actor, thing)


class Case(Protocol):
    """As much of an application as reach depends on: a loaded row or its facts."""

    @property
    def enterprise_id(self) -> int: ...
    @property
    def region_code(self) -> str: ...
    @property
    def state(self) -> State: ...
    @property
    def matter(self) -> MatterKind: ...
    @property
    def round(self) -> int: ...
    @property
    def releasing_enterprise_id(self) -> int | None: ...


def reaches_case(actor: Actor, case: Case) -> bool:
    """``reaches`` for an application of which only the facts are at hand."""
    if Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id is not None and _is_party(actor, case):
        return True
    within = bool(actor.region) and case.region_code.startswith(region_prefix(actor.region))
    return within and _is_officers_case(actor, case)


def _is_party(actor: Actor, case: Case) -> bool:
    """The enterprise that filed; of a transfer, from its submission on, the one that is asked to agree."""
    if case.enterprise_id == actor.enterprise_id:
        return True
    return case.releasing_enterprise_id == actor.enterprise_id and case.state is not State.DRAFT


def _is_officers_case(actor: Actor, case: Case) -> bool:
    if actor.roles & CASE_OFFICERS and case.state not in BETWEEN_ENTERPRISES:
        return True
    if Role.ADMIN in actor.roles and case.state is State.AWAITING_RELEASE:
        return True
    return Role.VIEWER in actor.roles and case.state in DECIDED


def must_reach(actor: Actor, thing: Any) -> None:
    """Refuse as if the row did not exist: what is out of reach is not even confirmed."""
    if thing is None or not reaches(actor, thing):
        raise NotFound


# --- own rows -------------------------------------------------------------------------------------


def _own(actor: Actor, model: type[Any]) -> ColumnElement[bool]:
    if model is Enterprise:
        return Enterprise.id == actor.enterprise_id
    if model is ExamNotice:
        return true()  # a notice is for everybody
    if model is Application:
        asked = and_(Application.releasing_enterprise_id == actor.enterprise_id, Application.state != State.DRAFT)
        return or_(Application.enterprise_id == actor.enterprise_id, asked)
    if model is ExamPass:
        return ExamPass.person_id.in_(select(Person.id).where(Person.enterprise_id == actor.enterprise_id))
    return bool_column(model.enterprise_id == actor.enterprise_id)


def _is_own(actor: Actor, thing: Any) -> bool:
    if isinstance(thing, Enterprise):
        return thing.id == actor.enterprise_id
    if isinstance(thing, Application):
        return _is_party(actor, thing)
    if isinstance(thing, ExamPass):
        return bool(thing.person.enterprise_id == actor.enterprise_id)
    return isinstance(thing, ExamNotice) or bool(thing.enterprise_id == actor.enterprise_id)


def bool_column(condition: Any) -> ColumnElement[bool]:
    """Names the type of a comparison on a column that is only known at run time."""
    return condition  # type: ignore[no-any-return]


# --- what an officer may see at all ----------------------------------------------------------------


def _official(actor: Actor, model: type[Any]) -> ColumnElement[bool] | None:
    """Beyond the region: which rows of this kind are an officer's business. None: none."""
    roles = actor.roles
    if model is Application:
        return _officers_states(roles)
    if model is ExamSignup:
        return ExamSignup.state != SignupState.SELECTED if Role.EXAM_CLERK in roles else None
    if model is ExamNotice:
        return true() if Role.EXAM_CLERK in roles else None
    if model in (Certificate, ExamPass, Filing):
        return true() if roles & (CASE_OFFICERS | {Role.VIEWER}) else None
    if model is Enterprise:
        return true() if roles & (OFFICERS | {Role.ADMIN}) else None
    if model in (Person, Qualification, Paper):
        return true() if roles & (CASE_OFFICERS | {Role.EXAM_CLERK}) else None
    raise TypeError(f"no reach is declared for {model.__name__}")


def _officers_states(roles: frozenset[Role]) -> ColumnElement[bool] | None:
    grants: list[ColumnElement[bool]] = []
    if roles & CASE_OFFICERS:
        grants.append(Application.state.not_in(BETWEEN_ENTERPRISES))
    if Role.ADMIN in roles:
        grants.append(Application.state == State.AWAITING_RELEASE)
    if Role.VIEWER in roles:
        grants.append(Application.state.in_(DECIDED))
    return or_(*grants) if grants else None


def _is_official(actor: Actor, thing: Any) -> bool:
    roles = actor.roles
    if isinstance(thing, Application):
        return _is_officers_case(actor, thing)
    if isinstance(thing, ExamSignup):
        return Role.EXAM_CLERK in roles and thing.state is not SignupState.SELECTED
    if isinstance(thing, ExamNotice):
        return Role.EXAM_CLERK in roles
    if isinstance(thing, Certificate | ExamPass | Filing):
        return bool(roles & (CASE_OFFICERS | {Role.VIEWER}))
    if isinstance(thing, Enterprise):
        return bool(roles & (OFFICERS | {Role.ADMIN}))
    return bool(roles & (CASE_OFFICERS | {Role.EXAM_CLERK}))


def _within(region: str, model: type[Any]) -> ColumnElement[bool]:
    """By the row's own region, or by that of the enterprise it belongs to."""
    if hasattr(model, "region_code"):
        return bool_column(model.region_code.startswith(region_prefix(region), autoescape=True))
    theirs = select(Enterprise.id).where(Enterprise.region_code.startswith(region_prefix(region), autoescape=True))
    if model is ExamPass:
        return ExamPass.person_id.in_(select(Person.id).where(Person.enterprise_id.in_(theirs)))
    return bool_column(model.enterprise_id.in_(theirs))


def _region_of(thing: Any) -> str:
    if hasattr(thing, "region_code"):
        return str(thing.region_code)
    if isinstance(thing, ExamPass):
        thing = thing.person
    return "" if thing.enterprise is None else str(thing.enterprise.region_code)
