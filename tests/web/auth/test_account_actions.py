"""The administrator ends the sessions of an account and unlocks it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.accounts import rate_limit
from app.core.clock import now
from app.core.errors import TooMany
from app.core.vocabulary import AuditAction, Role
from app.models import AuditEntry
from app.web.auth.password_form import guess_key

pytest_plugins = ("tests.sign_in_fixture",)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_administrator_ends_sessions_of_an_account_and_unlocks_it(session, signed_in, holder, system):
    who, admin = holder(Role.ENTERPRISE_CLERK), signed_in(holder(Role.ADMIN))
    theirs = signed_in(who)
    for _guess in range(5):
        rate_limit.attempt(system.engine, guess_key(who.username), limit=5, rest=timedelta(hours=1), at=now())
    for role in set(Role) - {Role.ADMIN}:
        assert signed_in(holder(role)).post(f"/accounts/end/{who.id}").status_code == 403, role
    assert admin.post(f"/accounts/end/{2**31 - 1}").status_code == 404
    assert theirs.get("/work/").status_code == 200
    assert admin.post(f"/accounts/end/{who.id}").status_code == 302
    assert theirs.get("/work/").status_code == 302
    with pytest.raises(TooMany):
        rate_limit.attempt(system.engine, guess_key(who.username), limit=5, rest=timedelta(hours=1), at=now())
    assert admin.post(f"/accounts/unlock/{who.id}").status_code == 302
    rate_limit.attempt(system.engine, guess_key(who.username), limit=5, rest=timedelta(hours=1), at=now())
    logged = session.scalars(
        select(AuditEntry.change).where(AuditEntry.deed == AuditAction.CHANGE, AuditEntry.row == str(who.id))
    ).all()
    assert {"lock": ["there", "ended"]} in logged
    assert {"sessions": ["there", "ended"]} in logged
