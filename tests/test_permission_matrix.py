"""Every route and method as every role and anonymously, and mass assignment.

Who may is read from ``PERMISSIONS`` and from the view itself; rows of others are tested in ``test_attacks``.
"""

import re

import pytest
from sqlalchemy import inspect, select

from app.core.vocabulary import Role
from app.models import Account, Application, Certificate, Enterprise, ExamPass, ExamSignup, Person
from app.web.auth.permissions import ANONYMOUS, held_by
from tests.test_attacks import BLANK, NOBODYS, changsha, everybody, zhuzhou  # noqa: F401 - fixtures
from tests.web.form_steps import save

pytestmark = pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # permissions are checked before any query
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EVERYBODYS_OWN = {"OwnPasswordView", "SessionsView"}  # need no permission, only a signed-in user
LEAVE = {"SignInView.logout", "OwnPasswordView.change", "AppointmentScreen.end", "AppointmentScreen.reset",
         "AccountScreen.reset", "AppointmentScreen.edit"}  # fmt: skip  # these end the sessions that this test needs


def filled(rule: str, row: int) -> str:
    """The address for a row; of alternative words, the first."""
    return BLANK.sub(str(row), re.sub(r"<any\((\w+)[^>]*>", r"\1", rule))


def routes(app):
    """(rule, address, roles that may): None where the view needs no permission."""
    views = {view.endpoint: view for view in app.extensions["appbuilder"].baseviews}
    for rule in app.url_map.iter_rules():
        view, _dot, method = rule.endpoint.partition(".")
        permission = getattr(getattr(views.get(view), method, None), "_permission_name", None)
        if "static" in rule.endpoint:
            continue
        pair = (f"can_{permission}", views[view].class_permission_name) if permission else None
        yield rule, filled(rule.rule, 1), {role for role in Role if pair in held_by(role)} if pair else None


def redirects_to_sign_in(answer) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith("/login/")


def test_every_view_needs_a_permission_or_is_listed_as_anonymous(app):
    open_to_all = {rule.endpoint for rule, _address, holders in routes(app) if holders is None} - ANONYMOUS.keys()
    assert not {endpoint for endpoint in open_to_all if endpoint.partition(".")[0] not in EVERYBODYS_OWN}


def test_every_route_and_method_as_every_role_and_anonymously(app, client, everybody, record_property):  # noqa: F811
    cells, wrong = 0, []
    for rule, address, holders in routes(app):
        for method in METHODS:
            if method not in rule.methods:
                continue
            answer, cells = client.open(address, method=method), cells + 1
            if answer.status_code >= 500 or (rule.endpoint not in ANONYMOUS and not redirects_to_sign_in(answer)):
                wrong.append(f"{method} {rule.rule} anonymously: {answer.status_code}")
            for role, browser in everybody.items():
                held = holders is None or role in holders
                if held and (method != "GET" or holders is None):
                    continue  # forms are tested in ``test_attacks``
                cells += 1
                got = browser.open(address, method=method).status_code
                if got >= 500 or ((got == 403) == held and rule.endpoint not in ANONYMOUS):
                    wrong.append(f"{method} {rule.rule} as {role.value}: {got}")
    record_property("cells", cells)
    assert not wrong
    assert cells > 1500


def test_a_method_that_a_route_does_not_take_is_answered_405(app, client, everybody):  # noqa: F811
    wrong, addresses = [], app.url_map.bind("localhost")
    for address in sorted({address for _rule, address, _holders in routes(app)}):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"):
            if addresses.test(address, method):
                continue
            got = {who.open(address, method=method).status_code for who in (client, everybody[Role.ADMIN])}
            wrong += [f"{method} {address}: {got}"] * (got != {405})
    assert not wrong


# --- mass assignment ------------------------------------------------------------------------------------
SLIPPED_IN = {
    "id": "1", "pk": "1", "role": "admin", "roles": "7", "roles-0": "7", "state": "approved", "status": "valid",
    "enterprise_id": "2", "enterprise": "2", "person_id": "2", "active": "", "is_active": "1", "session_version": "9",
    "region_code": "430200", "region": "430200", "registration": "approved", "registration_note": "x", "registered_at": "x",
    "must_change_password": "", "username": "admin", "email": "x@example.org", "created_by_fk": "1", "login_count": "0",
    "uscc": "91430200MA4L00009X", "licence_digest": "0" * 64, "acceptance_number": "SL1", "accepted_at": "2026-01-01",
    "closed_at": "2026-01-01", "certificate_id": "1", "banned_until": "2020-01-01", "source": "legacy", "score": "100",
    "passed": "1", "originals_verified_at": "2026-01-01", "number": "湘建安A(2020)0000001", "mobile_key": "x", "next": "/",
}  # fmt: skip
GUARDED = {
    Account: ("username", "active", "enterprise_id", "region_code", "must_change_password", "password", "email"),
    Enterprise: ("uscc", "name", "region_code", "registration", "registration_note", "registered_at", "licence_digest"),
    Person: ("enterprise_id", "id_number", "banned_until"),
    Application: ("state", "enterprise_id", "person_id", "region_code", "accepted_at", "acceptance_number", "closed_at"),
    Certificate: ("number", "status", "enterprise_id", "person_id", "valid_to"),
    ExamSignup: ("state", "enterprise_id", "person_id", "region_code"),
    ExamPass: ("source", "person_id", "originals_verified_at"),
}


def guarded(session) -> dict[tuple[str, int], tuple]:
    """Columns that no form of an enterprise may change by extra fields, row by row; and who has which role."""
    session.rollback()
    found = {}
    for model, names in GUARDED.items():
        for row in session.execute(select(inspect(model).local_table.c.id, *(getattr(model, name) for name in names))):
            found[model.__name__, row[0]] = tuple(row)[1:]
    links = Account.roles.property.secondary
    found["roles", 0] = tuple(sorted(map(tuple, session.execute(select(links.c.user_id, links.c.role_id)))))
    session.rollback()
    return found


ROWS = {"people": "person", "qualifications": "qualification", "corrections": "returned", "filings": "filing",
        "claims": "filing", "exam": "notice", "enterprise": "enterprise"}  # fmt: skip


def test_extra_fields_of_a_form_change_nothing(app, session, everybody, changsha, zhuzhou):  # noqa: F811
    """Every POST route as a clerk, with only an attacker's fields."""
    clerk, before, tried = everybody[Role.ENTERPRISE_CLERK], guarded(session), 0
    for rule, _address, holders in routes(app):
        if "POST" not in rule.methods or rule.endpoint in LEAVE or "discard" in rule.rule:
            continue
        kind = ROWS.get(rule.rule.split("/")[1], "case")
        for row in {getattr(changsha, kind), getattr(zhuzhou, kind), NOBODYS}:
            answer, tried = clerk.post(filled(rule.rule, row), data=SLIPPED_IN), tried + 1
            assert answer.status_code < 500, rule.rule
            if holders is not None and Role.ENTERPRISE_CLERK not in holders:
                assert answer.status_code == 403, rule.rule
    after = guarded(session)
    changed = {key: (before[key], after.get(key)) for key in before if after.get(key, before[key]) != before[key]}
    assert not changed
    assert tried > 200


def test_extra_fields_of_the_account_form_change_nothing(session, everybody, changsha):  # noqa: F811
    """The only form that writes accounts takes neither role, region nor password."""
    before = guarded(session)
    form = SLIPPED_IN | {"username": "clerk-430100", "full_name": "新名", "active": "y", "enterprise": ""}
    uscc = before["Enterprise", changsha.enterprise][0]
    answer = save(everybody[Role.ADMIN], f"/accounts/edit/{changsha.account}", form | {"enterprise": uscc})
    assert answer.status_code == 302
    assert guarded(session) == before | {}
