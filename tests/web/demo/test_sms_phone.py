"""The telephone simulator: only for the administrator of a demonstration, with masked numbers."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from app.core.clock import now
from app.core.vocabulary import MessageState, Role
from app.models import Message
from app.outbox.sms import queue_messages
from app.outbox.sms_texts import OutgoingMessage
from tests import make
from tests.query_counter import queries


@pytest.fixture
def enter(session, signed_in):
    def browser(role: Role = Role.ADMIN):
        client = signed_in(make.account(session, f"the-{role.value}", role))
        with client.session_transaction() as cookie:
            cookie["locale"] = "en"
        session.rollback()
        return client

    return browser


@pytest.fixture
def messages(session):
    queue_messages(
        session,
        [
            OutgoingMessage("13812345678", "【厅】甲"),
            OutgoingMessage("13987654321", "【厅】乙"),
            OutgoingMessage("13812345678", "【厅】<丙>"),
        ],
        at=now(),
    )
    session.execute(update(Message).where(Message.id == 1).values(state=MessageState.SENT, sent_at=now()))
    session.commit()


@pytest.mark.usefixtures("messages")
def test_messages_are_grouped_by_masked_number(enter):
    browser = enter()
    page = browser.get("/telephone/").text
    assert "138****5678 · 2 messages" in page
    assert "Not sent yet" in page
    assert "&lt;丙&gt;" in page
    assert "13812345678" not in page
    assert "【厅】乙</p>" in browser.get("/telephone/?of=2").text


def test_without_messages_the_page_explains_how_to_cause_one(enter):
    assert "Accept or decide an application" in enter().get("/telephone/").text


@pytest.mark.parametrize("settings", [{"production": True, "simulators": False}, {"sms_url": "https://sms.example"}], ids=str)
def test_there_is_no_simulator_with_a_provider_or_in_production(app, enter, monkeypatch, settings):
    browser = enter()
    monkeypatch.setitem(app.extensions, "anguan", replace(app.extensions["anguan"], **settings))
    assert browser.get("/telephone/").status_code == 404
    assert "/telephone/" not in browser.get("/messages/list/").text


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN], ids=lambda role: role.value)
def test_only_the_administrator_may_open_it(enter, role):
    assert enter(role).get("/telephone/").status_code == 403


def test_the_number_of_queries_does_not_grow_with_messages(session, system, enter):
    browser, asked = enter(), []
    for many in (1, 40):
        queue_messages(session, [OutgoingMessage(f"138{n:08d}", "【厅】") for n in range(many)], at=now())
        session.commit()
        with queries(system.engine) as seen:
            browser.get("/telephone/")
        asked.append(len(seen))
    assert asked[0] == asked[1]
