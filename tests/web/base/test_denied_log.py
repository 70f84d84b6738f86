"""Denied requests in the audit log, and their limit."""

import logging

import pytest
from sqlalchemy import select, text

from app.core.vocabulary import AuditAction, Role
from app.models import Account, AuditEntry
from app.web.base.denied_log import AN_HOUR
from tests import make


def kept(session) -> list[AuditEntry]:
    session.rollback()
    found = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.REFUSED).order_by(AuditEntry.id)).all()
    session.rollback()
    return found


@pytest.fixture
def clerk(holder, signed_in, session):
    client = signed_in(holder(Role.ENTERPRISE_CLERK, first_name="周杰"))
    session.rollback()
    return client


def test_a_request_for_another_enterprises_row_is_logged_without_what_was_typed(session, clerk):
    person = make.person(make.enterprise())
    session.add(person)
    session.commit()
    number = person.id
    session.rollback()
    assert clerk.get(f"/people/show/{number}?next=/430102198801010011").status_code == 404
    assert clerk.post(f"/people/edit/{number}", data={"name": "430102198801010011"}).status_code == 404
    first, second = kept(session)
    assert (first.actor, first.table, first.row, first.address) == ("周杰", "person", str(number), "127.0.0.1")
    assert first.change == {"door": "PersonScreen.show", "method": "GET", "status": 404}
    assert second.change == {"door": "PersonScreen.edit", "method": "POST", "status": 404}
    assert "4301" not in f"{first.change}{second.change}{first.row}"


def test_a_request_for_a_forbidden_view_is_logged(session, clerk):
    assert clerk.get("/accounts/list/").status_code == 403
    assert clerk.post("/parameters/restore").status_code in (403, 404, 405)
    assert [(line.table, line.row, line.change["status"]) for line in kept(session)][:1] == [("ab_user", "", 403)]


@pytest.mark.parametrize("address", ["/nowhere", "/people/list/?page=9", "/static/none.css", "/people/show/"])
def test_an_unknown_address_is_not_logged(session, clerk, address):
    clerk.get(address)
    assert kept(session) == []


def test_requests_of_anonymous_visitors_are_not_logged(session, client):
    client.get("/people/show/1")
    client.get("/v/nothing")
    assert kept(session) == []


def test_denied_requests_are_logged_up_to_a_limit_per_account(session, clerk, holder, signed_in):
    for number in range(AN_HOUR + 5):
        assert clerk.get(f"/people/show/{10_000 + number}").status_code == 404
    assert len(kept(session)) == AN_HOUR
    another = signed_in(holder(Role.VIEWER))
    session.rollback()
    assert another.get("/accounts/list/").status_code == 403
    assert len(kept(session)) == AN_HOUR + 1


def test_line_breaks_are_not_stored_in_the_audit_log(session, clerk):
    assert clerk.get("/people/show/1%0A2%1B%5B31m%00%E2%80%AE").status_code == 404
    assert [line.row for line in kept(session)] == ["1?2?[31m??"]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_the_error_page_is_shown_even_if_logging_fails(session, clerk, system, caplog):
    with system.engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'no room'); END"))
    try:
        with caplog.at_level(logging.ERROR):
            assert clerk.get("/accounts/list/").status_code == 403
    finally:
        with system.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER full"))
    assert "could not be logged" in caplog.text
    assert session.scalar(select(Account.id).limit(1))
