"""任命: exclusive roles, no role to oneself, and always one holder of each administrator's role."""

from itertools import combinations

import pytest
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts import role_assignment
from app.accounts.access import Actor
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import ADMINISTRATORS, AUTHORITY, PRIVILEGED, REGIONAL, Role
from app.db.session import db
from app.models import Account, AuditEntry
from app.web.auth.permissions import PERMISSIONS, held_by
from app.web.auth.sign_in import objections
from app.workflow import MOVES
from tests import make
from tests.at_once import at_once

SECURITY = Actor(None, "安全", frozenset({Role.SECURITY_ADMIN}))
PAIRS = [pair for pair in combinations(Role, 2) if {*pair} & {*ADMINISTRATORS, Role.ENTERPRISE_CLERK}]
CASES = {"Case", "Acceptance", "Review", "Approval", "Due", "Closed", "Archive", "Correction", "Claim", "Filing"}


@pytest.fixture
def roles(app, session) -> dict[Role, RoleRow]:
    """``app`` has synced them."""
    rows = {row.name: row for row in session.scalars(select(RoleRow))}
    return {role: rows[role.value] for role in Role}


def refused(session, *args, **more) -> list[str]:
    with pytest.raises(Unmet) as error:
        role_assignment.assign_role(session, *args, **more)
    session.rollback()
    return [refusal.code for refusal in error.value.refusals]


# --- roles that exclude each other ---------------------------------------------------------------------
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "+".join(role.value for role in pair))
def test_exclusive_roles_are_refused_on_flush(session, roles, pair):
    account = make.account(session, "one", pair[0])
    account.roles = [roles[role] for role in pair]
    with pytest.raises(Unmet, match="must not hold"):
        session.commit()
    session.rollback()
    session.add(Account(username="two", first_name="", last_name="", email="x", roles=[roles[role] for role in pair]))
    with pytest.raises(Unmet, match="must not hold"):
        session.commit()
    session.rollback()


def test_officer_may_hold_several_roles(session, roles):
    account = make.account(session, "one", Role.REVIEWER)
    account.roles = [roles[Role.REVIEWER], roles[Role.APPROVER], roles[Role.EXAM_CLERK]]
    session.commit()
    assert list(role_assignment.conflicting_accounts(session)) == []


def test_conflict_made_in_the_database_is_listed_and_blocks_sign_in(session, roles):
    account = make.account(session, "one", Role.ADMIN)
    put = text("INSERT INTO ab_user_role (id, user_id, role_id) VALUES (900, :account, :role)")
    session.execute(put, {"account": account.id, "role": roles[Role.APPROVER].id})
    session.commit()
    session.expire_all()
    assert [other.username for other in role_assignment.conflicting_accounts(session)] == ["one"]
    assert "roles-conflict" in [refusal.code for refusal in objections(account)]


@pytest.mark.parametrize("role", ADMINISTRATORS, ids=lambda role: role.value)
def test_administrators_decide_no_case(role):
    assert not {view for _permission, view in held_by(role)} & CASES
    assert not [move for move in MOVES if move.by is role and move.action.value != "release_by_office"]


def test_administrators_share_only_common_views():
    held = {role: {view for permission, view in held_by(role) if permission != "menu_access"} for role in ADMINISTRATORS}
    shared = {view for one, two in combinations(ADMINISTRATORS, 2) for view in held[one] & held[two]}
    # Of the parameters each has its own sections; of the changes, one asks and the other confirms; the search finds what
    # the lists of each hold.
    own = {"OwnCertificates", "Notification", "ListViews"}
    assert shared == {"Work", "Search", "Parameter", "Permission", "DemoClock", "PrivilegedChange"} | own
    assert all("Diary" not in view for view in held[Role.ADMIN] | held[Role.SECURITY_ADMIN])
    assert not [view for view in PERMISSIONS if "Appointment" in view and view in held[Role.ADMIN]]


# --- assigning and removing ----------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [role for role in AUTHORITY if role not in PRIVILEGED], ids=lambda role: role.value)
def test_role_is_assigned_with_region_and_removed(session, roles, role):
    made = make.account(session, "new", Role.VIEWER, region_code=None)
    made.roles = []
    session.commit()
    role_assignment.assign_role(session, made.id, role, SECURITY, region="430100", mobile="13800000001")
    session.commit()
    assert role_assignment.roles_of(made) == {role}
    assert made.region_code == ("430100" if role in REGIONAL else None)
    role_assignment.assign_role(session, made.id, None, SECURITY)
    session.commit()
    assert (role_assignment.roles_of(made), made.region_code) == (frozenset(), None)
    mine = select(AuditEntry.change).where(AuditEntry.table == "ab_user", AuditEntry.row == str(made.id))
    change = session.scalars(mine.order_by(AuditEntry.id))
    assert [line["roles"] for line in change if "roles" in line][-2:] == [[[], [role.value]], [[role.value], []]]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SECURITY_ADMIN], ids=lambda role: role.value)
def test_only_the_security_administrator_assigns_roles_and_resets_passwords(session, roles, role):
    made, actor = make.account(session, "new", Role.VIEWER), make.officer(role)
    for action in (
        lambda: role_assignment.assign_role(session, made.id, Role.REVIEWER, actor, region="430000"),
        lambda: role_assignment.authority_account(session, made.id, actor),
        lambda: role_assignment.may_reset(made, actor),
    ):
        with pytest.raises(NotAllowed):
            action()
    session.rollback()


def test_invalid_assignments_are_refused_with_a_reason(session, roles):
    own = make.account(session, "own", Role.SECURITY_ADMIN)
    make.account(session, "second", Role.SECURITY_ADMIN)
    made = make.account(session, "new", Role.VIEWER)
    enterprise = make.enterprise()
    session.add(enterprise)
    clerk = make.account(session, "clerk", Role.ENTERPRISE_CLERK, enterprise=enterprise)
    me = Actor(own.id, "我", frozenset({Role.SECURITY_ADMIN}))
    assert refused(session, own.id, Role.SECURITY_ADMIN, me) == ["own-role"]
    assert refused(session, own.id, Role.APPROVER, me, region="430000") == ["own-role"]
    assert refused(session, made.id, Role.ENTERPRISE_CLERK, me) == ["clerk-role"]
    assert refused(session, made.id, Role.REVIEWER, me) == ["region-missing"]
    for nowhere in (clerk.id, 2**31 - 1):
        with pytest.raises(NotFound):
            role_assignment.assign_role(session, nowhere, Role.REVIEWER, me, region="430000")
    with pytest.raises(NotAllowed):
        role_assignment.may_reset(own, me)


def test_the_last_active_holder_of_each_administrators_role_is_not_switched_off(session, roles):
    admin = make.officer(Role.ADMIN)
    for role in ADMINISTRATORS:
        last = make.account(session, f"last-{role.value}", role)
        make.account(session, f"off-{role.value}", role, active=False)
        form = {"username": last.username, "full_name": "x", "mobile": None, "enterprise": None}
        with pytest.raises(Unmet) as error:
            role_assignment.save_account(session, last, admin, **form, active=False)
        assert [refusal.code for refusal in error.value.refusals] == ["last-administrator"]
        session.rollback()
        make.account(session, f"next-{role.value}", role)
        role_assignment.save_account(session, last, admin, **form, active=False)
        session.commit()


def test_of_two_who_switch_each_other_off_at_once_one_stays(app, session, roles):
    for role in ADMINISTRATORS:
        both = [make.account(session, f"{name}-{role.value}", role).id for name in ("one", "two")]

        def switch_off(theirs: int) -> str:
            with app.app_context(), Session(db.engine) as own:
                account = own.get_one(Account, theirs)
                form = {"username": account.username, "full_name": "x", "mobile": None, "enterprise": None}
                try:
                    role_assignment.save_account(own, account, make.officer(Role.ADMIN), **form, active=False)
                    own.commit()
                except AppError as error:
                    return error.refusals[0].code
            return "off"

        assert sorted(at_once(switch_off, both)) == ["last-administrator", "off"]


def test_missing_administrators_are_listed(session, roles):
    make.account(session, "a", Role.ADMIN)
    make.account(session, "s", Role.SECURITY_ADMIN, active=False)
    assert role_assignment.missing_administrators(session) == [Role.SECURITY_ADMIN, Role.AUDITOR]
