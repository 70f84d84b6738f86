"""The bell and the page of messages: one's own only, opened by POST, with a fixed number of statements."""

import re

import pytest
from sqlalchemy import select

from app.core.office import Office
from app.core.vocabulary import Action, NotificationKind, ReadState, Role, State
from app.db.session import db
from app.models import Account, Notification
from app.web.notifications import PAGES
from app.workflow import carry_out
from tests import make
from tests.query_counter import queries
from tests.workflow_fixture import Firm

BELL = re.compile(r'<a class="tool bell" href="/notifications/"\s+aria-label="([^"]+)">')


@pytest.fixture
def firm(session, built):
    return Firm(session)


@pytest.fixture
def clerk(session, holder, firm) -> Account:
    return holder(Role.ENTERPRISE_CLERK, enterprise=firm.enterprise)


def of(session, account: Account) -> list[Notification]:
    mine = select(Notification).where(Notification.account_id == account.id).order_by(Notification.id)
    found = list(session.scalars(mine.execution_options(populate_existing=True)))
    session.commit()  # a transaction left open would keep the browser from writing
    return found


def test_nobody_reads_opens_or_marks_the_messages_of_another(session, signed_in, holder, clerk):
    """Not of the same enterprise, nor the administrator."""
    session.add(make.notification(clerk, text="只给经办人看"))
    session.commit()
    (theirs,) = of(session, clerk)
    for other in (holder(Role.ENTERPRISE_CLERK, enterprise=clerk.enterprise), holder(Role.ADMIN), holder(Role.AUDITOR)):
        browser = signed_in(other)
        assert "只给经办人看" not in browser.get("/notifications/?state=all").text
        assert browser.post(f"/notifications/open/{theirs.id}").status_code == 404
        assert browser.post("/notifications/mark/read", data={"rowid": [str(theirs.id)]}).status_code == 404
        assert browser.post(f"/notifications/mark/read?only={theirs.id}").status_code == 404
        browser.post("/notifications/mark/read?every=1")
    (theirs,) = of(session, clerk)
    assert theirs.state is ReadState.UNREAD


def test_a_decision_rings_the_bell_of_the_enterprise_and_a_correction_that_of_the_officer(
    session, signed_in, holder, firm, clerk
):
    case = firm.application(State.AWAITING_ACCEPTANCE)
    number, name, own = case.id, case.person.name, make.clerk(firm.enterprise)
    officer = holder(Role.ACCEPTANCE_OFFICER)
    acting = make.officer(Role.ACCEPTANCE_OFFICER, account_id=officer.id)
    carry_out(session, [number], Action.RETURN, acting, reason=make.REASON, at=make.NOON, office=Office())
    session.commit()
    browser = signed_in(clerk)
    assert BELL.search(browser.get("/work/").text)[1] == "消息，1 条未读"
    (told,) = of(session, clerk)
    assert (told.kind, told.subject_id) == (NotificationKind.APPLICATION, number)
    opened = browser.post(f"/notifications/open/{told.id}")
    assert opened.headers["Location"] == f"/cases/{number}/read"
    assert BELL.search(browser.get(opened.headers["Location"]).text)[1] == "消息，0 条未读"
    carry_out(session, [number], Action.SUBMIT, own, at=make.NOON, office=Office())
    session.commit()
    (back,) = of(session, officer)
    assert name in back.text
    assert signed_in(officer).post(f"/notifications/open/{back.id}").headers["Location"] == f"/cases/{number}"


def test_messages_are_marked_one_by_one_ticked_and_all_together(session, signed_in, clerk):
    session.add_all([make.notification(clerk) for _n in range(4)])
    session.commit()
    first, second, *_rest = of(session, clerk)
    browser = signed_in(clerk)
    browser.post("/notifications/mark/read", data={"rowid": [str(first.id), str(second.id)]})
    browser.post(f"/notifications/mark/unread?only={second.id}")
    assert [row.state for row in of(session, clerk)] == [ReadState.READ, *[ReadState.UNREAD] * 3]
    browser.post("/notifications/mark/read?every=1")
    assert {row.state for row in of(session, clerk)} == {ReadState.READ}


@pytest.mark.parametrize("kind", NotificationKind)
def test_every_message_leads_to_a_page_that_its_reader_may_open(app, session, signed_in, holder, kind):
    """With the row gone, or never there, the page answers 404 at worst; no role is refused the page itself."""
    officers = {
        NotificationKind.WORK: Role.REVIEWER, NotificationKind.MEASURE: Role.REVIEWER,
        NotificationKind.BATCH: Role.REVIEWER, NotificationKind.SYSTEM: Role.ADMIN,
    }  # fmt: skip
    reader = holder(officers.get(kind, Role.ENTERPRISE_CLERK))
    session.add_all([make.notification(reader, kind=kind, subject_id=row) for row in (None, 7)])
    session.commit()
    browser = signed_in(reader)
    for message in of(session, reader):
        if message.subject_id is None and kind in ROW_NEEDED:
            continue
        opened = browser.post(f"/notifications/open/{message.id}")
        assert opened.status_code == 303
        assert opened.headers["Location"] != "/notifications/"
        assert browser.get(opened.headers["Location"]).status_code in (200, 404)


ROW_NEEDED = {NotificationKind.EXAM, NotificationKind.MEASURE, NotificationKind.BATCH}  # these are never told without one


def test_every_kind_has_a_page():
    assert PAGES.keys() == set(NotificationKind)


def test_a_page_of_fifty_messages_takes_as_many_statements_as_one_of_a_single_message(app, session, signed_in, clerk):
    browser = signed_in(clerk)

    def cost() -> int:
        with app.app_context():
            engine = db.engine
        with queries(engine) as seen:
            assert browser.get("/notifications/?size=50").status_code == 200
        return len(seen)

    session.add(make.notification(clerk))
    session.commit()
    cost()
    one = cost()
    session.add_all([make.notification(clerk, subject_id=n) for n in range(49)])
    session.commit()
    assert cost() == one
