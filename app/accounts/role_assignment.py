"""任命: roles of the authority, assigned by the security administrator only (三权分立).

An administrator's role, like an enterprise clerk's, excludes any other; a flush hook checks this whoever stores roles. Nobody
assigns a role to themselves, and of each administrator's role the last active holder keeps it. What opens a privileged
account, or makes one, needs two administrators: see ``privileged_changes``.
"""

from collections.abc import Collection, Iterator
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, and_, event, exists, inspect, select
from sqlalchemy.orm import Session, configure_mappers, selectinload

from app.accounts.access import Actor
from app.core.errors import AppError, NotAllowed, NotFound, Refusal, Unmet
from app.core.identifiers import fold_name, fold_user_name
from app.core.vocabulary import ADMINISTRATORS, AUTHORITY, PRIVILEGED, REGIONAL, Role
from app.models import Account, Enterprise

EXCLUSIVE_ROLES = frozenset({*ADMINISTRATORS, Role.ENTERPRISE_CLERK})
configure_mappers()  # defines ``Account.roles``, which is FAB's
RoleRow: Any = Account.roles.property.mapper.class_  # FAB's class, which this layer may not import


def roles_of(account: Account) -> frozenset[Role]:
    """The roles of an account."""
    held = {row.name for row in account.roles}
    return frozenset(role for role in Role if role.value in held)


def is_privileged(account: Account) -> bool:
    """Whether what opens the account is changed by two administrators only."""
    return not roles_of(account).isdisjoint(PRIVILEGED)


def actor_of(account: Account) -> Actor:
    """The account as it acts: with the roles and the region that it has now."""
    return Actor(account.id, account.get_full_name(), roles_of(account), account.region_code or "", account.enterprise_id)


def role_conflict(roles: Collection[Role]) -> Refusal | None:
    """The refusal if one account must not hold these roles together."""
    if len(roles) < 2 or EXCLUSIVE_ROLES.isdisjoint(roles):
        return None
    names = "、".join(str(role) for role in Role if role in roles)
    sentence = _(
        "One account must not hold %(roles)s: an administrator holds no other role, and neither does an enterprise's clerk.",
        roles=names,
    )
    return Refusal("roles-conflict", sentence, "role")


def conflicting_accounts(session: Session) -> Iterator[Account]:
    """Accounts whose roles exclude each other, as after a direct change of the database."""
    for account in session.scalars(select(Account).options(selectinload(Account.roles)).order_by(Account.id)):
        if role_conflict(roles_of(account)) is not None:
            yield account


def awaits_role() -> ColumnElement[bool]:
    """SQL condition: an active account of the authority without a role."""
    return and_(Account.enterprise_id.is_(None), Account.active.is_(True), ~Account.roles.any())


def missing_administrators(session: Session) -> list[Role]:
    """The administrators' roles that no active account holds."""
    held = select(RoleRow.name).join(RoleRow.user).where(Account.active.is_(True))
    names = set(session.scalars(held.where(RoleRow.name.in_([role.value for role in ADMINISTRATORS]))))
    return [role for role in ADMINISTRATORS if role.value not in names]


@event.listens_for(Session, "before_flush")
def _check_role_conflicts(session: Session, *_: object) -> None:
    for thing in (*session.new, *session.dirty):
        state: Any = inspect(thing)
        if not isinstance(thing, Account) or not state.attrs.roles.history.has_changes():
            continue
        if (refusal := role_conflict(roles_of(thing))) is not None:
            raise Unmet.because(refusal)


# --- by the security administrator -------------------------------------------------------------------


def authority_account(session: Session, account_id: int, actor: Actor) -> Account:
    """An account of the authority, locked for update; ``NotFound`` for an enterprise's."""
    actor.demand(Role.SECURITY_ADMIN)
    account = session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None or account.enterprise_id is not None:
        raise NotFound
    return account


def assign_role(
    session: Session, account_id: int, role: Role | None, actor: Actor, *, region: str = "", mobile: str | None = None
) -> Account:
    """Set the one role and region of an account of the authority; None removes its roles. The caller commits.

    Sets the mobile, too, because SMS codes sent there open the account. Refuses what ``needs_consent``.
    """
    account = authority_account(session, account_id, actor)
    if refusal := next(role_faults(account, role, region, actor), None):
        raise Unmet.because(refusal)
    if needs_consent(account, role):
        raise Unmet.because(CONSENT)
    give_role(session, account, role, region=region, mobile=mobile)
    return account


CONSENT = Refusal(
    "needs-consent",
    _(
        "This account is privileged: its password, mobile, certificate and role are changed by two administrators. Please "
        "ask for the change; the other administrator confirms it."
    ),
)


def needs_consent(account: Account, role: Role | None) -> bool:
    """Whether giving this role needs two administrators: the account is privileged, or becomes so."""
    return is_privileged(account) or role in PRIVILEGED


def role_faults(account: Account, role: Role | None, region: str, actor: Actor) -> Iterator[Refusal]:
    """Why the actor may not give the account this role, however many administrators agree."""
    if account.id == actor.id:
        yield Refusal(
            "own-role", _("Nobody gives a role or a region to themselves. Please ask another security administrator.")
        )
    if role is not None and role not in AUTHORITY:
        yield Refusal(
            "clerk-role", _("Enterprise clerks are kept by the system administrator, with their enterprise."), "role"
        )
    if role in REGIONAL and not region:
        yield Refusal("region-missing", _("An officer needs a region."), "region_code")


def give_role(session: Session, account: Account, role: Role | None, *, region: str, mobile: str | None) -> None:
    """Store role, region and mobile of a locked account. ``Unmet`` if the office would lose an administrator."""
    keep_the_last(session, account, "role", role)
    held = [session.scalars(select(RoleRow).where(RoleRow.name == role.value)).one()] if role is not None else []
    if list(account.roles) != held:
        account.roles = held
    account.region_code = region if role in REGIONAL else None
    account.mobile = mobile or None
    session.flush()


def may_reset(account: Account | None, actor: Actor) -> Account:
    """The account, if the actor may reset its password: the security administrator for accounts of the authority.

    ``Unmet`` for a privileged account, whoever asks.
    """
    if account is None:
        raise NotFound
    actor.demand(Role.ADMIN if account.enterprise_id is not None else Role.SECURITY_ADMIN)
    if account.id == actor.id:
        raise NotAllowed
    if is_privileged(account):
        raise Unmet.because(CONSENT)
    return account


# --- by the system administrator ---------------------------------------------------------------------


def save_account(
    session: Session,
    account: Account,
    actor: Actor,
    *,
    username: str,
    full_name: str,
    mobile: str | None,
    enterprise: Enterprise | None,
    active: bool,
) -> Account:
    """Store an account. With an enterprise it is its clerk's; without one, the authority's, still without a role."""
    actor.demand(Role.ADMIN)
    name = fold_user_name(username)
    with session.no_autoflush:
        twin = session.scalar(select(Account.id).where(Account.username == name, Account.id != (account.id or 0)))
        if twin is not None:
            raise AppError(_("This user name is taken."), code="username-taken", field="username")
        official = not roles_of(account).isdisjoint(AUTHORITY)
        if official and (enterprise is not None or (mobile or None) != account.mobile):
            sentence = _(
                "This account holds a role of the authority: its mobile and role are the security administrator's to change."
            )
            raise Unmet.because(Refusal("authority-account", sentence, "enterprise" if enterprise is not None else "mobile"))
        if not active:
            keep_the_last(session, account, "active")
        account.username, account.first_name, account.last_name = name, fold_name(full_name), ""
        account.email = f"{name}@accounts.invalid"  # FAB requires one; unused
        account.active, account.mobile = active, mobile or None
        account.enterprise_id = enterprise.id if enterprise is not None else None
        if not official:
            account.region_code = None
            clerk = select(RoleRow).where(RoleRow.name == Role.ENTERPRISE_CLERK.value)
            held = list(session.scalars(clerk)) if enterprise is not None else []
            if list(account.roles) != held:
                account.roles = held
    session.add(account)
    session.flush()
    return account


def keep_the_last(session: Session, account: Account, field: str, kept: Role | None = None) -> None:
    """Refuse to lose the last active holder of an administrator's role: nobody could do that office's work any more."""
    lost = roles_of(account).intersection(ADMINISTRATORS) - {kept}
    if not account.active or not lost:
        return
    [role] = lost  # they exclude each other
    # Lock the role's row: of two who remove it from each other at once, one must fail.
    row = session.scalars(select(RoleRow).where(RoleRow.name == role.value).with_for_update(key_share=True)).one()
    other = exists().where(Account.id != account.id, Account.active.is_(True), Account.roles.any(RoleRow.id == row.id))
    if not session.scalar(select(other)):
        sentence = _("This is the last %(role)s who may sign in. Please appoint another one first.", role=role.label)
        raise Unmet.because(Refusal("last-administrator", sentence, field))
