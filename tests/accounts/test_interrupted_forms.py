"""What is kept of forms sent after a session had lapsed: for whom, how long, how much."""

from sqlalchemy import func, select, text

from app.accounts.interrupted_forms import LASTS, LONGEST, MOST, SentForm, keep, kept, sweep
from app.core.clock import now
from app.core.vocabulary import Role
from app.models import InterruptedForm
from tests import make

SENT = SentForm([("name", "李雷"), ("rowid", "1"), ("rowid", "2")], 3)


def test_a_form_is_kept_for_its_account_and_page_and_not_for_long(session, holder):
    mine, theirs, at = holder(Role.ENTERPRISE_CLERK).id, holder(Role.ENTERPRISE_CLERK).id, now()
    assert keep(session, mine, "/people/add", SentForm([("name", "韩梅梅")], 0), at=at)
    assert keep(session, mine, "/people/add", SENT, at=at)  # the later counts
    found = kept(session, mine, "/people/add", at=at)
    assert (found.fields, found.files) == (SENT.fields, SENT.files)
    assert kept(session, theirs, "/people/add", at=at) is None
    assert kept(session, mine, "/people/edit/1", at=at) is None
    assert kept(session, mine, "/people/add", at=at + LASTS) is None
    assert session.scalar(select(func.count(InterruptedForm.id))) == 1
    assert "李雷".encode() not in bytes(
        session.execute(text("SELECT sent FROM interrupted_form ORDER BY id DESC")).scalars().first()
    )


def test_words_of_one_enterprise_are_not_shown_in_forms_of_another(session, holder):
    mine, at = holder(Role.ENTERPRISE_CLERK), now()
    firm = make.enterprise()
    session.add(firm)
    assert keep(session, mine.id, "/enterprise/", SENT, at=at)
    assert kept(session, mine.id, "/enterprise/", at=at).fields == SENT.fields
    mine.enterprise = firm
    session.flush()
    assert kept(session, mine.id, "/enterprise/", at=at) is None


def test_an_earlier_form_is_not_offered_for_one_that_is_too_long(session, holder):
    mine, at = holder(Role.ENTERPRISE_CLERK).id, now()
    assert keep(session, mine, "/people/add", SENT, at=at)
    assert not keep(session, mine, "/people/add", SentForm([("name", "x" * LONGEST)], 0), at=at)
    assert kept(session, mine, "/people/add", at=at) is None


def test_what_is_kept_is_bounded_and_swept(session, holder):
    mine, at = holder(Role.ENTERPRISE_CLERK).id, now()
    assert not keep(session, mine, "/people/add", SentForm([("name", "x" * LONGEST)], 0), at=at)
    assert not keep(session, mine, "/people/" + "x" * 200, SENT, at=at)
    for n in range(MOST + 2):
        assert keep(session, mine, f"/people/edit/{n}", SENT, at=at)
    paths = list(session.scalars(select(InterruptedForm.path).order_by(InterruptedForm.id)))
    assert paths == [f"/people/edit/{n}" for n in range(2, MOST + 2)]
    sweep(session, at=at + LASTS - LASTS / 100)
    assert session.scalar(select(func.count(InterruptedForm.id))) == MOST
    sweep(session, at=at + LASTS)
    assert session.scalar(select(func.count(InterruptedForm.id))) == 0
