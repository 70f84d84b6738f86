"""Access to the exam pages by role, enterprise and region."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import object_session

from app.core.vocabulary import Role
from app.models import ExamNotice, ExamSignup
from tests import make
from tests.query_counter import audit_entries
from tests.web.exams.exam_steps import SELECTED, SUBMITTED, count, states, typed
from tests.web.form_steps import save

CLERKS = ("/exam/notices/add", "/exam/notices/edit/{n}", "/exam/review/", "/exam/review/{s}")
CLERKS += ("/exam/notices/{n}/scores", "/exam/notices/{n}/scores/submit", "/exam/score-corrections/ask/{s}")
CHANGES = ("recall", "republish", "cancel", "files", "files/1/remove")
CLERKS_POSTS = ("/exam/notices/add", "/exam/notices/edit/{n}", "/exam/notices/delete/{n}", "/exam/notices/{n}/export")
CLERKS_POSTS += ("/exam/review/decide?admit=yes&only={s}", "/exam/review/{s}", "/exam/review/{s}/id-number")
CLERKS_POSTS += tuple("/exam/notices/{n}/scores" + path for path in ("", "/submit", "/discard"))
CLERKS_POSTS += tuple("/exam/notices/{n}/" + change for change in CHANGES)
CLERKS_POSTS += (
    "/exam/score-corrections/ask/{s}",
    "/exam/score-corrections/1/decide/yes",
    "/exam/score-corrections/1/retract",
)
FIRMS = ("/exam/signups/", "/exam/signups/show/{s}", "/exam/signups/{s}/category", "/exam/notices/{n}/signup")
FIRMS_POSTS = ("/exam/notices/{n}/signup", "/exam/signups/submit?only={s}", "/exam/signups/cancel?only={s}")
FIRMS_POSTS += ("/exam/signups/retract?only={s}", "/exam/signups/{s}/category")


def url_of(path, notice, signup):
    """The URL; ends the transaction of the test session, since SQLite has one writer."""
    address = path.format(n=notice.id, s=signup.id)
    object_session(notice).rollback()
    return address


def test_an_enterprise_opens_no_page_of_the_exam_clerk(own, notice, sign):
    [signup] = sign()
    assert [own.get(url_of(path, notice, signup)).status_code for path in CLERKS] == [403] * len(CLERKS)


def test_an_enterprise_does_nothing_of_the_exam_clerks(session, own, notice, sign):
    [signup] = sign()
    audited = audit_entries(session)
    session.commit()
    answers = [own.post(url_of(path, notice, signup), data={"decision": "yes"}) for path in CLERKS_POSTS]
    assert [answer.status_code for answer in answers] == [403] * len(CLERKS_POSTS)
    assert (states(session), audit_entries(session)) == ([SUBMITTED], audited)


def test_an_exam_clerk_does_not_sign_up_for_enterprises(session, clerk, notice, sign):
    [signup] = sign(SELECTED)
    opened = [clerk.get(url_of(path, notice, signup)) for path in FIRMS]
    row = {"rowid": signup.person_id}
    posted = [clerk.post(url_of(path, notice, signup), data=row) for path in FIRMS_POSTS]
    assert {answer.status_code for answer in (*opened, *posted)} == {403}
    assert states(session) == [SELECTED]


@pytest.mark.parametrize("role", [Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.VIEWER, Role.ADMIN])
def test_nobody_else_sees_exams_at_all(role, at_work, notice, sign):
    [signup] = sign()
    other = at_work(role)
    assert {other.get(url_of(path, notice, signup)).status_code for path in (*CLERKS, *FIRMS, "/exam/notices/")} == {403}
    assert {other.post(url_of(path, notice, signup)).status_code for path in (*CLERKS_POSTS, *FIRMS_POSTS)} == {403}


def test_an_anonymous_visitor_is_sent_to_sign_in(client, notice, sign):
    [signup] = sign()
    answers = [client.get(url_of(path, notice, signup)) for path in (*CLERKS, *FIRMS)]
    assert {(answer.status_code, "/login" in answer.location) for answer in answers} == {(302, True)}


def test_a_get_request_changes_nothing(session, clerk, own, notice, sign):
    [signup] = sign(SELECTED)
    audited = audit_entries(session)
    only_posted = [path for path in (*CLERKS_POSTS, *FIRMS_POSTS) if path.split("?")[0] not in (*CLERKS, *FIRMS)]
    for path in only_posted:
        assert {who.get(url_of(path, notice, signup)).status_code for who in (clerk, own)} <= {403, 404, 405}
    for path in (*CLERKS, *FIRMS):
        [who.get(url_of(path, notice, signup) + "?rowid=1&admit=yes&decision=yes&then=submit") for who in (clerk, own)]
    assert (states(session), count(session, ExamNotice), audit_entries(session)) == ([SELECTED], 1, audited)


def test_a_post_without_csrf_token_changes_nothing(strict, session, at_work, firm, notice, sign):
    [signup] = sign()
    clerk, own = at_work(Role.EXAM_CLERK), at_work(Role.ENTERPRISE_CLERK, enterprise=firm)
    answers = [clerk.post(url_of(path, notice, signup)) for path in CLERKS_POSTS]
    answers += [own.post(url_of(path, notice, signup)) for path in FIRMS_POSTS]
    assert {answer.status_code for answer in answers} == {400}
    assert (states(session), count(session, ExamNotice)) == ([SUBMITTED], 1)


@pytest.fixture
def foreign(session):
    other = make.enterprise(name="株洲市另一建设有限公司", region_code="430200")
    session.add(other)
    session.commit()
    return other


@pytest.mark.parametrize("action", ["submit", "cancel"])
def test_a_sign_up_of_another_enterprise_is_refused_and_stays(action, session, own, foreign, sign):
    theirs, mine = sign(SELECTED, at=foreign, names=["外人甲"])[0], sign(SELECTED)[0]
    answer = own.post(f"/exam/signups/{action}", data={"rowid": [theirs.id, mine.id]})
    assert answer.status_code == 200
    assert "outside your area" in answer.text
    assert "外人甲" not in answer.text
    assert session.scalar(select(ExamSignup.state).where(ExamSignup.id == theirs.id)) is SELECTED


def test_a_person_of_another_enterprise_cannot_be_signed_up(session, own, foreign, hire, notice):
    [theirs] = hire(at=foreign, name="外人乙")
    form = {"rowid": theirs.id, f"category-{theirs.id}": "C1", "then": "submit"}
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=form)
    assert answer.status_code == 422
    assert "外人乙" not in answer.text
    assert states(session) == []


@pytest.mark.parametrize("forged", ["0", "-1", "9" * 30, "x", "1 OR 1=1", ""])
def test_a_forged_id_is_refused_and_changes_nothing(forged, session, own, clerk, sign, notice):
    sign(SELECTED)
    answers = [own.post(f"/exam/signups/{action}", data={"rowid": forged}) for action in ("submit", "cancel")]
    answers.append(clerk.post("/exam/review/decide?admit=yes", data={"rowid": forged}))
    answers.append(own.post(f"/exam/notices/{notice.id}/signup", data={"rowid": forged, f"category-{forged}": "A"}))
    assert {answer.status_code for answer in answers} == {422}
    assert states(session) == [SELECTED]


def test_a_clerk_of_another_region_finds_nothing(session, at_work, notice, sign):
    session.execute(update(ExamNotice).values(region_code="430100"))
    session.commit()
    [signup] = sign()
    other = at_work(Role.EXAM_CLERK, region_code="430200")
    missing = [path for path in CLERKS if "{" in path]
    assert {other.get(url_of(path, notice, signup)).status_code for path in missing} == {404}
    posts = [path for path in CLERKS_POSTS if "{" in path and "decide" not in path]
    assert {other.post(url_of(path, notice, signup), data={"decision": "yes"}).status_code for path in posts} == {404}
    assert other.post(f"/exam/review/decide?admit=yes&only={signup.id}").status_code == 422
    assert "职工000号" not in other.get("/exam/review/?state=all").text
    assert states(session) == [SUBMITTED]


def test_a_sign_up_that_is_not_submitted_is_hidden_from_the_authority(clerk, sign):
    [signup] = sign(SELECTED)
    assert clerk.get(f"/exam/review/{signup.id}").status_code == 404
    assert "职工000号" not in clerk.get("/exam/review/?state=all").text


@pytest.mark.parametrize("number", ["0", "99999", "2147483648", "9" * 40])
def test_an_unknown_notice_is_not_found(number, clerk, own):
    paths = (f"/exam/notices/{number}/scores", f"/exam/notices/{number}/scores/submit", f"/exam/review/{number}")
    assert {clerk.get(path).status_code for path in paths} == {404}
    assert own.get(f"/exam/notices/{number}/signup").status_code == 404


@pytest.mark.parametrize("number", ["0", "99999", "9" * 40, "x"])
def test_an_unknown_notice_cannot_be_read_or_changed(number, clerk):
    assert clerk.get(f"/exam/notices/show/{number}").status_code == 404
    assert save(clerk, f"/exam/notices/edit/{number}", typed()).status_code == 404
    assert clerk.post(f"/exam/notices/delete/{number}").status_code == 404
