"""培训考试 through its doors: who may knock, what each page says, and the whole chain from a notice to the pass list."""

import re
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update
from sqlalchemy.orm import object_session

from app.core.clock import now, office_day, office_time
from app.core.vocabulary import AuditAction, Category, PaperKind, Position, Role, SignupState
from app.db.session import db
from app.files.spreadsheets import SheetLimits
from app.models import AuditEntry, ExamNotice, ExamPass, ExamSignup
from tests import make
from tests.query_counter import audit_entries, queries

A, B, C1, C2, C3 = Category.A, Category.B, Category.C1, Category.C2, Category.C3
ADMITTED, PASSED, REJECTED, SELECTED, SUBMITTED = (
    *(SignupState.ADMITTED, SignupState.PASSED, SignupState.REJECTED),
    *(SignupState.SELECTED, SignupState.SUBMITTED),
)
DAY = timedelta(days=1)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def notice(session):
    """Open for sign-up today."""
    at = now()
    when = {"signup_start": at - DAY, "signup_end": at + 3 * DAY, "published_at": at - DAY}
    notice = make.notice(**when, exam_on=office_day(at) + 20 * DAY)
    session.add(notice)
    session.commit()
    return notice


@pytest.fixture
def firm(session):
    firm = make.enterprise()
    session.add(firm)
    session.commit()
    return firm


@pytest.fixture
def at_work(holder, signed_in):
    """``at_work(role, …)``: somebody of this role, signed in, who reads English as these tests do."""

    def sit_down(role, **facts):
        browser = signed_in(holder(role, **facts))
        with browser.session_transaction() as cookie:
            cookie["locale"] = "en"
        return browser

    return sit_down


@pytest.fixture
def clerk(at_work):
    """An exam clerk of the province."""
    return at_work(Role.EXAM_CLERK)


@pytest.fixture
def own(at_work, firm):
    """The clerk of ``firm``."""
    return at_work(Role.ENTERPRISE_CLERK, enterprise=firm)


@pytest.fixture
def hire(session, firm):
    """``hire(n, …)``: so many people of the firm with complete scans."""

    def hire(n=1, *, at=None, without=(), **facts):
        people = [make.person(at or firm, **{"name": f"职工{i:03d}号", **facts}) for i in range(n)]
        session.add_all(people)
        session.flush()
        session.add_all(paper for person in people for paper in make.complete_papers(person, without=without))
        session.commit()
        return people

    return hire


@pytest.fixture
def sign(session, notice, hire):
    """``sign(state, n, …)``: so many sign-ups of the firm's people."""

    def sign(state=SUBMITTED, n=1, *, on=None, at=None, names=None, **facts):
        told = {"reason": "照片不清楚"} if state is REJECTED else {}
        told |= {} if state is SELECTED else {"submitted_at": now()}
        people = hire(n, at=at) if names is None else [hire(name=name, at=at)[0] for name in names]
        made = [make.signup(on or notice, person, state=state, **{**told, **facts}) for person in people]
        session.add_all(made)
        session.commit()
        return made

    return sign


def read(session, question):
    """An answer from the store; the transaction ends with it, for SQLite has one writer."""
    answer = question()
    session.commit()  # not a rollback, which would make the rows at hand ask again
    return answer


def states(session) -> list[SignupState]:
    return read(session, lambda: list(session.scalars(select(ExamSignup.state).order_by(ExamSignup.id))))


def count(session, model) -> int:
    return read(session, lambda: session.scalar(select(func.count()).select_from(model)))


def later(session, notice) -> None:
    """The exam is over: sign-up ended yesterday, the exam is today."""
    session.execute(
        update(ExamNotice)
        .where(ExamNotice.id == notice.id)
        .values(signup_start=now() - 9 * DAY, signup_end=now() - DAY, exam_on=office_day(now()))
    )
    session.commit()


def ticket(answer, name="ticket") -> str:
    return re.search(rf'name="{name}" value="([^"]+)"', answer.text)[1]


# --- who may knock ----------------------------------------------------------------------------------------

CLERKS = ("/exam/notices/add", "/exam/notices/edit/{n}", "/exam/review/", "/exam/review/{s}")
CLERKS += ("/exam/notices/{n}/scores", "/exam/notices/{n}/scores/submit")
CLERKS_POSTS = ("/exam/notices/add", "/exam/notices/edit/{n}", "/exam/notices/delete/{n}", "/exam/notices/{n}/export")
CLERKS_POSTS += ("/exam/review/decide?admit=yes&only={s}", "/exam/review/{s}")
CLERKS_POSTS += tuple("/exam/notices/{n}/scores" + path for path in ("", "/import", "/errors", "/submit"))
FIRMS = ("/exam/signups/", "/exam/notices/{n}/signup")
FIRMS_POSTS = ("/exam/notices/{n}/signup", "/exam/signups/submit?only={s}", "/exam/signups/cancel?only={s}")


def at_door(path, notice, signup):
    """The address; the question for its rows is over then, or SQLite's one writer would be waited for."""
    address = path.format(n=notice.id, s=signup.id)
    object_session(notice).rollback()
    return address


def test_an_enterprise_opens_no_page_of_the_exam_clerk(own, notice, sign):
    [signup] = sign()
    assert [own.get(at_door(path, notice, signup)).status_code for path in CLERKS] == [403] * len(CLERKS)


def test_an_enterprise_does_nothing_of_the_exam_clerks(session, own, notice, sign):
    [signup] = sign()
    told = audit_entries(session)
    session.commit()
    answers = [own.post(at_door(path, notice, signup), data={"decision": "yes"}) for path in CLERKS_POSTS]
    assert [answer.status_code for answer in answers] == [403] * len(CLERKS_POSTS)
    assert (states(session), audit_entries(session)) == ([SUBMITTED], told)


def test_an_exam_clerk_does_not_sign_up_for_enterprises(session, clerk, notice, sign):
    [signup] = sign(SELECTED)
    opened = [clerk.get(at_door(path, notice, signup)) for path in FIRMS]
    row = {"rowid": signup.person_id}
    posted = [clerk.post(at_door(path, notice, signup), data=row) for path in FIRMS_POSTS]
    assert {answer.status_code for answer in (*opened, *posted)} == {403}
    assert states(session) == [SELECTED]


@pytest.mark.parametrize("role", [Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.VIEWER, Role.ADMIN])
def test_nobody_else_sees_exams_at_all(role, at_work, notice, sign):
    [signup] = sign()
    other = at_work(role)
    assert {other.get(at_door(path, notice, signup)).status_code for path in (*CLERKS, *FIRMS, "/exam/notices/")} == {403}
    assert {other.post(at_door(path, notice, signup)).status_code for path in (*CLERKS_POSTS, *FIRMS_POSTS)} == {403}


def test_a_passer_by_is_sent_to_sign_in(client, notice, sign):
    [signup] = sign()
    answers = [client.get(at_door(path, notice, signup)) for path in (*CLERKS, *FIRMS)]
    assert {(answer.status_code, "/login" in answer.location) for answer in answers} == {(302, True)}


def test_nothing_is_done_by_opening_an_address(session, clerk, own, notice, sign):
    [signup] = sign(SELECTED)
    told = audit_entries(session)
    only_posted = [path for path in (*CLERKS_POSTS, *FIRMS_POSTS) if path.split("?")[0] not in (*CLERKS, *FIRMS)]
    for path in only_posted:
        assert {who.get(at_door(path, notice, signup)).status_code for who in (clerk, own)} <= {403, 404, 405}
    for path in (*CLERKS, *FIRMS):
        [who.get(at_door(path, notice, signup) + "?rowid=1&admit=yes&decision=yes&then=submit") for who in (clerk, own)]
    assert (states(session), count(session, ExamNotice), audit_entries(session)) == ([SELECTED], 1, told)


def test_without_its_token_nothing_is_done(strict, session, at_work, firm, notice, sign):
    [signup] = sign()
    clerk, own = at_work(Role.EXAM_CLERK), at_work(Role.ENTERPRISE_CLERK, enterprise=firm)
    answers = [clerk.post(at_door(path, notice, signup)) for path in CLERKS_POSTS]
    answers += [own.post(at_door(path, notice, signup)) for path in FIRMS_POSTS]
    assert {answer.status_code for answer in answers} == {400}
    assert (states(session), count(session, ExamNotice)) == ([SUBMITTED], 1)


# --- whose rows ------------------------------------------------------------------------------------------------


@pytest.fixture
def foreign(session):
    other = make.enterprise(name="株洲市另一建设有限公司", region_code="430200")
    session.add(other)
    session.commit()
    return other


@pytest.mark.parametrize("deed", ["submit", "cancel"])
def test_a_foreign_sign_up_is_refused_and_stays(deed, session, own, foreign, sign):
    theirs, mine = sign(SELECTED, at=foreign, names=["外人甲"])[0], sign(SELECTED)[0]
    answer = own.post(f"/exam/signups/{deed}", data={"rowid": [theirs.id, mine.id]})
    assert answer.status_code == 200
    assert "outside your area" in answer.text
    assert "外人甲" not in answer.text
    assert session.scalar(select(ExamSignup.state).where(ExamSignup.id == theirs.id)) is SELECTED


def test_a_foreign_person_cannot_be_signed_up(session, own, foreign, hire, notice):
    [theirs] = hire(at=foreign, name="外人乙")
    form = {"rowid": theirs.id, f"category-{theirs.id}": "C1", "then": "submit"}
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=form)
    assert answer.status_code == 422
    assert "外人乙" not in answer.text
    assert states(session) == []


@pytest.mark.parametrize("forged", ["0", "-1", "9" * 30, "x", "1 OR 1=1", ""])
def test_a_forged_id_is_told_of_and_changes_nothing(forged, session, own, clerk, sign, notice):
    sign(SELECTED)
    answers = [own.post(f"/exam/signups/{deed}", data={"rowid": forged}) for deed in ("submit", "cancel")]
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
    assert {other.get(at_door(path, notice, signup)).status_code for path in missing} == {404}
    posts = [path for path in CLERKS_POSTS if "{" in path and "decide" not in path]
    assert {other.post(at_door(path, notice, signup), data={"decision": "yes"}).status_code for path in posts} == {404}
    assert other.post(f"/exam/review/decide?admit=yes&only={signup.id}").status_code == 422
    assert "职工000号" not in other.get("/exam/review/?state=all").text
    assert states(session) == [SUBMITTED]


def test_what_is_only_on_the_list_is_not_the_authoritys_business(clerk, sign):
    [signup] = sign(SELECTED)
    assert clerk.get(f"/exam/review/{signup.id}").status_code == 404
    assert "职工000号" not in clerk.get("/exam/review/?state=all").text


@pytest.mark.parametrize("number", ["0", "99999", "2147483648", "9" * 40])
def test_an_unknown_notice_is_not_there(number, clerk, own):
    paths = (f"/exam/notices/{number}/scores", f"/exam/notices/{number}/scores/submit", f"/exam/review/{number}")
    assert {clerk.get(path).status_code for path in paths} == {404}
    assert own.get(f"/exam/notices/{number}/signup").status_code == 404


@pytest.mark.parametrize("number", ["0", "99999", "9" * 40, "x"])
def test_an_unknown_notice_cannot_be_read_or_changed(number, clerk):
    assert clerk.get(f"/exam/notices/show/{number}").status_code == 404
    assert clerk.post(f"/exam/notices/edit/{number}", data=typed()).status_code == 404
    assert clerk.post(f"/exam/notices/delete/{number}").status_code == 404


# --- the notice ------------------------------------------------------------------------------------------------


def typed(**changes):
    at = office_time(now())
    form = {
        "title": "关于举办2026年第3期考核的通知",
        "number": "湘建培〔2026〕3号",
        "categories": ["A", "C1"],
        "signup_start": f"{at - DAY:%Y-%m-%dT%H:%M}",
        "signup_end": f"{at + 5 * DAY:%Y-%m-%dT%H:%M}",
        "exam_on": f"{at + 20 * DAY:%Y-%m-%d}",
        "place": "长沙",
        "quota": "",
        "pass_mark": "60",
        "body": "各建筑施工企业：\n现将有关事项通知如下。",
    }
    return {**form, **changes}


def test_saving_publishes_and_says_so(session, clerk):
    answer = clerk.post("/exam/notices/add", data=typed(), follow_redirects=True)
    assert "The notice is published" in answer.text
    notice = session.scalars(select(ExamNotice)).one()
    assert (notice.region_code, notice.categories, notice.quota) == ("430000", (A, C1), None)
    assert notice.published_at is not None


def test_the_form_speaks_office_time(session, clerk):
    clerk.post("/exam/notices/add", data=typed(signup_start="2026-01-05T09:00"))
    notice = session.scalars(select(ExamNotice)).one()
    assert f"{notice.signup_start:%Y-%m-%d %H:%M}" == "2026-01-05 01:00"
    assert 'value="2026-01-05T09:00"' in clerk.get(f"/exam/notices/edit/{notice.id}").text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": ""}, "Please fill this in."),
        ({"categories": []}, "Please choose at least one category."),
        ({"categories": ["C"]}, "is not a valid choice"),
        ({"signup_end": "2026-02-30T09:00"}, "This time does not exist."),
        ({"signup_end": "2020-01-01T09:00"}, "Sign-up must end after it begins."),
        ({"exam_on": "2020-01-01"}, "The exam must be on a day after the end of sign-up."),
        ({"quota": "0"}, "The number of places must be 1 or more"),
        ({"quota": "many"}, "Please enter a whole number."),
        ({"pass_mark": "101"}, "The pass mark must lie between 0 and 100."),
    ],
)
def test_a_wrong_notice_is_refused_with_what_was_typed(changes, sentence, session, clerk):
    answer = clerk.post("/exam/notices/add", data=typed(**changes))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "湘建培〔2026〕3号" in answer.text
    assert count(session, ExamNotice) == 0


def test_saving_an_old_notice_unchanged_moves_nothing(session, clerk, notice):
    later(session, notice)
    page = clerk.get(f"/exam/notices/edit/{notice.id}").text
    dates = {
        name: re.search(rf'name="{name}"[^>]* value="([^"]+)"', page)[1] for name in ("signup_start", "signup_end", "exam_on")
    }
    ended = session.scalar(select(ExamNotice.signup_end))
    session.commit()
    answer = clerk.post(f"/exam/notices/edit/{notice.id}", data=typed(**dates, categories=["A", "B", "C1", "C2", "C3"]))
    assert answer.status_code == 302
    assert session.scalar(select(ExamNotice.signup_end)) == ended


def test_a_notice_with_sign_ups_is_not_deleted(session, clerk, notice, sign):
    sign()
    answer = clerk.post(f"/exam/notices/delete/{notice.id}", follow_redirects=True)
    assert "1 sign-ups belong to this notice" in answer.text
    assert count(session, ExamNotice) == 1


def test_a_notice_without_sign_ups_is(session, clerk, notice):
    assert "Deleted." in clerk.post(f"/exam/notices/delete/{notice.id}", follow_redirects=True).text
    assert count(session, ExamNotice) == 0


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        (timedelta(days=2), 5 * DAY, "begins in 2 days"),
        (-DAY, 3 * DAY, "3 days left"),
        (-5 * DAY, -DAY, "Sign-up closed"),
    ],
)
def test_the_list_tells_how_sign_up_stands(start, end, word, session, own, notice):
    session.execute(update(ExamNotice).values(signup_start=now() + start, signup_end=now() + end))
    session.commit()
    answer = own.get("/exam/notices/")
    assert word in answer.text
    assert (f"/exam/notices/{notice.id}/signup" in answer.text) is (start < timedelta() < end)


def test_a_notice_reads_as_an_official_paper(own, notice, session):
    session.execute(update(ExamNotice).values(body="各企业：\n<script>alert(1)</script>", number="湘建培〔2026〕1号"))
    session.commit()
    text = own.get(f"/exam/notices/show/{notice.id}").text
    assert 'class="redhead"' in text
    assert "湘建培〔2026〕1号" in text
    assert "<script>alert" not in text


# --- signing up ----------------------------------------------------------------------------------------------


def pick(*people, then="save", **categories):
    chosen = {f"category-{person.id}": categories.get(f"c{person.id}", "C1") for person in people}
    return {"rowid": [person.id for person in people], "then": then, **chosen}


def row_of(text: str, name: str) -> str:
    return next(row for row in re.findall(r"<tr role=\"row\">.*?</tr>", text, re.DOTALL) if name in row)


def test_everybody_is_listed_with_what_they_lack_and_where_to_mend_it(own, notice, hire):
    hire(name="齐全人")
    [lacking] = hire(name="缺件人", without=(PaperKind.PHOTO, PaperKind.TITLE))
    hire(name="禁考人", banned_until=office_day(now()) + 30 * DAY)
    text = own.get(f"/exam/notices/{notice.id}/signup").text
    assert "Can be signed up" in row_of(text, "齐全人")
    assert "2 scans missing" in row_of(text, "缺件人")
    assert f"/people/edit/{lacking.id}?next=/exam/notices/{notice.id}/signup#paper-photo" in row_of(text, "缺件人")
    assert "Cannot be signed up" in row_of(text, "禁考人")
    assert 'name="rowid"' not in row_of(text, "缺件人") + row_of(text, "禁考人")


def test_the_tabs_count_and_filter(own, notice, hire):
    hire(2, name="齐全人")
    hire(3, name="缺件人", without=(PaperKind.PHOTO,))
    text = own.get(f"/exam/notices/{notice.id}/signup?show=lacks").text
    assert re.findall(r"<b>(\d)</b></a>", text) == ["5", "2", "3", "0", "0"]
    assert "缺件人" in text
    assert "齐全人" not in text


@pytest.mark.parametrize(
    ("position", "category"),
    [(Position.PROJECT_MANAGER, "B"), (Position.SAFETY_OFFICER, "C3"), (Position.GENERAL_MANAGER, "A"), (None, "A")],
)
def test_the_usual_category_of_a_post_is_chosen_already(position, category, own, notice, hire):
    hire(position=position)
    assert re.search(r'<option value="(\w+)"\s+selected', own.get(f"/exam/notices/{notice.id}/signup").text)[1] == category


def test_saving_is_not_signing_up_and_says_so_loudly(session, own, notice, hire):
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(*hire(2)), follow_redirects=True)
    assert "NOT signed up yet" in answer.text
    assert "Submit these 2 people" in answer.text
    assert states(session) == [SELECTED] * 2
    assert "not signed up yet" in own.get("/exam/signups/").text


def test_save_and_submit_is_one_deed(session, own, notice, hire):
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(*hire(2), then="submit"), follow_redirects=True)
    assert "done for 2 people" in answer.text
    assert states(session) == [SUBMITTED] * 2


def test_every_no_is_named_and_the_choice_stays(session, own, notice, hire):
    [fit], [lacking] = hire(name="齐全人"), hire(name="缺件人", without=(PaperKind.PHOTO, PaperKind.ID_CARD))
    form = pick(fit, lacking, then="submit", **{f"c{fit.id}": "B"})
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=form)
    assert answer.status_code == 422
    assert answer.text.count("缺件人: the scan") == 2
    assert "checked" in row_of(answer.text, "齐全人")
    assert re.search(r'<option value="B"\s+selected', row_of(answer.text, "齐全人"))
    assert states(session) == []


@pytest.mark.parametrize("category", ["", "C", "Z", "9" * 50])
def test_a_category_that_is_none_is_refused(category, session, own, notice, hire):
    [person] = hire()
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(person, **{f"c{person.id}": category}))
    assert answer.status_code == 422
    assert "choose a category" in answer.text
    assert states(session) == []


def test_who_is_on_the_list_is_not_ticked_with_the_others_but_may_sit_a_further_category(session, own, notice, sign, hire):
    [signup] = sign(SUBMITTED, names=["已报人"], category=C1)
    hire(name="未报人")
    page = f"/exam/notices/{notice.id}/signup"
    assert 'name="rowid"' not in row_of(own.get(page).text, "已报人")
    further = row_of(own.get(f"{page}?show=listed").text, "已报人")
    assert 'name="rowid"' in further
    assert re.findall(r'option value="(\w*)"', further) == ["", "A", "B"]
    person = signup.person
    own.post(page, data=pick(person, **{f"c{person.id}": "A"}))
    assert states(session) == [SUBMITTED, SELECTED]


def test_nobody_ticked_is_told(own, notice, hire):
    hire()
    answer = own.post(f"/exam/notices/{notice.id}/signup", data={"then": "save"})
    assert (answer.status_code, "choose at least one" in answer.text) == (422, True)


def test_when_sign_up_is_closed_nobody_can_be_ticked(session, own, notice, hire):
    people = hire(2, name="未报人")
    later(session, notice)
    page = own.get(f"/exam/notices/{notice.id}/signup").text
    assert "it is closed" in page
    assert "未报人" not in page
    assert 'name="rowid"' not in page
    assert own.post(f"/exam/notices/{notice.id}/signup", data=pick(*people)).status_code == 422
    assert states(session) == []


def test_too_few_places_refuse_all(session, own, notice, hire):
    session.execute(update(ExamNotice).values(quota=1))
    session.commit()
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(*hire(2), then="submit"))
    assert "1 places left" in answer.text
    assert states(session) == []


# --- my sign-ups -----------------------------------------------------------------------------------------------


def test_what_cannot_be_submitted_is_named_with_the_way_to_mend_it(session, own, sign, hire, notice):
    sign(SELECTED, names=["能报人"])
    [lacking] = hire(name="缺件人", without=(PaperKind.PHOTO,))
    session.add(make.signup(notice, lacking, state=SELECTED))
    session.commit()
    ids = session.scalars(select(ExamSignup.id)).all()
    session.commit()
    answer = own.post("/exam/signups/submit", data={"rowid": ids})
    assert "done for 1 people (能报人)" in answer.text
    assert f"/people/edit/{lacking.id}?next=/exam/signups/#paper-photo" in row_of(answer.text, "缺件人")
    assert states(session) == [SUBMITTED, SELECTED]


def test_the_row_s_own_button_touches_that_row_only(session, own, sign):
    first, second = sign(SELECTED, 2)
    own.post(f"/exam/signups/submit?only={second.id}", data={"rowid": first.id})
    assert states(session) == [SELECTED, SUBMITTED]


def test_who_is_taken_off_is_gone_and_who_was_sent_in_stays(session, own, sign):
    unsent, sent = sign(SELECTED, names=["未报人"])[0], sign(SUBMITTED, names=["已报人"])[0]
    answer = own.post("/exam/signups/cancel", data={"rowid": [unsent.id, sent.id]})
    assert "已报人" in answer.text
    assert states(session) == [SUBMITTED]


def test_a_draft_score_is_nobodys_business_yet(session, own, sign):
    sign(ADMITTED, score=Decimal("87.5"))
    assert "87.5" not in own.get("/exam/signups/").text
    session.execute(update(ExamSignup).values(state=PASSED))
    session.commit()
    assert "87.5 points" in own.get("/exam/signups/").text


def test_the_reason_of_a_rejection_is_shown(own, sign):
    sign(REJECTED)
    assert "Reason: 照片不清楚" in own.get("/exam/signups/").text


# --- review ---------------------------------------------------------------------------------------------------


def test_the_list_begins_with_what_waits(clerk, sign):
    sign(names=["待审人"])
    sign(ADMITTED, names=["已过人"])
    assert "已过人" not in clerk.get("/exam/review/").text
    assert "待审人" not in clerk.get("/exam/review/?state=admitted").text
    every = clerk.get("/exam/review/?state=all").text
    assert "待审人" in every
    assert "已过人" in every


def test_the_list_can_be_narrowed_to_one_exam(session, clerk, sign, notice):
    other = make.notice(
        title="另一期", signup_start=notice.signup_start, signup_end=notice.signup_end, exam_on=notice.exam_on
    )
    session.add(other)
    session.commit()
    sign(names=["甲期人"])
    sign(names=["乙期人"], on=other)
    text = clerk.get(f"/exam/review/?notice={other.id}").text
    assert "乙期人" in text
    assert "甲期人" not in text
    assert f'<option value="{other.id}" selected' in text


def test_a_batch_says_what_became_of_each(session, clerk, sign):
    waiting, decided = sign(names=["待审人"])[0], sign(ADMITTED, names=["已过人"])[0]
    answer = clerk.post("/exam/review/decide?admit=yes", data={"rowid": [waiting.id, decided.id]})
    assert "done for 1 people (待审人)" in answer.text
    assert "已过人: now" in answer.text
    assert states(session) == [ADMITTED, ADMITTED]


def test_a_rejection_needs_a_reason(session, clerk, sign):
    [signup] = sign()
    answer = clerk.post(f"/exam/review/decide?admit=no&only={signup.id}", follow_redirects=True)
    assert "Please give the reason" in answer.text
    clerk.post(f"/exam/review/decide?admit=no&only={signup.id}", data={"reason": "身份证过期"})
    assert session.execute(select(ExamSignup.state, ExamSignup.reason)).one() == (REJECTED, "身份证过期")


@pytest.mark.parametrize("answer", ["", "maybe", "1"])
def test_an_answer_that_is_neither_is_not_understood(answer, session, clerk, sign):
    [signup] = sign()
    assert clerk.post(f"/exam/review/decide?admit={answer}&only={signup.id}").status_code == 400
    assert clerk.post(f"/exam/review/{signup.id}", data={"decision": answer}).status_code == 400
    assert states(session) == [SUBMITTED]


def test_the_page_shows_scans_and_a_masked_number(clerk, sign):
    [signup] = sign()
    text = clerk.get(f"/exam/review/{signup.id}").text
    person = signup.person
    assert person.masked_id_number in text
    assert person.id_number not in text
    assert f"{person.birth_date}" not in text  # beside the mask it would make the number whole
    assert len(re.findall(r'data-scan="/papers/\d+"', text)) == 5


def test_deciding_opens_the_next_one(session, clerk, sign):
    first, second = sign(n=2)
    answer = clerk.post(f"/exam/review/{first.id}", data={"decision": "yes", "next": "/exam/review/"})
    assert answer.location.startswith(f"/exam/review/{second.id}?next=")
    answer = clerk.post(f"/exam/review/{second.id}", data={"decision": "no", "reason": "不符合", "next": "/exam/review/"})
    assert answer.location == "/exam/review/"
    assert states(session) == [ADMITTED, REJECTED]


def test_the_second_of_two_clerks_is_told_and_changes_nothing(session, clerk, sign):
    [signup] = sign(ADMITTED)
    answer = clerk.post(f"/exam/review/{signup.id}", data={"decision": "no", "reason": "不符合"})
    assert (answer.status_code, "can no longer be done" in answer.text) == (422, True)
    assert states(session) == [ADMITTED]


def test_a_refused_decision_keeps_what_was_typed(clerk, sign):
    [signup] = sign()
    answer = clerk.post(f"/exam/review/{signup.id}", data={"decision": "no", "reason": "长" * 501})
    assert answer.status_code == 422
    assert "长" * 501 in answer.text
    assert re.search(r'value="no" checked', answer.text)


def test_a_decision_is_undone_by_name_until_the_scores_are_final(session, clerk, notice, sign):
    [signup] = sign(ADMITTED)
    undo = f"/exam/review/decide?admit=no&only={signup.id}&again=1"
    assert undo.replace("&", "&amp;") in clerk.get("/exam/review/?state=admitted").text
    clerk.post(undo, data={"reason": "误审"})
    assert states(session) == [REJECTED]
    session.execute(update(ExamNotice).values(scores_submitted_at=now()))
    session.commit()
    assert "again=1" not in clerk.get("/exam/review/?state=rejected").text
    assert clerk.post(f"/exam/review/decide?admit=yes&only={signup.id}&again=1").status_code == 422
    assert states(session) == [REJECTED]


# --- scores -----------------------------------------------------------------------------------------------------


class Sheet:
    """The exported workbook in a clerk's hands."""

    def __init__(self, data: bytes) -> None:
        self.book = load_workbook(BytesIO(data))
        self.sheet = self.book.active
        self.titles = [cell.value for cell in self.sheet[2]]

    def put(self, name: str, title: str, value: object) -> "Sheet":
        at = self.titles.index("Full name")
        row = next(cells[0].row for cells in self.sheet.iter_rows(min_row=3) if cells[at].value == name)
        self.sheet.cell(row, self.titles.index(title) + 1).value = value
        return self

    def file(self) -> dict:
        out = BytesIO()
        self.book.save(out)
        out.seek(0)
        return {"sheet": (out, "成绩.xlsx")}


def exported(clerk, notice) -> Sheet:
    answer = clerk.post(f"/exam/notices/{notice.id}/export")
    assert (answer.status_code, answer.mimetype) == (200, XLSX)
    sheet = Sheet(answer.data)
    sheet.titles = [
        {"Full name": "Full name", "Score": "Score", "Passed or not": "Passed or not"}.get(t, t) for t in sheet.titles
    ]
    return sheet


def test_the_export_has_a_chinese_name_and_a_line_in_the_diary(session, clerk, notice, sign):
    sign()
    answer = clerk.post(f"/exam/notices/{notice.id}/export")
    assert "%E5%AE%89%E7%AE%A1%E4%BA%BA%E5%91%98" in answer.headers["Content-Disposition"]
    entry = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT)).one()
    assert (entry.table, entry.row) == ("exam_notice", str(notice.id))


def check(clerk, notice, sheet):
    return clerk.post(f"/exam/notices/{notice.id}/scores", data=sheet.file())


def test_bad_cells_are_listed_and_can_be_taken_away(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三", "李四"])
    later(session, notice)
    sheet = exported(clerk, notice).put("张三", "Score", "101").put("李四", "Score", "良好")
    answer = check(clerk, notice, sheet)
    assert answer.status_code == 422
    assert "Confirm the import" not in answer.text
    listed = clerk.post(f"/exam/notices/{notice.id}/scores/errors", data={"ticket": ticket(answer)})
    rows = list(load_workbook(BytesIO(listed.data)).active.iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == [3, 4]
    assert "101" in rows[0][2]
    taken = session.scalars(
        select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT).order_by(AuditEntry.id.desc())
    ).first()
    assert (taken.table, taken.row, taken.change) == ("exam_notice", str(notice.id), {"list": "score errors", "rows": 2})


def test_only_the_checked_sheet_of_this_exam_and_clerk_is_imported(session, clerk, at_work, notice, sign):
    sign(ADMITTED, names=["张三"])
    later(session, notice)
    good = ticket(check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80)))
    other = make.notice(title="另一期", exam_on=office_day(now()))
    session.add(other)
    session.commit()
    tries = [(clerk, notice, "forged"), (clerk, notice, ""), (clerk, other, good), (clerk, notice, good[:-2] + "xx")]
    tries.append((at_work(Role.EXAM_CLERK), notice, good))
    answers = [who.post(f"/exam/notices/{on.id}/scores/import", data={"ticket": it}) for who, on, it in tries]
    assert {answer.status_code for answer in answers} == {409}
    assert session.scalar(select(ExamSignup.score)) is None


def test_the_sheet_does_not_stay_in_the_store(session, system, clerk, notice, sign):
    sign(ADMITTED, names=["张三"])
    later(session, notice)
    good = ticket(check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80)))
    kept = set(system.settings.blobs.glob("??/??/*"))
    clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": good})
    assert len(kept - set(system.settings.blobs.glob("??/??/*"))) == 1
    again = clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": good})
    assert (again.status_code, "has expired" in again.text) == (409, True)


def test_what_changed_between_check_and_import_stops_it(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"])
    later(session, notice)
    good = ticket(check(clerk, notice, exported(clerk, notice).put("张三", "Score", 80)))
    session.execute(update(ExamSignup).values(state=REJECTED, reason="误审"))
    session.commit()
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": good})
    assert (answer.status_code, "not admitted" in answer.text) == (422, True)
    assert session.scalar(select(ExamSignup.score)) is None


@pytest.mark.parametrize(
    ("name", "data", "status", "sentence"),
    [
        ("成绩.xlsx", b"", 422, "The file is empty"),
        ("成绩.csv", b"a,b", 422, "Only these kinds of file"),
        ("成绩.xlsx", b"a,b", 422, "not an .xlsx workbook"),
        ("成绩.xlsx", b"PK\x03\x04" + b"0" * 500, 422, "damaged or incomplete"),
        ("成绩.xlsx", b"0" * (SheetLimits().file + 1), 413, "larger than 10 MB"),
    ],
)
def test_what_is_no_score_sheet_is_refused_with_a_sentence(name, data, status, sentence, clerk, notice):
    answer = clerk.post(f"/exam/notices/{notice.id}/scores", data={"sheet": (BytesIO(data), name)})
    assert (answer.status_code, sentence in answer.text) == (status, True)


def test_an_upload_beyond_all_bounds_gets_a_page_that_says_so(app, clerk, notice):
    app.config["MAX_CONTENT_LENGTH"], usual = 1000, app.config["MAX_CONTENT_LENGTH"]
    answer = clerk.post(f"/exam/notices/{notice.id}/scores", data={"sheet": (BytesIO(b"0" * 2000), "成绩.xlsx")})
    app.config["MAX_CONTENT_LENGTH"] = usual
    assert (answer.status_code, "too large" in answer.text) == (413, True)


def test_without_a_file_it_asks_for_one(clerk, notice):
    assert "Please choose a file" in clerk.post(f"/exam/notices/{notice.id}/scores").text


def test_an_empty_column_offers_no_import(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"])
    later(session, notice)
    answer = check(clerk, notice, exported(clerk, notice))
    assert "there is nothing to import" in answer.text
    assert "Confirm the import" not in answer.text


def test_the_last_page_names_who_is_missing_and_refuses(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"], score=Decimal(80))
    sign(ADMITTED, names=["缺分人"])
    later(session, notice)
    page = clerk.get(f"/exam/notices/{notice.id}/scores/submit").text
    assert "缺分人" in page
    assert "Once submitted" not in page
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/submit")
    assert (answer.status_code, "have no score yet (缺分人)" in answer.text) == (422, True)
    assert states(session) == [ADMITTED, ADMITTED]


def test_final_scores_stay(session, clerk, notice, sign):
    sign(ADMITTED, names=["张三"], score=Decimal(80))
    later(session, notice)
    sheet = exported(clerk, notice).put("张三", "Score", 90)
    clerk.post(f"/exam/notices/{notice.id}/scores/submit")
    assert clerk.post(f"/exam/notices/{notice.id}/scores/submit").status_code == 409
    assert check(clerk, notice, sheet).status_code == 409
    assert states(session) == [PASSED]


# --- the whole chain ----------------------------------------------------------------------------------------------


def test_from_a_notice_to_the_pass_list(session, clerk, own, firm, at_work, hire):
    """Two enterprises, one exam: published, signed up, reviewed, exported, scored with five kinds of mistakes, final."""
    second = make.enterprise(name="湖南第二建设有限公司")
    session.add(second)
    session.commit()
    theirs = at_work(Role.ENTERPRISE_CLERK, enterprise=second)
    clerk.post("/exam/notices/add", data=typed(categories=["A", "B", "C1"]))
    notice = session.scalars(select(ExamNotice)).one()
    session.commit()

    mine = [hire(name=name)[0] for name in ("赵一", "钱二", "孙三")]
    others = [hire(name=name, at=second)[0] for name in ("李四", "周五", "吴六")]
    own.post(f"/exam/notices/{notice.id}/signup", data=pick(*mine))
    ids = session.scalars(select(ExamSignup.id)).all()
    session.commit()
    own.post("/exam/signups/submit", data={"rowid": ids})
    theirs.post(f"/exam/notices/{notice.id}/signup", data=pick(*others, then="submit"))
    assert states(session) == [SUBMITTED] * 6
    assert "李四" not in own.get("/exam/signups/").text

    ids = session.scalars(select(ExamSignup.id).order_by(ExamSignup.id)).all()
    session.commit()
    clerk.post("/exam/review/decide?admit=yes", data={"rowid": ids[:4]})
    clerk.post(f"/exam/review/{ids[4]}", data={"decision": "yes"})
    clerk.post(f"/exam/review/decide?admit=no&only={ids[5]}", data={"reason": "照片不清楚"})
    assert states(session) == [ADMITTED] * 5 + [REJECTED]
    assert "Reason: 照片不清楚" in theirs.get("/exam/signups/").text

    later(session, notice)
    bad = exported(clerk, notice)
    bad.put("赵一", "Score", 101).put("钱二", "Score", "优").put("孙三", "Score", 60.123)
    bad.put("李四", "Score", 70).put("李四", "Passed or not", "不合格").put("吴六", "Score", 88)
    answer = check(clerk, notice, bad)
    assert len(re.findall(r"<td class=\"num nowrap\">", answer.text)) == 5
    assert session.scalar(select(func.count(ExamSignup.score))) == 0
    session.commit()

    clean = exported(clerk, notice)
    for name, score in (("赵一", 92.5), ("钱二", 59.5), ("孙三", "缺考"), ("李四", 60), ("周五", 100)):
        clean.put(name, "Score", score)
    answer = check(clerk, notice, clean)
    assert "What the import would do" in answer.text
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/import", data={"ticket": ticket(answer)}, follow_redirects=True)
    assert "3 pass, 1 fail, 1 were absent" in answer.text
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/submit", follow_redirects=True)
    assert "3 people passed" in answer.text

    listed = session.scalars(select(ExamPass).order_by(ExamPass.id)).all()
    assert {(passed.person.name, passed.passed_on) for passed in listed} == {
        (name, office_day(now())) for name in ("赵一", "李四", "周五")
    }
    assert "92.5 points" in own.get("/exam/signups/").text


# --- few questions to the store -------------------------------------------------------------------------------------


@pytest.fixture
def watched(app):
    """The statements of the application itself, which has an engine of its own."""
    with app.app_context():
        return db.engine


def statements(engine, client, path) -> int:
    client.get(path)
    with queries(engine) as seen:
        assert client.get(path).status_code == 200
    assert seen
    return len(seen)


def test_lists_ask_as_much_for_fifty_rows_as_for_three(watched, clerk, own, sign, session):
    paths = [(clerk, "/exam/review/?size=100"), (own, "/exam/signups/?size=100")]
    sign(n=3)
    few = [statements(watched, who, path) for who, path in paths]
    sign(n=47)
    assert [statements(watched, who, path) for who, path in paths] == few


def test_the_sign_up_page_asks_as_much_for_fifty_people_as_for_three(watched, own, hire, notice):
    hire(3)
    few = statements(watched, own, f"/exam/notices/{notice.id}/signup")
    hire(20)
    hire(27, without=(PaperKind.PHOTO,))
    assert statements(watched, own, f"/exam/notices/{notice.id}/signup") == few


def test_the_list_of_notices_asks_as_much_for_fifty_as_for_three(watched, clerk, own, session, sign):
    def publish(n):
        at = now()
        when = {"signup_start": at - DAY, "signup_end": at + DAY, "published_at": at, "exam_on": office_day(at) + 9 * DAY}
        made = [make.notice(**when) for _n in range(n)]
        session.add_all(made)
        session.commit()
        for notice in made:
            sign(on=notice)

    publish(3)
    few = [statements(watched, who, "/exam/notices/?size=100") for who in (clerk, own)]
    publish(47)
    assert [statements(watched, who, "/exam/notices/?size=100") for who in (clerk, own)] == few
