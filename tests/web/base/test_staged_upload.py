"""Tickets of a preview: good for whom they were given to, for one purpose, in time, unchanged."""

import pytest
from flask import g

from app.core.errors import Stale
from app.core.vocabulary import Role
from app.web import request_context
from app.web.base.staged_upload import StagedUpload, remove
from tests import make

SHEET, HALF = StagedUpload("sheet"), StagedUpload("other")
CLERK = make.officer(Role.EXAM_CLERK, account_id=7)


@pytest.fixture
def posted(app, session):
    """``posted(ticket, actor)``: within the request that confirms."""

    def post(ticket="", actor=CLERK):
        request = app.test_request_context(method="POST", data={"ticket": ticket})
        request.push()
        g.actor = actor
        opened.append(request)

    opened = []
    yield post
    for request in reversed(opened):
        request.pop()


def test_a_ticket_is_redeemed_by_its_user_for_its_purpose(posted):
    posted()
    ticket = SHEET.issue({"rows": [1, "二"]}, 5)
    posted(ticket)
    assert SHEET.redeem(5) == {"rows": [1, "二"]}
    for purpose in ((6,), ()):
        with pytest.raises(Stale):
            SHEET.redeem(*purpose)
    with pytest.raises(Stale):
        HALF.redeem(5)


@pytest.mark.parametrize("given", ["", "x", "x.y.z", "{}-"])
def test_a_forged_ticket_is_refused(posted, given):
    posted()
    posted(given.format(SHEET.issue("a")))
    with pytest.raises(Stale):
        SHEET.redeem()


@pytest.mark.parametrize(
    "other",
    [make.officer(Role.EXAM_CLERK, account_id=8), make.officer(Role.EXAM_CLERK, region="430100", account_id=7)],
    ids=["account", "region"],
)
def test_somebody_else_and_oneself_elsewhere_redeem_nothing(posted, other):
    posted()
    posted(SHEET.issue("a"), other)
    with pytest.raises(Stale):
        SHEET.redeem()


def test_a_file_that_is_gone_is_stale(posted):
    posted()
    posted(SHEET.stage(b"content", note="n"))
    file = SHEET.staged()
    assert (file.data, file.note) == (b"content", "n")
    remove(file)
    with pytest.raises(Stale):
        SHEET.staged()


@pytest.mark.parametrize("named", [True, False])
def test_a_confirmed_sheet_is_removed_unless_a_row_names_the_same_bytes(posted, session, named):
    """Equal bytes are one object: the sheet may also be an enterprise's licence, or the document of a measure."""
    posted()
    posted(SHEET.stage(b"content"))
    file = SHEET.staged()
    session.add(make.enterprise(licence_digest=file.digest if named else ""))
    session.commit()
    remove(file)
    assert request_context.store().has(file.digest) is named
