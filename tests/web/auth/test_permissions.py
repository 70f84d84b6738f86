import pytest
from flask_appbuilder.security.sqla.models import PermissionView
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select

from app.cli.permissions_doc import permissions_table
from app.core.vocabulary import Role
from app.web.auth.permissions import PUBLIC, Undeclarable, held_by, held_by_nobody, offered, sync_roles
from tests.query_counter import queries
from tests.sign_in_fixture import DECLARED, account, is_inside, sign_in

pytest_plugins = ("tests.sign_in_fixture",)  # its fixtures


@pytest.fixture
def synced(sign_in_app, shop):
    """``synced(declaration)`` applies it; afterwards the fixture's declaration is restored."""

    def sync(declaration):
        shop.rollback()  # SQLite has one writer
        with sign_in_app.app_context():
            sync_roles(sign_in_app.appbuilder, declaration)

    yield sync
    sync(DECLARED)


def stored(session) -> dict[str, set[tuple[str, str]]]:
    session.expire_all()
    rows = session.scalars(select(RoleRow)).all()
    held = {role.name: {(pair.permission.name, pair.view_menu.name) for pair in role.permissions} for role in rows}
    session.rollback()
    return held


def test_every_role_holds_exactly_what_is_declared(shop):
    declared = {role.value: set(held_by(role, DECLARED)) for role in Role}
    assert stored(shop) == {**declared, PUBLIC: set()}
    assert ("can_touch", "Scratch") in declared["admin"]
    assert declared["reviewer"] == set()


def test_a_grant_removed_from_the_declaration_is_revoked(synced, shop, visitor):
    account(shop)
    sign_in(visitor)
    assert is_inside(visitor)
    synced({"Scratch": {"can_touch": (Role.ADMIN,)}})
    assert visitor.get("/scratch/").status_code == 403
    assert stored(shop)["admin"] == {("can_touch", "Scratch")}
    assert len(shop.scalars(select(PermissionView)).all()) == 1


def test_what_was_granted_by_hand_is_revoked(synced, shop):
    viewer = shop.scalars(select(RoleRow).where(RoleRow.name == "viewer")).one()
    public = shop.scalars(select(RoleRow).where(RoleRow.name == PUBLIC)).one()
    every = shop.scalars(select(PermissionView)).all()
    viewer.permissions, public.permissions = list(every), list(every)
    stray = RoleRow(name="Admin", permissions=list(every))
    shop.add(stray)
    shop.commit()
    synced(DECLARED)
    held = stored(shop)
    assert (held["viewer"], held[PUBLIC], held["Admin"]) == (set(held_by(Role.VIEWER, DECLARED)), set(), set())
    shop.delete(stray)
    shop.commit()


def test_a_second_run_changes_nothing_in_few_queries(synced, shop, sign_in_app):
    before = {(pair.id, str(pair)) for pair in shop.scalars(select(PermissionView))}
    shop.rollback()
    with sign_in_app.app_context(), queries(sign_in_app.extensions["sqlalchemy"].engine) as asked:
        sync_roles(sign_in_app.appbuilder, DECLARED)
    assert {(pair.id, str(pair)) for pair in shop.scalars(select(PermissionView))} == before
    assert not any(statement.startswith(("INSERT", "UPDATE")) for statement in asked)
    assert len([statement for statement in asked if statement.startswith(("SELECT", "DELETE"))]) <= 6


@pytest.mark.parametrize(
    "misspelt",
    [
        {"Scratch": {"can_lok": (Role.ADMIN,)}},
        {"Scrach": {"can_look": (Role.ADMIN,)}},
        {"Scratch": {"menu_access": (Role.ADMIN,)}},
        {"-": {"menu_access": (Role.ADMIN,)}},
    ],
)
def test_a_permission_that_nothing_offers_is_refused_and_nothing_changes(sign_in_app, shop, misspelt):
    before = stored(shop)
    with sign_in_app.app_context(), pytest.raises(Undeclarable, match=next(iter(misspelt))):
        sync_roles(sign_in_app.appbuilder, misspelt)
    assert stored(shop) == before


def test_fab_itself_grants_nothing(sign_in_app, shop):
    before = stored(shop)
    with sign_in_app.app_context():
        sign_in_app.appbuilder.add_permissions(update_perms=True)
        sign_in_app.appbuilder.sm.create_db()
    assert stored(shop) == before


def test_headings_entries_and_pages_all_have_to_be_declared(sign_in_app):
    with sign_in_app.app_context():
        assert ("menu_access", "Scratch heading") in offered(sign_in_app.appbuilder)
        assert held_by_nobody(sign_in_app.appbuilder, DECLARED) == frozenset()
        assert held_by_nobody(sign_in_app.appbuilder, {}) == offered(sign_in_app.appbuilder)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_the_documented_permissions_are_current(app, root):
    with app.app_context():
        assert (root / "docs/ROLES.md").read_text() == permissions_table(app.extensions["appbuilder"]), (
            "run 'anguan roles --write'"
        )
