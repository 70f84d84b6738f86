"""Row access: which rows an actor may see.

Stated twice, as SQL for lists (``reach``) and in Python for one loaded row (``reaches``). ``tests/accounts/test_access.py``
asserts that both agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, and_, exists, false, func, literal_column, or_, select, true

from app.core.errors import NotAllowed, NotFound
from app.core.office import Office
from app.core.vocabulary import (
    DECIDED,
    OLD_SYSTEM,
    TAKEN,
    ImportKind,
    Level,
    MatterKind,
    Role,
    ScoreCorrectionState,
    SignupState,
    State,
)
from app.db.row_regions import NOWHERE
from app.models import (
    Application,
    Certificate,
    CertificateEvent,
    CertificateMeasure,
    CertificateVersion,
    DecisionBatch,
    EmploymentRelease,
    Enterprise,
    ExamNotice,
    ExamPass,
    ExamSignup,
    Filing,
    IdentityCorrection,
    Notification,
    Paper,
    Person,
    PublicNotice,
    Qualification,
    ScoreCorrection,
    SheetImport,
    Step,
)

Thing = TypeVar("Thing")

CASE_OFFICERS = frozenset({Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER})
BETWEEN_ENTERPRISES = (State.DRAFT, State.AWAITING_RELEASE, State.RELEASE_REFUSED)  # not yet submitted to the office
OFFICERS = CASE_OFFICERS | {Role.EXAM_CLERK, Role.VIEWER}


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: an enterprise clerk, an officer, or the system itself (no id)."""

    id: int | None
    name: str
    roles: frozenset[Role]
    region: str = ""  # an officer's region code; "" reaches nowhere
    enterprise_id: int | None = None  # the enterprise a clerk acts for

    def demand(self, *roles: Role) -> None:
        """Raise ``NotAllowed`` unless the actor holds one of these roles."""
        if self.roles.isdisjoint(roles):
            raise NotAllowed


NOBODY = Actor(None, "", frozenset())


def region_prefix(code: str) -> str:
    """The common prefix of all codes within a region: ``430000`` → ``43``, ``430100`` → ``4301``."""
    while code.endswith("00"):
        code = code[:-2]
    return code


def level_of(role: Role, office: Office) -> Level | None:
    """The level whose officers decide for this role, as set by the administrator; None for roles without a level."""
    levels = {
        Role.ACCEPTANCE_OFFICER: office.acceptance_level,
        Role.REVIEWER: office.review_level,
        Role.APPROVER: office.approval_level,
    }
    return levels.get(role)


def decides(actor: Actor, role: Role, office: Office) -> bool:
    """Whether officers of the actor's region decide in this role; ``reach`` limits the cases.

    A province may always decide what it has delegated to its prefectures; a county never decides.
    """
    level = level_of(role, office)
    if level is None or actor.region == office.region_code:
        return True
    return level is Level.PREFECTURE and _is_prefecture(actor.region)


def _is_prefecture(region: str) -> bool:
    """``430100``; also counties directly under the province, whose codes have 90 in the middle (``429004``)."""
    return len(region_prefix(region)) == 4 or region[2:4] == "90"


# What was done, step by step: lists of them are for the auditor, who examines every region. Others see those of one case or
# certificate on its page.
HISTORY = (Step, CertificateEvent, CertificateVersion)


def reach(actor: Actor, model: type[Any]) -> ColumnElement[bool]:
    """SQL condition: the actor may see this row of ``model``."""
    if model is Notification:  # a message is its recipient's alone, whatever the role
        return Notification.account_id == actor.id if actor.id is not None else false()
    if model in HISTORY:
        return true() if Role.AUDITOR in actor.roles else false()
    grants: list[ColumnElement[bool]] = []
    if Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id is not None:
        grants.append(_own(actor, model))
    if Role.ADMIN in actor.roles and model is SheetImport:  # of the old system as a whole, which knows no regions
        grants.append(SheetImport.kind.in_(OLD_SYSTEM))
    if actor.region and (limit := _official(actor, model)) is not None:
        grants.append(and_(*_within(region_prefix(actor.region), model), limit))
    return or_(*grants) if grants else false()


def reaches(actor: Actor, thing: Any) -> bool:
    """As ``reach``, for one loaded row."""
    if isinstance(thing, Notification):
        return thing.account_id == actor.id
    if isinstance(thing, HISTORY):
        return Role.AUDITOR in actor.roles
    if Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id is not None and _is_own(actor, thing):
        return True
    if Role.ADMIN in actor.roles and isinstance(thing, SheetImport) and thing.kind in OLD_SYSTEM:
        return True
    return bool(actor.region) and _lies_within(actor.region, _region_of(thing)) and _is_official(actor, thing)


class Case(Protocol):
    """The fields of an application that access depends on: a loaded row or its ``Facts``."""

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
    """As ``reaches``, for the ``Facts`` of an application."""
    if Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id is not None and _is_party(actor, case):
        return True
    within = bool(actor.region) and _lies_within(actor.region, case.region_code)
    return within and _is_officers_case(actor, case)


def _is_party(actor: Actor, case: Case) -> bool:
    """The enterprise that filed; for a transfer also the releasing enterprise, once it is submitted."""
    if case.enterprise_id == actor.enterprise_id:
        return True
    return case.releasing_enterprise_id == actor.enterprise_id and case.state is not State.DRAFT


def _is_officers_case(actor: Actor, case: Case) -> bool:
    if actor.roles & CASE_OFFICERS and case.state not in BETWEEN_ENTERPRISES:
        return True
    if Role.ADMIN in actor.roles and case.state is State.AWAITING_RELEASE:
        return True
    return Role.VIEWER in actor.roles and case.state in DECIDED


def must_reach(actor: Actor, thing: Thing | None) -> Thing:
    """The row; ``NotFound`` for one out of reach, so that its existence is not revealed."""
    if thing is None or not reaches(actor, thing):
        raise NotFound
    return thing


# --- own rows -------------------------------------------------------------------------------------


def _own(actor: Actor, model: type[Any]) -> ColumnElement[bool]:
    if model is Enterprise:
        return Enterprise.id == actor.enterprise_id
    if model is ExamNotice:
        return true()
    if model is Application:
        to_release = and_(Application.releasing_enterprise_id == actor.enterprise_id, Application.state != State.DRAFT)
        return or_(Application.enterprise_id == actor.enterprise_id, to_release)
    if model is ExamPass:
        return ExamPass.person_id.in_(select(Person.id).where(Person.enterprise_id == actor.enterprise_id))
    if model in (DecisionBatch, PublicNotice):  # what is public they read where everybody does
        return false()
    if model is CertificateMeasure:  # what is proposed only is the office's affair
        held = select(Certificate.id).where(Certificate.enterprise_id == actor.enterprise_id)
        return and_(CertificateMeasure.certificate_id.in_(held), CertificateMeasure.state.in_(TAKEN))
    if model is EmploymentRelease:  # enterprises are told by text message
        return false()
    if model is ScoreCorrection:  # what is proposed only is the office's affair
        own = select(ExamSignup.id).where(ExamSignup.enterprise_id == actor.enterprise_id)
        return and_(ScoreCorrection.signup_id.in_(own), ScoreCorrection.state == ScoreCorrectionState.CONFIRMED)
    return bool_column(model.enterprise_id == actor.enterprise_id)


def _is_own(actor: Actor, thing: Any) -> bool:
    if isinstance(thing, Enterprise):
        return thing.id == actor.enterprise_id
    if isinstance(thing, Application):
        return _is_party(actor, thing)
    if isinstance(thing, ExamPass):
        return bool(thing.person.enterprise_id == actor.enterprise_id)
    if isinstance(thing, CertificateMeasure):
        return thing.state in TAKEN and bool(thing.certificate.enterprise_id == actor.enterprise_id)
    if isinstance(thing, (DecisionBatch, EmploymentRelease, PublicNotice)):
        return False
    if isinstance(thing, ScoreCorrection):
        confirmed = thing.state is ScoreCorrectionState.CONFIRMED
        return confirmed and bool(thing.signup.enterprise_id == actor.enterprise_id)
    return isinstance(thing, ExamNotice) or bool(thing.enterprise_id == actor.enterprise_id)


def bool_column(condition: Any) -> ColumnElement[bool]:
    """Types a comparison on a column that is only known at run time."""
    return condition  # type: ignore[no-any-return]


# --- what an officer may see ----------------------------------------------------------------


_READERS: Mapping[type[Any], frozenset[Role]] = {  # tables of which an officer sees all rows of the region, or none
    **dict.fromkeys((ExamNotice, ScoreCorrection), frozenset({Role.EXAM_CLERK})),
    IdentityCorrection: frozenset({Role.ACCEPTANCE_OFFICER}),
    EmploymentRelease: frozenset({Role.ADMIN}),
    **dict.fromkeys((Certificate, ExamPass, Filing, PublicNotice), CASE_OFFICERS | {Role.VIEWER}),
    Enterprise: OFFICERS | {Role.ADMIN},
    **dict.fromkeys((Person, Qualification, Paper), CASE_OFFICERS | {Role.EXAM_CLERK}),
}


def _official(actor: Actor, model: type[Any]) -> ColumnElement[bool] | None:
    """Which rows of this table an officer with these roles may see within the region. None: no row."""
    roles = actor.roles
    if model is Application:
        return _officers_states(roles)
    if model is ExamSignup:
        return ExamSignup.state != SignupState.SELECTED if Role.EXAM_CLERK in roles else None
    if model is CertificateMeasure:
        if roles & CASE_OFFICERS:
            return true()
        return CertificateMeasure.state.in_(TAKEN) if Role.VIEWER in roles else None
    if model is DecisionBatch:  # the head sees all of the region, the administrator how far they are
        if roles & {Role.APPROVER, Role.ADMIN}:
            return true()
        return DecisionBatch.actor_id == actor.id if roles & CASE_OFFICERS else None
    if model is SheetImport:
        return SheetImport.kind == ImportKind.SCORES if Role.EXAM_CLERK in roles else None
    if model in _READERS:
        return true() if roles & _READERS[model] else None
    raise TypeError(f"no access rule for {model.__name__}")


def _officers_states(roles: frozenset[Role]) -> ColumnElement[bool] | None:
    states = {state for state in State if state not in BETWEEN_ENTERPRISES} if roles & CASE_OFFICERS else set()
    states |= {State.AWAITING_RELEASE} if Role.ADMIN in roles else set()
    states |= set(DECIDED) if Role.VIEWER in roles else set()
    return Application.state.in_([state for state in State if state in states]) if states else None


def _is_official(actor: Actor, thing: Any) -> bool:
    roles = actor.roles
    if isinstance(thing, Application):
        return _is_officers_case(actor, thing)
    if isinstance(thing, ExamSignup):
        return Role.EXAM_CLERK in roles and thing.state is not SignupState.SELECTED
    if isinstance(thing, CertificateMeasure):
        return bool(roles & CASE_OFFICERS) or (Role.VIEWER in roles and thing.state in TAKEN)
    if isinstance(thing, DecisionBatch):
        return bool(roles & {Role.APPROVER, Role.ADMIN}) or (bool(roles & CASE_OFFICERS) and thing.actor_id == actor.id)
    if isinstance(thing, SheetImport):
        return Role.EXAM_CLERK in roles and thing.kind is ImportKind.SCORES
    return bool(roles & _READERS[type(thing)])


def in_region(actor: Actor, model: type[Any]) -> ColumnElement[bool]:
    """SQL condition: the row lies in the actor's region, whoever may read it."""
    return and_(true(), *_within(region_prefix(actor.region), model)) if actor.region else false()


def _within(prefix: str, model: type[Any]) -> list[ColumnElement[bool]]:
    """SQL conditions: the row lies in the region with this prefix, by its own region or that of what it belongs to.

    All regions of an installation lie in one province, so that its officers need no condition: the order of a list is then
    the order of an index. For the others the row's prefecture is compared with ``=``, which an index of
    ``constraints.ordered_by_place`` combines with the order of the list, as it cannot with LIKE or a range.
    """
    if model in _THROUGH:
        owner, join = _THROUGH[model]
        inside = _within(prefix, owner)
        return [exists().where(join(), *inside)] if inside or model is Paper else []
    if len(prefix) == len(_PROVINCE):
        return [bool_column(model.region_code != NOWHERE)] if model in (Person, ExamPass) else []
    column = model.region_code
    prefecture = func.substr(column, literal_column("1"), literal_column("4")) == prefix[:4]
    return [bool_column(prefecture), *([bool_column(column == prefix)] if len(prefix) > 4 else [])]


def _lies_within(region: str, code: str) -> bool:
    """As ``_within``, for the region of a row."""
    prefix = region_prefix(region)
    return code.startswith(prefix) if len(prefix) > len(_PROVINCE) else code != NOWHERE


_PROVINCE = "43"  # as long as the prefix of a province
_THROUGH: Mapping[type[Any], tuple[type[Any], Any]] = {  # tables without a region, and what their rows belong to
    Paper: (Enterprise, lambda: Enterprise.id == Paper.enterprise_id),
    Filing: (Enterprise, lambda: Enterprise.id == Filing.enterprise_id),
    Qualification: (Enterprise, lambda: Enterprise.id == Qualification.enterprise_id),
    ScoreCorrection: (ExamSignup, lambda: ExamSignup.id == ScoreCorrection.signup_id),
}


def _region_of(thing: Any) -> str:
    if isinstance(thing, ScoreCorrection):
        thing = thing.signup
    if not hasattr(thing, "region_code"):
        thing = thing.enterprise
    return NOWHERE if thing is None else str(thing.region_code)
