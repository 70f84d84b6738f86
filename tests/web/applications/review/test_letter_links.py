"""Letters are opened from the list and from the page of the case as soon as they exist."""

import re

import pytest
from sqlalchemy import select

from app.core.vocabulary import Action
from app.models import Message
from app.web.applications.review.letter_links import letter_links
from tests import make
from tests.web.applications.case_fixture import decide, read_scalar

GIVEN = {Action.ACCEPT: "受理单", Action.RETURN: "补正通知书", Action.DECLINE: "不予受理通知书"}


@pytest.mark.parametrize(("action", "title"), GIVEN.items())
def test_it_is_in_the_list_on_the_case_page_and_named_in_the_message_at_once(firm, clerk, acceptance, action, title):
    application = firm.case()
    assert "letter-" not in clerk.get("/applications/new/").text
    decide(acceptance, application, action, "" if action is Action.ACCEPT else make.REASON)
    link = rf'href="(/archive/{application.id}/letter-\d+\.pdf)"[^>]*>\s*(?:<svg.*?</svg>)?\s*'
    from_list = re.search(link, clerk.get("/applications/new/").text, re.DOTALL)[1]
    link += title
    for reader in (clerk, acceptance):
        address = re.search(link, reader.get(f"/cases/{application.id}/read").text, re.DOTALL)[1]
        assert address == from_list
        answer = reader.get(address)
        assert (answer.status_code, answer.mimetype, answer.data[:4]) == (200, "application/pdf", b"%PDF")
    message = read_scalar(firm.session, select(Message.text).order_by(Message.id.desc()))
    assert title in message
    assert "申报列表" in message


def test_officers_reach_the_archive_before_the_case_is_closed(firm, acceptance):
    application = firm.case()
    decide(acceptance, application, Action.RETURN, make.REASON)
    page = acceptance.get("/acceptance/?state=returned").text
    assert f"/archive/{application.id}" in page


def test_a_draft_offers_none(session):
    enterprise = make.enterprise()
    application = make.application(make.person(enterprise))
    session.add_all([enterprise, application])
    session.flush()
    assert letter_links(application) == []
